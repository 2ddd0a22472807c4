"""A training run as a request: the whole plan, its batch already fitted into memory, and what was forecast of it.

The forecast is given by whoever asks for the run and is worked out elsewhere (`training.foreseen`): here it is only
kept, in the run's folder, there before the run can start. No torch, no opinions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from advisor import catalog
from advisor.adaptation import check_domains
from advisor.costs import Sizes
from advisor.datasets import load_dataset
from advisor.errors import PlanError
from advisor.files import find_json, write_json
from advisor.memory import fit_batch, forecast_bytes, memory_for
from advisor.plans import RunConfig, run_config_from_json, to_json
from advisor.words import size
from training import lineage
from training.memory import available_bytes, process_bytes
from training.requests_base import Request
from training.requests_kinds import weights_are_here
from training.run_folder import RunFolder
from training.store import Store


@dataclass(frozen=True)
class Foreseen:
    """What was forecast of a run before it began; None = not that part."""

    accuracy: float | None
    """On the test images, in [0, 1], with its 80 % interval."""
    accuracy_low: float | None
    accuracy_high: float | None
    seconds: float | None
    memory_bytes: float | None
    """At its fullest moment: of the worker, or of the accelerator where one was measured."""

    def __post_init__(self) -> None:
        accuracy = (self.accuracy_low, self.accuracy, self.accuracy_high)
        known = [value for value in accuracy if value is not None]
        if len(known) not in (0, 3) or known != sorted(known):
            raise PlanError(f"A forecast accuracy lies inside its interval; it is not low, value, high {accuracy}.")
        if all(getattr(self, part.name) is None for part in fields(self)):
            raise PlanError("A forecast says something: where nothing is forecast, give the reason (NotForeseen).")


@dataclass(frozen=True)
class NotForeseen:
    """Why a run has no forecast."""

    reason: str

    def __post_init__(self) -> None:
        if not self.reason:
            raise PlanError("A run without a forecast says why it has none.")


Forecast = Foreseen | NotForeseen
UNKNOWN = NotForeseen("Nothing was written down before this run began.")


def forecast_in(folder: RunFolder) -> Forecast:
    """What was foreseen of the run in this folder."""
    said = find_json(folder.foreseen)
    if said is None:
        return UNKNOWN
    try:
        return NotForeseen(said["reason"]) if "reason" in said else Foreseen(**said)
    except (TypeError, PlanError):
        return UNKNOWN


@dataclass(frozen=True)
class Train(Request):
    """Train one plan on one dataset: what pages call a run."""

    kind, noun, lane, handler = "train", "Run", "train", "training.handlers:train"

    dataset_id: str = field(default="", init=False)
    """The plan's."""
    plan: RunConfig
    foreseen: Forecast

    def __post_init__(self) -> None:
        object.__setattr__(self, "dataset_id", self.plan.dataset_id)

    @property
    def title(self) -> str:
        return catalog.strategy(self.plan.strategy.kind).title

    @property
    def group(self) -> str:
        return self.plan.group

    def check(self, store: Store) -> None:
        super().check(store)
        plan = self.plan
        if plan.strategy.pretrained:
            weights_are_here(plan.strategy.backbone, store.home)
        if plan.target_id:
            check_domains(load_dataset(store.home, plan.dataset_id), load_dataset(store.home, plan.target_id))
        if plan.from_run and not plan.repeats:
            lineage.check(store.job(plan.from_run), plan.strategy.backbone)
        self._fits(store)

    def _fits(self, store: Store) -> None:
        """Raises PlanError where more memory is needed than there is."""
        strategy = self.plan.strategy
        facts = store.facts(self.dataset_id, strategy.backbone)
        if facts is None:
            return
        card, sizes, free = catalog.backbone(strategy.backbone), Sizes.measured(facts, self.plan.per_class), room(store)
        needed, there = forecast_bytes(strategy, card, sizes, facts), memory_for(facts, free)
        if needed is None or there is None or needed <= there:
            return
        smaller = fit_batch(strategy, card, sizes, facts, there).batch_size
        remedy = (
            f"choose batches of {smaller}" if smaller < strategy.batch_size
            else "free some, or choose a smaller backbone or a strategy that trains less of it"
        )  # fmt: skip
        raise PlanError(
            f"This run needs about {size(needed)} of memory in batches of {strategy.batch_size} images, and "
            f"{size(there)} are there: {remedy}."
        )

    def joins(self, other: Request) -> bool:
        return isinstance(other, Train) and other.plan == self.plan

    def prepare(self, folder: RunFolder) -> None:
        write_json(folder.foreseen, asdict(self.foreseen))

    def config(self) -> dict[str, Any]:
        return dict(to_json(self.plan))

    @classmethod
    def read(cls, dataset_id: str, config: dict[str, Any], folder: RunFolder) -> Self:
        return cls(run_config_from_json(config), forecast_in(folder))


def room(store: Store) -> int | None:
    """Bytes that the next run may count on: what is free now, and what the work before it in its lane gives back."""
    free = available_bytes()
    if free is None:
        return None
    before = [job.pid for job in store.queue(Train.lane) if job.state == "running" and job.pid]
    return free + sum(process_bytes(pid) or 0 for pid in before)

"""A training run as a request: the whole plan, its batch already fitted into memory, and what was forecast of it.

The forecast is given by whoever asks for the run and is worked out elsewhere (`training.record.foreseen`): here it is
only
kept, in the run's folder, there before the run can start. No torch, no opinions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from advisor.planning import Sizes, check_domains, memory
from core import DatasetFacts, PlanError, RunConfig, Strategy, find_as, run_config_from_json, to_json, write_json
from core.words import counted, size
from core.zoo import BackboneCard, catalog
from dataset import load_dataset
from training.machine.memory import available_bytes, process_bytes
from training.requests.base import Request
from training.requests.kinds import weights_are_here
from training.store import RunFolder, Store, lineage


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
    return find_as(folder.foreseen, Foreseen) or find_as(folder.foreseen, NotForeseen) or UNKNOWN


@dataclass(frozen=True)
class Train(Request):
    """Train one plan on one dataset: what pages call a run."""

    kind, noun, lane, handler = "train", "Run", "train", "training.jobs.handlers:train"

    dataset_id: str = field(default="", init=False)
    """The plan's."""
    plan: RunConfig
    foreseen: Forecast

    def __post_init__(self) -> None:
        object.__setattr__(self, "dataset_id", self.plan.dataset_id)

    @property
    def title(self) -> str:
        return catalog.titled(self.plan.strategy.kind, self.plan.strategy.head)

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
        known, strategy = _Memory.of(store, self.plan), self.plan.strategy
        if known is None or memory.fits(strategy, known.card, known.sizes, known.facts, known.there):
            return
        smaller = known.fit(strategy).batch_size
        remedy = (
            f"choose batches of {smaller}" if smaller < strategy.batch_size
            else "free some, or choose a smaller backbone or a strategy that trains less of it"
        )  # fmt: skip
        raise PlanError(
            f"This run needs about {size(known.needed(strategy) or 0)} of memory in batches of "
            f"{counted(strategy.batch_size, 'image')}, and {size(known.there or 0)} are there: {remedy}."
        )

    def joins(self, other: Request) -> bool:
        return isinstance(other, Train) and other.plan == self.plan

    def prepare(self, folder: RunFolder) -> None:
        write_json(folder.foreseen, asdict(self.foreseen))

    def prepared(self, folder: RunFolder) -> Self:
        return replace(self, foreseen=forecast_in(folder))

    def config(self) -> dict[str, Any]:
        return dict(to_json(self.plan))

    @classmethod
    def read(cls, dataset_id: str, config: dict[str, Any]) -> Self:
        return cls(run_config_from_json(config), UNKNOWN)


def fitted(store: Store, plan: RunConfig) -> RunConfig:
    """The plan with batches that fit into memory; as it is where that is unknown, or a smaller batch would not help."""
    known = _Memory.of(store, plan)
    return replace(plan, strategy=known.fit(plan.strategy)) if known else plan


def limits(store: Store, plan: RunConfig, planned_batch: int) -> tuple[str, ...]:
    """What memory costs this plan, as sentences. planned_batch: before it was fitted."""
    known = _Memory.of(store, plan)
    return memory.limits(plan.strategy, planned_batch, known.needed(plan.strategy), known.there) if known else ()


def room(store: Store) -> int:
    """Bytes that the next run may count on: what is free now, and what the work before it in its lane gives back."""
    before = {job.pid for job in store.queue(Train.lane) if job.state == "running" and job.pid and job.here}
    return available_bytes() + sum(process_bytes(pid) or 0 for pid in before)


@dataclass(frozen=True)
class _Memory:
    """What a run's memory depends on besides its strategy."""

    card: BackboneCard
    sizes: Sizes
    facts: DatasetFacts
    there: int | None

    @classmethod
    def of(cls, store: Store, plan: RunConfig) -> Self | None:
        """None where nothing was measured."""
        facts = store.facts(plan.dataset_id, plan.strategy.backbone)
        if facts is None:
            return None
        card = catalog.backbone(plan.strategy.backbone)
        return cls(card, Sizes.measured(facts, plan.per_class), facts, memory.memory_for(facts, room(store)))

    def needed(self, strategy: Strategy) -> int | None:
        return memory.forecast_bytes(strategy, self.card, self.sizes, self.facts)

    def fit(self, strategy: Strategy) -> Strategy:
        return memory.fit_batch(strategy, self.card, self.sizes, self.facts, self.there)

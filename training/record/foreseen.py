"""What was foreseen of a run before it began, beside what came of it: the record that advice is held to.

Whoever asks for a run works its forecast out here first, and hands it over with the request, which keeps it beside the
run (`training.requests.submit`). Nothing here trains, and no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from advisor.advice import forecasts, learned_rules
from advisor.planning import Sizes, affordable_epochs, estimate_seconds, forecast_bytes, within
from core import DatasetFacts, Estimate, Kind, RunConfig
from core.zoo import catalog
from training.evaluation import wilson
from training.requests import Forecast, Foreseen, NotForeseen, Train, fitted, forecast_in
from training.store import Job, RunFolder, RunResult, Store


def foresee(store: Store, plan: RunConfig, loading_s: float = 0.0) -> Forecast:
    """What exactly this plan will reach, take and need, from what was measured about its images on this machine.
    loading_s: until a worker has loaded, 0 where one waits.

    The evidence that accuracies rest on is about runs on all images of one domain, from the backbone's own weights: for
    other runs none is forecast. Nor is the time of a run with two domains, whose target nobody measured.
    """
    strategy = plan.strategy
    facts = store.facts(plan.dataset_id, strategy.backbone)
    if facts is None:
        return NotForeseen(f"These images had not been measured with {strategy.backbone} when it was queued.")
    card, sizes = catalog.backbone(strategy.backbone), Sizes.measured(facts, plan.per_class)
    priced = None if plan.target_id else estimate_seconds(strategy, facts, card, sizes)
    seconds = within(strategy, loading_s + priced[0], plan.minutes) if priced else None
    accuracy = None if plan.target_id or plan.from_run or plan.per_class else _accuracy(plan, facts, priced, store.home)
    needed = forecast_bytes(strategy, card, sizes, facts)
    if accuracy is None and priced is None and needed is None:
        return NotForeseen("Nothing that this run does was measured on this machine.")
    return Foreseen(
        accuracy.value if accuracy else None, accuracy.low if accuracy else None, accuracy.high if accuracy else None,
        seconds, needed,
    )  # fmt: skip


def _accuracy(plan: RunConfig, facts: DatasetFacts, priced: tuple[float, float] | None, home: Path) -> Estimate | None:
    known = learned_rules.learned(home)
    if known is None or plan.strategy.head == "stages":  # nothing was learned of such a head
        return None
    minutes = plan.minutes or (priced[0] / 60 if priced else 10.0)
    gap = learned_rules.gap_percent(facts, known)
    own = learned_rules.facts_for(facts, gap, affordable_epochs(facts, minutes))
    return forecasts.forecast(plan.strategy.kind, own, known.corrections)


def to_train(store: Store, plan: RunConfig, *, by_hand: bool = False, loading_s: float = 0.0) -> Train:
    """The request for a run: its batch fitted into memory, unless it was set by hand, and the forecast of just that."""
    plan = plan if by_hand else fitted(store, plan)
    return Train(plan, foresee(store, plan, loading_s))


@dataclass(frozen=True)
class Kept:
    """One finished run, foreseen and actual. None = not forecast, or not measured."""

    run_id: str
    dataset_id: str
    kind: Kind
    foreseen: Estimate | None
    reached: Estimate
    seconds_foreseen: float | None
    seconds: float
    bytes_foreseen: float | None
    bytes: float | None

    @property
    def inside(self) -> bool | None:
        """Whether the accuracy reached lies in the interval that was foreseen."""
        return None if self.foreseen is None else self.foreseen.low <= self.reached.value <= self.foreseen.high


def kept(home: Path, jobs: Sequence[Job]) -> list[Kept]:
    """The record of every finished run that was tested and foreseen, in the order given."""
    found = []
    for job in jobs:
        result = RunResult.of(job)
        tested = result.on("test")
        if job.state != "finished" or tested is None:
            continue
        said = forecast_in(RunFolder(home, job.id))
        if isinstance(said, NotForeseen):
            continue
        accuracy = None
        if said.accuracy is not None and said.accuracy_low is not None and said.accuracy_high is not None:
            accuracy = Estimate(said.accuracy, said.accuracy_low, said.accuracy_high, "80% interval")
        found.append(
            Kept(
                job.id, job.dataset_id, job.config["strategy"]["kind"], accuracy,
                wilson(tested.correct, tested.total), said.seconds,
                result.seconds or job.seconds, said.memory_bytes, result.peak_memory_bytes,
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class Standing:
    """How forecasts have done so far; None where there is nothing to judge."""

    runs: int
    accuracy_error: float | None
    """Mean absolute, in [0, 1]."""
    inside: float | None
    """Share of results within their 80 % interval."""
    time_within: float | None
    """Share of runs that took what was foreseen, give or take a quarter."""
    memory_within: float | None
    """Share within a fifth."""


def standing(record: Sequence[Kept]) -> Standing:
    """All forecasts of a record in four numbers."""
    errors = [abs(one.foreseen.value - one.reached.value) for one in record if one.foreseen]
    hits = [float(one.inside) for one in record if one.inside is not None]
    times = [(one.seconds_foreseen, one.seconds) for one in record if one.seconds_foreseen]
    sizes = [(one.bytes_foreseen, one.bytes) for one in record if one.bytes_foreseen and one.bytes]

    def near(pairs: Sequence[tuple[float, float]], share_off: float) -> list[float]:
        return [float(abs(said - real) <= share_off * real) for said, real in pairs]

    def share(values: Sequence[float]) -> float | None:
        return mean(values) if values else None

    return Standing(len(record), share(errors), share(hits), share(near(times, 0.25)), share(near(sizes, 0.2)))


def as_document(one: Kept) -> dict[str, Any]:
    """One line of the record with units in the keys."""
    return {
        "run_id": one.run_id, "strategy": one.kind,
        "forecast_accuracy_fraction": one.foreseen.value if one.foreseen else None,
        "test_accuracy_fraction": one.reached.value, "inside_interval": one.inside,
        "forecast_seconds": one.seconds_foreseen, "seconds": one.seconds,
        "forecast_memory_bytes": one.bytes_foreseen, "peak_memory_bytes": one.bytes,
    }  # fmt: skip

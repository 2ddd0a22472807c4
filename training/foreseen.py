"""What was foreseen of a run before it began, beside what came of it: the record that advice is held to.

Whoever queues a run works its forecast out first, from the profile that the plan was made from, and keeps it beside the
run as `foreseen.json`. Nothing here trains, and no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from advisor import catalog, forecast, measured
from advisor.costs import Sizes, affordable_epochs
from advisor.files import find_as, write_json
from advisor.memory import forecast_bytes
from advisor.plans import Kind, RunConfig, run_config_from_json
from advisor.strategies import estimate_seconds
from advisor.types import DatasetFacts, Estimate
from training.run_folder import RunFolder
from training.run_result import RunResult
from training.stats import wilson
from training.store import Job, Store


def foresee(config: RunConfig, facts: DatasetFacts | None, home: Path) -> dict[str, float | None]:
    """Forecast accuracy with its 80 % interval (fractions), seconds and bytes of one run; None = not forecast."""
    names = ("accuracy", "accuracy_low", "accuracy_high", "seconds", "memory_bytes")
    nothing: dict[str, float | None] = dict.fromkeys(names)
    if facts is None or config.strategy.backbone != facts.backbone:
        return nothing
    card, strategy = catalog.backbone(facts.backbone), config.strategy
    priced = estimate_seconds(strategy, facts, card)
    sizes = Sizes.of(facts.train_images, facts.test_images, len(facts.classes))
    known = measured.learned(home)
    accuracy: Estimate | None = None
    if known is not None:
        minutes = config.minutes or (priced[0] / 60 if priced else 10.0)
        gap = measured.gap_percent(facts, known)
        own = measured.facts_for(facts, gap, affordable_epochs(facts, minutes))
        accuracy = forecast.forecast(strategy.kind, own, known.corrections)
    return {
        "accuracy": accuracy.value if accuracy else None,
        "accuracy_low": accuracy.low if accuracy else None,
        "accuracy_high": accuracy.high if accuracy else None,
        "seconds": priced[0] if priced else None,
        "memory_bytes": forecast_bytes(strategy, card, sizes, facts),
    }


def note(store: Store, job: Job) -> None:
    """Write down what is foreseen of a queued training run, before it begins."""
    config = run_config_from_json(job.config)
    said = foresee(config, store.facts(config.dataset_id, config.strategy.backbone), store.home)
    write_json(RunFolder(store.home, job.id).foreseen, said)


def noted(home: Path, run_id: str) -> dict[str, float | None]:
    """What was foreseen of a run; empty where nothing was written down."""
    return find_as(RunFolder(home, run_id).foreseen, dict[str, float | None]) or {}


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
        said = noted(home, job.id)
        if job.state != "finished" or tested is None or not said:
            continue
        value, low, high = (said.get(name) for name in ("accuracy", "accuracy_low", "accuracy_high"))
        known = value is not None and low is not None and high is not None
        accuracy = Estimate(value, low, high, "80% interval") if known else None  # type: ignore[arg-type]
        found.append(
            Kept(
                job.id, job.dataset_id, job.config["strategy"]["kind"], accuracy,
                wilson(tested.correct, tested.total), said.get("seconds"),
                result.seconds or job.seconds, said.get("memory_bytes"), result.peak_memory_bytes,
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

"""What a bundle says of itself: `bundle.json`, typed. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from core import PlanError
from core.decode import check_counts, check_dataset_ids, check_moments, check_texts
from training.store import Label

FORMAT = 1
INDEX = "bundle.json"


@dataclass(frozen=True)
class BundledRun:
    """Of the job: the fields of `training.store.Job` with these names. What `config` and `result` hold is checked by
    those who know them."""

    id: str
    state: Literal["finished", "stopped"]
    config: dict[str, Any]
    result: dict[str, Any]
    created: float
    started: float | None
    finished: float | None
    seconds: float
    group: str
    dataset_id: str
    label: Label = field(default_factory=Label)
    """What it is called; earlier versions wrote none."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]{4,32}", self.id):
            raise PlanError(f"'{self.id[:40]}' cannot be the id of a run.")
        check_moments(created=self.created, started=self.started, finished=self.finished)
        check_counts(seconds=self.seconds)
        check_texts(group=self.group)


@dataclass(frozen=True)
class BundledEvent:
    """A line of the run's log, as `Store.events` gives it."""

    id: int
    time: float
    level: Literal["info", "caution", "bad"]
    kind: str
    text: str
    seconds: float | None
    epoch: float | None

    def __post_init__(self) -> None:
        check_moments(time=self.time)
        check_texts(kind=self.kind, text=self.text)


@dataclass(frozen=True)
class BundledRow:
    """A row of the run's metrics, as `Store.metrics` gives it: `training.store.METRICS` with its number and time."""

    row: int
    written: float
    phase: int | None = None
    epoch: float | None = None
    step: int | None = None
    seconds: float | None = None
    images: int | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    lrs: tuple[float | None, ...] = ()
    boundary: int | None = None
    align_loss: float | None = None
    domain_accuracy: float | None = None
    target_accuracy: float | None = None

    def __post_init__(self) -> None:
        check_moments(written=self.written)
        check_counts(
            phase=self.phase, epoch=self.epoch, step=self.step, seconds=self.seconds, images=self.images,
            boundary=self.boundary,
        )  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """A run, and which images it saw."""

    format: int
    made: float
    """Unix time."""
    with_images: bool
    datasets: tuple[str, ...]
    """Ids: the import, then the revision if the run saw one."""
    dataset: str
    """The name of what the run saw."""
    reproduce: str
    """The command that trains it again."""
    run: BundledRun
    events: tuple[BundledEvent, ...]

    def __post_init__(self) -> None:
        check_moments(made=self.made)
        for dataset_id in self.datasets:
            check_dataset_ids(datasets=dataset_id)
        if len(self.datasets) > 2:
            raise PlanError("datasets are one import, and at most one revision of it.")
        if self.datasets[-1:] != (self.run.dataset_id,) or self.run.config.get("dataset_id") != self.run.dataset_id:
            raise PlanError("The run is of other images than those that are listed.")

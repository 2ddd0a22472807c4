"""The race: in so many minutes the best model that this machine can reach; and judging a run that it left untested. No
torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from core import PlanError, StateError
from core.words import duration
from training.requests.base import Request
from training.requests.kinds import exportable, weights_are_here
from training.store import Job, RunResult, Store


def group_of(race_id: str) -> str:
    """What the runs of a race have in common."""
    return f"race-{race_id}"


def race_of(run: Job) -> str:
    """Id of the race that a run is a rung of; "" = of none."""
    return run.group.removeprefix("race-") if run.group.startswith("race-") else ""


@dataclass(frozen=True)
class Race(Request):
    """Train rung after rung, each a run of its own, while one is worth its time; judge the winner alone."""

    kind, noun, lane, handler = "race", "Race", "train", "training.race.running:race"

    backbone: str
    minutes: float
    """From when it leaves the queue to the tested model."""
    seed: int = 0
    wider: bool = True
    """Whether time that is left over may go into a wider backbone beside."""

    def __post_init__(self) -> None:
        if not 0 < self.minutes < math.inf:
            raise PlanError(f"A race needs a budget of more than 0 minutes, not {self.minutes:g}.")

    @property
    def title(self) -> str:
        return f"Best in {duration(60 * self.minutes)}"

    def check(self, store: Store) -> None:
        super().check(store)
        weights_are_here(self.backbone, store.home)


@dataclass(frozen=True)
class JudgeLater(Request):
    """Judge a rung that was not chosen on the test images: it is no part of the choice any more."""

    kind, noun, lane, handler = "judge", "Judgement", "side", "training.race.judging:judge_later"

    run: str

    @classmethod
    def of(cls, run: Job) -> Self:
        return cls(run.dataset_id, run.id)

    @property
    def title(self) -> str:
        return f"Judging run {self.run} on the test images"

    def check(self, store: Store) -> None:
        super().check(store)
        run = store.job(self.run)
        exportable(run, "judge")
        if RunResult.of(run).test_total is not None:
            raise StateError(f"Run '{run.id}' was judged on its test images already; they are looked at once.")
        if any(job.id == race_of(run) for job in store.queue()):
            raise StateError(f"Run '{run.id}' is part of a race that goes on: its test images wait until it has ended.")

"""What a race wrote down: each decision as it was made, and what came of it all. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from core import Answer, PlanError, Strategy, Unreadable, find_as, to_json, write_json
from core.decode import check_counts, decode
from core.zoo import catalog
from training.requests.race import group_of
from training.store import Job, RunFolder, Store

AFTERWARDS = "Judged after the race was decided: no part of the choice."
"""What the result of a rung says that was not chosen and judged later."""


@dataclass(frozen=True)
class Decision:
    """One sentence of a race, and what it set going."""

    at_s: float
    """Seconds of the race that were over."""
    says: str
    run: str = ""
    """The rung that it began; "" = none."""
    minutes: float = 0.0
    """What that rung was given."""
    gain: float | None = None
    """What was still to be gained at most, in [0, 1], by the forecast's 80 % interval; None = not known."""

    def __post_init__(self) -> None:
        check_counts(at_s=self.at_s, minutes=self.minutes, gain=self.gain)
        if not self.says:
            raise PlanError("A decision says what was decided.")


@dataclass(frozen=True)
class Looked:
    """What a look for a wider backbone found."""

    backbone: str = ""
    """"" = none."""
    slower: float = 1.0
    """How many times as long an image takes through it as through the race's own."""
    read_s: float = 0.0
    """Seconds to read an image for it."""
    closed: bool = False
    """Whether something of it could not be carried out: no further rung of it begins."""

    def __post_init__(self) -> None:
        check_counts(slower=self.slower, read_s=self.read_s)


@dataclass(frozen=True)
class RaceRecord:
    """All of them, in order; a race that is resumed goes on after the last."""

    decisions: tuple[Decision, ...] = ()
    measured_s: float = 0.0
    """Seconds that went into measuring what only the choice needs."""
    val_images: int = 0
    """What the rungs are chosen by."""
    measured_at_s: float = 0.0
    """Seconds of the race that were over when measuring began."""
    all_stages: bool = False
    """Whether the pass left what a head on all stages reads."""
    looked: Looked | None = None
    """None = nobody has looked for a wider backbone."""
    answers: tuple[Answer, ...] = ()
    """What the rulebooks said of these images and minutes, from what was measured; they chose nothing."""

    def __post_init__(self) -> None:
        check_counts(measured_s=self.measured_s, measured_at_s=self.measured_at_s, val_images=self.val_images)

    def with_decision(self, decision: Decision) -> Self:
        return replace(self, decisions=(*self.decisions, decision))

    @property
    def rungs(self) -> tuple[str, ...]:
        """Ids of the runs, in the order in which they began."""
        return tuple(one.run for one in self.decisions if one.run)


@dataclass(frozen=True)
class RaceResult:
    """What a race came to."""

    winner: str = ""
    """Id of the run that was chosen; "" where none has weights."""
    val_accuracy: float | None = None
    test_accuracy: float | None = None
    """Of the winner, the only one that was judged."""
    seconds: float = 0.0
    measured_s: float = 0.0
    """Of these, for measuring what only the choice needs."""
    left: float | None = None
    """What the time that was left could have gained at most, in [0, 1]; None = not known."""
    rungs: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, job: Job) -> Self:
        """All empty while there is none. Raises Unreadable."""
        return decode(job.result or {}, cls, f"The result of race '{job.id}'", "Start another one.", error=Unreadable)


def title_of(strategy: Strategy, backbone: str) -> str:
    """What a rung is called: with its backbone's title where that is not the race's own, `backbone`."""
    title, card = catalog.titled(strategy.kind, strategy.head), catalog.known(strategy.backbone)
    if strategy.backbone == backbone:
        return title
    return f"{title}, {card.title if card else strategy.backbone}"


def path_of(home: Path, race_id: str) -> Path:
    return RunFolder(home, race_id).note("race")


def record_of(home: Path, race_id: str) -> RaceRecord:
    """As far as it was written down; empty where nothing can be read."""
    return find_as(path_of(home, race_id), RaceRecord) or RaceRecord()


def write(home: Path, race_id: str, record: RaceRecord) -> None:
    write_json(path_of(home, race_id), to_json(record))


def rungs_of(store: Store, race_id: str) -> list[Job]:
    """The runs of a race, in the order in which they began."""
    return store.jobs(kind="train", group=group_of(race_id))[::-1]

"""Whether the advice won: what was advised when "compare all" was started, against what the runs then reached.

The advice of a set is written down before its first run, in `home/advised/<group>.json`. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from core import Kind, ThawError, find_as, write_json
from core.words import counted
from core.zoo import STRATEGIES
from training.compare import Comparison, compare
from training.store import Store

RECENT, FRESH = 100, 1
"""Sets that the record is of, and how many of them are judged at a time: each is a comparison of its own."""
Outcome = Literal["won", "held", "lost"]
"""won: nothing reached more. held: something did, by less than the test can show. lost: something is really better."""


@dataclass(frozen=True)
class Advised:
    """What was advised for one set of runs."""

    group: str
    dataset_id: str
    kind: Kind
    rulebook: str
    minutes: float


@dataclass(frozen=True)
class Judged:
    outcome: Outcome
    best: Kind
    """What reached most on the test images."""
    sentence: str


def write(home: Path, advised: Advised) -> None:
    """Write the advice of a set down, before its runs begin."""
    write_json(home / "advised" / f"{advised.group}.json", asdict(advised))


def read(home: Path) -> list[Advised]:
    """Every set's advice, oldest first; a file that is broken is left out."""
    found = []
    for file in sorted((home / "advised").glob("*.json"), key=lambda file: file.stat().st_mtime):
        if advised := find_as(file, Advised):
            found.append(advised)
    return found


def judge(advised: Advised, comparison: Comparison) -> Judged | None:
    """None while the advised run has no test result."""
    rows = [row for row in comparison.rows if row.test_accuracy is not None]
    mine = next((row for row in rows if row.kind == advised.kind), None)
    if mine is None or mine.test_accuracy is None or len(rows) < 2:
        return None
    best = max(rows, key=lambda row: row.test_accuracy.value if row.test_accuracy else 0.0)
    assert best.test_accuracy is not None
    behind = best.test_accuracy.value - mine.test_accuracy.value
    name = STRATEGIES[advised.kind].title
    if behind <= 0:
        return Judged("won", advised.kind, f"The advice won: nothing reached more than {name.lower()}.")
    better = any(
        (pair.a == mine.run_id and pair.verdict == "worse") or (pair.b == mine.run_id and pair.verdict == "better")
        for pair in comparison.pairs
    )
    other = STRATEGIES[best.kind].title.lower()
    points = f"{100 * behind:.1f} points"
    if better:
        said = f"The advice lost: {other} reached {points} more than {name.lower()}."
        return Judged("lost", best.kind, said)
    return Judged(
        "held", best.kind,
        f"The advice held: {other} reached {points} more than {name.lower()}, less than these test images can show.",
    )  # fmt: skip


@dataclass(frozen=True)
class _Outcome:
    """What came of a set whose runs have all ended, as it is kept in `home/advised/<group>.outcome`."""

    runs: tuple[str, ...]
    judged: Judged | None


def judged(home: Path, store: Store, known: Comparison | None = None) -> list[Judged]:
    """The newest `RECENT` sets that can be judged, oldest first. Sets whose runs were deleted, or cannot be compared,
    are left out, and so are at first those that nobody has judged so far, all but `FRESH` each time.

    known: a comparison of all runs of one of the sets; then no other one is judged anew."""
    found, fresh, sets = [], 0 if known else FRESH, store.sets()
    for advised in read(home)[: -RECENT - 1 : -1]:
        states = dict(sets.get(advised.group, []))
        runs, path = tuple(sorted(states)), home / "advised" / f"{advised.group}.outcome"
        kept = find_as(path, _Outcome)
        if kept is None or kept.runs != runs:
            mine = known if known and runs == tuple(sorted(row.run_id for row in known.rows)) else None
            if mine is None and not fresh:
                continue
            fresh -= mine is None
            try:
                kept = _Outcome(runs, judge(advised, mine or compare(store, runs)) if len(runs) > 1 else None)
            except ThawError:  # other revisions, or a run that cannot be read
                kept = _Outcome(runs, None)
            if not {"queued", "running"} & set(states.values()):
                with suppress(OSError):  # a home that cannot be written: it is judged again
                    write_json(path, asdict(kept), lasting=False)
        if kept.judged:
            found.append(kept.judged)
    return found[::-1]


def in_words(record: Sequence[Judged]) -> str:
    """'So far the advice won 3 of 5 comparisons, held in 1 and lost 1.'"""
    counts = {outcome: sum(one.outcome == outcome for one in record) for outcome in ("won", "held", "lost")}
    held, lost = counts["held"], counts["lost"]
    won, of = counts["won"], counted(len(record), "comparison")
    return f"So far the advice won {won} of {of}, held in {held} and lost {lost}."

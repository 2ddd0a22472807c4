"""Which runs are compared: those that are meant where nobody chose any, and those that are looked at where very many
were chosen. Pure; no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import mean

from core import Kind
from core.words import counted
from training.evaluation import answered
from training.store import Job, RunResult, Side

MOST_ALONE = 20
"""Runs of no set that are compared where nobody chose any."""
MOST_GROUPS, MOST_RUNS = 40, 240
"""Groups (runs that differ in their seed alone) and runs that are held against each other. Each costs a file of answers
and a few milliseconds, each pair of groups about one."""


def usual(jobs: Sequence[Job]) -> list[str]:
    """Ids of the newest set with results and of the single runs since; without a set of the newest single runs; oldest
    first. jobs: newest first."""
    tested = [job for job in jobs if job.result]
    found: list[Job] = []
    group = ""
    for job in tested:
        if job.group and job.group == (group or job.group):
            group = job.group
            found.append(job)
        elif not job.group and not group and len(found) < MOST_ALONE:
            found.append(job)
    if len(found) < 2:  # one alone is nothing to compare
        found = tested[:MOST_ALONE]
    return [job.id for job in found[::-1]]


def beside(run: Job, jobs: Sequence[Job]) -> list[str]:
    """Ids of the runs that one is seen beside: those of its own set, else the usual ones. jobs: as of `usual`."""
    own = [job.id for job in jobs[::-1] if run.group and job.group == run.group and job.result]
    found = own if len(own) > 1 else usual(jobs)
    return found if run.id in found else [*found, run.id]


@dataclass(frozen=True)
class LookedAt:
    """Groups of chosen runs that are held against each other."""

    members: list[list[Job]]
    family: int = 0
    """Pairs of all groups chosen that have answers, which tests of these allow for; 0 where these are all."""
    said: str = ""
    """What was left out and why, in a sentence; "" for nothing."""


def looked_at(members: Sequence[Sequence[Job]], kinds: Sequence[Kind], side: Side) -> LookedAt:
    """All of them, or where they are too many the most accurate groups, and the most accurate of each kind, each with
    its first seeds. kinds: of the groups."""
    chosen = sum(map(len, members))
    if len(members) <= MOST_GROUPS and chosen <= MOST_RUNS:
        return LookedAt([list(group) for group in members])
    reached = {place: _accuracy(group, side) for place, group in enumerate(members)}
    accuracy = {place: value for place, value in reached.items() if value is not None}
    ranked = sorted(range(len(members)), key=lambda place: -accuracy.get(place, -1.0))
    best_of_kind = {kinds[place]: place for place in reversed(ranked)}
    kept = sorted({*ranked[:MOST_GROUPS], *best_of_kind.values()})
    each = max(1, MOST_RUNS // len(kept))
    found = [list(members[place][:each]) for place in kept]
    said = f"Of {counted(chosen, 'run')} chosen, {sum(map(len, found)):,} are compared"
    if len(kept) < len(members):
        said += f": of {len(members):,} plans the {len(kept)} most accurate, and those of each strategy"
    if each < max(map(len, members)):
        said += f"; of each plan at most {counted(each, 'seed')}, the first ones"
    family = comb(len(accuracy), 2) if len(kept) < len(members) else 0
    said += f". The tests allow for all {counted(family, 'pair')} of them." if family else "."
    return LookedAt(found, family, said)


def _accuracy(group: Sequence[Job], side: Side) -> float | None:
    """Of its tested runs, their mean; None without any."""
    found = [tested.correct / tested.total for job in group
             if answered(job, side) and (tested := RunResult.of(job).on(side))]  # fmt: skip
    return mean(found) if found else None

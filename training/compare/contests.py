"""Who is compared with whom, and what the test says: runs in pairs, and strategies with all their seeds. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core import Estimate, Kind, PlanError, RunConfig
from training.compare.power import seeds_needed
from training.compare.seeds import luck
from training.evaluation import Answers, answers_of, holm, mean_over_seeds, paired_tests, seeds_test
from training.store import Job, Side, Store

ALPHA = 0.05
"""Adjusted p-value below which a difference may be called one."""

REPEATS = 12
"""Seeds of one plan from which its luck is measured, where fewer were chosen: more would hardly change it."""

RECENT = 500
"""Runs among which they are looked for."""
Verdict = Literal["better", "worse", "no difference shown", "not tested"]
Accuracies = Mapping[str, Estimate | None]
"""Run id -> test accuracy, in the order of the table."""


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone: one strategy, set up in one way."""

    label: str
    kind: Kind
    runs: tuple[str, ...]
    accuracy: Estimate | None
    """One tested run: its Wilson interval. Several: their mean, with an interval over seeds and images."""
    spread: float | None
    """Standard deviation of test accuracy over the seeds; None with fewer than two tested runs."""


@dataclass(frozen=True)
class Pair:
    """Two runs, or two groups of runs by their labels, tested against each other on the same images."""

    a: str
    b: str
    difference: float | None
    """Test accuracy of a minus that of b."""
    p: float | None
    """Two-sided p-value, not corrected (`stats.paired_p`; of groups with several seeds `stats.seeds_test`)."""
    p_adjusted: float | None
    """The same after Holm's correction over all pairs of this comparison."""
    verdict: Verdict
    """What may be said of a against b."""
    seeds: int | None = None
    """Of two groups: seeds of each that would show a difference of `power.DIFFERENCE`; None = not known, or not with
    `power.MOST_SEEDS`."""


def verdict_of(p_adjusted: float, difference: float) -> Verdict:
    """The words that follow from a corrected p-value and the sign of a difference."""
    if p_adjusted >= ALPHA or difference == 0:
        return "no difference shown"
    return "better" if difference > 0 else "worse"


def plan_of(config: RunConfig) -> RunConfig:
    """The same for runs that differ in nothing but their seed."""
    return replace(config, seed=0, group="", repeats="")


def same_but_seed(jobs: Sequence[Job], configs: Mapping[str, RunConfig]) -> list[list[Job]]:
    """Jobs of one plan together, in the order of the first of each. A seed that came twice stays apart: two runs with
    the same seed are no two looks at what a seed does."""
    found: list[list[Job]] = []
    of_plan: dict[RunConfig, list[list[Job]]] = {}
    times: Counter[tuple[RunConfig, int]] = Counter()
    for job in jobs:
        config = configs[job.id]
        plan = plan_of(config)
        groups = of_plan.setdefault(plan, [])
        before = times[plan, config.seed]
        times[plan, config.seed] += 1
        if before == len(groups):  # in each of the plan's groups there is this seed already
            groups.append([])
            found.append(groups[-1])
        groups[before].append(job)
    return found


def groups(
    members: Sequence[Sequence[Job]],
    configs: Mapping[str, RunConfig],
    accuracies: Accuracies,
    answers: Mapping[str, Answers],
    labels: Sequence[str],
) -> tuple[Group, ...]:
    """Each group with its accuracy: of one run, or the mean over its seeds."""
    found = []
    for jobs, label in zip(members, labels, strict=True):
        runs = tuple(job.id for job in jobs)
        right = [answers[run].right for run in runs if run in answers]
        accuracy = next((accuracies[run] for run in runs if accuracies[run] is not None), None)
        spread = None
        if len(right) > 1:
            accuracy = mean_over_seeds(np.stack(right))
            spread = float(np.stack(right).mean(axis=1).std(ddof=1))
        found.append(Group(label, configs[runs[0]].strategy.kind, runs, accuracy, spread))
    return tuple(found)


def lucks(
    store: Store, configs: Mapping[str, RunConfig], answers: Mapping[str, Answers], side: Side = "test"
) -> dict[str, float]:
    """How much each run's seed may matter, also from recent runs of the same plan that were not chosen, where fewer
    than `REPEATS` were."""
    first = next(iter(configs.values()))
    plans = {run: replace(plan_of(config), minutes=None) for run, config in configs.items()}
    repeats: dict[RunConfig, dict[int, NDArray[np.bool_]]] = {plan: {} for plan in plans.values()}
    for run, given in answers.items():
        repeats[plans[run]][configs[run].seed] = given.right
    for job in store.jobs(kind="train", dataset_id=first.dataset_id, states=("finished",), limit=RECENT):
        try:
            config = job.plan
        except PlanError:
            continue  # written by another version
        seen = repeats.get(replace(plan_of(config), minutes=None))
        if seen is not None and len(seen) < REPEATS and config.seed not in seen:
            found = answers_of(store.home, job, side)
            if len(found):
                seen[config.seed] = found.right
    measured = {plan: list(seen.values()) for plan, seen in repeats.items()}
    by_plan = {plan: luck(plan.strategy, right) for plan, right in measured.items()}
    return {run: by_plan[plan] for run, plan in plans.items()}


def pairs(accuracies: Accuracies, answers: Mapping[str, Answers], lucks: Mapping[str, float]) -> tuple[Pair, ...]:
    """Every pair of runs, in their order."""
    tests = paired_tests({run: answers[run] for run in accuracies if run in answers}, lucks)
    found = []
    for a, b in combinations(accuracies, 2):
        one, other = accuracies[a], accuracies[b]
        difference = None if one is None or other is None else one.value - other.value
        if (a, b) not in tests or difference is None:
            found.append(Pair(a, b, difference, None, None, "not tested"))
        else:
            p, adjusted = tests[a, b]
            found.append(Pair(a, b, difference, p, adjusted, verdict_of(adjusted, difference)))
    return tuple(found)


def contests(
    groups: Sequence[Group], answers: Mapping[str, Answers], lucks: Mapping[str, float], family: int = 0
) -> tuple[Pair, ...]:
    """Every pair of groups, by label. family: pairs to correct for, where more than these."""
    room = {group.label: lucks[group.runs[0]] for group in groups}
    right = {
        group.label: np.stack([answers[run].right for run in group.runs if run in answers])
        for group in groups
        if any(run in answers for run in group.runs)
    }
    duels = list(combinations(right, 2))
    p_values = [seeds_test(right[a], right[b], room[a] + room[b]) for a, b in duels]
    tested = {}
    for (a, b), p, adjusted in zip(duels, p_values, holm(p_values, family), strict=True):
        difference = float(right[a].mean() - right[b].mean())
        needed = seeds_needed(right[a], right[b], room[a] + room[b], max(family, len(duels)))
        tested[a, b] = Pair(a, b, difference, p, adjusted, verdict_of(adjusted, difference), needed)
    return tuple(
        tested.get((a.label, b.label), Pair(a.label, b.label, None, None, None, "not tested"))
        for a, b in combinations(groups, 2)
    )

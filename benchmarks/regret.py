"""Is the advice worth anything? Regret of the advisor and of simple rules, with whole families of sets left out.

    python -m benchmarks.regret [EVIDENCE.csv] [--table OUT.md] [--figure OUT.svg]

For each family of sets (pacs_photo and pacs_sketch are one, the two emoji sets too) the rulebook and the forecasts are
learned from all other families and asked about this one. Regret = accuracy of the best strategy that fits the budget -
accuracy of the chosen one, in points. Where a task was run with several seeds (other images and other initial weights),
choices are made and the best strategy is picked on one seed and both are scored on another, so that luck on one test is
nobody's; such regret can be negative. The textbook trees are asked with the similarity that the measured gap says, and
with 100 minutes where the budget is 'long', 10 where it is not.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from advisor.advice import evidence, forecasts, learned_rules, learning
from advisor.advice.evidence import Task
from advisor.advice.learning import Grown, carried_out
from advisor.rulebooks import RULEBOOKS
from advisor.rulebooks.tree import Situation, leaf_for
from benchmarks.regret_figure import draw
from core.plans import KINDS, Kind
from core.types import Similarity

ADVISOR, FORECASTER, RANDOM, SINGLE = "advisor", "best forecast", "random", "single best elsewhere"
MINUTES = {"short": 10.0, "medium": 10.0, "long": 100.0}
DRAWS = 10_000
NEAR = 0.01
"""One point."""


@dataclass(frozen=True)
class Case:
    """One task as it is judged: chosen by what was known of `asked`, scored on `scored`."""

    asked: Task
    scored: Task

    @property
    def oracle(self) -> float:
        """What the best strategy of the first seed reaches on the second."""
        best = max(self.asked.scores, key=lambda kind: self.asked.scores[kind])
        if self.asked is self.scored or best not in self.scored.scores:
            return max(self.scored.scores.values())
        return self.scored.scores[best]

    def regret(self, kind: Kind) -> float:
        return self.oracle - self.scored.scores[carried_out(kind, self.scored.scores)]


def cases(tasks: Sequence[Task]) -> list[Case]:
    """Every task once: with two seeds and more, each is asked and the next one scores it."""
    cells: dict[tuple[str, str, int, int, str], list[Task]] = defaultdict(list)
    for task in tasks:
        cells[task.cell].append(task)
    found = []
    for own in cells.values():
        found += [Case(task, own[(i + 1) % len(own)]) for i, task in enumerate(own)]
    return found


Chooser = Callable[[Task], Kind]


def choosers(others: Sequence[Task]) -> dict[str, Chooser]:
    """Everything that is judged, knowing only `others`."""
    grown = learning.grow(others)
    corrections = forecasts.learn(others)
    averaged = evidence.averaged(others)
    single = min(KINDS, key=lambda kind: (round(learning.mean_regret(kind, averaged), 6), KINDS.index(kind)))
    rules: dict[str, Chooser] = {
        ADVISOR: lambda task: _by_tree(grown, task),
        FORECASTER: lambda task: _by_forecast(corrections, task),
        SINGLE: lambda task: single,
    }
    for kind in ("prototype", "linear_probe", "partial", "gradual", "lp_ft", "full"):
        rules[f"always {kind}"] = lambda task, kind=kind: kind  # type: ignore[misc]
    for name in RULEBOOKS:
        rules[f"{name} tree"] = lambda task, name=name: _by_textbook(name, task)  # type: ignore[misc]
    rules[RANDOM] = lambda task: random.Random(str(task.cell)).choice(sorted(task.scores))
    return rules


def _by_tree(grown: Grown, task: Task) -> Kind:
    book = learned_rules.rulebook_of(grown.nodes, 0, ())
    return leaf_for(book, _situation(task))[0].kind


def _by_forecast(corrections: dict[Kind, forecasts.Correction], task: Task) -> Kind:
    values = {}
    for kind in task.scores:
        estimate = forecasts.forecast(kind, task.facts, corrections)
        if estimate is not None:
            values[kind] = estimate.value
    if not values:
        return "linear_probe"
    best = max(values.values())
    return next(kind for kind in KINDS if kind in values and values[kind] >= best - learning.NOISE)


def _by_textbook(name: str, task: Task) -> Kind:
    return leaf_for(RULEBOOKS[name], _situation(task))[0].kind


def _situation(task: Task) -> Situation:
    facts = task.facts
    alike: Similarity = learned_rules.similarity(facts.domain_gap) or "medium"
    return Situation(
        max(1, round(facts.images_per_class * facts.classes)), alike, MINUTES.get(task.budget, 10.0), "accuracy",
        images_per_class=facts.images_per_class, classes=facts.classes, ready_made=facts.ready_made,
        domain_gap=facts.domain_gap, depth_gap=facts.depth_gap, affordable_epochs=facts.affordable_epochs,
    )  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One rule over all cases; regrets and gaps in points of accuracy."""

    name: str
    regrets: dict[str, list[float]]
    """By family."""

    @property
    def all(self) -> list[float]:
        return [value for own in self.regrets.values() for value in own]


def judge(tasks: Sequence[Task]) -> tuple[dict[str, Score], list[tuple[float, float, bool]]]:
    """Scores of every rule, and (forecast, reached, inside the interval) of the advisor's choices; one family left out
    at a time."""
    families = sorted({task.family for task in tasks})
    regrets: dict[str, dict[str, list[float]]] = defaultdict(dict)
    foreseen: list[tuple[float, float, bool]] = []
    for family in families:
        others = [task for task in tasks if task.family != family]
        own = cases([task for task in tasks if task.family == family])
        corrections = forecasts.learn(others)
        for name, choose in choosers(others).items():
            regrets[name][family] = [100 * case.regret(choose(case.asked)) for case in own]
            if name != ADVISOR:
                continue
            for case in own:
                kind = carried_out(choose(case.asked), case.scored.scores)
                estimate = forecasts.forecast(kind, case.asked.facts, corrections)
                if estimate is not None:
                    reached = case.scored.scores[kind]
                    foreseen.append((estimate.value, reached, estimate.low <= reached <= estimate.high))
    return {name: Score(name, own) for name, own in regrets.items()}, foreseen


def bootstrap(ours: Score, theirs: Score) -> tuple[float, float, float]:
    """(mean difference of regret, 95 % interval), families of sets resampled whole; below 0 the first is better."""
    source = random.Random(0)
    families = sorted(ours.regrets)
    pairs = {family: zip(ours.regrets[family], theirs.regrets[family], strict=True) for family in families}
    differences = {family: [a - b for a, b in own] for family, own in pairs.items()}
    draws = []
    for _ in range(DRAWS):
        drawn = [value for family in source.choices(families, k=len(families)) for value in differences[family]]
        draws.append(sum(drawn) / len(drawn))
    draws.sort()
    whole = [value for own in differences.values() for value in own]
    return mean(whole), draws[int(0.025 * DRAWS)], draws[int(0.975 * DRAWS)]


def table(tasks: Sequence[Task], runs: int) -> str:
    """Markdown: a row per rule, and what the forecasts were worth."""
    scores, foreseen = judge(tasks)
    ours, single = scores[ADVISOR], scores[SINGLE]
    sets = {task.dataset for task in tasks}
    cells = {task.cell for task in tasks}
    lines = [
        f"{runs:,} runs, {len(tasks)} tasks ({len(cells)} without counting seeds) on {len(sets)} sets of "
        f"{len(ours.regrets)} families; a whole family is left out at a time. Regret in points of test accuracy.",
        "`gap closed`: (single best elsewhere - rule) / (single best elsewhere - oracle). `difference`: the advisor's",
        "regret minus the rule's, 95 % bootstrap interval over families; below 0 the advisor is better.",
        "",
        "| rule | mean | median | p90 | within 1 point | gap closed | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for score in sorted(scores.values(), key=lambda one: mean(one.all)):
        values = sorted(score.all)
        near = sum(value <= 100 * NEAR for value in values) / len(values)
        closed = (mean(single.all) - mean(values)) / mean(single.all) if mean(single.all) > 0 else 0.0
        difference = ""
        if score is not ours:
            value, low, high = bootstrap(ours, score)
            difference = f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
        p90 = values[min(len(values) - 1, int(0.9 * len(values)))]
        lines.append(
            f"| {score.name} | {mean(values):.2f} | {median(values):.2f} | {p90:.2f} | {near:.0%} | {closed:.0%} "
            f"| {difference} |"
        )
    lines += ["", *_by_family(scores), ""]
    if foreseen:
        error = mean(abs(value - reached) for value, reached, _ in foreseen)
        inside = mean(hit for _, _, hit in foreseen)
        lines.append(
            f"Forecasts of the advisor's choice: mean absolute error {100 * error:.1f} points; the 80 % intervals hold "
            f"{inside:.0%} of {len(foreseen)} results."
        )
    return "\n".join(lines) + "\n"


def _by_family(scores: dict[str, Score]) -> list[str]:
    """Mean regret per family of the rules that matter most: here it shows where the advice lost."""
    shown = [ADVISOR, SINGLE, "always linear_probe", "always partial", "always full", *(f"{n} tree" for n in RULEBOOKS)]
    lines = [f"| mean regret on | tasks | {' | '.join(shown)} |", f"|---|---|{'---|' * len(shown)}"]
    for family in sorted(scores[ADVISOR].regrets):
        own = [mean(scores[name].regrets[family]) for name in shown]
        count = len(scores[ADVISOR].regrets[family])
        lines.append(f"| {family} | {count} | {' | '.join(f'{value:.2f}' for value in own)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path, nargs="?", default=evidence.COMMITTED)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    lines = evidence.read(options.csv)
    tasks = evidence.tasks(lines)
    text = table(tasks, len(lines))
    print(text)
    if options.table:
        options.table.write_text(f"# Regret of the advice\n\n`python -m benchmarks.regret`\n\n{text}")
    if options.figure:
        options.figure.write_text(draw({name: score.all for name, score in judge(tasks)[0].items()}, ADVISOR))


if __name__ == "__main__":
    main()

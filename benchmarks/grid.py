"""New evidence: every strategy, and the race, on many sets within budgets of wall time, by the commands users type.

    python -m benchmarks.grid DATA [DATA ...] --out FOLDER --hours H [--log benchmarks/results/grid.jsonl]
        [--evidence FILE.csv] [--table FILE.md] [--most-minutes M]

DATA: archives, or folders of class folders (`benchmarks.derived_sets` makes some). A task is a set and a budget:
`SHORT_S` for every set, a minute for `OF_A_MINUTE` of them, five for `OF_FIVE`. Each arm of a task runs in a copy of a
home in which the set was measured and nothing else done (`benchmarks.race`). Tasks of the three budgets are mixed so
that wherever the grid stops each has had its share, and the sets take turns by family. A line a run goes to the log at
once (FOLDER/runs.jsonl; the committed one goes on in other sessions), so a killed grid goes on; whole tasks become
lines of --evidence, in the columns that `benchmarks.rulebook` and `benchmarks.regret` read. The table says how many
hours it took. --most-minutes 1 leaves the tasks of five minutes for another session.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t

from advisor.advice.evidence import family_of
from advisor.planning import affordable_epochs
from benchmarks.command import append, read
from benchmarks.evidence import COLUMNS, measured
from benchmarks.machine import describe
from benchmarks.race import ALL_STAGES, RACE, WITHIN, Record, run_one
from benchmarks.speed import made_once
from core import DatasetFacts
from core.zoo import catalog
from dataset import everything
from training.store.store import Store

SHORT_S = 15
OF_A_MINUTE, OF_FIVE = 12, 4
BUDGETS = {SHORT_S / 60: "15 s", 1.0: "1 min", 5.0: "5 min"}
ARMS = (RACE, "linear_probe", ALL_STAGES, "prototype", "partial", "gradual", "lp_ft", "full")

Task = tuple[str, float]
"""(path of a set, minutes)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, required=True, help="begin with no further run after so many")
    parser.add_argument("--most-minutes", type=float, default=5.0, help="tasks of longer budgets wait")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, help="a line a run (FOLDER/runs.jsonl)")
    parser.add_argument("--evidence", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made_once(options.out)
    log, began = options.log or options.out / "runs.jsonl", time.monotonic()
    for path, minutes in (task for task in in_turn(options.data) if task[1] <= options.most_minutes):
        known = {(one["data"], one["minutes"], one["arm"], one["seed"]) for one in read(log)}
        for arm in ARMS:
            if time.monotonic() - began > 3600 * options.hours:
                break
            if (Path(path).stem, minutes, arm, options.seed) not in known:
                started = time.monotonic()
                record = run_one(options.out, path, arm, minutes, options.seed)
                record |= {"facts": _facts(options.out, minutes), "curves": _curves(options.out)}
                append(log, {**record, "took_s": time.monotonic() - started})
    runs = read(log)
    if options.evidence:
        write(options.evidence, lines(runs))
    text = table(runs)
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def in_turn(data: Sequence[str]) -> list[Task]:
    """All tasks: sets by turns of their families, each budget's tasks spread evenly over the whole."""
    families: dict[str, list[str]] = defaultdict(list)
    for path in data:
        families[family_of(Path(path).stem)].append(path)
    most = max(map(len, families.values()))
    turns = [own[turn] for turn in range(most) for own in families.values() if turn < len(own)]
    placed: list[tuple[float, Task]] = []
    for minutes, sets in ((SHORT_S / 60, turns), (1.0, turns[:OF_A_MINUTE]), (5.0, turns[:OF_FIVE])):
        placed += [((place + 0.5) / len(sets), (path, minutes)) for place, path in enumerate(sets)]
    return [task for _, task in sorted(placed, key=lambda one: one[0])]


def _facts(out: Path, minutes: float) -> dict[str, Any]:
    """What a profile says of the images of the run that has just ended, in the columns of the evidence."""
    home = out / "home"
    (ref,) = everything(home)
    facts = Store(home).facts(ref.id, catalog.DEFAULT_BACKBONE)
    assert facts is not None, f"{ref.name} was measured"
    return facts_of(facts, minutes)


def _curves(out: Path) -> list[dict[str, Any]]:
    """Of every run of the last command that descends: what it reached on the validation images, and after how many of
    its seconds: for rules that stop a rung which loses."""
    store = Store(out / "home")
    return [
        {
            "strategy": run.plan.strategy.kind, "backbone": run.plan.strategy.backbone,
            "seconds": run.seconds, "minutes": run.plan.minutes,
            "points": [(round(row["seconds"], 2), row["val_accuracy"]) for row in store.validated(run.id)],
        }
        for run in reversed(store.jobs(kind="train"))
        if run.plan.strategy.adam_epochs  # a solver's path tells nothing about when to stop
    ]  # fmt: skip


def facts_of(facts: DatasetFacts, minutes: float) -> dict[str, Any]:
    return {
        "classes": len(facts.classes), "train_images": facts.train_images, "test_images": facts.test_images,
        "affordable_epochs": affordable_epochs(facts, minutes),
        "smallest_class": min(facts.per_class), "largest_class": max(facts.per_class),
        **measured(facts.ready_made, facts.probe_accuracy, facts.depth_gap, facts.domain_gap),
    }  # fmt: skip


def whole(runs: Sequence[Record]) -> dict[tuple[str, float, int], dict[str, Record]]:
    """Tasks of which every arm has run, in order."""
    tasks: dict[tuple[str, float, int], dict[str, Record]] = defaultdict(dict)
    for run in runs:
        tasks[run["data"], run["minutes"], run["seed"]][run["arm"]] = run
    return {task: by_arm for task, by_arm in tasks.items() if by_arm.keys() >= set(ARMS)}


def lines(runs: Sequence[Record]) -> list[dict[str, Any]]:
    """Of the evidence: one a tested run of a single strategy, of whole tasks."""
    card, found = catalog.backbone(catalog.DEFAULT_BACKBONE), []
    for (data, minutes, seed), by_arm in whole(runs).items():
        for arm, run in by_arm.items():
            if arm in (RACE, ALL_STAGES) or run["test_accuracy"] is None:  # neither is a kind that rules choose from
                continue
            key = {
                "dataset": data, "backbone": card.name, "image_px": card.image_px, "per_class": 0,
                "budget": BUDGETS[minutes], "strategy": arm, "seed": seed,
            }  # fmt: skip
            outcome = {"test_accuracy": run["test_accuracy"], "fit_seconds": run["seconds"]}
            found.append({**key, **run["facts"], **outcome})
    return found


def write(path: Path, found: Sequence[dict[str, Any]]) -> None:
    part = path.with_suffix(".tmp")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        for line in found:
            shown = {name: f"{v:.5g}" if isinstance(v, float) else "" if v is None else v for name, v in line.items()}
            writer.writerow(shown)
    part.replace(path)


def regrets(tasks: dict[tuple[str, float, int], dict[str, Record]]) -> list[str]:
    """A line an arm: how far it stays below the best single run of a task, families weighing the same."""
    found: dict[str, dict[str, list[float]]] = {arm: defaultdict(list) for arm in ARMS}
    said: list[float] = []
    for (data, _, _), by_arm in tasks.items():
        reached = {arm: by_arm[arm]["test_accuracy"] for arm in ARMS}
        best = max((one for arm, one in reached.items() if arm != RACE and one is not None), default=None)
        if best is None:
            continue
        for arm, one in reached.items():
            if one is not None:
                found[arm][family_of(data)].append(best - one)
        most = by_arm[RACE].get("left_at_most")
        if most is not None and reached[RACE] is not None:
            said.append(max(0.0, best - reached[RACE] - most))
    lines = []
    for arm, by_family in found.items():
        every = [one for own in by_family.values() for one in own]
        if every:
            raw = fmean(fmean(own) for own in by_family.values())
            clipped = fmean(fmean(max(0.0, one) for one in own) for own in by_family.values())
            near = sum(one <= WITHIN for one in every)
            lines.append(
                f"- {arm}: regret {100 * raw:.2f} points raw, {100 * clipped:.2f} clipped at zero, mean of families; "
                f"within 1 point in {near} of {len(every)} tasks"
            )
    lines += [line for arm in ARMS[1:] if (line := _less(tasks, arm))]
    if said:
        held, off = said.count(0.0), [f"{100 * more:.2f}" for more in said if more]
        missed = f"; it was short by {', '.join(off)} points in the others" if off else ""
        lines.append(f"- 'what is left can gain at most ...' held in {held} of {len(said)} races that said it{missed}")
    return lines


def _less(tasks: dict[tuple[str, float, int], dict[str, Record]], arm: str) -> str:
    """How much more the race reached than this arm, paired over families; Student's interval over their means."""
    by_family: dict[str, list[float]] = defaultdict(list)
    for (data, _, _), by_arm in tasks.items():
        race, single = (by_arm[one]["test_accuracy"] for one in (RACE, arm))
        if race is not None and single is not None:
            by_family[family_of(data)].append(100 * (race - single))
    means = [fmean(own) for own in by_family.values()]
    if len(means) < 2:
        return ""
    half = float(t.ppf(0.975, len(means) - 1)) * stdev(means) / math.sqrt(len(means))
    return (
        f"- the race less {arm}: {fmean(means):+.2f} points, 95 % interval {fmean(means) - half:+.2f} to "
        f"{fmean(means) + half:+.2f}, over {len(means)} families"
    )


def _by_budget(tasks: Iterable[tuple[str, float, int]]) -> str:
    """'27 of 15 s, 11 of 1 min, 0 of 5 min'."""
    count = Counter(minutes for _, minutes, _ in tasks)
    return ", ".join(f"{count[minutes]} of {words}" for minutes, words in BUDGETS.items())


def table(runs: Sequence[Record]) -> str:
    """Markdown: test accuracy of every arm, a row a task."""
    tasks = whole(runs)
    hours = sum(run["took_s"] for run in runs) / 3600
    families = {family_of(data) for data, _, _ in tasks}
    failed = [run for run in runs if run["test_accuracy"] is None]
    rows = [
        "# New evidence, as far as it has run",
        "",
        "`python -m benchmarks.grid DATA ... --log benchmarks/results/grid.jsonl` goes on with it.",
        "",
        f"Measured on {describe()}, in {hours:.1f} hours. Whole tasks by budget: {_by_budget(tasks)}.",
        "",
        f"{len(tasks)} whole tasks on {len({data for data, _, _ in tasks})} sets of {len(families)} families; "
        f"{len(failed)} of {len(runs)} runs failed. Regret: accuracy of the best single run of the task, by hindsight",
        "on the test images, less that of the arm; below zero the race is better than each single run.",
        "",
        *regrets(tasks),
        "",
        f"| set | budget | seed | images | classes | affordable epochs | {' | '.join(ARMS)} |",
        f"|{'---|' * (6 + len(ARMS))}",
    ]
    for (data, minutes, seed), by_arm in sorted(tasks.items(), key=lambda one: (one[0][1], one[0][0], one[0][2])):
        facts = by_arm[RACE]["facts"]
        reached = [by_arm[arm]["test_accuracy"] for arm in ARMS]
        best = max((one for one in reached if one is not None), default=None)
        shown = ["failed" if one is None else f"{100 * one:.1f}" for one in reached]
        cells = [f"**{text}**" if one == best else text for text, one in zip(shown, reached, strict=True)]
        about = f"{facts['train_images']:,} | {facts['classes']} | {facts['affordable_epochs']:.1f}"
        rows.append(f"| {data} | {BUDGETS[minutes]} | {seed} | {about} | {' | '.join(cells)} |")
    rows += ["", *(f"- {run['data']}, {BUDGETS[run['minutes']]}, {run['arm']}: {run['error']}" for run in failed)]
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    main()

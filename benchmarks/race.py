"""The race beside the single runs that the same minutes could buy: accuracy on test images, and where its time went.

    python -m benchmarks.race DATA [DATA ...] --out FOLDER [--minutes 1] [--strategies linear_probe partial full]
        [--seed 0] [--hours H] [--table FILE]

For each set `python -m training profile`, once (the backbone's graph is there, as on any machine that was used once).
In a copy of that home each time: `auto --minutes M`, and each strategy by `fit --strategy S --minutes M`: both find the
set measured, as on the Advice page. And the race in a home into which the set was only imported, where the pass over
the images and what is measured count in its minutes. The regret of the race is the best single run's test accuracy
less its own, raw: below zero where it is better than each of them. The best is chosen with hindsight, on the test
images, which favours it by its luck. A line a run goes to FOLDER/runs.jsonl, the set's turn comes whole: a killed
benchmark goes on where it ended.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.command import append, copy_home, read, thaw
from benchmarks.machine import describe
from benchmarks.speed import made_once
from core.zoo.catalog import DEFAULT_BACKBONE

RACE, COLD, ALL_STAGES = "race", "race, nothing measured", "all_stages"
WORDS = {ALL_STAGES: ("linear_probe", "--head", "stages")}
"""What a single run is told where that is more than its arm's name."""
WITHIN = 0.01
"""A point: goal 90 % of the tasks."""
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0])
    parser.add_argument("--strategies", nargs="+", default=["linear_probe", "partial", "full"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hours", type=float, help="begin with no further run after so many (all)")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made_once(options.out)
    log, began = options.out / "runs.jsonl", time.monotonic()
    for minutes in options.minutes:
        for path in options.data:
            for arm in (RACE, *options.strategies, COLD):
                over = options.hours is not None and time.monotonic() - began > 3600 * options.hours
                known = {(one["data"], one["minutes"], one["arm"], one["seed"]) for one in read(log)}
                if not over and (Path(path).stem, minutes, arm, options.seed) not in known:
                    append(log, run_one(options.out, path, arm, minutes, options.seed))
    text = table(read(log))
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def run_one(out: Path, path: str, arm: str, minutes: float, seed: int) -> Record:
    home = home_for(out, path, measured=arm != COLD)
    words = ("auto", path) if arm in (RACE, COLD) else ("fit", path, "--strategy", *WORDS.get(arm, (arm,)))
    _, answer = thaw(home, *words, "--minutes", str(minutes), "--seed", str(seed))
    found = {"data": Path(path).stem, "minutes": minutes, "arm": arm, "seed": seed, "state": answer.get("state")}
    found |= {name: answer.get(name) for name in ("error", "test_accuracy")}
    seconds = answer.get("seconds")
    found |= {"seconds": seconds}
    if arm in (RACE, COLD):
        names = ("measured_seconds", "left_at_most", "rungs", "decisions", "run_id")
        found |= {name: answer.get(name) for name in names}
    reached = answer.get("test_accuracy")
    print(*(found[name] for name in ("data", "minutes", "arm", "seconds")), reached, answer.get("error"), flush=True)
    return found


def home_for(out: Path, path: str, *, measured: bool) -> Path:
    """A copy of a home that holds these images, and with `measured` what a profile says of them."""
    kept, home = out / "homes" / f"{Path(path).stem}-{'measured' if measured else 'imported'}", out / "home"
    shutil.rmtree(home, ignore_errors=True)
    if not kept.exists():
        if measured:
            thaw(home, "profile", path)
        else:
            thaw(home, "check", path, "--quick")  # it is imported; nothing is measured
        kept.parent.mkdir(exist_ok=True)
        shutil.rmtree(kept.with_suffix(".tmp"), ignore_errors=True)
        copy_home(home, kept.with_suffix(".tmp"))
        kept.with_suffix(".tmp").rename(kept)
    else:
        shutil.copytree(kept, home)
    return home


def table(runs: list[Record]) -> str:
    """Markdown: regrets in a line, then a row a set and budget."""
    tasks: dict[tuple[str, float, int], dict[str, Record]] = {}
    for run in runs:
        tasks.setdefault((run["data"], run["minutes"], run["seed"]), {})[run["arm"]] = run
    order = ("linear_probe", ALL_STAGES, "partial", "gradual", "full")
    arms = sorted({run["arm"] for run in runs} - {RACE, COLD}, key=order.index)
    rows: list[str] = []
    regrets: list[float] = []
    losses: dict[str, list[float]] = {arm: [] for arm in arms}
    for (data, minutes, seed), by_arm in tasks.items():
        reached = {arm: run["test_accuracy"] for arm, run in by_arm.items()}
        singles = [reached[arm] for arm in arms if reached.get(arm) is not None]
        own = reached.get(RACE)
        regret = max(singles) - own if own is not None and len(singles) == len(arms) else None
        if regret is not None:
            regrets.append(regret)
            for arm in arms:
                losses[arm].append(max(singles) - reached[arm])
        rows.append(_row(data, minutes, seed, by_arm, arms, regret))
    lines = [f"Measured on {describe()}.", ""]
    if regrets:
        near = sum(regret <= WITHIN for regret in regrets)
        lines += [
            f"- regret of the race: mean {_points(fmean(regrets))} raw (goal 0.5), median {_points(median(regrets))}, "
            f"clipped at zero {_points(fmean(max(0.0, one) for one in regrets))}; "
            f"within 1 point in {near} of {len(regrets)} tasks (goal 90 %)",
            "- always the same single run: "
            + ", ".join(f"{arm} {_points(fmean(losses[arm]))}" for arm in arms)
            + " (mean, raw; the single run that was best has zero)",
            f"- share of the budget that went into measuring for the choice, where nothing was: {_share(runs)}",
        ]
    lines += [f"- the race less {arm}: {said}" for arm in arms if (said := _less(tasks, arm))]
    head = [
        "set", "minutes", "seed", "race", *arms, "regret", "seconds", "rungs", COLD, "pass over the images, s",
        "first model, s", "measuring, s", "its rungs",
    ]  # fmt: skip
    return "\n".join([*lines, "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *rows, ""])


def _less(tasks: dict[tuple[str, float, int], dict[str, Record]], arm: str) -> str:
    """How much more than this single run the race reached, over every task in which both were tested."""
    both = [(by_arm[RACE]["test_accuracy"], by_arm[arm]["test_accuracy"]) for by_arm in tasks.values()
            if {RACE, arm} <= by_arm.keys()]  # fmt: skip
    gains = [race - single for race, single in both if race is not None and single is not None]
    if not gains:
        return ""
    more, fewer = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    return f"{_points(fmean(gains))} on average, more in {more} and less in {fewer} of {len(gains)} tasks"


def _row(data: str, minutes: float, seed: int, by_arm: dict[str, Record], arms: list[str], regret: float | None) -> str:
    def said(arm: str) -> str:
        run = by_arm.get(arm)
        if run is None:
            return "not run"
        value = run["test_accuracy"]
        return f"{100 * value:.1f}" if value is not None else f"{run['state']}: {run['error']}"

    race, cold = by_arm.get(RACE, {}), by_arm.get(COLD, {})
    cells = [
        data, f"{minutes:g}", str(seed), said(RACE), *map(said, arms), "" if regret is None else _points(regret),
        f"{race.get('seconds') or 0:.0f}", rungs_of(race), said(COLD), *_begun(cold),
        f"{cold.get('measured_seconds') or 0:.0f}", rungs_of(cold),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _begun(race: Record) -> tuple[str, str]:
    """When its pass was made, and when the first model could be used, in seconds of the race."""
    at = [one["at_seconds"] for one in race.get("decisions") or ()][:2]
    return (f"{at[0]:.1f}", f"{at[1]:.1f}") if len(at) == 2 else ("", "")


def rungs_of(race: Record) -> str:
    """Each with what it reached on validation, another backbone named, the winner with a star."""
    said = []
    for one in race.get("rungs") or ():
        beside = one.get("backbone", DEFAULT_BACKBONE)
        name = ALL_STAGES if one.get("head") == "stages" else one["strategy"]
        name = name if beside == DEFAULT_BACKBONE else f"{name} of {beside}"
        said.append(f"{name} {_percent(one['val_accuracy'])}{' *' if one['run_id'] == race.get('run_id') else ''}")
    return "; ".join(said)


def _percent(share: float | None) -> str:
    return "no weights" if share is None else f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:+.2f} points"


def _share(runs: list[Record]) -> str:
    shares = [(run.get("measured_seconds") or 0) / (60 * run["minutes"]) for run in runs if run["arm"] == COLD]
    if not shares:
        return "none"
    return f"{100 * fmean(shares):.0f} % on average, {100 * max(shares):.0f} % at most (goal 15 %)"


if __name__ == "__main__":
    main()

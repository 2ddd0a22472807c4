"""One strategy set up in several ways, under equal time: where the numbers in `advisor.planning.strategies.RECIPES`
come from.

    python -m benchmarks.sweep OUT_FOLDER DATA.zip [DATA.zip ...] --strategy partial --minutes 1 --seeds 2
        --way= --way="--views 0" --way="--views 7"

A way is a string of flags of `python -m training fit`; an empty one is the plan as it is. Each data set is profiled
once; before every run the frozen features of augmented views are removed, so that each way pays for its own. One JSON
line a run goes to OUT_FOLDER/sweep.jsonl at once, so that a killed benchmark goes on; OUT_FOLDER/sweep.md is rewritten
after each.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from statistics import mean, median
from typing import Any

from advisor.planning.strategies import PLANNED
from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from core.home import home as make_home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--strategy", required=True, choices=PLANNED)
    parser.add_argument("--way", action="append", required=True, metavar="FLAGS", help="may be given several times")
    parser.add_argument("--minutes", type=float, help="of each run (default: as many epochs as the plan has)")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log, kind, minutes = options.out / "sweep.jsonl", options.strategy, options.minutes
    homes = {path: make_home(str(options.out / "homes" / Path(path).stem)) for path in options.data}
    measured: set[str] = set()
    for seed in range(options.seeds):
        for path, home in homes.items():
            for way in options.way:
                run = {"strategy": kind, "minutes": minutes, "data": Path(path).stem, "way": way, "seed": seed}
                if any(run.items() <= known.items() for known in read(log)):
                    continue
                if path not in measured:
                    thaw(home, "profile", path)
                    measured.add(path)
                forget_views(home)
                budget = [] if minutes is None else ["--minutes", str(minutes)]
                words = ["--strategy", kind, "--seed", str(seed), *budget, *shlex.split(way)]
                wall, result = thaw(home, "fit", path, *words)
                append(log, {**run, "command_seconds": wall, **{k: v for k, v in result.items() if k not in run}})
                (options.out / "sweep.md").write_text(table(read(log)))
                print(f"{run['data']} {kind} {way or 'as planned'} seed {seed}: {result.get('test_accuracy')} "
                      f"in {result.get('seconds') or wall:.1f} s {result.get('error') or ''}", flush=True)  # fmt: skip
    print(table(read(log)))


def forget_views(home: Path) -> None:
    """Remove the frozen features of augmented views; those of the plain one stay, as a profile leaves them."""
    for marks in home.glob("cache/*/prefix-*/boundary*-view*.done.npy"):
        if "-view0." not in marks.name:
            marks.unlink()
            marks.with_name(marks.name.replace(".done", "")).unlink(missing_ok=True)


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: a row per strategy, data set and way."""
    lines = [
        f"Measured on {describe()}.",
        "`seconds`: the worker's, from its start to the tested model; median over the seeds.",
        "",
        "| strategy | minutes | data | set by hand | seeds | test accuracy (each seed) | mean | epochs | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((run["strategy"], run["minutes"], run["data"], run["way"]) for run in runs):
        own = [run for run in runs if (run["strategy"], run["minutes"], run["data"], run["way"]) == key]
        good = [run for run in own if run.get("state") == "finished"]
        start = f"| {key[0]} | {'' if key[1] is None else key[1]} | {key[2]} | `{key[3] or 'nothing'}` | {len(good)} |"
        if not good:
            lines.append(f"{start} failed: {own[0].get('error')} | | | |")
            continue
        scores = [run["test_accuracy"] for run in good]
        each = ", ".join(f"{score:.3f}" for score in scores)
        epochs, seconds = (median(run[name] for run in good) for name in ("epochs", "seconds"))
        lines.append(f"{start} {each} | {mean(scores):.3f} | {epochs:g} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

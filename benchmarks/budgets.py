"""Whether a budget is wall time: 5 strategies x 4 sets x 2 budgets, through the same commands a user types.

    python -m benchmarks.budgets DATA.zip [DATA.zip ...] --out FOLDER [--minutes 0.5 2] [--strategies ...] [--hours H]

For each archive `python -m training profile` once; its home is kept. For each run a copy of it, so that no run finds
what another one computed, and `python -m training fit --strategy S --minutes M` there, with a worker that has to load.
One JSON line a run goes to FOLDER/runs.jsonl at once, and FOLDER/table.md is rewritten: a killed benchmark goes on
where it stopped. The order is a Latin square: wherever it ends, strategies, sets and budgets have had about as many
turns.

- Wall: from the moment the job leaves the queue (the click: nothing else runs) to its end, as the store knows both.
  Import and profile come before; the import is excepted, and a user who has looked at the images has the profile.
- In the slack: it ends no later than 5 % or 3 s after its budget, whichever is more, and uses at least 85 % of it
  unless the plan was complete, a phase ended on a plateau, or the time kept for judging with trained stages was not
  needed since none beat the solved head: as the run's log says.
- Forecasts are those written down when the run was queued. Goals: 95 % in the slack; time within 20 % and memory within
  15 % in 95 % of the runs. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import append, copy_home, read, thaw
from benchmarks.machine import describe
from training.engine.publish import NOT_BEATEN
from training.requests.train import Foreseen, forecast_in
from training.store.run_folder import RunFolder
from training.store.store import Store

STRATEGIES = ("partial", "gradual", "lp_ft", "full", "scratch")
SLACK_SHARE, SLACK_S, LEAST_USED = 0.05, 3.0, 0.85
TIME_WITHIN, MEMORY_WITHIN = 0.20, 0.15
COMPLETE = ("The plan is complete", "The validation loss has not improved")
"""How an event begins that says why time is left."""

Record = dict[str, Any]
Cell = tuple[str, str, float]
"""(path of a set, strategy, minutes)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[0.5, 2.0])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--hours", type=float, help="begin with no further run after so many (all)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log, began = options.out / "runs.jsonl", time.monotonic()
    for cell in in_turn(options.data, options.strategies, options.minutes):
        if options.hours is not None and time.monotonic() - began > 3600 * options.hours:
            break
        if any(name_of(*cell) == (run["data"], run["strategy"], run["minutes"]) for run in read(log)):
            continue
        append(log, run_one(options.out, *cell))
        (options.out / "table.md").write_text(table(read(log)))
    shutil.rmtree(options.out / "home", ignore_errors=True)
    print(table(read(log)))


def in_turn(data: Sequence[str], strategies: Sequence[str], minutes: Sequence[float]) -> list[Cell]:
    """Every combination once: each turn has every strategy, on another set and budget than the one before."""
    found = []
    for turn, (number, kind) in itertools.product(range(len(data) * len(minutes)), enumerate(strategies)):
        budget = turn + number + turn // len(data)
        found.append((data[(turn + number) % len(data)], kind, minutes[budget % len(minutes)]))
    return found


def name_of(path: str, kind: str, minutes: float) -> tuple[str, str, float]:
    return Path(path).stem, kind, minutes


def run_one(out: Path, path: str, kind: str, minutes: float) -> Record:
    home = profiled(out, path)
    command_s, answer = thaw(home, "fit", path, "--strategy", kind, "--minutes", str(minutes))
    seen = {"data": Path(path).stem, "strategy": kind, "minutes": minutes, "command_s": command_s}
    seen |= {"state": answer.get("state"), "error": answer.get("error")}
    if answer.get("state") == "finished":
        seen |= _came(home, answer["run_id"])
    wall = f"{seen['wall_s']:.1f} s" if "wall_s" in seen else seen["error"]
    print(f"{' '.join(map(str, name_of(path, kind, minutes)))}: {wall}", flush=True)
    return seen


def profiled(out: Path, path: str) -> Path:
    """A home in which these images are measured and nothing else was done, always at the same place."""
    home, kept = out / "home", out / "profiled" / Path(path).stem
    shutil.rmtree(home, ignore_errors=True)
    if not kept.exists():
        home.mkdir()
        _, answer = thaw(home, "profile", path)
        if answer.get("state") != "finished":
            raise SystemExit(f"{path} could not be profiled: {answer.get('error')}")
        shutil.rmtree(kept.with_suffix(".tmp"), ignore_errors=True)
        copy_home(home, kept.with_suffix(".tmp"))
        kept.with_suffix(".tmp").rename(kept)
        return home
    shutil.copytree(kept, home)
    return home


def _came(home: Path, run_id: str) -> Record:
    store = Store(home)
    job, said = store.job(run_id), forecast_in(RunFolder(home, run_id))
    result = job.result or {}
    assert job.started is not None and job.finished is not None
    return {
        "wall_s": job.finished - job.started, "test_accuracy": result.get("test_accuracy"),
        "epochs": result.get("epochs"), "planned": job.plan.strategy.epochs,
        "cut_off": result.get("stopped_early"), "peak_bytes": result.get("peak_memory_bytes"),
        "foreseen_s": said.seconds if isinstance(said, Foreseen) else None,
        "foreseen_bytes": said.memory_bytes if isinstance(said, Foreseen) else None,
        "said": [event["text"] for event in store.events(run_id) if event["kind"] in ("pace", "budget", "patience")],
    }  # fmt: skip


def over_s(run: Record) -> float:
    """Seconds beyond the budget; below 0 what is left of it."""
    return float(run["wall_s"] - 60 * run["minutes"])


def in_time(run: Record) -> bool:
    return over_s(run) <= max(SLACK_S, SLACK_SHARE * 60 * run["minutes"])


def well_used(run: Record) -> bool:
    """Or why not is told."""
    told = any(text.startswith(COMPLETE) or NOT_BEATEN in text for text in run["said"])
    return told or run["wall_s"] >= LEAST_USED * 60 * run["minutes"]


def near(said: float | None, real: float | None, share: float) -> bool | None:
    return None if not said or not real else abs(said - real) <= share * real


def table(runs: list[Record]) -> str:
    """Markdown: all of them in five numbers, then a row a run, failures included."""
    good = [run for run in runs if run["state"] == "finished"]
    lines = [
        f"Measured on {describe()}.",
        "",
        f"- ends in time (5 % or 3 s): {_share([in_time(run) for run in good])}",
        f"- uses 85 % of its budget, or says why not: {_share([well_used(run) for run in good])}",
        f"- both: {_share([in_time(run) and well_used(run) for run in good])}",
        f"- time foreseen within 20 %: {_share([near(r['foreseen_s'], r['wall_s'], TIME_WITHIN) for r in good])}",
        "- memory foreseen within 15 %: "
        + _share([near(run["foreseen_bytes"], run["peak_bytes"], MEMORY_WITHIN) for run in good]),
        "",
        "`epochs`: made, and planned when it was queued, each pass of a solver counted as one. `cut`: the clock ended",
        "training, not its schedule.",
        "",
        "| data | strategy | asked, s | wall, s | over, s | used | in slack | time foreseen / came "
        "| MB foreseen / came | epochs (planned) | cut | test accuracy | said |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in sorted(runs, key=lambda one: (one["data"], one["minutes"], one["strategy"])):
        start = f"| {run['data']} | {run['strategy']} | {60 * run['minutes']:g} |"
        if run not in good:
            lines.append(f"{start} {run['state']}: {run['error']} | | | | | | | | | |")
            continue
        ends = "yes" if in_time(run) and well_used(run) else "**no**"
        accuracy = "" if run["test_accuracy"] is None else f"{100 * run['test_accuracy']:.1f}"
        lines.append(
            f"{start} {run['wall_s']:.1f} | {over_s(run):+.1f} | {run['wall_s'] / 60 / run['minutes']:.0%} | {ends} | "
            f"{_pair(run['foreseen_s'], run['wall_s'], 1)} | {_pair(run['foreseen_bytes'], run['peak_bytes'], 1e6)} | "
            f"{run['epochs']:g} ({run['planned']}) | {'yes' if run['cut_off'] else ''} | {accuracy} | "
            f"{run['said'][-1] if run['said'] else ''} |"
        )
    return "\n".join(lines) + "\n"


def _share(kept: Sequence[bool | None]) -> str:
    known = [one for one in kept if one is not None]
    return f"{sum(known)} of {len(known)} ({sum(known) / len(known):.0%})" if known else "none known"


def _pair(said: float | None, real: float | None, unit: float) -> str:
    return f"{said / unit:,.0f} / {real / unit:,.0f} ({said / real:.2f})" if said and real else "unknown"


if __name__ == "__main__":
    main()

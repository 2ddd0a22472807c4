"""What advice foresaw of real runs against what came of them: accuracy, seconds and memory, as the app keeps score.

    python -m benchmarks.forecasts OUT_FOLDER DATA.zip [DATA.zip ...] [--minutes 0.5] [--strategies ...]

For each archive `python -m training profile`, then `fit --minutes` of every strategy that its advice says ends in time.
The forecasts were written down when each run was queued (`training.record.foreseen`). A killed benchmark goes on where
it
stopped: what is finished in OUT_FOLDER's home is not run again. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from advisor.planning.strategies import PLANNED
from benchmarks.command import thaw
from benchmarks.machine import describe
from core.home import home as make_home
from dataset.folder import load_dataset
from training.record import foreseen
from training.store.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--strategies", nargs="+", default=list(PLANNED))
    options = parser.parse_args()
    home = make_home(str(options.out / "home"))
    for path in options.data:
        _, advice = thaw(home, "advise", path, "--minutes", str(options.minutes))
        if "strategies" not in advice:
            raise SystemExit(f"There is no advice for {path}: {advice.get('error')}")
        done = {one.kind for one in _kept(home) if one.dataset_id == advice["dataset_id"]}
        fitting = {one["strategy"] for one in advice["strategies"] if one["fits_budget"]}
        for kind in options.strategies:
            if kind in fitting and kind not in done:
                _, run = thaw(home, "fit", path, "--strategy", kind, "--minutes", str(options.minutes))
                print(f"{Path(path).stem} {kind}: {run.get('state')} {run.get('error') or ''}", flush=True)
    print(table(home, options.minutes))


def _kept(home: Path) -> list[foreseen.Kept]:
    store = Store(home)
    return foreseen.kept(home, store.jobs(kind="train"))[::-1]


def table(home: Path, minutes: float) -> str:
    """Markdown: a row per run, then all of them in four numbers."""
    record = _kept(home)
    lines = [
        f"Measured on {describe()}. Budget: {minutes:g} minutes a run.",
        "",
        "| data | strategy | accuracy foreseen (80 %) | reached | inside | seconds foreseen | took | ratio "
        "| MB foreseen | peak | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in record:
        name = load_dataset(home, one.dataset_id).name
        said = one.foreseen
        accuracy = f"{100 * said.value:.1f} ({100 * said.low:.1f} to {100 * said.high:.1f})" if said else "none"
        inside = {True: "yes", False: "no", None: ""}[one.inside]
        lines.append(
            f"| {name} | {one.kind} | {accuracy} | {100 * one.reached.value:.1f} | {inside} | "
            f"{_pair(one.seconds_foreseen, one.seconds, 1)} | {_pair(one.bytes_foreseen, one.bytes, 1e6)} |"
        )
    all_of = foreseen.standing(record)
    lines += ["", f"Of {all_of.runs} runs:"]
    if all_of.accuracy_error is not None and all_of.inside is not None:
        error = 100 * all_of.accuracy_error
        lines.append(f"accuracy {error:.1f} points off on average, {all_of.inside:.0%} inside the interval;")
    if all_of.time_within is not None:
        lines.append(f"time within 25 % in {all_of.time_within:.0%};")
    if all_of.memory_within is not None:
        lines.append(f"memory within 20 % in {all_of.memory_within:.0%}.")
    return "\n".join(lines) + "\n"


def _pair(said: float | None, real: float | None, unit: float) -> str:
    if said is None or real is None:
        return "unknown | | "
    digits = 1 if unit == 1 else 0
    return f"{said / unit:,.{digits}f} | {real / unit:,.{digits}f} | {said / real:.2f}"


if __name__ == "__main__":
    main()

"""Accuracy and seconds of every strategy on the data given, through the same command a user types.

    python -m benchmarks.strategies OUT_FOLDER DATA.zip [DATA.zip ...] [--seeds 1] [--minutes 3]

For each archive or folder: `python -m training profile`, then `fit` with every strategy under the same time budget,
and as a floor scikit-learn's LogisticRegression on the same cached features and split. One JSON line per fit goes to
OUT_FOLDER/fits.jsonl at once, so that a killed benchmark continues where it stopped; OUT_FOLDER/table.md is
rewritten after each. Every data set has a home of its own there, so on a machine with cores to spare one call for each
may run at once.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

from advisor.planning.strategies import PLANNED
from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from benchmarks.memory import forecast
from core.home import home as make_home
from dataset.ingest.sources import import_path
from training.store.store import Store

FLOOR = "logistic regression (scikit-learn)"
PROFILE = "profile"
FINE_TUNED = ("partial", "gradual", "lp_ft")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--strategies", nargs="+", default=list(PLANNED))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "fits.jsonl"
    homes = {path: make_home(str(options.out / "homes" / Path(path).stem)) for path in options.data}
    for path, home in homes.items():
        if not _known(log, path, PROFILE, 0):
            append(log, _profile(path, home))
        if not _known(log, path, FLOOR, 0):
            append(log, floor(path, home))
    for seed in range(options.seeds):  # outermost: a benchmark that is ended early has whole rounds
        for path, home in homes.items():
            for kind in options.strategies:
                if not _known(log, path, kind, seed):
                    append(log, _fit(path, kind, seed, options.minutes, home))
                    (options.out / "table.md").write_text(table(read(log)))
    print(table(read(log)))


def _fit(path: str, kind: str, seed: int, minutes: float, home: Path) -> dict[str, Any]:
    options = ["--strategy", kind, "--seed", str(seed), "--minutes", str(minutes)]
    wall, result = thaw(home, "fit", path, *options)
    print(f"{Path(path).stem} {kind} seed {seed}: {result.get('test_accuracy')} in {wall:.1f} s", flush=True)
    seen = {"data": Path(path).stem, "strategy": kind, "seed": seed, "command_seconds": wall, **result}
    if result.get("state") != "finished":
        return seen
    speed, foreseen = trained_per_s(Store(home), result["run_id"]), forecast(home, result["run_id"])[1]
    return {**seen, "trained_per_s": speed, "forecast_memory_bytes": foreseen}


def trained_per_s(store: Store, run_id: str) -> float | None:
    """Images per second of a run's gradient descent, validation included; None when it descended for under a second."""
    phases = store.job(run_id).config["strategy"]["phases"]
    rows = [row for row in store.metrics(run_id) if phases[row["phase"]]["optimizer"] == "adamw"]
    seconds = rows[-1]["seconds"] - rows[0]["seconds"] if rows else 0.0
    return (rows[-1]["images"] - rows[0]["images"]) / seconds if seconds >= 1 else None


def _profile(path: str, home: Path) -> dict[str, Any]:
    wall, result = thaw(home, "profile", path)
    facts = result.get("facts") or {}
    return {
        "data": Path(path).stem, "strategy": PROFILE, "seed": 0, "command_seconds": wall, "state": result.get("state"),
        "error": result.get("error"), "seconds": facts.get("seconds"), "ready_made": facts.get("ready_made"),
        "forward_per_s": facts.get("forward_images_per_s"),
    }  # fmt: skip


def floor(path: str, home: Path) -> dict[str, Any]:
    """Logistic regression, C = 1 on standardised features, on the features and split that `linear_probe` used."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from core.zoo.catalog import DEFAULT_BACKBONE
    from training.caches.bench import Bench

    bench = Bench.of(import_path(path, home), DEFAULT_BACKBONE, home)
    prefix, head = bench.prefix, bench.backbone.head_index
    started = time.perf_counter()
    sides = {}
    for side in ("train", "test"):
        rows = bench.data.rows[side]
        prefix.fill([head], rows, 0)
        sides[side] = (prefix.values(head, rows, 0), bench.data.labels[rows])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(*sides["train"])
    accuracy = float(model.score(*sides["test"]))
    seconds = time.perf_counter() - started
    return {
        "data": Path(path).stem, "strategy": FLOOR, "seed": 0, "state": "finished", "test_accuracy": accuracy,
        "test_total": len(sides["test"][1]), "seconds": seconds, "command_seconds": seconds,
    }  # fmt: skip


def table(fits: list[dict[str, Any]]) -> str:
    """Markdown: a row per data set and strategy, medians over seeds, failures included."""
    lines = [
        f"Measured on {describe()}.",
        "`seconds` is the run's time from the queue to the tested model, `command` the whole command's (import of the",
        "archive and of Python included); medians over the seeds.",
        "",
        "`images/s`: of a profile those of one frozen pass through the whole backbone, decoding and caching included;",
        "of a run those that its gradient descent took in, validation included. `overhead`: share of the seconds that",
        "went into judging, telling and saving. `probe`: runs whose kept weights are still those of the solved head,",
        "because what was trained after it did not beat it on validation. `memory`: measured peak,",
        "and the forecast made from the profile over it.",
        "",
        "| data | strategy | seeds | test accuracy (each seed) | images | seconds | command, s | images/s | overhead "
        "| probe | memory, MB | forecast / measured |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((fit["data"], fit["strategy"]) for fit in fits):
        own = [fit for fit in fits if (fit["data"], fit["strategy"]) == key]
        good = [fit for fit in own if fit.get("state") == "finished"]
        if not good:
            lines.append(f"| {key[0]} | {key[1]} | {len(own)} | failed: {own[0].get('error')} | | | | | | | | |")
            continue
        rates = [fit.get("forward_per_s") or fit.get("trained_per_s") for fit in good]
        rate = f"{median(filter(None, rates)):,.0f}" if any(rates) else ""
        if key[1] == PROFILE:
            ready = good[0]["ready_made"]
            scores = "ready-made: " + ("{value:.3f} ({low:.3f}-{high:.3f})".format(**ready) if ready else "unknown")
        else:
            scores = ", ".join(f"{fit['test_accuracy']:.3f}" for fit in good)
        seconds, command = (median(fit[name] for fit in good) for name in ("seconds", "command_seconds"))
        shares = [fit["overhead_seconds"] / fit["seconds"] for fit in good if fit.get("overhead_seconds") is not None]
        overhead = f"{median(shares):.1%}" if shares else ""
        probes = f"{sum(bool(fit.get('note')) for fit in good)} of {len(good)}" if key[1] in FINE_TUNED else ""
        peaks = [(fit["peak_memory_bytes"], fit["forecast_memory_bytes"]) for fit in good if "trained_per_s" in fit]
        known = [(peak, foreseen) for peak, foreseen in peaks if peak and foreseen]
        ratio = f"{median(foreseen / peak for peak, foreseen in known):.2f}" if known else ""
        memory = f"{median(peak for peak, _ in known) / 1e6:,.0f}" if known else ""
        lines.append(
            f"| {key[0]} | {key[1]} | {len(good)} | {scores} | {good[0].get('test_total', '')} "
            f"| {seconds:.1f} | {command:.1f} | {rate} | {overhead} | {probes} | {memory} | {ratio} |"
        )
    return "\n".join(lines) + "\n"


def _known(log: Path, path: str, kind: str, seed: int) -> bool:
    return any(
        (fit["data"], fit["strategy"], fit["seed"]) == (Path(path).stem, kind, seed) for fit in read(log)
    )


if __name__ == "__main__":
    main()

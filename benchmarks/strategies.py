"""Accuracy and seconds of every strategy on the data given, through the same command a user types.

    python -m benchmarks.strategies OUT_FOLDER DATA.zip [DATA.zip ...] [--seeds 1] [--minutes 3]

For each archive or folder: `python -m training profile`, then `fit` with every strategy under the same time budget,
and as a floor scikit-learn's LogisticRegression on the same cached features and split. One JSON line per fit goes to
OUT_FOLDER/fits.jsonl at once, so that a killed benchmark continues where it stopped; OUT_FOLDER/table.md is
rewritten after each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from advisor.home import home as make_home
from advisor.ingest import import_path
from advisor.strategies import PLANNED
from benchmarks.machine import describe

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
    home = make_home(str(options.out / "home"))
    for path in options.data:
        if not _known(log, path, PROFILE, 0):
            _append(log, _profile(path, home))
        if not _known(log, path, FLOOR, 0):
            _append(log, floor(path, home))
    for seed in range(options.seeds):  # outermost: a benchmark that is ended early has whole rounds
        for path in options.data:
            for kind in options.strategies:
                if not _known(log, path, kind, seed):
                    _append(log, _fit(path, kind, seed, options.minutes, home))
                    (options.out / "table.md").write_text(table(_read(log)))
    print(table(_read(log)))


def _fit(path: str, kind: str, seed: int, minutes: float, home: Path) -> dict[str, Any]:
    options = ["--strategy", kind, "--seed", str(seed), "--minutes", str(minutes)]
    wall, result = _command(home, "fit", path, *options)
    print(f"{Path(path).stem} {kind} seed {seed}: {result.get('test_accuracy')} in {wall:.1f} s", flush=True)
    return {"data": Path(path).stem, "strategy": kind, "seed": seed, "command_seconds": wall, **result}


def _profile(path: str, home: Path) -> dict[str, Any]:
    wall, result = _command(home, "profile", path)
    facts = result.get("facts") or {}
    return {
        "data": Path(path).stem, "strategy": PROFILE, "seed": 0, "command_seconds": wall, "state": result.get("state"),
        "error": result.get("error"), "seconds": facts.get("seconds"), "ready_made": facts.get("ready_made"),
    }  # fmt: skip


def _command(home: Path, *words: str) -> tuple[float, dict[str, Any]]:
    """(seconds, last JSON line) of one `python -m training` command."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "training", *words, "--json", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    result = json.loads(lines[-1]) if lines else {"state": "failed", "error": done.stderr.strip()}
    return time.perf_counter() - started, result


def floor(path: str, home: Path) -> dict[str, Any]:
    """Logistic regression, C = 1 on standardised features, on the features and split that `linear_probe` used."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from advisor.catalog import DEFAULT_BACKBONE
    from training import devices, frozen
    from training.backbones import build
    from training.images import ImageData
    from training.prefix import PrefixCache

    ref = import_path(path, home)
    backbone = build(DEFAULT_BACKBONE, len(ref.classes))
    assert backbone.preprocessing is not None
    cache = home / "cache" / ref.id
    data = ImageData(ref, cache, backbone.preprocessing)
    device = devices.pick()
    precision = frozen.choose(backbone, device, data.batch(np.arange(32), 0), home)
    prefix = PrefixCache(backbone, data, device, precision, cache)
    started = time.perf_counter()
    sides = {}
    for side in ("train", "test"):
        prefix.fill([backbone.head_index], data.rows[side], 0)
        rows = data.rows[side]
        sides[side] = (prefix.read(backbone.head_index, rows, 0).numpy(), data.labels[torch.from_numpy(rows)].numpy())
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
        "`seconds` is the worker's time from its start to the tested model, `command` the whole command's",
        "(import of the archive and of Python included); medians over the seeds.",
        "",
        "`overhead`: share of the seconds that went into judging, telling and saving. `probe`: runs whose kept weights",
        "are still those of the solved head, because what was trained after it did not beat it on validation.",
        "",
        "| data | strategy | seeds | test accuracy (each seed) | images | seconds | command, s | overhead | probe |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((fit["data"], fit["strategy"]) for fit in fits):
        own = [fit for fit in fits if (fit["data"], fit["strategy"]) == key]
        good = [fit for fit in own if fit.get("state") == "finished"]
        if not good:
            lines.append(f"| {key[0]} | {key[1]} | {len(own)} | failed: {own[0].get('error')} | | | | | |")
            continue
        if key[1] == PROFILE:
            ready = good[0]["ready_made"]
            scores = "ready-made: " + ("{value:.3f} ({low:.3f}-{high:.3f})".format(**ready) if ready else "unknown")
        else:
            scores = ", ".join(f"{fit['test_accuracy']:.3f}" for fit in good)
        seconds, command = (median(fit[name] for fit in good) for name in ("seconds", "command_seconds"))
        shares = [fit["overhead_seconds"] / fit["seconds"] for fit in good if fit.get("overhead_seconds") is not None]
        overhead = f"{median(shares):.1%}" if shares else ""
        probes = f"{sum(bool(fit.get('note')) for fit in good)} of {len(good)}" if key[1] in FINE_TUNED else ""
        lines.append(
            f"| {key[0]} | {key[1]} | {len(good)} | {scores} | {good[0].get('test_total', '')} "
            f"| {seconds:.1f} | {command:.1f} | {overhead} | {probes} |"
        )
    return "\n".join(lines) + "\n"


def _known(log: Path, path: str, kind: str, seed: int) -> bool:
    return any(
        (fit["data"], fit["strategy"], fit["seed"]) == (Path(path).stem, kind, seed) for fit in _read(log)
    )


def _read(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _append(log: Path, fit: dict[str, Any]) -> None:
    with log.open("a") as file:
        file.write(json.dumps(fit) + "\n")


if __name__ == "__main__":
    main()

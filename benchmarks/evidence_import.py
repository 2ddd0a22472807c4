"""Runs of `benchmarks.strategies` as evidence: whole sets, real budgets in minutes, whatever machine they ran on.

    python -m benchmarks.evidence_import OUT_FOLDER FITS.jsonl DATA [DATA ...] --minutes 0.2

The grid of `benchmarks.evidence` draws small tasks; these logs add large ones. The facts are measured here, on at most
3,000 of a set's training images. Affordable epochs are those that the log's own full fine-tunes trained at. A run that
took more than one and a half times its budget (and 5 s to start) did not end within it and is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks import command, evidence
from benchmarks.evidence_data import draw
from core.home import home as make_home
from core.zoo.catalog import DEFAULT_BACKBONE

MOST_TRAIN = 3000
VAL_SHARE = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--minutes", type=float, required=True, help="of the log's runs")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    home, table = make_home(str(options.out / "home")), options.out / "evidence.csv"
    fits = [fit for fit in command.read(options.log) if fit.get("state") == "finished" and fit.get("device")]
    done = {tuple(row[column] for column in evidence.KEY) for row in evidence.read(table)}
    for data in options.data:
        own = [fit for fit in fits if fit["data"] == Path(data).stem and _in_time(fit, options.minutes)]
        rates = [fit["trained_per_s"] for fit in fits if fit["data"] == Path(data).stem and fit["strategy"] == "full"]
        rates = [rate for rate in rates if rate]
        if not own or not rates:
            print(f"{Path(data).stem}: no full fine-tune in the log says how many epochs the budget affords")
            continue
        keys = {_key(fit, options.minutes): fit for fit in own}
        if all(tuple(map(str, key)) in done for key in keys):
            continue
        bench = evidence.Bench(data, home, 224, DEFAULT_BACKBONE, MOST_TRAIN, 1)
        facts = bench.facts(draw(bench.pool, 0, 0))
        images = bench.pool.images_of_set
        facts["train_images"] = images
        facts["affordable_epochs"] = 60 * options.minutes * median(rates) / ((1 - VAL_SHARE) * images)
        for key, fit in keys.items():
            if tuple(map(str, key)) in done:
                continue
            outcome: dict[str, Any] = {
                "test_accuracy": fit["test_accuracy"], "test_images": fit["test_total"], "epochs": fit.get("epochs"),
                "val_accuracy": fit.get("val_accuracy"), "kept_probe": int(bool(fit.get("note"))),
                "fit_seconds": round(fit["seconds"], 2),
            }  # fmt: skip
            evidence.append(table, {**dict(zip(evidence.KEY, key, strict=True)), **facts, **outcome})
        print(f"{Path(data).stem}: {len(keys)} runs, {facts['affordable_epochs']:.2f} affordable epochs", flush=True)


def _key(fit: dict[str, Any], minutes: float) -> tuple[object, ...]:
    return (fit["data"], DEFAULT_BACKBONE, 224, 0, f"{minutes:g} min {fit['device']}", fit["strategy"], fit["seed"])


def _in_time(fit: dict[str, Any], minutes: float) -> bool:
    return bool(fit["seconds"] <= 1.5 * 60 * minutes + 5)


if __name__ == "__main__":
    main()

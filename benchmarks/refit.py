"""What it gains to solve a chosen head once more on the validation images too, and what it does to its confidence.

    python -m benchmarks.refit DATA [DATA ...] [--images 5 20] [--seeds 3] [--out FOLDER] [--table FILE]

For each set the frozen features once, by the usual engine. Then for so many images a class (and for all that there
are), drawn by the seed: a fifth of them is kept for validation, the probe is solved on the rest and its place on the
path chosen by validation, as a run does; then `head_solver.refit`. Both heads answer the test images. Calibration:
the expected error of the confidence on the test images (10 bins), the temperature fitted on the validation images for
the first head, on out-of-fold answers for the second. A line a cell goes to OUT/cells.jsonl: it goes on where it ended.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from advisor.planning.strategies import RECIPES, REFIT_BELOW
from benchmarks.command import append, read
from benchmarks.machine import describe
from core.home import home as make_home
from core.zoo import DEFAULT_BACKBONE
from dataset.ingest import import_path
from training.caches import Bench
from training.engine import head_solver
from training.engine.head_solver import ProbeStep, refit
from training.evaluation import calibration_error, stratified
from training.evaluation.calibration import temperature

VAL_SHARE = 0.2
Seen = tuple[Any, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]
"""Of a set: its features, the labels, groups and which are test images, of each image."""
STEPS = RECIPES["linear_probe"].epochs[0]


def main() -> None:
    every_cell(__doc__ or "", "thaw-refit", seen, one, table)


def every_cell(
    says: str, folder: str, seen: Callable[[str, Path], Seen], one: Callable[..., dict[str, Any]],
    table: Callable[[list[dict[str, Any]]], str],
) -> None:  # fmt: skip
    """The command of a benchmark on features of a few images: what is `seen` of each set, `one` cell for so many images
    a class and seed, appended to the log, and their `table`."""
    parser = argparse.ArgumentParser(description=says, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--images", type=int, nargs="*", default=[5, 20], help="of each class, besides all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / folder)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "cells.jsonl"
    for path in options.data:
        cells = [(n, seed) for n in (*options.images, 0) for seed in range(options.seeds)]
        done = {(cell["asked"], cell["seed"]) for cell in read(log) if cell["data"] == Path(path).stem}
        if not (left := [cell for cell in cells if cell not in done]):
            continue
        known = seen(path, options.out)
        for per_class, seed in left:
            found = one(*known, per_class, seed)
            append(log, {"data": Path(path).stem, "asked": per_class, "seed": seed, **found})
            print(Path(path).stem, per_class or "all", seed, found, flush=True)
    text = table(read(log))
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def seen(path: str, out: Path) -> Seen:
    """(features [N, width], labels [N], groups [N], which are test images)."""
    bench = Bench.of(import_path(path, make_home(str(out / "home"))), DEFAULT_BACKBONE, out / "home")
    rows, head = bench.everything, bench.backbone.head_index
    bench.prefix.fill([head], rows, 0)
    test = np.isin(rows, bench.data.rows["test"])
    return bench.prefix.values(head, rows, 0), bench.data.labels[rows], bench.data.groups[rows], test


def one(
    features: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64], test: NDArray[np.bool_],
    per_class: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    classes = int(labels.max()) + 1
    rows, train, val = drawn(labels, groups, test, per_class, seed)
    steps: list[ProbeStep] = []
    sides = [(features[some], labels[some]) for some in (train, val)]
    head_solver.solve(sides[0], sides[1], classes, STEPS, steps.append)
    chosen = min(steps, key=lambda step: step.val_loss)
    again = refit("lbfgs", features[rows], labels[rows], rows, classes, STEPS, chosen, groups[rows])
    first = judged(chosen, features[test], labels[test], sides[1][0] @ chosen.weight.T + chosen.bias, labels[val])
    if again is None:
        return {"images": len(rows), "per_class": len(rows) / classes, "first": first, "again": None}
    head = ProbeStep(0, 0.0, again.weight, again.bias, 0.0, 0.0, 0.0, 0.0)
    second = judged(head, features[test], labels[test], again.out_of_fold, labels[rows])
    return {"images": len(rows), "per_class": len(rows) / classes, "first": first, "again": second}


def drawn(
    labels: NDArray[np.int64], groups: NDArray[np.int64], test: NDArray[np.bool_], per_class: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(all, for training, for validation): positions of so many images a class, 0 = every one, that are not for the
    test; a fifth of them for validation, whole groups on one side."""
    classes, source = int(labels.max()) + 1, np.random.default_rng(seed)
    rows = np.flatnonzero(~test)
    if per_class:
        few = [source.permutation(rows[labels[rows] == label])[:per_class] for label in range(classes)]
        rows = np.sort(np.concatenate(few))
    val = rows[stratified(labels[rows], max(classes, round(VAL_SHARE * len(rows))), seed, groups=groups[rows])]
    return rows, np.setdiff1d(rows, val), val


def judged(
    head: ProbeStep, features: NDArray[np.float32], labels: NDArray[np.int64], unseen: NDArray[np.float32],
    truth: NDArray[np.int64],
) -> dict[str, float]:  # fmt: skip
    """Accuracy and calibration error on test images. unseen, truth: what its temperature is fitted on."""
    heat = temperature(unseen.astype(np.float64), truth)
    sure = softmax((features @ head.weight.T + head.bias).astype(np.float64) / heat, axis=1)
    right = sure.argmax(1) == labels
    return {"accuracy": float(right.mean()), "ece": calibration_error(sure.max(1), right), "temperature": heat}


def table(cells: list[dict[str, Any]]) -> str:
    lines = [
        "# A chosen head solved once more on the validation images too", "",
        f"`python -m benchmarks.refit ...`, {describe()}, {time.strftime('%Y-%m-%d')}. Accuracy on the test images in",
        "per cent, mean over seeds: of the head that validation chose, and the points that solving it anew brought,",
        f"seed by seed. It is done below {REFIT_BELOW} images a class. ECE: expected calibration error, points.", "",
        "| data | images a class | accuracy | points by refitting | each seed | ECE before | after |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for data, asked in dict.fromkeys((cell["data"], cell["asked"]) for cell in cells):
        own = [cell for cell in cells if (cell["data"], cell["asked"]) == (data, asked)]
        known = [cell for cell in own if cell["again"]]
        per_class = f"{fmean(cell['per_class'] for cell in own):.0f}" + ("" if asked else " (all)")
        accuracy = f"{100 * fmean(cell['first']['accuracy'] for cell in own):.1f}"
        if not known:
            lines.append(f"| {data} | {per_class} | {accuracy} | too few for folds | | | |")
            continue
        gains = [100 * (cell["again"]["accuracy"] - cell["first"]["accuracy"]) for cell in known]
        before, after = (100 * fmean(cell[which]["ece"] for cell in known) for which in ("first", "again"))
        each = ", ".join(f"{gain:+.1f}" for gain in gains)
        lines.append(
            f"| {data} | {per_class} | {accuracy} | {fmean(gains):+.1f} | {each} | {before:.1f} | {after:.1f} |"
        )
    return "\n".join([*lines, "", *(_summary(cells))]) + "\n"


def _summary(cells: Sequence[dict[str, Any]]) -> list[str]:
    said = []
    for low, high in ((0, 10), (10, REFIT_BELOW), (REFIT_BELOW, float("inf"))):
        some = [cell for cell in cells if cell["again"] and low <= cell["per_class"] < high]
        if some:
            gain = fmean(100 * (cell["again"]["accuracy"] - cell["first"]["accuracy"]) for cell in some)
            ece = fmean(100 * (cell["again"]["ece"] - cell["first"]["ece"]) for cell in some)
            worse = sum(cell["again"]["accuracy"] < cell["first"]["accuracy"] for cell in some)
            reach = f"{low} to {high:g}" if high < float("inf") else f"{low} and more"
            said.append(
                f"- {reach} images a class: {gain:+.2f} points, ECE {ece:+.2f}, {len(some)} cells, worse in {worse}."
            )
    return said


if __name__ == "__main__":
    main()

"""How far nearly constant features are standardised, and what that does to a linear probe: `head_solver.FLOOR`.

    python -m benchmarks.probe_floor OUT_FOLDER DATA [DATA ...] [--draws 5]

DATA: a zip, a folder of class folders, or 'digits'. Per set and number of images per class, several draws: the head is
solved on four fifths of the images, the step with the lowest loss on the last fifth is kept, as a run does, and judged
on up to 400 test images. Floor 0 is plain standardisation; the prototypes stand beside as what needs none.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.evidence import Bench
from benchmarks.evidence_data import draw
from benchmarks.machine import describe
from core import Split
from core.home import home as make_home
from core.zoo.catalog import DEFAULT_BACKBONE
from training.engine import head_solver
from training.engine.head_solver import Floats
from training.engine.head_solver import Labelled as Side

FLOORS = (0.0, 0.02, 0.1, 0.3, 1.0)
PER_CLASS = (5, 20, 60, 300)
MOST_TRAIN, MOST_TEST, STEPS = 600, 400, 30

SIDES: tuple[Split, ...] = ("train", "val", "test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    home = make_home(str(options.out / "home"))
    print(f"Measured on {describe()}. Test accuracy in %, mean of {options.draws} draws.\n")
    print("| images per class | set | " + " | ".join(f"floor {floor:g}" for floor in FLOORS) + " | prototypes |")
    print("|---|---|" + "---|" * (len(FLOORS) + 1), flush=True)
    found: dict[int, list[list[float]]] = {per_class: [] for per_class in PER_CLASS}
    for data in options.data:
        bench = Bench(data, home, 224, DEFAULT_BACKBONE, MOST_TRAIN, MOST_TEST)
        rows = np.arange(len(bench.pool.labels))
        bench.prefix.fill([bench.pristine.head_index], rows, 0)
        features = bench.prefix.values(bench.pristine.head_index, rows, 0)
        for per_class in PER_CLASS:
            if per_class * len(bench.pool.classes) >= len(bench.pool.train) and per_class < PER_CLASS[-1]:
                continue
            judged = np.mean([_judged(bench, features, per_class, seed) for seed in range(options.draws)], axis=0)
            found[per_class].append(list(judged))
            shown = " | ".join(f"{100 * value:.1f}" for value in judged)
            print(f"| {per_class} | {Path(data).stem} | {shown} |", flush=True)
    for per_class, own in found.items():
        if own:
            means = " | ".join(f"{100 * mean(column):.1f}" for column in zip(*own, strict=True))
            print(f"| {per_class} | mean of {len(own)} sets | {means} |")


def _judged(bench: Bench, features: Floats, per_class: int, seed: int) -> list[float]:
    """Test accuracy with every floor, and of the prototypes."""
    task = draw(bench.pool, per_class, seed)
    train, val, test = ((features[rows], task.labels[rows]) for rows in (task.rows[side] for side in SIDES))
    accuracies, committed = [], head_solver.FLOOR
    for floor in FLOORS:
        head_solver.FLOOR = floor
        accuracies.append(_accuracy("lbfgs", train, val, test, len(task.classes)))
    head_solver.FLOOR = committed
    return [*accuracies, _accuracy("class_means", train, val, test, len(task.classes))]


def _accuracy(solver: str, train: Side, val: Side, test: Side, classes: int) -> float:
    steps: list[head_solver.ProbeStep] = []
    head_solver.SOLVERS[solver](train, val, classes, STEPS, steps.append)
    best = min(steps, key=lambda step: step.val_loss)
    return float(((test[0] @ best.weight.T + best.bias).argmax(1) == test[1]).mean())


if __name__ == "__main__":
    main()

"""What a head on the pooled outputs of all stages reaches beside one on the last (Head2Toe, arXiv 2201.03529).

    python -m benchmarks.all_stages DATA [DATA ...] [--images 5 20] [--seeds 3] [--out FOLDER] [--table FILE]

For each set the spatial means of every stage once. Then for so many images a class (and all), drawn by the seed as in
`benchmarks.refit`: both heads are solved along the same path of L2 strengths and chosen by the loss on the same
validation images; the one of both that validation prefers is what a race would take. Depth gap: by validation, as the
choice sees it. A line a cell goes to OUT/cells.jsonl: it goes on where it ended.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.refit import STEPS, Seen, drawn, every_cell
from core.home import home as make_home
from core.zoo import DEFAULT_BACKBONE
from dataset.ingest import import_path
from training.caches import Bench, Pools
from training.engine import head_solver
from training.engine.head_solver import ProbeStep

HEADS = ("last", "all")
Features = dict[str, NDArray[np.float32]]


def main() -> None:
    every_cell(__doc__ or "", "thaw-all-stages", seen, one, table)


def seen(path: str, out: Path) -> Seen:
    """(features [N, width] of each head, labels [N], groups [N], which are test images)."""
    bench = Bench.of(import_path(path, make_home(str(out / "home"))), DEFAULT_BACKBONE, out / "home")
    rows, head = bench.everything, bench.backbone.head_index
    pools = Pools(bench.prefix, rows)
    bench.prefix.fill([head], rows, 0, None, pools.add)
    last = bench.prefix.values(head, rows, 0)
    below = [stage for stage in pools.read(rows)[:-1] if stage.ndim == 2]
    test = np.isin(rows, bench.data.rows["test"])
    return {"last": last, "all": np.hstack([*below, last])}, bench.data.labels[rows], bench.data.groups[rows], test


def one(
    features: Features, labels: NDArray[np.int64], groups: NDArray[np.int64], test: NDArray[np.bool_],
    per_class: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    classes = int(labels.max()) + 1
    rows, train, val = drawn(labels, groups, test, per_class, seed)
    found: dict[str, Any] = {"images": len(rows)}
    for which in HEADS:
        steps: list[ProbeStep] = []
        x, began = features[which], time.perf_counter()
        head_solver.solve((x[train], labels[train]), (x[val], labels[val]), classes, STEPS, steps.append)
        chosen = min(steps, key=lambda step: step.val_loss)
        right = (x[test] @ chosen.weight.T + chosen.bias).argmax(1) == labels[test]
        found[which] = {"val": chosen.val_accuracy, "loss": chosen.val_loss, "test": float(right.mean()),
                        "seconds": time.perf_counter() - began, "width": x.shape[1]}  # fmt: skip
    return found


def table(cells: list[dict[str, Any]]) -> str:
    lines = [
        "# A head on all stages beside one on the last", "",
        f"`python -m benchmarks.all_stages ...`, {describe()}, {time.strftime('%Y-%m-%d')}. Test accuracy in per cent,",
        "mean over the draws; 'chosen': of the head with the lower loss on validation.", "",
        "| data | images a class | draws | last stage | all stages | points | chosen | gap by validation | s more |",
        f"|{'---|' * 9}",
    ]  # fmt: skip
    gains: dict[int, list[tuple[float, float]]] = {}
    for data, asked in dict.fromkeys((cell["data"], cell["asked"]) for cell in cells):
        own = [cell for cell in cells if (cell["data"], cell["asked"]) == (data, asked)]
        last, every = (100 * fmean(cell[which]["test"] for cell in own) for which in HEADS)
        picks = [min((cell[which] for which in HEADS), key=lambda one: one["loss"])["test"] for cell in own]
        gap = 100 * fmean(cell["all"]["val"] - cell["last"]["val"] for cell in own)
        more = fmean(cell["all"]["seconds"] - cell["last"]["seconds"] for cell in own)
        lines.append(
            f"| {data} | {asked or 'all'} | {len(own)} | {last:.1f} | {every:.1f} | {every - last:+.1f} | "
            f"{100 * fmean(picks):.1f} | {gap:+.1f} | {more:.1f} |"
        )
        gains.setdefault(asked, []).append((every - last, 100 * fmean(picks) - last))
    for asked, found in gains.items():
        both = [fmean(one[place] for one in found) for place in (0, 1)]
        lines.append(f"| mean of {len(found)} | {asked or 'all'} | | | | {both[0]:+.2f} | {both[1]:+.2f} points | | |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

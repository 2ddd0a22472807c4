"""The frozen pass by each inference engine: images a second, how far features lie from fp32's, and what a probe loses.

    python -m benchmarks.engines OUT DATA... --table benchmarks/results/engines.md

DATA: archives or folders of images. A probe is fitted and chosen on features of one engine and judged on test features
in fp32, as a run is; the same draws of training images for each engine, so that differences are paired. An engine in
bf16 may serve the frozen pass where that costs at most 0.3 points on average. Resumable: sets that are in OUT are not
measured again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe
from core.home import home as make_home
from core.zoo import DEFAULT_BACKBONE
from dataset.ingest import import_path
from training.caches import Bench
from training.caches.prefix import GraphPass
from training.engine import head_solver
from training.evaluation import stratified
from training.graphs import Engine, engines

MOST_TRAIN, MOST_TEST, STEPS = 800, 500, 60
PER_CLASS = (5, 0)
"""Training images of each class; 0 = all."""
DRAWS = 6
LOSS = 0.3
"""Points that bf16 may cost."""


@dataclass(frozen=True)
class Measured:
    """One engine on one set."""

    images_per_s: float
    error: float
    """Norm of the difference to fp32's features, relative to theirs."""
    accuracies: dict[str, list[float]]
    """By images a class, of each draw."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    home, file = make_home(str(options.out / "home")), options.out / "engines.jsonl"
    kept = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for path in options.data:
        if any(one["set"] == path.stem for one in kept):
            continue
        found = {engine.code: vars(one) for engine, one in measure(path, home).items()}
        kept.append({"set": path.stem, "engines": found})
        with file.open("a") as lines:
            lines.write(json.dumps(kept[-1]) + "\n")
        print(path.stem, {code: round(one["images_per_s"]) for code, one in found.items()}, flush=True)
    text = "\n".join(table(kept)) + "\n"
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def here() -> list[Engine]:
    """Every engine and precision of this machine, the exact one first."""
    version = engines.installed("openvino")
    more = [Engine("openvino", version, precision) for precision in ("fp32", "bf16")] if version else []
    return [engines.exact(), *more]


def measure(path: Path, home: Path) -> dict[Engine, Measured]:
    bench = Bench.of(import_path(path, home), DEFAULT_BACKBONE, home)
    assert bench.graph is not None
    data, head = bench.data, bench.network.head_index
    fit = np.sort(np.concatenate([data.rows["train"], data.rows["val"]]))
    fit = fit[stratified(data.labels[fit], MOST_TRAIN, 0, least=2)]
    test = data.rows["test"][stratified(data.labels[data.rows["test"]], MOST_TEST, 0)]
    rows = np.concatenate([fit, test])
    vectors, speeds = {}, {}
    for engine in here():
        through = GraphPass(bench.graph, data, engine, [head], False)
        through.run(through.make(rows[: through.size], 0))  # loads and compiles
        parts, seconds = [], []
        for start in range(0, len(rows), through.size):
            began = time.perf_counter()
            chunk = rows[start : start + through.size]
            parts.append(through.run(through.make(np.resize(chunk, through.size), 0))[0][: len(chunk)])
            seconds.append(time.perf_counter() - began)
        vectors[engine], speeds[engine] = np.concatenate(parts), through.size / median(seconds)
    exact = vectors[engines.exact()]
    labels, classes = data.labels[rows], len(bench.ref.classes)
    return {
        engine: Measured(
            speeds[engine], float(np.linalg.norm(own - exact) / np.linalg.norm(exact)),
            {
                str(n): [probed(own, exact, labels, len(fit), classes, n, seed) for seed in range(DRAWS)]
                for n in PER_CLASS
            },
        )
        for engine, own in vectors.items()
    }  # fmt: skip


def probed(
    own: NDArray[np.float32], exact: NDArray[np.float32], labels: NDArray[np.int64], fitted: int, classes: int,
    per_class: int, seed: int,
) -> float:  # fmt: skip
    """Test accuracy of a probe fitted on a draw of the first `fitted` rows, a fifth of it validating."""
    draw = np.random.default_rng(seed)
    train, val = [], []
    for label in range(classes):
        mine = draw.permutation(np.flatnonzero(labels[:fitted] == label))
        mine = mine[: per_class or len(mine)]
        held = max(1, len(mine) // 5)
        val.append(mine[:held])
        train.append(mine[held:])
    sides = [np.concatenate(side) for side in (train, val)]
    steps: list[head_solver.ProbeStep] = []
    head_solver.solve(
        (own[sides[0]], labels[sides[0]]), (own[sides[1]], labels[sides[1]]), classes, STEPS, steps.append
    )
    best = min(steps, key=lambda step: step.val_loss)
    answers = (exact[fitted:] @ best.weight.T + best.bias).argmax(1)
    return float((answers == labels[fitted:]).mean())


def table(kept: list[dict]) -> list[str]:
    first = engines.exact().code
    codes = [code for code in kept[0]["engines"] if all(code in one["engines"] for one in kept)]
    lines = [
        "# Frozen features by each inference engine", "",
        f"`python -m benchmarks.engines OUT DATA...`, {describe()}, {time.strftime('%Y-%m-%d')}.",
        f"{DEFAULT_BACKBONE}, 224 px; up to {MOST_TRAIN} training and {MOST_TEST} test images a set; {DRAWS} draws. "
        f"Points are test accuracy less that of {first}, on the same draws; the test features are fp32's.", "",
        "| set | engine | images/s | error of features | 5 images a class, points | all, points |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    sums: dict[tuple[str, str], list[float]] = {}
    for one in kept:
        for code in codes:
            mine, base = one["engines"][code], one["engines"][first]
            shown = []
            for n in map(str, PER_CLASS):
                lost = [100 * (a - b) for a, b in zip(mine["accuracies"][n], base["accuracies"][n], strict=True)]
                sums.setdefault((code, n), []).append(fmean(lost))
                shown.append(f"{100 * fmean(base['accuracies'][n]):.1f} %" if code == first else f"{fmean(lost):+.2f}")
            cells = (one["set"], code, f"{mine['images_per_s']:.0f}", f"{mine['error']:.1e}", *shown)
            lines.append(f"| {' | '.join(cells)} |")
    for code in codes:
        if code != first:
            said = [f"{fmean(v):+.2f} ± {stdev(v) / len(v) ** 0.5:.2f}" if len(v) > 1 else f"{fmean(v):+.2f}"
                    for v in (sums[code, str(n)] for n in PER_CLASS)]  # fmt: skip
            speed = median(one["engines"][code]["images_per_s"] for one in kept)
            lines.append(f"| mean of {len(kept)} sets | {code} | {speed:.0f} (median) | | {said[0]} | {said[1]} |")
    lines += ["", f"bf16 may serve the frozen pass where it costs at most {LOSS} points on average."]
    return lines


if __name__ == "__main__":
    main()

"""What it gains to go only part of the way from the solved head's weights to the fine-tuned ones.

    python -m benchmarks.blending DATA [DATA ...] --out FOLDER [--minutes 0.5] [--strategies partial] [--seeds 1]

A fine-tune that begins with a solved head ends near it; weights between the two answer as a network of the same shape
(WiSE-FT, arXiv 2109.01903). For each set, measured once: a linear probe, and each strategy by `fit --minutes M`. Then
the stages and the head are drawn `SHARES` of the way from one to the other, and all validation and test images are
answered. The share is chosen by validation loss; what that gains on the test images over the fine-tuned weights is the
figure. A line a run goes to FOLDER/runs.jsonl: a killed benchmark goes on where it ended.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from benchmarks.race import home_for
from benchmarks.speed import made_once

SHARES = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
"""1.0: the fine-tuned weights."""
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--strategies", nargs="+", default=["partial"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made_once(options.out)
    log = options.out / "runs.jsonl"
    for seed in range(options.seeds):
        for path in options.data:
            for strategy in options.strategies:
                known = {(one["data"], one["strategy"], one["seed"]) for one in read(log)}
                if (Path(path).stem, strategy, seed) not in known:
                    append(log, run_one(options.out, path, strategy, options.minutes, seed))
    text = table(read(log), options.minutes)
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def run_one(out: Path, path: str, strategy: str, minutes: float, seed: int) -> Record:
    home = home_for(out, path, measured=True)
    words = ("--seed", str(seed))
    _, probe = thaw(home, "fit", path, "--strategy", "linear_probe", "--no-refit", *words)
    _, tuned = thaw(home, "fit", path, "--strategy", strategy, "--minutes", str(minutes), *words)
    made = blends(home, probe["run_id"], tuned["run_id"])
    found = {"data": Path(path).stem, "strategy": strategy, "seed": seed, "probe": probe.get("test_accuracy")}
    said = (f"{one['share']:g}: {one['val_loss']:.4f} {one['test']:.4f}" for one in made)
    print(found["data"], strategy, seed, *said, sep="  ", flush=True)
    return {**found, "blends": made}


def blends(home: Path, probe: str, tuned: str) -> list[Record]:
    """Validation loss and accuracies of the weights at each share of the way."""
    import torch

    from training.backbones import read_weights
    from training.caches import Inputs
    from training.engine.judge import Judge
    from training.store import RunResult, Store
    from training.understand.open_run import OpenRun

    store = Store(home)
    opened = OpenRun(store.job(tuned), home)
    strategy, bench = opened.config.strategy, opened.bench
    begun = read_weights(home / str(RunResult.of(store.job(probe)).weights))
    boundary = min(phase.boundary for phase in strategy.phases)
    found: list[Record] = []
    for share in SHARES:
        state = {
            name: torch.lerp(begun[name], end, share) if end.is_floating_point() else end
            for name, end in opened.weights.items()
        }
        opened.backbone.load_state_dict(state)
        inputs = Inputs(strategy, opened.backbone, opened.data, bench.prefix, 0, bench.device)
        judge = Judge(inputs, opened.backbone, opened.data)
        sides: dict[str, float] = {}
        for side in ("val", "test"):
            rows = opened.data.rows[side]
            answers, truth = judge.predict(boundary, rows), opened.data.labels[rows]
            sure = np.maximum(answers[np.arange(len(rows)), truth], 1e-12)
            sides |= {side: float((answers.argmax(1) == truth).mean()), f"{side}_loss": -float(np.log(sure).mean())}
        found.append({"share": share, **sides})
    return found


def table(runs: list[Record], minutes: float) -> str:
    """Markdown: gains in a line for each strategy, then a row a run."""
    lines = [f"Measured on {describe()}. {minutes:g} minutes a run.", ""]
    for strategy in sorted({run["strategy"] for run in runs}):
        own = [run for run in runs if run["strategy"] == strategy]
        gains = [chosen(run)["test"] - run["blends"][-1]["test"] for run in own]
        half = [run["blends"][SHARES.index(0.5)]["test"] - run["blends"][-1]["test"] for run in own]
        lines.append(
            f"- {strategy}: the share of lowest validation loss gains {100 * fmean(gains):+.2f} points on average "
            f"({100 * min(gains):+.1f} to {100 * max(gains):+.1f}, {len(own)} runs); always half of the way "
            f"{100 * fmean(half):+.2f}"
        )
    head = ["set", "strategy", "seed", "probe", "fine-tuned", "chosen share", "blended", "half of the way"]
    rows = [
        "| " + " | ".join([
            run["data"], run["strategy"], str(run["seed"]), f"{100 * run['probe']:.1f}", _test(run["blends"][-1]),
            f"{chosen(run)['share']:g}", _test(chosen(run)), _test(run["blends"][SHARES.index(0.5)]),
        ]) + " |"
        for run in runs
    ]  # fmt: skip
    return "\n".join([*lines, "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *rows, ""])


def _test(blend: Record) -> str:
    return f"{100 * blend['test']:.1f}"


def chosen(run: Record) -> Record:
    """By validation loss, the fine-tuned weights of equals."""
    return dict(min(reversed(run["blends"]), key=lambda one: one["val_loss"]))


if __name__ == "__main__":
    main()

"""Whether it pays to average: the trained weights with those that they started from, or the answers of two networks.

    python -m benchmarks.averaging DATA [DATA ...] [--strategy partial] [--minutes 1] [--seeds 2]
        [--beside efficientnet_lite2] [--out FOLDER] [--table FILE]

For each set and seed a linear probe and a run of the strategy, by the commands that users type; with --beside the same
run of another backbone. Then, judged in the arithmetic of the export:

- weights: those that the run kept, and the same moved so far towards where it began, the backbone as it came with the
  solved head (WiSE-FT, arXiv 2109.01903); how far is chosen by the loss on the validation images.
- answers: probabilities of the start and of the trained network, or of two backbones, averaged half and half; and where
  the loss on validation says that it pays.

A line a cell goes to OUT/cells.jsonl: it goes on where it ended.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from training.store import RunFolder, Store

SHARES = (0.25, 0.5, 0.75)
"""Of the way from the start to the trained weights."""
Answers = dict[str, NDArray[Any]]
"""Of a side of the split, probabilities [images, classes]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--strategy", default="partial")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--beside", help="another backbone")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "thaw-averaging")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "cells.jsonl"
    for path in options.data:
        for seed in range(options.seeds):
            cell = {"data": Path(path).stem, "seed": seed, "strategy": options.strategy, "minutes": options.minutes,
                    "backbone_beside": options.beside or ""}  # fmt: skip
            if any(cell.items() <= known.items() for known in read(log)):
                continue
            found = one(options.out / f"home-{Path(path).stem}", path, seed, options)
            append(log, {**cell, **found})
            print(cell, found, flush=True)
    text = table(read(log))
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def one(home: Path, path: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Test accuracy and validation loss of every way, by its name."""
    _fit(home, path, "--strategy", "linear_probe", "--no-refit", "--seed", str(seed))
    head = Store(home).jobs(kind="train")[0].id
    timed = ("--strategy", options.strategy, "--minutes", str(options.minutes), "--seed", str(seed))
    answers: dict[str, Answers] = {}
    _fit(home, path, *timed)
    answers |= _along(home, head)
    if options.beside:
        _fit(home, path, *timed, "--backbone", options.beside)
        answers["beside"] = _along(home, None)["1"]
    labels = answers.pop("labels")
    ways = {way: _judged(own, labels) for way, own in answers.items()}
    for name, (a, b) in {"start + trained": ("0", "1"), "trained + beside": ("1", "beside")}.items():
        if b in answers:
            both = {side: (answers[a][side] + answers[b][side]) / 2 for side in ("val", "test")}
            ways[name] = _judged(both, labels)
    return {"ways": ways, "images": len(labels["val"]), "test_images": len(labels["test"])}


def _fit(home: Path, path: str, *words: str) -> None:
    _, answer = thaw(home, "fit", path, *words)
    if answer.get("state") != "finished":
        raise SystemExit(f"{path}, {' '.join(words)}: {answer.get('error')}")


def _judged(answers: Answers, labels: Answers) -> dict[str, float]:
    val = answers["val"][np.arange(len(labels["val"])), labels["val"]]
    return {
        "val_loss": float(-np.log(np.maximum(val, 1e-12)).mean()),
        "val": float((answers["val"].argmax(1) == labels["val"]).mean()),
        "test": float((answers["test"].argmax(1) == labels["test"]).mean()),
    }


def _along(home: Path, head: str | None) -> dict[str, Answers]:
    """Answers of the newest run of a home on its way from its start ('0', with the head of that run) to what it kept
    ('1'), and the labels."""
    from training.backbones import read_weights
    from training.caches import Inputs
    from training.engine.judge import Judge
    from training.understand.open_run import OpenRun

    run = OpenRun(Store(home).jobs(kind="train")[0], home)
    strategy, rows, network = run.config.strategy, run.data.rows, run.backbone
    inputs = Inputs(strategy, network, run.data, run.bench.prefix, run.config.seed, run.bench.device)
    judge, boundary = Judge(inputs, network, run.data), min(phase.boundary for phase in strategy.phases)
    ways = {"1": run.weights}
    if head:
        start = {**run.original, **read_weights(RunFolder(home, head).weights)}
        for share in (0.0, *SHARES):
            ways[f"{share:g}"] = {
                name: start[name] + share * (last - start[name]) if last.is_floating_point() else last
                for name, last in run.weights.items()
            }
    found: dict[str, Answers] = {"labels": {side: run.data.labels[rows[side]] for side in ("val", "test")}}
    for way, weights in ways.items():
        network.load_state_dict(weights)
        found[way] = {side: judge.predict(boundary, rows[side]) for side in ("val", "test")}
    return found


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Markdown: points of test accuracy that each way gains over the weights that the run kept."""
    rows = [
        "# What averaging brings",
        "",
        f"`python -m benchmarks.averaging ...`, {describe()}. Test accuracy, per cent, and points against what the run",
        "kept. 'Weights by validation': as far along the way as the loss on the validation images says. 'Where it",
        "pays': the averaged answers of both backbones, where their loss on the validation images is lower.",
        "",
        "| data | strategy | minutes | seed | start | kept | weights half way | weights by validation | start + kept | "
        "beside | kept + beside | where it pays |",
        f"|{'---|' * 12}",
    ]
    gains: dict[str, list[float]] = {}
    for cell in cells:
        ways = cell["ways"]
        kept = ways["1"]["test"]
        path = min(("1", *map(str, SHARES)), key=lambda way: ways[way]["val_loss"])
        shown = {"half": ways["0.5"]["test"], "by validation": ways[path]["test"],
                 "start + kept": ways["start + trained"]["test"]}  # fmt: skip
        if both := ways.get("trained + beside"):
            singles = min(("1", "beside"), key=lambda way: ways[way]["val_loss"])
            pays = both["val_loss"] < ways[singles]["val_loss"]
            shown |= {"beside": ways["beside"]["test"], "both": both["test"],
                      "pays": both["test"] if pays else ways[singles]["test"]}  # fmt: skip
        for way, value in shown.items():
            gains.setdefault(way, []).append(100 * (value - kept))
        cell_of = {way: f"{100 * value:.1f} ({100 * (value - kept):+.1f})" for way, value in shown.items()}
        names = ("half", "by validation", "start + kept", "beside", "both", "pays")
        rows.append(
            f"| {cell['data']} | {cell['strategy']} | {cell['minutes']:g} | {cell['seed']} | "
            f"{100 * ways['0']['test']:.1f} | {100 * kept:.1f} | {' | '.join(cell_of.get(n, '') for n in names)} |"
        )
    mean = [
        f"- {way}: {fmean(own):+.2f} points, worse in {sum(gain < 0 for gain in own)} of {len(own)}"
        for way, own in gains.items()
    ]
    return "\n".join([*rows, "", *mean, ""])


if __name__ == "__main__":
    main()

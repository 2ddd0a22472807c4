"""Which weights of a run are best kept: every epoch judged, by rules that see validation images only.

    python -m benchmarks.epochs_kept DATA [DATA ...] [--strategy partial] [--minutes 1] [--seeds 2]
        [--lr 0.0005 --lr 0.001] [--out FOLDER] [--table FILE]

Each cell is a run of the engine with the epochs that fit into so many minutes by this machine's costs, at the plan's
own rate and at those of --lr. Here, and only here, the test images are judged after every epoch and for averages of
the last epochs' weights, so that rules can be held against what they would have led to: none is chosen by them within
a cell. A line a cell goes to OUT/cells.jsonl: it goes on where it ended.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advisor.planning import plan
from advisor.planning.options import Options
from advisor.planning.strategies import PLANNED
from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from benchmarks.seed_runs import Silent
from core import Phase
from core.home import home as make_home
from core.zoo import DEFAULT_BACKBONE, catalog
from dataset.ingest import import_path
from training.caches import Arithmetic, Bench, choose_training
from training.engine import Fit
from training.engine.progress import Best, Position
from training.store import Store

LAST = (3, 5, 10)
"""Epochs whose weights are averaged."""
Z = 1.0
"""Standard errors of a paired difference by which trained weights have to beat the solved head ('proved')."""

SHARES, BELOW = (0.3, 0.5, 0.7), (0.0, 0.02, 0.05, 0.1, 0.2)
"""When a run that loses may be stopped, and how far below the solved head it has to be."""

Point = dict[str, Any]
"""One state of the weights: what it is, its validation loss and accuracy, which of these images it has right, and its
test accuracy."""


class Watched(Fit):
    """A run whose weights are judged on everything after every epoch."""

    def watch(self) -> None:
        self.points: list[Point] = []
        self.kept: list[dict[str, Tensor]] = []

    def _phase_over(self) -> None:
        if self.at.phase == 1:
            self._judged("head", self.backbone.head_index)
        super()._phase_over()

    def _end_epoch(self, phase: Phase, steps: int) -> None:
        epoch = self.at.epoch
        super()._end_epoch(phase, steps)
        self._judged(f"epoch {epoch + 1}", phase.boundary)
        self.kept.append({name: value.clone() for name, value in self.backbone.named_trained(phase.boundary)})
        self.backbone.set_phase(phase)

    def averages(self) -> None:
        boundary = self.strategy.phases[-1].boundary
        for count in LAST:
            of = self.kept[-count:]
            mean = {name: torch.stack([one[name].float() for one in of]).mean(0) for name in of[0]}
            self.backbone.load_state_dict({**self.initial, **mean})
            self._judged(f"mean of {count}", boundary)

    def _judged(self, what: str, boundary: int) -> None:
        found: Point = {"what": what}
        for side in ("val", "test"):
            rows = self.data.rows[side]
            answers, labels = self.judge.predict(boundary, rows), self.data.labels[rows]
            right = answers.argmax(1) == labels
            found[side] = float(right.mean())
            if side == "val":
                found["loss"] = float(-np.log(np.maximum(answers[np.arange(len(rows)), labels], 1e-12)).mean())
                found["right"] = "".join(map(str, right.astype(int)))
        self.points.append(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--strategy", choices=PLANNED, default="partial")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--lr", type=float, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "thaw-epochs-kept")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "cells.jsonl"
    for seed in range(options.seeds):
        for path in options.data:
            for lr in (None, *options.lr):
                cell = {"data": Path(path).stem, "strategy": options.strategy, "minutes": options.minutes,
                        "seed": seed, "lr": lr}  # fmt: skip
                if not any(cell.items() <= known.items() for known in read(log)):
                    points = one(path, options, seed, lr)
                    append(log, {**cell, "points": points})
                    print(cell, {rule: f"{100 * points_of(points, rule)['test']:.1f}" for rule in RULES}, flush=True)
    text = table(read(log))
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def one(path: str, options: argparse.Namespace, seed: int, lr: float | None) -> list[Point]:
    home = make_home(str(options.out / "homes" / Path(path).stem))
    ref = import_path(path, home)
    store = Store(home)
    if store.facts(ref.id, DEFAULT_BACKBONE) is None:
        thaw(home, "profile", path)
    facts = store.facts(ref.id, DEFAULT_BACKBONE)
    assert facts is not None
    strategy = plan(
        options.strategy, catalog.backbone(DEFAULT_BACKBONE), train_images=facts.train_images,
        classes=len(ref.classes), minutes=options.minutes, costs=facts.costs, test_images=facts.test_images,
        options=Options(lr=lr),
    )  # fmt: skip
    bench = Bench.of(ref, DEFAULT_BACKBONE, home)
    network, data, device = bench.backbone, bench.data, bench.device

    def choose(number: int, inputs: Tensor) -> Arithmetic:
        return choose_training(network, strategy.phases[number], inputs, len(data.classes), device, home)

    run = Watched(strategy, network, data, Silent(), seed=seed, device=device, prefix=bench.prefix, choose=choose)
    run.watch()
    run.run()
    run.averages()
    return run.points


# --- rules -------------------------------------------------------------------------------------------------------


def _best(points: Sequence[Point]) -> Point:
    return max(points, key=lambda one: (one["val"], -one["loss"]))


def _epochs(points: Sequence[Point]) -> list[Point]:
    return [one for one in points if one["what"].startswith("epoch")]


def _proved(points: Sequence[Point], trained: Point) -> Point:
    """Trained weights where they beat the solved head by more than luck on the same images, else the head."""
    head = points[0]
    wins = sum(a > b for a, b in zip(trained["right"], head["right"], strict=True))
    losses = sum(a < b for a, b in zip(trained["right"], head["right"], strict=True))
    return trained if wins - losses > Z * math.sqrt(wins + losses) else head


def _smooth(points: Sequence[Point]) -> Point:
    """The epoch whose neighbourhood answers most images rightly: luck of one epoch counts a third."""
    own = _epochs(points)
    values = [fmean(one["val"] for one in own[max(0, place - 1) : place + 2]) for place in range(len(own))]
    return own[max(range(len(own)), key=lambda place: (values[place], -own[place]["loss"]))]


def _in_a_row(points: Sequence[Point]) -> Point:
    """By the mean of each epoch and the one before it, as a run chooses."""
    kept, at = points[0], Position(last_accuracy=points[0]["val"])
    best = Best(kept["val"], kept["loss"], counted=kept["val"])
    for one in _epochs(points):
        if best.beaten_by(counted := at.counts(one["val"]), one["loss"]):
            kept, best = one, Best(one["val"], one["loss"], counted=counted)
    return kept


def _in_a_row_and_last(points: list[Point]) -> Point:
    """As the engine keeps them: the last epoch has to beat the head as well."""
    return points[0] if _epochs(points)[-1]["val"] <= points[0]["val"] else _in_a_row(points)


def _named(points: Sequence[Point], what: str) -> Point:
    return next(one for one in points if one["what"] == what)


def _head_or_mean(points: list[Point], count: int) -> Point:
    return _best([points[0], _named(points, f"mean of {count}")])


RULES: dict[str, Callable[[list[Point]], Point]] = {
    "head": lambda points: points[0],
    "accuracy": lambda points: _best([points[0], *_epochs(points)]),
    "loss": lambda points: min([points[0], *_epochs(points)], key=lambda one: one["loss"]),
    "last": lambda points: _epochs(points)[-1],
    "accuracy, proved": lambda points: _proved(points, _best(_epochs(points))),
    "last, proved": lambda points: _proved(points, _epochs(points)[-1]),
    "smooth": lambda points: _best([points[0], _smooth(points)]),
    "two in a row": _in_a_row,
    "two in a row, the last too": _in_a_row_and_last,
    "head or last": lambda points: _best([points[0], _epochs(points)[-1]]),
    **{f"head or mean of {n}": partial(_head_or_mean, count=n) for n in LAST},
    "accuracy or mean of 5": lambda points: _best([points[0], *_epochs(points), _named(points, "mean of 5")]),
    "best by hindsight": lambda points: max(points, key=lambda one: one["test"]),
}


def points_of(points: list[Point], rule: str) -> Point:
    return RULES[rule](points)


def table(cells: Sequence[dict[str, Any]]) -> str:
    lines = [
        "# Which weights of a run are best kept", "",
        f"`python -m benchmarks.epochs_kept ...`, {describe()}.",
        "Test accuracy in per cent, mean over the seeds, by rules that see validation images only ('best by hindsight'",
        "apart). 'proved': trained weights only where they beat the solved head by more than",
        f"{Z:g} standard error of the paired difference. Rate: of the topmost stage. Lowest: of an epoch on",
        "validation, beside the solved head's there. Means: over the sets that every rate was run on.", "",
        f"| data | strategy | rate | seeds | epochs | lowest | {' | '.join(RULES)} |",
        f"|{'---|' * (6 + len(RULES))}",
    ]  # fmt: skip
    groups: dict[tuple[str, str, float, float | None], list[dict[str, Any]]] = {}
    for cell in cells:
        groups.setdefault((cell["data"], cell["strategy"], cell["minutes"], cell["lr"]), []).append(cell)
    by_rate: dict[tuple[str, float | None], dict[str, list[float]]] = {}
    rates = {(strategy, lr) for _, strategy, _, lr in groups}
    whole = {data for data, *_ in groups if all(any((data, *one) == (key[0], key[1], key[3]) for key in groups)
                                                for one in rates)}  # fmt: skip
    for (data, strategy, _, lr), own in sorted(groups.items(), key=lambda one: (one[0][0], one[0][3] or 0)):
        means = {rule: fmean(points_of(cell["points"], rule)["test"] for cell in own) for rule in RULES}
        for rule, value in means.items() if data in whole else ():
            by_rate.setdefault((strategy, lr), {}).setdefault(rule, []).append(value)
        epochs = fmean(len(_epochs(cell["points"])) for cell in own)
        shown = " | ".join(f"{100 * value:.1f}" for value in means.values())
        lowest = min(one["val"] for cell in own for one in _epochs(cell["points"]))
        head = fmean(cell["points"][0]["val"] for cell in own)
        lines.append(
            f"| {data} | {strategy} | {lr or 'as planned'} | {len(own)} | {epochs:.0f} | "
            f"{100 * lowest:.0f} of {100 * head:.0f} | {shown} |"
        )
    for (strategy, lr), rules in by_rate.items():
        shown = " | ".join(f"**{100 * fmean(values):.2f}**" for values in rules.values())
        lines.append(f"| mean of {len(whole)} | {strategy} | {lr or 'as planned'} | | | | {shown} |")
    return "\n".join([*lines, "", *_stops(cells)]) + "\n"


def _stops(cells: Sequence[dict[str, Any]]) -> list[str]:
    """Runs that a rule would stop: after this share of the epochs, where the mean of the last two lies so much below
    the solved head on validation. False: what they trained would have been kept."""
    lines = [
        "Stopping a run that loses: after this share of its epochs, where the mean of the last two lies more than so",
        "many points below the solved head on validation. False: what it trained would have been kept in the end.", "",
        "| after | below the head by | stopped | of them false | runs that keep what they trained | that do not |",
        f"|{'---|' * 6}",
    ]  # fmt: skip
    for after in SHARES:
        for below in BELOW:
            stopped = false = good = 0
            for cell in cells:
                head, epochs = cell["points"][0], _epochs(cell["points"])
                kept = points_of(cell["points"], "two in a row") is not head
                seen = epochs[: max(1, round(after * len(epochs)))]
                stops = fmean(one["val"] for one in seen[-2:]) < head["val"] - below
                good, stopped, false = good + kept, stopped + stops, false + (stops and kept)
            lines.append(
                f"| {100 * after:.0f} % | {100 * below:g} | {stopped} | {false} | {good} | {len(cells) - good} |"
            )
    return lines


if __name__ == "__main__":
    main()

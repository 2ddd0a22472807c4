"""The evidence behind the measured rulebook: every strategy on many small tasks, with the facts that advice may see.

    python -m benchmarks.evidence OUT_FOLDER DATA [DATA ...]

DATA: a zip, a folder of class folders, or 'digits' (scikit-learn's). A task is a set, images per class, an image side
and a budget in *affordable epochs*: how often the budget's seconds would pass the training images through a whole
backbone in training. Strategies are planned and priced as the app does it, with the costs below instead of a
stopwatch, so that a busy machine changes no schedule; what cannot end within the budget is not run. All runs go
through the real engine in this one process and share frozen features. One line per run is appended to
OUT_FOLDER/evidence.csv at once: a killed grid goes on where it stopped. Runs on CUDA unchanged.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from advisor.planning.costs import LOADING_S, START_S, Sizes, price
from advisor.planning.strategies import plan
from benchmarks.evidence_data import MOST_TEST, MOST_TRAIN, Drawn, Pool, draw, open_set
from core import DomainGap
from core.home import home as make_home
from core.plans import Kind, Phase, Strategy
from core.types import Estimate, StageCost
from core.zoo import catalog
from training.backbones.backbone import build
from training.caches import frozen_pass
from training.caches.arithmetic import Arithmetic, choose_training
from training.caches.pooled import Pools
from training.caches.prefix import PrefixCache
from training.engine.fit import Fit
from training.machine import devices
from training.profile import panel
from training.profile.one_pass import deep_rows

COSTS = (
    StageCost(0, 0.0, 0.0270, 0.00469),
    StageCost(4, 0.00301, 0.00869, 0.00126),
    StageCost(5, 0.00328, 0.00695, 0.00099),
    StageCost(6, 0.00367, 0.00433, 0.00061),
    StageCost(7, 0.00410, 0.00088, 0.00019),
    StageCost(8, 0.00431, 0.00002, 0.000005),
)
"""Seconds per image of EfficientNet-Lite0 at 224 px on two cores (EPYC, AVX512-BF16), from a profile of 500 photos.
Only their proportions matter here: a budget is given in epochs of the first line."""
BUDGETS = {"short": 0.9, "medium": 3.0, "long": 12.0}
"""Affordable epochs. 'short' leaves nothing but what runs on cached features."""
LARGE, LARGE_TEST = 1200, 800
"""Images of a set in the rounds with 50 images per class and more."""
TRANSFER: tuple[Kind, ...] = ("prototype", "linear_probe", "partial", "gradual", "lp_ft", "full")


@dataclass(frozen=True)
class Round:
    """Part of the grid; rounds run in order, so that a grid ended early holds whole ones."""

    image_px: int
    budget: str
    per_class: tuple[int, ...]
    """0 = all."""
    seeds: tuple[int, ...]
    kinds: tuple[Kind, ...] = TRANSFER
    most_train: int = MOST_TRAIN
    most_test: int = MOST_TEST


GRID = (
    Round(128, "short", (5, 20, 0), (0,)),
    Round(128, "medium", (20,), (0,)),
    Round(224, "short", (5,), (0,)),
    Round(128, "medium", (0,), (0,)),
    Round(224, "short", (20, 0), (0,)),
    Round(128, "short", (5, 20, 0), (1,)),
    Round(128, "medium", (5,), (0,)),
    Round(128, "medium", (20, 0), (1,)),
    Round(128, "long", (20, 5), (0,)),
    Round(128, "long", (0,), (0,)),
    Round(128, "long", (20, 5, 0), (1,)),
    Round(128, "long", (20,), (0,), ("scratch",)),
    Round(224, "short", (50, 100, 300), (0, 1), most_train=LARGE, most_test=LARGE_TEST),
    Round(128, "medium", (50, 100, 300), (0,), most_train=LARGE, most_test=LARGE_TEST),
    Round(128, "short", (50, 100, 300), (0, 1), most_train=LARGE, most_test=LARGE_TEST),
    Round(128, "medium", (50, 100, 300), (1,), most_train=LARGE, most_test=LARGE_TEST),
    Round(128, "long", (50, 100), (0,), most_train=LARGE, most_test=LARGE_TEST),
    Round(224, "short", (5, 20, 100, 0), (0, 1, 2)),
    Round(224, "medium", (5, 20, 100, 0), (0, 1, 2)),
    Round(224, "long", (5, 20, 100, 0), (0, 1, 2)),
)
"""What was meant to be run, dearest last. At 128 px a whole backbone trains three times as fast as at its own 224: what
two cores can afford. All strategies of a task see the same side."""
KEY = ("dataset", "backbone", "image_px", "per_class", "budget", "strategy", "seed")
FACTS = (
    "classes", "train_images", "affordable_epochs", "smallest_class", "largest_class", "ready_made", "ready_made_low",
    "ready_made_high", "probe_accuracy", "domain_gap_raw", "domain_gap_stages", "depth_gap", "depth_gap_low",
    "depth_gap_high",
)  # fmt: skip
OUTCOME = (
    "test_accuracy", "test_balanced", "test_images", "val_accuracy", "kept_probe", "epochs", "fit_seconds",
    "priced_seconds",
)  # fmt: skip
COLUMNS = (*KEY, *FACTS, *OUTCOME)


def measured(
    ready: Estimate | None, plain: Estimate | None, depth: Estimate | None, gap: DomainGap | None
) -> dict[str, Any]:
    """Accuracies and gaps of a profile in the columns of the evidence."""
    return {
        "ready_made": ready and ready.value, "ready_made_low": ready and ready.low,
        "ready_made_high": ready and ready.high, "probe_accuracy": plain and plain.value,
        "domain_gap_raw": gap and gap.raw,
        "domain_gap_stages": " ".join(f"{stage:.4f}" for stage in gap.stages) if gap else "",
        "depth_gap": depth and depth.value, "depth_gap_low": depth and depth.low,
        "depth_gap_high": depth and depth.high,
    }  # fmt: skip


class Silent:
    """An `engine.Context` that nobody watches."""

    def row(self, values: dict[str, Any]) -> None: ...
    def event(self, level: str, kind: str, text: str, epoch: float | None = None) -> None: ...
    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None: ...
    def stop_requested(self) -> bool:
        return False

    def save(self, state: dict[str, Any]) -> None: ...
    def note(self, name: str, content: dict[str, Any]) -> None: ...


class Bench:
    """One set at one image side: its pool, a pristine backbone, and the frozen features that all its runs share."""

    def __init__(
        self, data: str, home: Path, image_px: int, backbone: str,
        most_train: int = MOST_TRAIN, most_test: int = MOST_TEST,
    ) -> None:  # fmt: skip
        self.home, self.px, self.name = home, image_px, backbone
        self.device = devices.pick()
        ref = open_set(data, home)
        self.pristine = build(backbone, len(ref.classes), image_px=self._own_px(), home=home).to(self.device)
        assert self.pristine.preprocessing is not None
        self.pool = Pool(ref, self.pristine.preprocessing.at(image_px), most_train, most_test)
        example = self.pool.batch(np.resize(self.pool.train, frozen_pass.pass_batch(self.device)), 0)
        self.precision = frozen_pass.choose(self.pristine, self.device, example, home)
        cache = home / "cache" / f"{ref.id}-pool{most_train}"
        self.prefix = PrefixCache(self.pristine, self.pool, self.device, self.precision, cache)
        self.pools = Pools(self.prefix, self.pool.train, kept=False)

    def _own_px(self) -> int | None:
        return None if self.px == catalog.backbone(self.name).image_px else self.px

    def facts(self, task: Drawn) -> dict[str, Any]:
        """What a profile of these images would say."""
        head, rows = self.pristine.head_index, task.shown
        self.prefix.fill([head - 2, head - 1, head], rows, 0, watch=self.pools.add)
        labels = task.labels[rows]
        deep = rows[deep_rows(labels)]
        features = self.prefix.values(head, rows, 0)
        found = panel.measure(features, self.pools.read(deep), labels, len(task.classes), curve=False)
        gap = panel.domain_gap(self.pristine, self.pool, rows, self.device, Arithmetic.named(self.precision))
        counts = np.bincount(labels, minlength=len(task.classes))
        return {
            "classes": len(task.classes), "train_images": len(rows), "smallest_class": int(counts.min()),
            "largest_class": int(counts.max()),
            **measured(found.ready_made, found.probe_accuracy, found.depth_gap, gap),
        }  # fmt: skip

    def planned(self, kind: Kind, task: Drawn, epochs: float) -> tuple[Strategy, float] | None:
        """(plan, its price in seconds of `COSTS`), or None where it cannot end within the budget."""
        card, images = catalog.backbone(self.name), len(task.shown)
        sizes = Sizes.of(images, 0, len(task.classes))
        epoch_s = sizes.fit * COSTS[0].train_s + sizes.val * COSTS[0].eval_s
        strategy = plan(
            kind, card, train_images=images, classes=len(task.classes), costs=COSTS, test_images=0,
            minutes=(epochs * epoch_s + LOADING_S + START_S) / 60,  # the grid's budgets are of steps alone
        )  # fmt: skip
        priced = price(strategy, sizes, COSTS, card.image_px)
        if priced is None or priced[0] > epochs * epoch_s:
            return None
        return strategy, priced[0]

    def run(self, task: Drawn, strategy: Strategy, seed: int) -> dict[str, Any]:
        """Train, and judge once on the test images."""
        started = time.perf_counter()
        backbone = build(
            self.name, len(task.classes), pretrained=strategy.pretrained, seed=seed, image_px=self._own_px(),
            home=self.home,
        ).to(self.device)  # fmt: skip

        def choose(number: int, inputs: torch.Tensor) -> Arithmetic:
            # Chosen once for a boundary and machine: the tasks of a set differ in nothing that it depends on.
            phase: Phase = strategy.phases[number]
            return choose_training(backbone, phase, inputs, len(task.classes), self.device, self.home)

        fit = Fit(
            strategy, backbone, task, Silent(), seed=seed, device=self.device, prefix=self.prefix, choose=choose
        )
        fitted = fit.run()
        rows = task.rows["test"]
        truth = task.labels[rows]
        right = fit.predict(rows).argmax(1) == truth
        head = backbone.head_index
        return {
            "test_accuracy": float(right.mean()),
            "test_balanced": float(np.mean([right[truth == label].mean() for label in np.unique(truth)])),
            "test_images": len(rows), "val_accuracy": fitted.best.val_accuracy,
            "kept_probe": int(fitted.best.boundary == head > min(p.boundary for p in strategy.phases)),
            "epochs": strategy.adam_epochs, "fit_seconds": round(time.perf_counter() - started, 2),
        }  # fmt: skip


@lru_cache(maxsize=6)
def open_bench(data: str, home: Path, image_px: int, backbone: str, most_train: int, most_test: int) -> Bench:
    return Bench(data, home, image_px, backbone, most_train, most_test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--backbone", default=catalog.DEFAULT_BACKBONE)
    parser.add_argument("--rounds", type=int, nargs="+", help="numbers of the grid's rounds, from 0 (default: all)")
    parser.add_argument("--threads", type=int, help="of torch; 1 is the fastest beside other programs")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    home = make_home(str(options.out / "home"))
    rounds = [GRID[i] for i in options.rounds] if options.rounds else GRID
    for part in rounds:
        for data in options.data:
            _round_of_set(part, data, home, options.out / "evidence.csv", options.backbone)


def _round_of_set(part: Round, data: str, home: Path, log: Path, backbone: str) -> None:
    name, bench = Path(data).stem, None
    done = {tuple(row[column] for column in KEY) for row in read(log)}
    for seed in part.seeds:
        for per_class in part.per_class:
            keys = {kind: tuple(map(str, (name, backbone, part.image_px, per_class, part.budget, kind, seed)))
                    for kind in part.kinds}  # fmt: skip
            if all(key in done for key in keys.values()):
                continue
            bench = bench or open_bench(data, home, part.image_px, backbone, part.most_train, part.most_test)
            if per_class * len(bench.pool.classes) >= len(bench.pool.natural):
                continue  # more than there is: the level 'all' covers it
            task = draw(bench.pool, per_class, seed)
            epochs = BUDGETS[part.budget]
            plans = {kind: bench.planned(kind, task, epochs) for kind in part.kinds}
            todo = [kind for kind, planned in plans.items() if planned and keys[kind] not in done]
            if not todo:
                continue
            facts = {**bench.facts(task), "affordable_epochs": epochs}
            for kind in todo:
                strategy, priced = plans[kind] or (None, 0.0)
                assert strategy is not None
                outcome = {**bench.run(task, strategy, seed), "priced_seconds": round(priced, 3)}
                append(log, {**dict(zip(KEY, keys[kind], strict=True)), **facts, **outcome})
                reached, took = outcome["test_accuracy"], outcome["fit_seconds"]
                print(f"{' '.join(keys[kind])}: {reached:.3f} in {took} s", flush=True)


def read(log: Path) -> list[dict[str, str]]:
    """Every line of the table; none when there is no table yet."""
    if not log.exists():
        return []
    with log.open(newline="") as file:
        return list(csv.DictReader(file))


def append(log: Path, record: dict[str, Any]) -> None:
    new = not log.exists()
    with log.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else "" if v is None else v for k, v in record.items()})


if __name__ == "__main__":
    main()

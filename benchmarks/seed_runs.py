"""One strategy under many seeds, on real images: the answers that `benchmarks.verdicts` judges.

    python -m benchmarks.seed_runs OUT.jsonl DATA [DATA ...] --strategies linear_probe partial --seeds 10 --epochs 4

DATA: an archive, a folder or 'sample:digits'. Runs go through the engine in this process, without a store, because only
their test answers matter here. One JSON line a run is appended at once, so that a killed benchmark goes on. Every run
of one data set has the same split; the seed decides the head's start, the order of the images and random weights.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from advisor.planning.options import Options
from advisor.planning.strategies import PLANNED, plan
from benchmarks.command import append, read
from core.plans import Kind
from core.types import DatasetRef
from core.zoo import catalog
from training.backbones.backbone import build
from training.caches import frozen_pass
from training.caches.image_data import ImageData
from training.caches.prefix import PrefixCache
from training.cli.steps import import_data
from training.engine.fit import Fit
from training.machine import devices


class Silent:
    """An `engine.Context` that keeps nothing and never stops."""

    def row(self, values: dict[str, Any]) -> None: ...
    def event(self, level: str, kind: str, text: str, epoch: float | None = None) -> None: ...
    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None: ...
    def save(self, state: dict[str, Any]) -> None: ...
    def note(self, name: str, content: dict[str, Any]) -> None: ...
    def stop_requested(self) -> bool:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--strategies", nargs="+", choices=PLANNED, required=True)
    parser.add_argument("--backbone", default=catalog.DEFAULT_BACKBONE)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int)
    options = parser.parse_args()
    home = Path(tempfile.gettempdir()) / "thaw-seed-runs"
    home.mkdir(exist_ok=True)
    for path in options.data:
        ref = import_data(path, home)
        for kind in options.strategies:
            for seed in range(options.seeds):
                name = Path(path.removeprefix("sample:")).stem
                run = {"data": name, "backbone": options.backbone, "strategy": kind, "seed": seed,
                       "epochs": options.epochs}  # fmt: skip
                if any(run.items() <= known.items() for known in read(options.out)):
                    continue
                started = time.perf_counter()
                right = answers(ref, home, options.backbone, kind, seed, options.epochs)
                append(options.out, {**run, "seconds": round(time.perf_counter() - started, 1), "right": right})
                print(f"{name} {kind} seed {seed}: {right.count('1') / len(right):.3f}", flush=True)


def answers(ref: DatasetRef, home: Path, name: str, kind: Kind, seed: int, epochs: int | None) -> str:
    """One '1' or '0' per test image, in the order of the manifest."""
    device, card = devices.pick(), catalog.backbone(name)
    random = kind == "scratch" or not card.pretrained
    backbone = build(name, len(ref.classes), pretrained=not random, seed=seed, inputs=64, home=home).to(device)
    assert backbone.preprocessing is not None
    cache = home / "cache" / ref.id
    data = ImageData(ref, cache, backbone.preprocessing, device=device)
    example = data.batch(np.resize(data.rows["train"], frozen_pass.pass_batch(device)), 0)
    prefix = PrefixCache(backbone, data, device, frozen_pass.choose(backbone, device, example, home), cache)
    test = data.rows["test"]
    strategy = plan(
        kind, card, train_images=len(data.labels) - len(test), classes=len(ref.classes), test_images=len(test),
        options=Options(epochs=epochs if kind != "linear_probe" else None),
    )  # fmt: skip
    fit = Fit(strategy, backbone, data, Silent(), seed=seed, device=device, prefix=prefix)
    fit.run()
    predicted = fit.predict(test).argmax(1)
    return "".join("1" if hit else "0" for hit in (predicted == data.labels[test]).tolist())


if __name__ == "__main__":
    main()

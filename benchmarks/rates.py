"""Test accuracy of `partial` at several learning rates: where the rates in `advisor.strategies.RECIPES` come from.

    python -m benchmarks.rates HOME DATA.zip [--rates 3e-4 1e-3 2e-3] [--seeds 1]

Same plan, split and cached features; only the peak rate of head and topmost stage changes. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from advisor import catalog
from advisor.home import home as make_home
from advisor.ingest import import_path
from advisor.strategies import plan
from benchmarks.machine import describe
from training import devices, frozen
from training.backbones import build
from training.engine import Fit
from training.images import ImageData
from training.prefix import PrefixCache


class Silent:
    """An `engine.Context` that nobody listens to."""

    def row(self, values: dict[str, Any]) -> None: ...

    def event(self, level: str, kind: str, text: str, epoch: float | None = None) -> None: ...

    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None: ...

    def stop_requested(self) -> bool:
        return False

    def save(self, state: dict[str, Any]) -> None: ...

    def note(self, name: str, content: dict[str, Any]) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home")
    parser.add_argument("data")
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-4, 1e-3, 2e-3])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    home, device = make_home(options.home), devices.pick()
    ref = import_path(options.data, home)
    card = catalog.backbone(catalog.DEFAULT_BACKBONE)
    print(f"{describe()}\n{Path(options.data).stem}\n")
    print("| peak rate | seed | validation accuracy | test accuracy | seconds |\n|---|---|---|---|---|", flush=True)
    for rate in options.rates:
        for seed in range(options.seeds):
            backbone = build(card.name, len(ref.classes), seed=seed).to(device)
            assert backbone.preprocessing is not None
            cache = home / "cache" / ref.id
            data = ImageData(ref, cache, backbone.preprocessing)
            fit_images = len(data.rows["train"]) + len(data.rows["val"])
            planned = plan("partial", card, train_images=fit_images, classes=len(ref.classes))
            phases = (
                replace(p, lr_head=rate, lr_stage=rate) if p.optimizer == "adamw" else p for p in planned.phases
            )
            strategy = replace(planned, phases=tuple(phases))
            example = data.batch(np.resize(data.rows["train"], frozen.BATCH), 0)
            precision = frozen.choose(backbone, device, example, home)
            prefix = PrefixCache(backbone, data, device, precision, cache)
            started = time.perf_counter()
            job = Fit(strategy, backbone, data, Silent(), seed=seed, device=device, prefix=prefix)
            best = job.run().best
            test = data.rows["test"]
            right = (job.predict(test).argmax(1) == data.labels[torch.from_numpy(test)]).float().mean()
            seconds = time.perf_counter() - started
            print(f"| {rate:g} | {seed} | {best.val_accuracy:.3f} | {float(right):.3f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()

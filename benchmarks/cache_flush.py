"""What it costs to flush the prefix cache to disk while it is filled: `python -m benchmarks.cache_flush`.

Fills stage 6 and the head of EfficientNet-Lite0 from random images, with the flushes of `training.caches.prefix`
(every few
seconds), with one after every batch, and with one at the end; the median of three rounds, interleaved.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.machine import describe
from training.backbones.backbone import build
from training.caches import prefix
from training.caches.examples import VectorData

BOUNDARIES = (6, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--px", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    images = torch.rand(options.images, 3, options.px, options.px)
    rows = np.arange(options.images)
    data = VectorData(images, np.zeros(len(rows), np.int64), ("a", "b"), {"train": rows})
    backbone = build("efficientnet_lite0", 2, pretrained=False)
    ways = {f"every {prefix.FLUSH_EVERY_S:g} s": prefix.FLUSH_EVERY_S, "every batch": 0.0, "at the end": float("inf")}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way, every in ways.items():
            prefix.FLUSH_EVERY_S = every
            with tempfile.TemporaryDirectory() as folder:
                cache = prefix.PrefixCache(backbone, data, torch.device("cpu"), "bf16-nhwc", Path(folder) / "data")
                size = len(rows) * sum(map(cache.bytes_per_image, BOUNDARIES))
                started = time.perf_counter()
                cache.fill(BOUNDARIES, rows, 0)
                seconds[way].append(time.perf_counter() - started)
                cache.close()
    print(f"Measured on {describe()}: {options.images} images, {size / 1e6:.0f} MB of features.\n")
    print("| flushed | seconds, median | each |\n|---|---|---|")
    for way, taken in seconds.items():
        print(f"| {way} | {median(taken):.2f} | {', '.join(f'{one:.2f}' for one in taken)} |")


if __name__ == "__main__":
    main()

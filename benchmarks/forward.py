"""Images per second of one frozen forward pass, step by step: eager, channels_last, bf16, BatchNorm folded.

    python -m benchmarks.forward [BACKBONE] [--batch 32]

On an accelerator a large batch shows what the chip can do. Each way runs `ROUNDS` times in turn over one batch; the
median is printed with the relative error of the pooled features against eager fp32 (norm of the difference over norm).
Then the export's arithmetic, folded fp32, over `JUDGED` images in batches of several sizes, as test images are judged:
images a second, and what the tensors alive at once take.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from benchmarks.machine import describe
from core.zoo.catalog import DEFAULT_BACKBONE
from training.backbones.backbone import build
from training.caches import frozen_pass
from training.caches.arithmetic import EXACT, candidates
from training.machine import devices, peak_of

ROUNDS = 5
JUDGED = 128
SIZES = (8, 16, 32, 64, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", nargs="?", default=DEFAULT_BACKBONE)
    parser.add_argument("--batch", type=int, default=frozen_pass.BATCH)
    options = parser.parse_args()
    name, batch, device = options.backbone, options.batch, devices.pick()
    backbone = build(name, 2).eval().to(device)
    assert backbone.preprocessing is not None
    size, head = backbone.preprocessing.size, backbone.head_index
    plain = _photos(size, batch).to(device)
    last = plain.contiguous(memory_format=torch.channels_last)
    layout = build(name, 2).eval().to(device).to(memory_format=torch.channels_last)

    def autocast() -> Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            return layout.below(last, head)

    ways: dict[str, Callable[[], Tensor]] = {
        "eager fp32": lambda: backbone.below(plain, head),
        "channels_last fp32": lambda: layout.below(last, head),
        "channels_last, bf16 autocast": autocast,
    }
    for arithmetic in candidates(device, True):
        run = frozen_pass.taps(backbone, [head], arithmetic.code, device, last)
        ways[f"folded {arithmetic.code} (one of what Thaw chooses from)"] = lambda run=run: run(last)[0]  # type: ignore[misc]
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    features: dict[str, Tensor] = {}
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            for way, work in ways.items():
                started = time.perf_counter()
                features[way] = work().float()
                if device.type == "cuda":
                    torch.cuda.synchronize()
                seconds[way].append(time.perf_counter() - started)
    wanted = features["eager fp32"]
    print(f"{describe()}\n{name}, {size} px, batch {batch}\n")
    print("| way | images/s | error against eager fp32 |\n|---|---|---|")
    for way in ways:
        error = float((features[way] - wanted).norm() / wanted.norm())
        print(f"| {way} | {batch / median(seconds[way][1:]):.0f} | {error:.2%} |")
    _judging(frozen_pass.taps(backbone, [head], EXACT.code, device, last), _photos(size, JUDGED).to(device))


def _judging(run: frozen_pass.Taps, images: Tensor) -> None:
    """The same images in batches of several sizes, in turn."""
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            started = time.perf_counter()
            for batch in images.split(size):
                run(batch)
            if images.is_cuda:
                torch.cuda.synchronize()
            seconds[size].append(time.perf_counter() - started)
    print("\n| images judged at once | images/s | MB alive at once |\n|---|---|---|")
    for size in SIZES:
        alive = peak_of(lambda size=size: run(images[:size]))  # type: ignore[misc]
        print(f"| {size} | {JUDGED / median(seconds[size][1:]):.0f} | {alive / 1e6:.0f} |")


def _photos(size: int, batch: int) -> Tensor:
    """A batch of crops of scikit-learn's two sample photos, in [-1, 1]."""
    from sklearn.datasets import load_sample_images

    crops = []
    for index in range(batch):
        photo = load_sample_images().images[index % 2]
        top, left = (index * 7) % (photo.shape[0] - size), (index * 13) % (photo.shape[1] - size)
        crops.append(torch.from_numpy(photo[top : top + size, left : left + size].copy()))
    return torch.stack(crops).permute(0, 3, 1, 2).float() / 127.5 - 1


if __name__ == "__main__":
    main()

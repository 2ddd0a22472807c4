"""Images a second of training steps, by what is trained, in each arithmetic and layout, for several batches.

    python -m benchmarks.training_steps [BACKBONE] [--rounds 4]

A run chooses its arithmetic by steps of a few images (`training.caches.arithmetic.TRAIN_BATCH`) and then trains with
32: the few have to choose what is fastest for the many. Every way in turn, `rounds` times; the median after the first.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from benchmarks.machine import describe
from core import Phase
from core.zoo import DEFAULT_BACKBONE
from training.backbones.backbone import build
from training.caches.arithmetic import Arithmetic, candidates
from training.caches.steps import step
from training.machine import devices

BATCHES = (4, 8, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", nargs="?", default=DEFAULT_BACKBONE)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    network, device = build(options.backbone, 5), devices.pick()
    network.to(device)
    assert network.preprocessing is not None
    px, head = network.preprocessing.size, network.head_index
    pixels, ways = torch.randn(max(BATCHES), 3, px, px, device=device), candidates(device, four_d=True)
    print(f"{describe()}\n{options.backbone}, {px} px\n")
    print(f"| trained from | images | {' | '.join(way.code for way in ways)} |\n|{'---|' * (2 + len(ways))}")
    for boundary in (0, *range(head - 4, head)):
        network.set_phase(Phase(boundary, 1, 1e-4))
        with torch.no_grad():
            inputs = network.below(pixels, boundary)
        for count in BATCHES:
            seconds: dict[Arithmetic, list[float]] = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way in ways:
                    placed, labels = way.layout(inputs[:count].clone()), torch.arange(count, device=device) % 5
                    began = time.perf_counter()
                    step(network, boundary, ready(placed), labels, way.autocast(device), device)
                    if device.type == "cuda":
                        torch.cuda.synchronize()
                    seconds[way].append(time.perf_counter() - began)
                    network.zero_grad(set_to_none=True)
            speeds = {way: count / median(own[1:]) for way, own in seconds.items()}
            best = max(speeds.values())
            shown = (f"**{one:.0f}**" if one == best else f"{one:.0f}" for one in speeds.values())
            print(f"| stage {boundary} | {count} | {' | '.join(shown)} |", flush=True)


def ready(inputs: torch.Tensor) -> Callable[[], torch.Tensor]:
    return lambda: inputs


if __name__ == "__main__":
    main()

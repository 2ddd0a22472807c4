"""A training step with the C library's own ways, and with what was freed kept (`training.machine.allocation`).

    python -m benchmarks.allocation [BACKBONE] [--batch 32] [--rounds 3]

Steps of full fine-tuning (forward and backward of every stage, fp32, channels last) and of the last stages, each way in
a process of its own, in turn. Printed: the median of the rounds in images a second, pages that the system handed out
in one step, and the most memory that the process ever had (Linux counts it, libraries included).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from statistics import median
from typing import Any

from benchmarks.machine import describe
from core import Phase
from core.zoo import DEFAULT_BACKBONE
from core.zoo import backbone as find_backbone

STEPS = 6
"""Of each round; the median counts."""
WAYS = {"as the C library does": False, "kept": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", nargs="?", default=DEFAULT_BACKBONE)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--within", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.within is not None:
        print(json.dumps(measure(**options.within)))
        return
    card = find_backbone(options.backbone)
    print(f"{describe()}\n{card.name}, batch {options.batch}\n")
    print("| trained from | pixels | freed memory | images/s | faults a step | peak, MB |\n|---|---|---|---|---|---|")
    for boundary, px in ((0, card.image_px), (0, card.image_px * 6 // 7), (card.head - 2, card.image_px)):
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way, kept in WAYS.items():
                found[way].append(_process(card.name, boundary, px, options.batch, kept))
        for way, rounds in found.items():
            speed, faults, peak = (median(one[what] for one in rounds) for what in ("speed", "faults", "peak"))
            print(f"| stage {boundary} | {px} | {way} | {speed:.0f} | {faults:,.0f} | {peak / 1e6:,.0f} |", flush=True)


def _process(backbone: str, boundary: int, px: int, batch: int, kept: bool) -> dict[str, float]:
    within = {"backbone": backbone, "boundary": boundary, "px": px, "batch": batch, "kept": kept}
    command = [sys.executable, "-m", "benchmarks.allocation", "--within", json.dumps(within)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(backbone: str, boundary: int, px: int, batch: int, kept: bool) -> dict[str, Any]:
    """One way in this process. Nothing that trains may have been imported before."""
    from training.machine import allocation

    if not kept:
        allocation.keep_freed = lambda: False
    import resource
    import time

    import torch

    from training.backbones.backbone import build
    from training.caches.arithmetic import EXACT
    from training.caches.steps import step
    from training.machine import devices

    network, device = build(backbone, 5), devices.pick()
    network.set_phase(Phase(boundary, 1, 1e-4))
    labels, pixels = torch.arange(batch) % 5, torch.randn(batch, 3, px, px)
    with torch.no_grad():
        inputs = EXACT.layout(network.below(pixels, boundary)).clone()
    del pixels
    seconds, faults = [], []
    for _ in range(STEPS):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        step(network, boundary, lambda: inputs, labels, EXACT.autocast(device), device)
        for parameter in network.parameters():
            parameter.grad = None
        seconds.append(time.perf_counter() - began)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"speed": batch / median(seconds[1:]), "faults": median(faults[1:]), "peak": peak}


if __name__ == "__main__":
    main()

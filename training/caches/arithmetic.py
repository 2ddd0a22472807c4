"""Which arithmetic is fastest here without changing the answers: fp32 or bf16, channels last or not.

Chosen by a short measurement, once per (machine, backbone, image side, boundary), kept in THAW_HOME/machine.json and
written down in each run. The best choice differs by boundary and direction: depthwise convolutions are fast forward
and slow backward in bf16 on some CPUs, so no rule would do (`python -m benchmarks.forward` prints the forward side).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core import Phase, find_as, write_json
from training.backbones import Backbone
from training.machine import seed_dropout

TOLERANCE = 0.08
"""Largest error of low-precision features or logits that is accepted: norm of the difference over norm of the fp32
ones, over a batch. One bf16 rounding is 0.4 %; a whole EfficientNet-Lite0 gathers 4-5 % of it
(benchmarks/results/forward.md). Arithmetic beyond the tolerance is not used, however fast."""
TRAIN_BATCH, ACCELERATED_TRAIN_BATCH = 4, 32
"""Images of the steps that are clocked. A small batch tells enough on the CPU; an accelerator needs a whole one, or it
is the launching of kernels that is clocked."""
HOPELESS = 1.25
"""An arithmetic whose first step took this many times the best one's second is not clocked: a first step warms caches
and kernels, but on a CPU hardly more than that once the reference has run."""
MACHINE = "machine.json"
ACCELERATED_ROUNDS = 5
"""Times that work is clocked on an accelerator, where once is quick and noisy; the median counts."""


@dataclass(frozen=True)
class Arithmetic:
    """How tensors are laid out and multiplied. `code` names it in cache folders and in a run's record."""

    precision: str
    """'fp32' or 'bf16'. Accumulation stays in fp32 inside the kernels, weights in fp32 while they are trained."""
    channels_last: bool

    @property
    def code(self) -> str:
        return f"{self.precision}-{'nhwc' if self.channels_last else 'nchw'}"

    @classmethod
    def named(cls, code: str) -> Arithmetic:
        """The inverse of `code`; without a layout, contiguous."""
        precision, _, layout = code.partition("-")
        return cls(precision, layout == "nhwc")

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """For code that runs fp32 weights: bf16 inside where this arithmetic says so."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)

    def layout(self, x: Tensor) -> Tensor:
        """`x` with its memory in this order; anything but images and feature maps is left as it is."""
        if x.dim() != 4:
            return x
        return x.contiguous(memory_format=torch.channels_last if self.channels_last else torch.contiguous_format)


PLAIN = Arithmetic("fp32", False)
EXACT = Arithmetic("fp32", True)
"""What answers are judged in: that of the model which leaves with an export."""


def candidates(device: torch.device, four_d: bool) -> list[Arithmetic]:
    """What is worth trying here, the reference first."""
    layouts = (False, True) if four_d else (False,)
    low = (
        torch.cuda.is_bf16_supported()
        if device.type == "cuda"
        else device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
    return [Arithmetic(p, c) for p in (("fp32", "bf16") if low else ("fp32",)) for c in layouts]


def choose_training(
    backbone: Backbone, phase: Phase, inputs: Tensor, classes: int, device: torch.device, home: Path | None
) -> Arithmetic:
    """The fastest accurate arithmetic for the steps of one phase.

    inputs: a batch at the phase's boundary, [B, ...]; its first images are used. Weights are left as they were.
    """
    tried = candidates(device, inputs.dim() == 4)
    if len(tried) == 1:
        return tried[0]
    key = _training_key(backbone, phase, inputs, device)

    def measure() -> str:
        x = inputs[: TRAIN_BATCH if device.type == "cpu" else ACCELERATED_TRAIN_BATCH].to(device)
        labels = torch.arange(len(x), device=device) % classes
        backbone.set_phase(phase)
        was = {name: tensor.clone() for name, tensor in backbone.named_trained(phase.boundary)}
        parameters = [p for p in backbone.parameters() if p.requires_grad]
        seconds: dict[str, float] = {}
        reference = None
        for arithmetic in tried:
            placed = arithmetic.layout(x)

            def step(arithmetic: Arithmetic = arithmetic, placed: Tensor = placed) -> Tensor:
                with arithmetic.autocast(device):
                    logits = backbone.above(placed, phase.boundary)
                F.cross_entropy(logits.float(), labels).backward()
                for parameter in parameters:
                    parameter.grad = None
                return logits.detach().float()

            seed_dropout(device, 0)  # dropout and drop-path draw the same for every candidate
            started = time.perf_counter()
            logits = step()
            first = time.perf_counter() - started
            if reference is None:
                reference = logits
            hopeless = device.type == "cpu" and first > HOPELESS * min(seconds.values(), default=math.inf)
            if not hopeless and within_tolerance(logits, reference):
                seconds[arithmetic.code] = clocked(step, device)[1]
        with torch.no_grad():
            for name, tensor in backbone.named_trained(phase.boundary):
                tensor.copy_(was[name])  # BatchNorm's running statistics moved
        return min(seconds, key=lambda code: seconds[code])

    return Arithmetic.named(remembered(home, key, measure))


def _training_key(backbone: Backbone, phase: Phase, inputs: Tensor, device: torch.device) -> str:
    side = "x".join(map(str, inputs.shape[1:]))
    return f"train/{backbone.name}/{phase.boundary}/{side}/{device.type}/{torch.__version__}/{torch.get_num_threads()}"


def within_tolerance(values: Tensor, reference: Tensor) -> bool:
    """Whether low-precision numbers are near enough to the fp32 ones of the same inputs."""
    return bool((values - reference).norm() <= TOLERANCE * reference.norm().clamp_min(1e-6))


def clocked(work: Callable[[], Tensor], device: torch.device) -> tuple[Tensor, float]:
    """What `work` returns, and the seconds it took on the device."""
    seconds = []
    for _ in range(1 if device.type == "cpu" else ACCELERATED_ROUNDS):
        started = time.perf_counter()
        result = work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return result, median(seconds)


def remembered(home: Path | None, key: str, measure: Callable[[], str]) -> str:
    """What was measured on this machine before, or `measure()`, kept for the next run."""
    known = _known(home)
    if key not in known:
        known[key] = measure()
        if home:
            write_json(home / MACHINE, known, indent=1)
    return str(known[key])


def _known(home: Path | None) -> dict[str, str]:
    return (find_as(home / MACHINE, dict[str, str]) or {}) if home else {}  # a broken one is measured again

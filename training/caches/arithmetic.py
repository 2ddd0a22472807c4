"""Which arithmetic is fastest here without changing the answers: fp32 or bf16, channels last or not.

Chosen by a short measurement, once per (machine, backbone, image side, boundary), kept in THAW_HOME/machine.json and
written down in each run. The best choice differs by boundary and direction: depthwise convolutions are fast forward
and slow backward in bf16 on some CPUs, so no rule would do (`python -m benchmarks.forward` prints the forward side).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from core import Phase, find_as, write_json
from training.backbones import Backbone
from training.caches.steps import Step, step
from training.machine import seed_dropout

TOLERANCE = 0.08
"""Largest error of low-precision features or logits that is accepted: norm of the difference over norm of the fp32
ones, over a batch. One bf16 rounding is 0.4 %; a whole EfficientNet-Lite0 gathers 4-5 % of it
(benchmarks/results/forward.md). Arithmetic beyond the tolerance is not used, however fast."""
TRAIN_BATCH, ACCELERATED_TRAIN_BATCH = 8, 32
"""Images of the steps that are clocked. A small batch tells enough on the CPU (by four, the layouts of top stages lie
nearer to each other than single steps vary: `python -m benchmarks.training_steps`); an accelerator needs a whole one,
or it is the launching of kernels that is clocked."""
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
    sides = {phase.boundary: tuple(inputs.shape[1:])}
    return choose_at(backbone, phase, sides, inputs, classes, device, home)[phase.boundary]


def choose_at(
    backbone: Backbone, phase: Phase, sides: Mapping[int, tuple[int, ...]], inputs: Tensor, classes: int,
    device: torch.device, home: Path | None,
) -> dict[int, Arithmetic]:  # fmt: skip
    """The fastest accurate arithmetic of steps from each boundary up, from steps of all that `phase` trains.

    sides: of each boundary, none below the phase's own, the shape of an example there. inputs: a batch at the phase's.
    """
    tried = {boundary: candidates(device, len(side) == 3) for boundary, side in sides.items()}
    known = recall(home)
    keys = {boundary: _training_key(backbone, boundary, side, device) for boundary, side in sides.items()}
    found = {boundary: ways[0].code for boundary, ways in tried.items() if len(ways) == 1}
    found |= {boundary: known[key] for boundary, key in keys.items() if key in known}
    if missing := sorted(sides.keys() - found.keys()):
        measured = _fastest(backbone, phase, missing, inputs, classes, device)
        found |= {boundary: how.code for boundary, how in measured.items()}
        remember(home, {keys[boundary]: how.code for boundary, how in measured.items()})
    return {boundary: Arithmetic.named(found[boundary]) for boundary in sides}


def _fastest(
    backbone: Backbone, phase: Phase, boundaries: Sequence[int], inputs: Tensor, classes: int, device: torch.device
) -> dict[int, Arithmetic]:
    x = inputs[: _clocked(device)].to(device)
    labels = torch.arange(len(x), device=device) % classes
    backbone.set_phase(phase)
    was = {name: tensor.clone() for name, tensor in backbone.named_trained(phase.boundary)}
    parameters = [p for p in backbone.parameters() if p.requires_grad]
    seconds: dict[int, dict[Arithmetic, float]] = {boundary: {} for boundary in boundaries}
    reference: Step | None = None

    def one(how: Arithmetic, keep: bool = False) -> Step:
        seed_dropout(device, 0)  # dropout and drop-path draw the same for every candidate
        placed = how.layout(x)
        made = step(backbone, phase.boundary, lambda: placed, labels, how.autocast(device), device, keep=keep)
        for parameter in parameters:
            parameter.grad = None
        return made

    for how in candidates(device, x.dim() == 4):
        first = one(how, keep=reference is None)
        reference = reference or first
        whole = within_tolerance(first.logits, reference.logits)
        good = []
        for boundary in boundaries:
            best = min(seconds[boundary].values(), default=math.inf)
            hopeless = device.type == "cpu" and first.seconds(boundary) > HOPELESS * best
            above = reference.inputs[boundary - phase.boundary]
            if not hopeless and (whole or _answers_alike(backbone, boundary, above, how, device)):
                good.append(boundary)
        timed = [one(how) for _ in range(rounds(device))] if good else []
        for boundary in good:
            seconds[boundary][how] = median(made.seconds(boundary) for made in timed)
    with torch.no_grad():
        for name, tensor in backbone.named_trained(phase.boundary):
            tensor.copy_(was[name])  # BatchNorm's running statistics moved
    return {boundary: min(ways, key=lambda how: ways[how]) for boundary, ways in seconds.items()}


@torch.no_grad()
def _answers_alike(backbone: Backbone, boundary: int, x: Tensor, how: Arithmetic, device: torch.device) -> bool:
    """Whether the stages from `boundary` up do, of activations there: what errs over a whole network need not above."""

    def logits(one: Arithmetic) -> Tensor:
        seed_dropout(device, 0)
        with one.autocast(device):
            return backbone.above(one.layout(x), boundary).float()

    return within_tolerance(logits(how), logits(PLAIN))


def _clocked(device: torch.device) -> int:
    """Images of a step that is clocked."""
    return TRAIN_BATCH if device.type == "cpu" else ACCELERATED_TRAIN_BATCH


def _training_key(backbone: Backbone, boundary: int, side: tuple[int, ...], device: torch.device) -> str:
    shape, threads = "x".join(map(str, side)), torch.get_num_threads()
    return f"train/{_clocked(device)}/{backbone.name}/{boundary}/{shape}/{device.type}/{torch.__version__}/{threads}"


def within_tolerance(values: Tensor, reference: Tensor) -> bool:
    """Whether low-precision numbers are near enough to the fp32 ones of the same inputs."""
    return bool((values - reference).norm() <= TOLERANCE * reference.norm().clamp_min(1e-6))


def rounds(device: torch.device) -> int:
    """Times that work is clocked here."""
    return 1 if device.type == "cpu" else ACCELERATED_ROUNDS


def remembered(home: Path | None, key: str, measure: Callable[[], str]) -> str:
    """What was measured on this machine before, or `measure()`, kept for the next run."""
    known = recall(home)
    if key not in known:
        known[key] = measure()
        remember(home, {key: known[key]})
    return str(known[key])


def recall(home: Path | None) -> dict[str, str]:
    """Everything that was measured on this machine."""
    return (find_as(home / MACHINE, dict[str, str]) or {}) if home else {}  # a broken one is measured again


def remember(home: Path | None, found: Mapping[str, str]) -> None:
    """Keep it for the next run."""
    if home:
        write_json(home / MACHINE, recall(home) | dict(found), indent=1)

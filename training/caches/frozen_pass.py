"""The fastest way through frozen stages: one forward pass that taps the activations at several boundaries.

Frozen stages are in eval mode, so BatchNorm folds into the convolutions; where it is measured to be faster and
accurate they then run in bf16. `benchmarks/forward.py` prints what each step gains on a machine.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.backbones import Backbone
from training.backbones.backbone import spatial_mean
from training.caches.arithmetic import EXACT, Arithmetic, candidates, remembered, rounds, within_tolerance
from training.caches.examples import Data, Rows
from training.caches.prefix import LARGEST
from training.machine import Parts

Taps = Callable[[Tensor], list[Tensor]]
BATCH, ACCELERATED_BATCH = 32, 256
"""Images per frozen forward pass, on the CPU and on an accelerator, which small batches leave idle. Always exactly this
many (short batches are padded): the arithmetic of a row must not depend on how many rows happened to be missing when a
cache was filled."""
FOLDING_TOLERANCE = 1e-3
"""Norm of the difference that folding may make to activations, relative to their norm."""
CHOOSING_BATCH = 8
"""Images of the short measurement that chooses the arithmetic on the CPU; on an accelerator it takes a whole batch."""


def pass_batch(device: torch.device) -> int:
    """Images per frozen forward pass on this device."""
    return BATCH if device.type == "cpu" else ACCELERATED_BATCH


def judged_in(device: torch.device, precision: str) -> str:
    """The code of the arithmetic in which validation images are judged. On the CPU that of the export; an accelerator
    judges them as it computes frozen stages, by `precision`."""
    return EXACT.code if device.type == "cpu" else precision


class TorchPass:
    """Through the stages of a backbone, by torch."""

    def __init__(
        self, backbone: Backbone, data: Data, device: torch.device, arithmetic: str, boundaries: Sequence[int],
        pooled: bool,
    ) -> None:  # fmt: skip
        self.size, self.whole = pass_batch(device), True
        self._data = data
        self._run: Taps | None = None
        self._open = lambda inputs: taps(backbone, boundaries, arithmetic, device, inputs, pooled=pooled)

    def make(self, rows: Rows, view: object) -> Tensor:
        return self._data.batch(rows, view)

    def run(self, inputs: Tensor) -> list[Tensor]:
        self._run = self._run or self._open(inputs)
        return self._run(inputs)

    def stored(self, activations: Tensor, kind: type) -> NDArray[Any]:
        halves = kind is np.float16  # made before they are moved: half the bytes
        found: NDArray[Any] = (activations.clamp(-LARGEST, LARGEST).half() if halves else activations).cpu().numpy()
        return found


class _Tapped(nn.Module):
    """Runs stages below max(boundaries) and returns the activations at each boundary, ascending; with `pooled`, the
    spatial means [B, channels] of every stage's output after them. With `joined` the highest boundary has all those
    means in place of its activations: what a head on all stages reads."""

    def __init__(self, stages: Sequence[nn.Module], boundaries: Sequence[int], *, joined: bool = False) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.boundaries = tuple(boundaries)
        self.joined, self.pooled = joined, False

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        taps: list[Tensor] = []
        means: list[Tensor] = []
        for index, stage in enumerate(self.stages, start=1):
            x = stage(x)
            if self.pooled or self.joined:
                means.append(spatial_mean(x))
            if index in self.boundaries:
                taps.append(torch.cat(means, dim=1) if self.joined and index == len(self.stages) else x)
        return (*taps, *(means if self.pooled else ()))


def taps(
    backbone: Backbone,
    boundaries: Sequence[int],
    arithmetic: str,
    device: torch.device,
    example: Tensor,
    *,
    start: int = 0,
    folds: bool | None = None,
    pooled: bool = False,
) -> Taps:
    """A function from batches [B, ...] of activations at `start` (0: inputs) to float32 ones at `boundaries`.

    boundaries: ascending, each above `start`. arithmetic: a code of `Arithmetic`; accumulation stays in fp32 inside the
    kernels. `example` is one such batch. folds: what `foldable` found; it is found out here without it. pooled: the
    spatial means of every stage that runs follow. The stages are copied, so training the backbone later does not change
    what the function computes.
    """
    module = _prepared(backbone, boundaries, device, example, start, folds)
    module.pooled = pooled
    return _cast(module, Arithmetic.named(arithmetic), device)


def as_it_is(backbone: Backbone, start: int, device: torch.device) -> Taps:
    """`taps` at the head in plain fp32 without a copy, which would take longer than a small network runs: training the
    backbone later does change what the function computes. The backbone must be in eval mode."""

    def forward(x: Tensor) -> list[Tensor]:
        with torch.inference_mode():
            return [backbone.below(x.to(device), backbone.head_index, start)]

    return _as_memory_allows(forward)


def foldable(backbone: Backbone, start: int, device: torch.device, example: Tensor) -> bool:
    """Whether the stages from `start` to the head answer the same with BatchNorm folded: it depends on how they are
    built, not on their weights. `example` is a batch at `start`."""
    module = _copied(backbone, [backbone.head_index], device, start)
    return module is not _folded(module, example)


def _copied(backbone: Backbone, boundaries: Sequence[int], device: torch.device, start: int) -> _Tapped:
    highest = max(boundaries)
    joined = backbone.reads_all and highest == backbone.head_index
    assert not (joined and start), "what all stages give can only be computed from inputs"
    stages = [copy.deepcopy(stage) for stage in backbone.stage_modules()[start:highest]]
    return _Tapped(stages, [boundary - start for boundary in boundaries], joined=joined).eval().to(device)


def _prepared(
    backbone: Backbone,
    boundaries: Sequence[int],
    device: torch.device,
    example: Tensor,
    start: int = 0,
    folds: bool | None = None,
) -> _Tapped:
    """A copy of the stages below the highest boundary, in eval mode, BatchNorm folded, fp32."""
    module = _copied(backbone, boundaries, device, start)
    if folds is None:
        module = _folded(module, example)
    elif folds:
        _fold_batch_norms(module)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module


def _cast(module: _Tapped, how: Arithmetic, device: torch.device) -> Taps:
    """The function that runs `module`, which it takes over, in one arithmetic."""
    dtype = torch.bfloat16 if how.precision == "bf16" else torch.float32
    module = module.to(dtype=dtype)
    if how.channels_last:
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                part.to(memory_format=torch.channels_last)

    def prepare(x: Tensor) -> Tensor:
        return how.layout(x.to(device=device, dtype=dtype))

    def forward(x: Tensor) -> list[Tensor]:
        with torch.inference_mode():
            return [activation.float() for activation in module(prepare(x))]

    return _as_memory_allows(forward)


def _as_memory_allows(forward: Taps) -> Taps:
    """`forward` on batches that become smaller when memory runs out. What a row gives may then differ in its last bits
    from what it gives in a whole batch."""
    parts = Parts("the stages that nothing trains")

    def computed(x: Tensor) -> list[Tensor]:
        pieces = parts.run(forward, x)
        if len(pieces) == 1:
            return pieces[0]
        with torch.inference_mode():
            return [torch.cat(of) for of in zip(*pieces, strict=True)]

    return computed


def _fold_batch_norms(module: nn.Module) -> None:
    """Replace every convolution directly followed by a BatchNorm by one convolution, in place, in fp32.

    Before the cast to bf16: weights folded in bf16 would be rounded twice. `benchmarks.forward` prints the error.
    """
    names = list(module._modules)
    for first, second in pairwise(names):
        convolution, norm = module._modules[first], module._modules[second]
        if not (isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
            continue
        if convolution.out_channels == norm.num_features:  # else something stands between them
            module._modules[first] = fuse_conv_bn_eval(convolution, norm)
            # timm's BatchNormAct2d carries its activation
            rest = [part for part in (getattr(norm, "drop", None), getattr(norm, "act", None)) if part is not None]
            module._modules[second] = nn.Sequential(*rest)
    for child in module.children():
        _fold_batch_norms(child)


def _folded(module: _Tapped, example: Tensor) -> _Tapped:
    """`module` with BatchNorm folded, or unchanged where folding would change its answers (neighbours by name that
    are not neighbours in the forward pass)."""
    if example.dim() != 4 or not any(isinstance(part, nn.BatchNorm2d) for part in module.modules()):
        return module
    candidate = copy.deepcopy(module)
    _fold_batch_norms(candidate)
    few = example[:2].to(next(module.parameters()).device)
    with torch.inference_mode():
        same = all(
            (a - b).norm() <= FOLDING_TOLERANCE * b.norm() for a, b in zip(candidate(few), module(few), strict=True)
        )
    return candidate if same else module


def choose(backbone: Backbone, device: torch.device, example: Tensor, home: Path | None) -> str:
    """The fastest arithmetic (its code) whose activations at the head are within tolerance of fp32's.

    example: an input batch; on the CPU its first images are used. Measured once a machine, kept in `home`.
    """
    tried = candidates(device, example.dim() == 4)
    if len(tried) == 1:
        return tried[0].code
    side = "x".join(map(str, example.shape[1:]))
    key = f"frozen/{backbone.name}/{side}/{device.type}/{torch.__version__}/{torch.get_num_threads()}"

    def measure() -> str:
        sample = example[: CHOOSING_BATCH if device.type == "cpu" else ACCELERATED_BATCH]
        prepared = _prepared(backbone, [backbone.head_index], device, sample)
        seconds: dict[str, float] = {}
        reference = None
        for arithmetic in tried:
            run = _cast(copy.deepcopy(prepared), arithmetic, device)
            features = run(sample)[0]  # warms caches and kernels
            if reference is None:
                reference = features
            if within_tolerance(features, reference):
                seconds[arithmetic.code] = median(_seconds(run, sample, device) for _ in range(rounds(device)))
        return min(seconds, key=lambda code: seconds[code])

    return remembered(home, key, measure)


def _seconds(run: Taps, batch: Tensor, device: torch.device) -> float:
    started = time.perf_counter()
    run(batch)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started

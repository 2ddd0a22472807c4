"""The fastest way through frozen stages: one forward pass that taps the activations at several boundaries.

Frozen stages are in eval mode, so BatchNorm folds into the convolutions; on CPUs with bfloat16 units they then run
in bf16. `benchmarks/forward.py` prints what each step gains on a machine.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.backbones import Backbone

Taps = Callable[[Tensor], list[Tensor]]
BATCH = 32
"""Images per frozen forward pass. Always exactly this many (short batches are padded): the arithmetic of a row
must not depend on how many rows happened to be missing when a cache was filled."""
CPU_PRECISIONS = ("fp32", "bf16")


class _Tapped(nn.Module):
    """Runs stages below max(boundaries) and returns the activations at each boundary, ascending."""

    def __init__(self, stages: Sequence[nn.Module], boundaries: Sequence[int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.boundaries = tuple(boundaries)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        taps: list[Tensor] = []
        for index, stage in enumerate(self.stages, start=1):
            x = stage(x)
            if index in self.boundaries:
                taps.append(x)
        return tuple(taps)


def taps(backbone: Backbone, boundaries: Sequence[int], precision: str, device: torch.device, example: Tensor) -> Taps:
    """A function from input batches [BATCH, ...] to float32 activations at `boundaries` (ascending, each >= 1).

    precision: 'fp32' or 'bf16'; accumulation stays in fp32 inside the kernels. `example` is one such batch.
    The stages are copied, so training the backbone later does not change what the function computes.
    """
    stages = [copy.deepcopy(stage) for stage in backbone.stage_modules()[: max(boundaries)]]
    module = _folded(_Tapped(stages, boundaries).eval().to(device), example)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    four_d = example.dim() == 4
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    module = module.to(dtype=dtype)
    if four_d:
        module = module.to(memory_format=torch.channels_last)

    def prepare(x: Tensor) -> Tensor:
        x = x.to(device=device, dtype=dtype)
        return x.contiguous(memory_format=torch.channels_last) if four_d else x

    def forward(x: Tensor) -> list[Tensor]:
        with torch.inference_mode():
            return [activation.float() for activation in module(prepare(x))]

    return forward


def _fold_batch_norms(module: nn.Module) -> None:
    """Replace every convolution directly followed by a BatchNorm by one convolution, in place, in fp32.

    Before the cast to bf16: weights folded in bf16 would be rounded twice. `benchmarks.forward` prints the error.
    """
    names = list(module._modules)
    for first, second in pairwise(names):
        convolution, norm = module._modules[first], module._modules[second]
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module._modules[first] = fuse_conv_bn_eval(convolution, norm)
            # timm's BatchNormAct2d carries its activation
            rest = [part for part in (getattr(norm, "drop", None), getattr(norm, "act", None)) if part is not None]
            module._modules[second] = nn.Sequential(*rest)
    for child in module.children():
        _fold_batch_norms(child)


def _folded(module: _Tapped, example: Tensor) -> _Tapped:
    """`module` with BatchNorm folded, or unchanged where folding would change its answers (neighbours by name that
    are not neighbours in the forward pass)."""
    if example.dim() != 4:
        return module
    candidate = copy.deepcopy(module)
    _fold_batch_norms(candidate)
    few = example[:2].to(next(module.parameters()).device)
    with torch.inference_mode():
        same = all(torch.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in zip(candidate(few), module(few), strict=True))
    return candidate if same else module


def choose_precision(backbone: Backbone, device: torch.device, example: Tensor, home: Path | None) -> str:
    """'fp32' or 'bf16', whichever is faster for frozen stages here; measured once a machine, kept in `home`.

    example: any input batch; its first images are used.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device.type != "cpu" or example.dim() != 4 or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return "fp32"
    note = home / "machine.json" if home else None
    key = f"{backbone.name}/{torch.__version__}/{torch.get_num_threads()} threads"
    known = json.loads(note.read_text()) if note and note.exists() else {}
    if key not in known:
        sample = example[:8]
        seconds = {}
        for precision in CPU_PRECISIONS:
            run = taps(backbone, [backbone.head_index], precision, device, sample)
            started = time.perf_counter()
            run(sample)
            seconds[precision] = time.perf_counter() - started
        known[key] = min(seconds, key=lambda name: seconds[name])
        if note:
            part = note.with_suffix(".tmp")
            part.write_text(json.dumps(known, indent=1))
            part.replace(note)
    return str(known[key])

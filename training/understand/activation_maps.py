"""Where a network looked: class-activation maps, exact where the head is linear on averaged features, else by gradient.

The maps lie on the last plane of the network: the last output with more than one position, of a convolution
[B, C, H, W] or a transformer [B, tokens, C].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from training.backbones import Backbone

Kind = Literal["CAM", "Grad-CAM"]
EMBER, LIGHT = (242.0, 120.0, 75.0), (255.0, 226.0, 150.0)
STRENGTH = 0.72
"""How much of a pixel the colour covers where the map is highest."""


@dataclass(frozen=True)
class Plane:
    """The module whose output the maps lie on, and how its output becomes [B, C, H, W]."""

    module: nn.Module
    tokens: int | None
    """Tokens before those of the patches (class token, registers); None for a convolution's plane."""
    exact: bool
    """Whether the head is linear on the plane's average: then the map is exact (Zhou et al. 2016, arXiv 1512.04150)."""

    @property
    def kind(self) -> Kind:
        return "CAM" if self.exact else "Grad-CAM"


def plane_of(backbone: Backbone, example: Tensor) -> Plane | None:
    """The last plane on which the answer for `example` [B, ...] depends; None for a backbone without pictures."""
    backbone.eval()
    seen: list[tuple[nn.Module, Tensor]] = []

    def keep(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.requires_grad and _positions(output) > 1:
            output.retain_grad()
            seen.append((module, output))

    hooks = [module.register_forward_hook(keep) for module in backbone.net.modules()]
    try:
        with torch.enable_grad():
            features = backbone.below(example.clone().requires_grad_(True), backbone.head_index)
            backbone.head(features).max(dim=1).values.sum().backward()
    finally:
        for hook in hooks:
            hook.remove()
        backbone.zero_grad(set_to_none=True)
    for module, output in reversed(seen):
        skip = None if output.dim() == 4 else _before_patches(output)
        patches = output.grad if skip is None or output.grad is None else output.grad[:, skip:]
        if patches is not None and bool(patches.abs().sum() > 0):
            linear = isinstance(backbone.head, nn.Linear)
            exact = linear and output.dim() == 4 and _averages(output.detach(), features.detach())
            return Plane(module, skip, exact)
    return None


def maps(backbone: Backbone, plane: Plane, inputs: Tensor, classes: Tensor) -> Tensor:
    """Activation maps [B, H, W] in [0, 1] of `inputs` [B, 3, H, W] for one class each, on the CPU.

    Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391): channels weighed by the mean gradient of the class's logit.
    """
    backbone.eval()
    kept: list[Tensor] = []
    hook = plane.module.register_forward_hook(lambda module, _, output: kept.append(output))
    try:
        with torch.set_grad_enabled(not plane.exact):
            x = inputs if plane.exact else inputs.clone().requires_grad_(True)
            logits = backbone(x)
            activations = kept[-1]
            if plane.exact:
                assert isinstance(backbone.head, nn.Linear)
                weights = backbone.head.weight[classes]
                channels = activations
            else:
                chosen = logits.gather(1, classes[:, None]).sum()
                (gradient,) = torch.autograd.grad(chosen, activations)
                channels, gradients = _plane(activations, plane.tokens), _plane(gradient, plane.tokens)
                weights = gradients.mean(dim=(2, 3))
    finally:
        hook.remove()
    heat = F.relu(torch.einsum("bc,bchw->bhw", weights.float(), channels.float())).detach()
    heat = F.interpolate(heat[:, None], size=inputs.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    return (heat / heat.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)).cpu()


def painted(picture: NDArray[np.uint8], heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The picture [H, W, 3] with its map [H, W] laid over it in ember; what the map leaves out is dimmed."""
    strength = heat[..., None]
    colour = np.asarray(EMBER) + (np.asarray(LIGHT) - np.asarray(EMBER)) * np.clip(2 * strength - 1, 0, 1)
    ground = picture * (0.62 + 0.38 * strength)
    covered: NDArray[np.uint8] = (ground * (1 - STRENGTH * strength) + colour * STRENGTH * strength).astype(np.uint8)
    return covered


def _positions(output: Tensor) -> int:
    if output.dim() == 4:
        return output.shape[2] * output.shape[3]
    return output.shape[1] if output.dim() == 3 else 0


def _before_patches(output: Tensor) -> int:
    """Tokens that are no patch: what is left over of the largest square."""
    side = int(output.shape[1] ** 0.5)
    return int(output.shape[1] - side * side)


def _averages(plane: Tensor, features: Tensor) -> bool:
    return plane.shape[1] == features.shape[1] and bool(
        torch.allclose(plane.mean(dim=(2, 3)), features, rtol=1e-3, atol=1e-4)
    )


def _plane(output: Tensor, tokens: int | None) -> Tensor:
    """[B, C, H, W] from a convolution's output or from tokens."""
    if tokens is None:
        return output
    patches = output[:, tokens:]
    side = int(patches.shape[1] ** 0.5)
    return patches.transpose(1, 2).reshape(len(patches), -1, side, side)

"""Turning cached squares into the batches a backbone expects: the plain view and augmented ones.

A view is a number: 0 is the plain centre crop, v >= 1 an augmented one. What view v of image i looks like
depends on (v, i) and the augmentation alone, so that activations of a view can be stored and shared between runs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from core import Augment
from training.backbones import Preprocessing
from training.machine import derive_seed, generator

CROP_AREA = (0.5, 1.0)
"""Share of the plain view's area that an augmented crop keeps. Milder than ImageNet's (0.08, 1): a handful of
cached views must each still show the object."""
CROP_RATIO = (3 / 4, 4 / 3)
JITTER = 0.2
"""Brightness, contrast and saturation are each multiplied by 1 - JITTER to 1 + JITTER, in this order."""
GREY = (0.299, 0.587, 0.114)


def plain(pixels: Tensor, prep: Preprocessing) -> Tensor:
    """uint8 [B, S, S, 3] -> normalised float32 [B, 3, size, size] (or [B, size * size] for the MLP), same device."""
    side = pixels.shape[1]
    crop = max(1, round(side * prep.size / prep.resize))
    offset = (side - crop) // 2
    squares = pixels[:, offset : offset + crop, offset : offset + crop]
    if crop == prep.size:
        return _normalise(_as_float(squares), prep)
    # As Pillow resizes. Of whole bytes it takes a tenth of the time, where the device can.
    images = squares.permute(0, 3, 1, 2) if pixels.device.type == "cpu" else _as_float(squares)
    images = F.interpolate(images, size=(prep.size, prep.size), mode=prep.interpolation, antialias=True)
    if images.dtype == torch.uint8:
        return _normalise(_as_float(images.permute(0, 2, 3, 1)), prep)
    return _normalise(images.clamp(0, 1), prep)


def augmented(
    pixels: Tensor, rows: NDArray[np.int64], view: object, prep: Preprocessing, how: Augment = "light"
) -> Tensor:
    """Random resized crop and horizontal flip of each image (`how` may leave out the flip, or change more); shapes as
    in `plain`.

    rows: each image's number in the dataset; with `view` it seeds what that image looks like.
    """
    images = _as_float(pixels)
    theta = torch.empty(len(rows), 2, 3)
    for i, row in enumerate(rows):
        theta[i] = _crop(generator("view", view, int(row)), mirrors=how != "crop")
    grid = F.affine_grid(theta.to(images.device), [len(rows), 3, prep.size, prep.size], align_corners=False)
    if images.shape[-1] > 1.5 * prep.size:  # grid_sample does not average: shrink first, or edges would alias
        images = F.interpolate(images, size=(prep.size, prep.size), mode="bilinear", antialias=True)
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    if how == "colour":
        images = _jittered(images, rows, view)
    elif how == "trivial":
        images = _trivial(images, rows, view)
    return _normalise(images, prep)


def _jittered(images: Tensor, rows: NDArray[np.int64], view: object) -> Tensor:
    """float32 [B, 3, h, w] in [0, 1], each in another brightness, contrast and saturation."""
    drawn = torch.stack([torch.rand(3, generator=generator("colour", view, int(row))) for row in rows])
    factors = 1 + JITTER * (2 * drawn.to(images.device) - 1)
    bright, contrast, saturation = factors.T.reshape(3, -1, 1, 1, 1)
    weights = torch.tensor(GREY, device=images.device).view(1, 3, 1, 1)
    images = (images * bright).clamp(0, 1)
    mean = (images * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    images = (mean + contrast * (images - mean)).clamp(0, 1)
    grey = (images * weights).sum(1, keepdim=True)
    return (grey + saturation * (images - grey)).clamp(0, 1)


def _trivial(images: Tensor, rows: NDArray[np.int64], view: object) -> Tensor:
    """float32 [B, 3, h, w] in [0, 1], each changed in one random way by a random amount (arXiv 2103.10158)."""
    from torchvision.transforms.v2 import TrivialAugmentWide  # a second to load, which few runs need

    change = TrivialAugmentWide()
    whole = (images * 255).round().to(torch.uint8)
    with torch.random.fork_rng(devices=[]):  # it draws from the default generator alone
        for i, row in enumerate(rows):
            torch.default_generator.manual_seed(derive_seed("trivial", view, int(row)))
            whole[i] = change(whole[i])
    return whole.float() / 255


def _crop(source: torch.Generator, *, mirrors: bool) -> Tensor:
    """A 2 x 3 affine map from output to input coordinates in [-1, 1]: scale, shift, perhaps mirrored."""
    u = torch.rand(5, generator=source).tolist()
    area = CROP_AREA[0] + (CROP_AREA[1] - CROP_AREA[0]) * u[0]
    low, high = np.log(CROP_RATIO[0]), np.log(CROP_RATIO[1])
    ratio = float(np.exp(low + (high - low) * u[1]))
    width, height = min(1.0, (area * ratio) ** 0.5), min(1.0, (area / ratio) ** 0.5)
    shift_x, shift_y = (2 * u[2] - 1) * (1 - width), (2 * u[3] - 1) * (1 - height)
    mirror = -1.0 if mirrors and u[4] < 0.5 else 1.0
    return torch.tensor([[mirror * width, 0.0, shift_x], [0.0, height, shift_y]])


def _as_float(pixels: Tensor) -> Tensor:
    """[B, H, W, 3] -> float32 [B, 3, H, W] in [0, 1], its memory as it was: channels last."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last).mul_(1 / 255)


def _normalise(images: Tensor, prep: Preprocessing) -> Tensor:
    if prep.grey_vector:
        return ((images.mean(dim=1) - prep.mean[0]) / prep.std[0]).flatten(1)
    mean = torch.tensor(prep.mean, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(prep.std, device=images.device).view(1, 3, 1, 1)
    return images.sub_(mean).div_(std).contiguous(memory_format=torch.channels_last)

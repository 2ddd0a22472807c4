"""Turning cached squares into the batches a backbone expects: the plain view and augmented ones.

A view is a number: 0 is the plain centre crop, v >= 1 an augmented one. What view v of image i looks like
depends on (v, i) alone, so that activations of a view can be stored and shared between runs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from training.backbones import Preprocessing
from training.machine import generator

CROP_AREA = (0.5, 1.0)
"""Share of the plain view's area that an augmented crop keeps. Milder than ImageNet's (0.08, 1): a handful of
cached views must each still show the object."""
CROP_RATIO = (3 / 4, 4 / 3)


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


def augmented(pixels: Tensor, rows: NDArray[np.int64], view: object, prep: Preprocessing) -> Tensor:
    """Random resized crop and horizontal flip of each image; shapes as in `plain`.

    rows: each image's number in the dataset; with `view` it seeds that image's crop.
    """
    images = _as_float(pixels)
    theta = torch.empty(len(rows), 2, 3)
    for i, row in enumerate(rows):
        theta[i] = _crop(generator("view", view, int(row)))
    grid = F.affine_grid(theta.to(images.device), [len(rows), 3, prep.size, prep.size], align_corners=False)
    if images.shape[-1] > 1.5 * prep.size:  # grid_sample does not average: shrink first, or edges would alias
        images = F.interpolate(images, size=(prep.size, prep.size), mode="bilinear", antialias=True)
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return _normalise(images, prep)


def _crop(source: torch.Generator) -> Tensor:
    """A 2 x 3 affine map from output to input coordinates in [-1, 1]: scale, shift, perhaps mirrored."""
    u = torch.rand(5, generator=source).tolist()
    area = CROP_AREA[0] + (CROP_AREA[1] - CROP_AREA[0]) * u[0]
    low, high = np.log(CROP_RATIO[0]), np.log(CROP_RATIO[1])
    ratio = float(np.exp(low + (high - low) * u[1]))
    width, height = min(1.0, (area * ratio) ** 0.5), min(1.0, (area / ratio) ** 0.5)
    shift_x, shift_y = (2 * u[2] - 1) * (1 - width), (2 * u[3] - 1) * (1 - height)
    mirror = -1.0 if u[4] < 0.5 else 1.0
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

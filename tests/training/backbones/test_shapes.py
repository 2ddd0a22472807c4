"""Which axes of activations are places, by their shape alone."""

from __future__ import annotations

import pytest
import torch

from training.backbones.backbone import spatial_mean
from training.backbones.shapes import channels, places


@pytest.mark.parametrize(
    ("shape", "axes", "left"),
    [
        ((40, 28, 28), (1, 2), 40), ((28, 28, 40), (0, 1), 40), ((7, 7, 7), (1, 2), 7), ((1, 7, 7), (1, 2), 1),
        ((197, 768), (0,), 768), ((1280,), (), 1280),
    ],
)  # fmt: skip
def test_channels_are_what_is_left_of_the_places(shape: tuple[int, ...], axes: tuple[int, ...], left: int) -> None:
    """Swin's maps have their channels last."""
    assert places(shape) == axes and channels(shape) == left
    x = torch.rand(2, *shape)
    mean = spatial_mean(x)
    assert mean.shape == (2, left)
    expected = x if not axes else x.mean(dim=tuple(1 + axis for axis in axes))
    assert torch.equal(mean, expected)

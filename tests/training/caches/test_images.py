"""A dataset as training data: decoded once for every side, at the weights' own interpolation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import PlanError
from dataset.ingest.sources import import_path
from training.backbones import Preprocessing
from training.caches.image_data import ImageData

PREP = Preprocessing(size=56, resize=64, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture
def data(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> Callable[..., ImageData]:
    ref = import_path(image_folder(tmp_path / "shapes", per_class=8, px=90), home)
    return lambda prep=PREP, **options: ImageData(ref, home / "cache" / ref.id, prep, **options)


def caches(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "cache").glob("*/pixels-*"))


def test_smaller_images_read_the_same_cache(data: Callable[..., ImageData], home: Path) -> None:
    rows = np.arange(3)
    assert data().batch(rows, 0).shape == (3, 3, 56, 56)
    small = data(image_px=28)
    assert small.batch(rows, 0).shape == small.batch(rows, 5).shape == (3, 3, 28, 28)
    assert caches(home) == ["pixels-64"]
    # The same picture, seen at half the side: shrinking the large one by averaging comes close.
    shrunk = torch.nn.functional.interpolate(data().batch(rows, 0), size=(28, 28), mode="bicubic", antialias=True)
    assert (small.batch(rows, 0) - shrunk).abs().mean() < 0.05


def test_larger_images_are_decoded_at_their_own_side(data: Callable[..., ImageData], home: Path) -> None:
    assert data(image_px=70).batch(np.arange(2), 0).shape == (2, 3, 70, 70)
    assert caches(home) == ["pixels-80"]


def test_one_epoch_can_see_another_side(data: Callable[..., ImageData]) -> None:
    """Progressive resizing asks for it batch by batch."""
    images = data()
    assert images.batch(np.arange(2), ("live", 1), px=32).shape == (2, 3, 32, 32)
    assert images.batch(np.arange(2), 0).shape[-1] == 56


def test_views_show_what_the_run_asks_for(data: Callable[..., ImageData]) -> None:
    rows = np.arange(6)
    light, crop = data(), data(augment="crop")
    assert torch.equal(light.batch(rows, 0), crop.batch(rows, 0))
    assert not torch.equal(light.batch(rows, 1), crop.batch(rows, 1))


def test_interpolation_is_the_weights_own(data: Callable[..., ImageData], home: Path) -> None:
    one, other = data().batch(np.arange(4), 0), data(replace(PREP, interpolation="bilinear")).batch(np.arange(4), 0)
    assert caches(home) == ["pixels-64", "pixels-64-bilinear"]
    assert not torch.equal(one, other) and (one - other).abs().mean() < 0.1


def test_a_fixed_side_is_refused_with_both_values(data: Callable[..., ImageData]) -> None:
    vector = Preprocessing(size=8, resize=8, mean=(0.5,), std=(0.5,), grey_vector=True)
    with pytest.raises(PlanError, match="reads images of 8 px; 16 px cannot be chosen"):
        data(vector, image_px=16)

"""A set's features as the profile leaves them, for benchmarks that ask again and again what a probe makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.types import DatasetRef
from core.zoo.catalog import DEFAULT_BACKBONE
from dataset.folder import read_alike, read_manifest
from dataset.splits import same_pictures
from training.backbones.backbone import build
from training.caches import budget, frozen_pass
from training.caches.image_data import ImageData
from training.caches.prefix import PrefixCache
from training.machine import devices

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Features:
    """Of every image that counts."""

    rows: Ints
    """[N], of the manifest, ascending."""
    vectors: Tensor
    """float32 [N, width]."""
    labels: Ints
    """[N], as the manifest has them."""
    split: NDArray[np.str_]
    """[N], 'train', 'val' or 'test', as runs see them."""
    given_test: NDArray[np.bool_]
    """[N], those that came in a test folder."""
    groups: Ints
    """[N], equal for copies and pictures that look alike."""


def read(ref: DatasetRef, home: Path) -> Features:
    """From the caches that a profile fills; what is missing there is run through the backbone now."""
    device, cache = devices.pick(), budget.folder_of(home, ref.images_id)
    backbone = build(DEFAULT_BACKBONE, len(ref.classes), home=home).to(device)
    assert backbone.preprocessing is not None
    data = ImageData(ref, cache, backbone.preprocessing, device=device)
    rows = np.sort(np.concatenate(list(data.rows.values())))
    example = data.batch(np.resize(rows, frozen_pass.pass_batch(device)), 0)
    prefix = PrefixCache(backbone, data, device, frozen_pass.choose(backbone, device, example, home), cache)
    prefix.fill([backbone.head_index], rows, 0, lambda done, total: None)
    manifest = read_manifest(ref)
    return Features(
        rows,
        prefix.read(backbone.head_index, rows, 0).cpu(),
        data.labels.numpy()[rows],
        data.split[rows],
        manifest["split"].to_numpy(dtype=str)[rows] == "test",
        same_pictures(manifest, read_alike(ref))[rows],
    )

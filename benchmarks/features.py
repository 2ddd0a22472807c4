"""A set's features as the profile leaves them, for benchmarks that ask again and again what a probe makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.types import DatasetRef
from core.zoo.catalog import DEFAULT_BACKBONE
from dataset.folder import read_alike, read_manifest
from dataset.splits import same_pictures
from training.caches.bench import Bench

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Features:
    """Of every image that counts."""

    rows: Ints
    """[N], of the manifest, ascending."""
    vectors: NDArray[np.float32]
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
    bench = Bench.of(ref, DEFAULT_BACKBONE, home)
    rows, head, manifest = bench.everything, bench.backbone.head_index, read_manifest(ref)
    bench.prefix.fill([head], rows, 0)
    return Features(
        rows,
        bench.prefix.values(head, rows, 0),
        bench.data.labels[rows],
        bench.data.split[rows],
        manifest["split"].to_numpy(dtype=str)[rows] == "test",
        same_pictures(manifest, read_alike(ref))[rows],
    )

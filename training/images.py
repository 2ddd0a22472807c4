"""An imported dataset as training data: pixel cache, split and one backbone's preprocessing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advisor.ingest import read_manifest
from advisor.types import DatasetRef, Split
from training import pixels, views
from training.backbones import Preprocessing
from training.data import Rows
from training.splits import make_split


class ImageData:
    """An imported dataset through its pixel cache and one backbone's preprocessing."""

    def __init__(
        self,
        ref: DatasetRef,
        cache: Path,
        prep: Preprocessing,
        split_seed: int = 0,
        progress: pixels.Progress | None = None,
    ) -> None:
        manifest = read_manifest(ref)
        self.key = ref.id
        self.classes = ref.classes
        self.labels = torch.tensor(manifest["label"].to_numpy(dtype=np.int64))
        self.paths: list[str] = list(manifest["path"])
        split = make_split(manifest, ref.id, split_seed)
        self.rows: dict[Split, Rows] = {
            "train": np.flatnonzero(split == "train"),
            "val": np.flatnonzero(split == "val"),
            "test": np.flatnonzero(split == "test"),
        }
        self.prep = prep
        side = pixels.side_for(manifest, prep.resize)
        self._pixels, self.decode_s = pixels.pixel_cache(
            Path(ref.root) / "images", manifest, cache, side, progress
        )
        self.decode_s = self.decode_s or pixels.decode_seconds(cache, side)

    def batch(self, rows: Rows, view: object) -> Tensor:
        squares = self._pixels[rows]
        if view == 0:
            return views.plain(squares, self.prep)
        return views.augmented(squares, rows, view, self.prep)

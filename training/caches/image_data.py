"""An imported dataset as training data: pixel cache, split and one backbone's preprocessing."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import SPLIT_RULES, Augment, DatasetRef, Split, processes
from dataset import read_alike, read_manifest, same_pictures, sides
from training.backbones import Preprocessing
from training.caches import pixels
from training.caches.examples import Rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class ImageData:
    """An imported dataset through its pixel cache and one backbone's preprocessing."""

    def __init__(
        self,
        ref: DatasetRef,
        cache: Path,
        prep: Preprocessing,
        split_seed: int = 0,
        progress: pixels.Progress | None = None,
        *,
        image_px: int | None = None,
        device: torch.device | None = None,
        split_rules: int = SPLIT_RULES,
        augment: Augment = "light",
    ) -> None:
        """prep: of the weights. image_px: another side for this run's images, px. device: where batches are made; None
        = on the CPU. augment: what views other than 0 show.

        The cache is the one at the weights' own side unless larger images are asked for: decoded once for all sides.
        """
        self._ref, manifest = ref, read_manifest(ref)
        self.key = ref.images_id  # what is cached of an image is the same in every revision
        self.classes = ref.classes
        self.labels = manifest["label"].to_numpy(dtype=np.int64)
        self.paths: list[str] = list(manifest["path"])
        split = self.split = sides(ref, split_seed, split_rules)
        self.rows: dict[Split, Rows] = {
            "train": np.flatnonzero(split == "train"),
            "val": np.flatnonzero(split == "val"),
            "test": np.flatnonzero(split == "test"),
        }
        self.prep = prep.at(image_px or prep.size)
        self._device, self.augment = device, augment
        self.side = side = pixels.side_for(manifest, max(prep.resize, self.prep.resize))
        """Of the cached squares, px."""
        self._pixels, self.decode_s = pixels.pixel_cache(
            ref.images_root, manifest, cache, side, progress, prep.interpolation, ref.decoding
        )
        self.decode_s = self.decode_s or pixels.decode_seconds(cache, side, prep.interpolation)

    @property
    def px(self) -> int | None:
        """None for the small MLP, which is given a vector."""
        return None if self.prep.grey_vector else self.prep.size

    @cached_property
    def groups(self) -> Rows:
        """int64 [rows of the manifest], as `same_pictures` numbers them."""
        return same_pictures(read_manifest(self._ref), read_alike(self._ref))

    def squares(self, rows: Rows) -> NDArray[np.uint8]:
        """The cached squares, uint8 [len(rows), side, side, 3]: what an exported model reads."""
        processes.step()
        return self._pixels[rows]

    def batch(self, rows: Rows, view: object, px: int | None = None) -> Tensor:
        import torch

        from training.caches import views

        squares = torch.from_numpy(self.squares(rows)).to(self._device)
        prep = self.prep.at(px or self.prep.size)
        if view == 0:
            return views.plain(squares, prep)
        return views.augmented(squares, rows, view, prep, self.augment)

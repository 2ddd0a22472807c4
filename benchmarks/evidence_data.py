"""Small, fixed draws of real image sets for the evidence grid: what one task trains, validates and is tested on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.plans import Augment
from core.portable.pictures import square
from core.types import DatasetRef, Split
from dataset.folder import read_alike, read_manifest
from dataset.ingest.sources import import_path
from dataset.splits import make_split, same_pictures
from training.backbones import Preprocessing
from training.caches import pixels, views
from training.caches.examples import Rows
from training.evaluation import stratified
from training.machine import derive_seed

MOST_TRAIN, MOST_TEST = 160, 200
"""Images of a set that the grid may train (and validate) on, and is tested on."""
LEAST_PER_CLASS = 25
"""Of a small class, so that there are 20 images of it to draw from."""
VAL_SHARE = 0.2


class Pool:
    """The drawn images of one set, decoded in memory: a `training.caches.examples.Data` without a split of its own."""

    def __init__(
        self, ref: DatasetRef, prep: Preprocessing, most_train: int = MOST_TRAIN, most_test: int = MOST_TEST
    ) -> None:
        manifest = read_manifest(ref)
        labels = manifest["label"].to_numpy(dtype=np.int64)
        sides = make_split(manifest, ref.id, 0)
        train, test = np.flatnonzero(sides != "test"), np.flatnonzero(sides == "test")
        natural = train[stratified(labels[train], most_train, 0)]
        enough = [np.random.default_rng(0).permutation(train[labels[train] == c])[:LEAST_PER_CLASS]
                  for c in range(len(ref.classes))]  # fmt: skip
        kept = np.union1d(natural, np.concatenate(enough))
        held = test[stratified(labels[test], most_test, 0)]
        self.rows_of_set = np.concatenate([kept, held])
        self.images_of_set = len(train)
        """Training and validation images of the whole set."""
        self.key, self.classes, self.prep = ref.id, ref.classes, prep
        self.augment: Augment = "light"
        self.labels = labels[self.rows_of_set]
        self.groups: Rows = same_pictures(manifest, read_alike(ref))[self.rows_of_set]
        self.train: Rows = np.arange(len(kept))
        self.natural: Rows = np.flatnonzero(np.isin(kept, natural))
        """Of `train`, a draw in the set's own proportions: 'all' of it."""
        self.test: Rows = np.arange(len(kept), len(self.rows_of_set))
        self.rows: dict[Split, Rows] = {"train": self.train, "val": self.train[:0], "test": self.test}
        side = pixels.side_for(manifest, prep.resize)
        folder, paths = Path(ref.root) / "images", list(manifest["path"])
        how = (side, prep.interpolation, ref.decoding.value_range, ref.decoding.pages)
        self._pixels = np.stack([square(folder / paths[row], *how) for row in self.rows_of_set])

    @property
    def px(self) -> int:
        return self.prep.size

    def squares(self, rows: Rows) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = self._pixels[rows]
        return found

    def batch(self, rows: Rows, view: object, px: int | None = None) -> Tensor:
        squares = torch.from_numpy(self.squares(rows))
        prep = self.prep.at(px or self.prep.size)
        if view == 0:
            return views.plain(squares, prep)
        return views.augmented(squares, self.rows_of_set[rows], view, prep)


class Drawn:
    """One task's images out of a pool: a `training.caches.examples.Data`, another draw for every seed."""

    def __init__(self, pool: Pool, rows: dict[Split, Rows]) -> None:
        self.pool, self.rows = pool, rows
        self.key, self.classes, self.labels, self.groups = pool.key, pool.classes, pool.labels, pool.groups
        self.px = pool.px
        self.augment = pool.augment

    def batch(self, rows: Rows, view: object, px: int | None = None) -> Tensor:
        return self.pool.batch(rows, view, px)

    def squares(self, rows: Rows) -> NDArray[np.uint8]:
        return self.pool.squares(rows)

    @property
    def shown(self) -> Rows:
        """Training and validation images: all that advice may look at."""
        return np.sort(np.concatenate([self.rows["train"], self.rows["val"]]))


def draw(pool: Pool, per_class: int, seed: int) -> Drawn:
    """`per_class` images of every class (all of a smaller one), or with 0 the pool in its own proportions. A fifth,
    at least one of every class, validates."""
    labels = pool.labels
    source = np.random.default_rng(derive_seed("evidence", pool.key, per_class, seed))
    candidates = pool.natural if per_class == 0 else pool.train
    fit, val = [], []
    for label in range(len(pool.classes)):
        own = source.permutation(candidates[labels[candidates] == label])
        own = own[:per_class] if per_class else own
        held = max(1, round(VAL_SHARE * len(own))) if len(own) > 1 else 0
        val.append(own[:held])
        fit.append(own[held:])
    rows: dict[Split, Rows] = {
        "train": np.sort(np.concatenate(fit)), "val": np.sort(np.concatenate(val)), "test": pool.test,
    }  # fmt: skip
    return Drawn(pool, rows)


def open_set(path: str, home: Path) -> DatasetRef:
    """A zip, a folder, or 'digits' (scikit-learn's 1,797)."""
    if path == "digits":
        from dataset.ingest.samples import import_sample

        return import_sample("digits", home)
    return import_path(Path(path), home)

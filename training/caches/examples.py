"""Examples as the engine sees them: labels, a split, and batches by row and view.

Images are in `images.py`; here is what the engine asks for, and vectors, which need no disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from core import Augment, Split

if TYPE_CHECKING:
    from torch import Tensor

Rows = NDArray[np.int64]
VERSION = 2
"""Counts the changes to what a view looks like: features stored under another number are not read."""


class Data(Protocol):
    """What `engine.fit` needs of a dataset; images and vectors both offer it."""

    key: str
    """Names the examples in cache folders; equal keys mean equal examples."""
    classes: tuple[str, ...]
    labels: Rows
    """int64 [N], class index of every example."""
    rows: dict[Split, Rows]
    """Row numbers of each side of the split, ascending."""
    augment: Augment
    """What its views other than 0 show."""

    @property
    def px(self) -> int | None:
        """Side of the images that a backbone is given; None for vectors."""
        ...

    @property
    def groups(self) -> Rows:
        """int64 [N], equal numbers for examples that belong together: never in two folds."""
        ...

    def batch(self, rows: Rows, view: object, px: int | None = None) -> Tensor:
        """Network inputs of these rows, float32 [B, ...]. View 0 is plain; any other value seeds augmentation.

        px: side of the images, None = this dataset's own; vectors have none.
        """
        ...

    def squares(self, rows: Rows) -> NDArray[np.uint8]:
        """uint8 [B, side, side, 3], of which view 0 is made; vectors have none."""
        ...


class VectorData:
    """Vectors in memory: the Playground's synthetic tasks, and the tests'. Views other than 0 are the same vector."""

    augment: Augment = "light"

    def __init__(
        self,
        inputs: Tensor,
        labels: Rows,
        classes: tuple[str, ...],
        rows: dict[Split, Rows],
        key: str = "vectors",
    ) -> None:
        self.key = key
        self.classes = classes
        self.labels = labels
        self.rows = rows
        self.groups: Rows = np.arange(len(labels))
        self.px = None
        self._inputs = inputs

    def batch(self, rows: Rows, view: object, px: int | None = None) -> Tensor:
        return self._inputs[rows]

    def squares(self, rows: Rows) -> NDArray[np.uint8]:
        raise NotImplementedError("vectors are no pictures")

"""What heads that had not seen an image answered, of a run whose head was fitted once more on all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core import find_array
from training.evaluation.held_out import Ints
from training.store import RunFolder


def unseen(folder: RunFolder, classes: int) -> tuple[Ints, NDArray[np.float32]] | None:
    """(rows of the images, logits [images, classes]); None where the file is not there, or not of these classes."""
    found = find_array(folder.out_of_fold)
    if found is None or found.ndim != 2 or found.shape[1] != 1 + classes or not np.isfinite(found).all():
        return None
    return found[:, 0].astype(np.int64), found[:, 1:].astype(np.float32)

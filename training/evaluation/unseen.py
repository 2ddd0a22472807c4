"""What heads that had not seen an image answered, of a run whose head was fitted once more on all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import find_array
from training.evaluation.held_out import Ints
from training.store import Job, RunFolder, RunResult

HELD_OUT = "images held out in folds"
"""How these images are called, in place of 'validation images'."""


def unseen(run: Job, home: Path, classes: int) -> tuple[Ints, NDArray[np.float32]] | None:
    """(rows of the images, logits [images, classes]); None for a run that was not fitted once more, and where the file
    is not there, or not of these classes."""
    found = find_array(RunFolder(home, run.id).out_of_fold) if RunResult.of(run).refitted_on else None
    if found is None or found.ndim != 2 or found.shape[1] != 1 + classes or not np.isfinite(found).all():
        return None
    return found[:, 0].astype(np.int64), found[:, 1:].astype(np.float32)

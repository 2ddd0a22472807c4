"""Whether confidence means what it says: accuracy by confidence, for the reliability diagram. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import Estimate
from training.evaluation.stats import wilson

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence lies in [low, high)."""

    low: float
    high: float
    confidence: float
    """Their mean."""
    accuracy: Estimate
    images: int


def bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Bin]:
    """Ten bins of equal width, without the empty ones (Guo et al. 2017, arXiv 1706.04599)."""
    at = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    found = []
    for number in np.unique(at).tolist():
        own = at == number
        accuracy = wilson(int(right[own].sum()), int(own.sum()))
        mean = float(confidence[own].mean())
        found.append(Bin(number / BINS, (number + 1) / BINS, mean, accuracy, int(own.sum())))
    return found

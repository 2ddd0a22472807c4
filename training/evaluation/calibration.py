"""What a model's confidence means: a temperature, and the limits below which its answer is 'unknown'.

Both come from validation images, never from test images. Pure functions of arrays; no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEPT = 0.95
"""Share of the right answers on validation images that stay known. Each of two limits may cost half of the rest."""
LEAST_WRONG = 3
"""With fewer wrong answers a temperature cannot be told from chance: every lower one would look better."""
RANGE = (0.25, 10.0)

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Limits:
    """An answer is known when its confidence and its similarity to the nearest training image both reach these."""

    threshold: float
    """Least probability of the best class."""
    least_similarity: float
    """Least cosine between an image's features and those of the nearest training image."""
    images: int
    """Validation images that they come from."""
    right_kept: float | None
    """Share of the right answers among those images that stay known; None without any."""
    wrong_flagged: float | None
    """Share of the wrong answers that become 'unknown'; None without any."""


def temperature(logits: Floats, labels: Labels) -> float:
    """The T that makes softmax(logits / T) most likely to give `labels` (Guo et al., arXiv 1706.04599).

    logits: [N, classes]. 1.0 where fewer than LEAST_WRONG answers are wrong.
    """
    if int((logits.argmax(1) != labels).sum()) < LEAST_WRONG:
        return 1.0
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: nll(logits / np.exp(log_t), labels), bounds=tuple(np.log(RANGE)), method="bounded"
    )
    return float(np.exp(found.x))


def nll(logits: Floats, labels: Labels) -> float:
    """Mean negative log-likelihood."""
    shifted = logits - logits.max(1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(1))
    return float((log_sum - shifted[np.arange(len(labels)), labels]).mean())


def limits(probabilities: Floats, similarity: Floats, labels: Labels) -> Limits:
    """probabilities: [N, classes] of validation images; similarity: [N], each to its nearest training image.

    With no right answer at all nothing can be calibrated: then everything is known.
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    if not right.any():
        return Limits(0.0, -1.0, len(labels), None, None)
    lost = (1 - KEPT) / 2
    threshold, least = (float(np.quantile(of[right], lost, method="lower")) for of in (confidence, similarity))
    known = (confidence >= threshold) & (similarity >= least)
    flagged = float((~known[~right]).mean()) if not right.all() else None
    return Limits(threshold, least, len(labels), float(known[right].mean()), flagged)

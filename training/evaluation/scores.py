"""What a run's test answers are worth beyond plain accuracy, each with an interval. Pure: arrays in, numbers out.

Proportions have Wilson intervals, balanced accuracy the mean of Jeffreys' per class; macro-F1 and the calibration error
have percentile bootstrap intervals (Efron 1979), resampled within each class so that no class can vanish. No torch.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import Estimate
from training.evaluation.answers import Answers
from training.evaluation.stats import wilson

BINS = 15
"""Of equal width, for the calibration error (Guo et al. 2017, arXiv 1706.04599)."""
DRAWS = 500
MOST_CELLS = 20_000_000
"""Images times draws: beyond it there are fewer draws, since the interval is narrow by then."""


@dataclass(frozen=True)
class Scores:
    """One run on its test images. All in [0, 1]."""

    accuracy: Estimate
    balanced_accuracy: Estimate
    """Mean of the classes' recalls."""
    macro_f1: Estimate
    """Mean of the classes' F1, over classes that occur or were answered (as scikit-learn averages)."""
    calibration_error: Estimate | None
    """Expected calibration error: mean gap between confidence and accuracy. None where confidences are not known. Noise
    alone makes it larger than 0, the more so the fewer images there are."""
    recall: Mapping[str, Estimate]
    """Per class that occurs in the test images, by the label in the answers."""


def scores(answers: Answers) -> Scores:
    """Scores of at least one answer. Kept in memory per answers object."""
    return _scores(answers)


@functools.lru_cache(maxsize=256)
def _scores(answers: Answers) -> Scores:
    truth, predicted, right = answers.truth, answers.predicted, answers.right
    labels = np.unique(np.concatenate([truth, predicted]))
    of = np.searchsorted(labels, truth)
    as_ = np.searchsorted(labels, predicted)
    draws = _draws(of.tobytes())
    support = np.bincount(of, minlength=len(labels)).astype(float)
    present = support > 0
    hits = _sums(draws * right, of, len(labels))
    named = _sums(draws, as_, len(labels))
    recall = _recalls(hits[0, present], support[present], len(draws) - 1)
    f1 = 2 * hits / np.maximum(support + named, 1e-9)
    how = f"{len(truth):,} images, bootstrap 95% interval"
    confidence = answers.confidence
    known = bool(np.isfinite(confidence).all())
    accuracy = wilson(int(right.sum()), len(right))
    # Draws of answers that are all right are all right: a bootstrap would claim certainty.
    sure = accuracy if right.all() else None
    return Scores(
        accuracy=accuracy,
        balanced_accuracy=_estimate(recall.mean(axis=1), f"{len(truth):,} images, Jeffreys 95% interval per class"),
        macro_f1=sure or _estimate(f1.mean(axis=1), how),
        calibration_error=_estimate(_calibration(draws, confidence, right), how) if known else None,
        recall={str(labels[i]): wilson(int(right[of == i].sum()), int(support[i])) for i in np.flatnonzero(present)},
    )


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error in [0, 1]."""
    return float(_calibration(np.ones((1, len(right)), dtype=np.float32), confidence, right)[0])


@functools.lru_cache(maxsize=1)
def _draws(classes: bytes) -> NDArray[np.float32]:
    """How often each image is drawn, [1 + draws, images]; the first row is the sample itself. classes: of the images,
    as whole numbers; those of runs side by side are the same."""
    of = np.frombuffer(classes, dtype=np.intp)
    images = len(of)
    count = max(100, min(DRAWS, MOST_CELLS // max(1, images)))
    source = np.random.default_rng(0)
    weights = np.ones((1 + count, images), dtype=np.float32)
    for label in np.unique(of):
        mine = np.flatnonzero(of == label)
        weights[1:, mine] = source.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), size=count)
    return weights


def _recalls(hits: NDArray[np.float64], support: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    """The recalls, and draws of what they may be: [1 + draws, classes]. Unlike a bootstrap's, draws for a class without
    a mistake are not all 1 (Jeffreys' interval; Brown, Cai and DasGupta 2001)."""
    source = np.random.default_rng(0)
    possible = source.beta(hits + 0.5, support - hits + 0.5, size=(draws, len(hits)))
    return np.vstack([hits / support, possible])


def _sums(weights: NDArray[np.float32], group: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Sums of the columns by group: [draws, groups]."""
    totals = np.zeros((len(weights), groups))
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    totals[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return totals


def _calibration(
    weights: NDArray[np.float32], confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> NDArray[np.float64]:
    bins = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
    gaps = _sums(weights * (confidence - right).astype(np.float32), bins, BINS)
    result: NDArray[np.float64] = np.abs(gaps).sum(axis=1) / weights.sum(axis=1)
    return result


def _estimate(values: NDArray[np.float64], how: str) -> Estimate:
    """The first value is the sample's own, the others are its draws."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    value = float(values[0])
    return Estimate(value, min(value, float(low)), max(value, float(high)), how)

"""A linear probe judged on images it was not trained on: the ruler behind every accuracy of the measured panel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from core import Estimate
from training.engine import head_solver
from training.engine.head_solver import Floats, Labelled
from training.evaluation.held_out import Ints, folds, stratified

PATH_STEPS = 30
DRAWS = 300
"""Bootstrap draws behind an interval."""


@dataclass(frozen=True)
class Judged:
    """Out-of-fold answers of one probe, image by image."""

    truth: Ints
    favoured: Ints
    """[N], the likeliest class."""
    favoured_p: Floats
    """[N], its probability."""
    own: Floats
    """[N], probability of the image's label."""
    trained_on: int
    """Images that each fold's probe was trained on, on average."""
    folds: int
    step: int
    """Of the regularisation path: the one with the lowest loss."""

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.favoured == self.truth)

    @property
    def how(self) -> str:
        """'5-fold cross-validated linear probe, 1,439 images'."""
        return f"{self.folds}-fold cross-validated linear probe, {len(self.truth):,} images"

    def balanced(self, seed: int = 0) -> tuple[float, float, float]:
        """(balanced accuracy, low, high) with a 95 % bootstrap interval: each class's hits are resampled."""
        source = np.random.default_rng(seed)
        shares, draws = [], np.zeros(DRAWS)
        for label in np.unique(self.truth):
            own = self.right[self.truth == label]
            shares.append(own.mean())
            draws += source.binomial(len(own), own.mean(), DRAWS) / len(own)  # resampling hits = a binomial draw
        low, high = np.quantile(draws / len(shares), [0.025, 0.975])
        return float(np.mean(shares)), float(low), float(high)

    def plain(self) -> Estimate:
        """Accuracy over all images, with a 95 % Wilson interval."""
        n, p, z = len(self.right), float(self.right.mean()), 1.96
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
        return Estimate(p, max(0.0, centre - half), min(1.0, centre + half), self.how)


def cross_validate(
    features: Floats, labels: Ints, classes: int, seed: int = 0, share: float = 1.0, groups: Ints | None = None
) -> Judged | None:
    """Logistic regression on features [N, width], 5-fold; each fold trains on `share` of its training images.

    groups: [N], equal numbers for images that belong together, as copies and those of one patient do: these share a
    fold, or a copy would answer for its twin; a share of the images is one of the groups. None when some class has a
    single image (or group). The regularisation is the one with the lowest mean out-of-fold loss.
    """
    held_out = folds(labels, classes, groups, seed)
    if not held_out:
        return None
    path = _Path(len(labels))
    sizes = []
    for number, held in enumerate(held_out):
        fit = np.flatnonzero(~held)
        mates = None if groups is None else groups[fit]
        fit = fit[stratified(labels[fit], round(share * len(fit)), seed + number, groups=mates)]
        sizes.append(len(fit))
        path.judge((features[fit], labels[fit]), (features[held], labels[held]), held, classes)
    best = path.best()
    return Judged(
        labels, path.favoured[best], path.favoured_p[best], path.own[best],
        round(float(np.mean(sizes))), len(held_out), best,
    )  # fmt: skip


class _Path:
    """Every step of the regularisation path over all folds: the opinions, and the loss that picks the step."""

    def __init__(self, images: int) -> None:
        self.loss = np.zeros(PATH_STEPS)
        self.own = np.zeros((PATH_STEPS, images), np.float32)
        self.favoured = np.zeros((PATH_STEPS, images), np.int64)
        self.favoured_p = np.zeros((PATH_STEPS, images), np.float32)

    def judge(self, train: Labelled, held: Labelled, where: NDArray[np.bool_], classes: int) -> None:
        def publish(step: head_solver.ProbeStep) -> None:
            at = step.step - 1
            self.loss[at] += step.val_loss * len(held[1])
            own, likeliest = opinions(held[0], held[1], step)
            self.own[at, where] = own
            self.favoured_p[at, where], self.favoured[at, where] = likeliest

        head_solver.solve(train, held, classes, PATH_STEPS, publish)

    def best(self) -> int:
        return int(self.loss.argmin())


def opinions(features: Floats, labels: Ints, step: head_solver.ProbeStep) -> tuple[Floats, tuple[Floats, Ints]]:
    """(probability of the own label, (probability of the likeliest class, which it is)), [N] each."""
    probabilities = softmax(features @ step.weight.T + step.bias, axis=1)
    return probabilities[np.arange(len(labels)), labels], (probabilities.max(axis=1), probabilities.argmax(axis=1))


def difference(better: Judged, worse: Judged) -> tuple[float, float, float]:
    """(difference in balanced accuracy, low, high) of two probes on the same images, with a 95 % interval.

    Paired: only images on which the two differ count; the normal approximation, class by class.
    """
    value, variance = [], 0.0
    step = better.right.astype(float) - worse.right.astype(float)
    classes = np.unique(better.truth)
    for label in classes:
        own = step[better.truth == label]
        value.append(own.mean())
        variance += own.var() / len(own)
    mean, half = float(np.mean(value)), 1.96 * float(np.sqrt(variance)) / len(classes)
    return mean, max(-1.0, mean - half), min(1.0, mean + half)

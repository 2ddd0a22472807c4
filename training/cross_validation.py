"""A linear probe judged on images it was not trained on: the ruler behind every accuracy of the measured panel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from advisor.types import Estimate
from training import head_solver

FOLDS = 5
PATH_STEPS = 30
DRAWS = 300
"""Bootstrap draws behind an interval."""


@dataclass(frozen=True)
class Judged:
    """Out-of-fold answers of one probe, image by image."""

    truth: NDArray[np.int64]
    right: NDArray[np.bool_]
    trained_on: int
    """Images that each fold's probe was trained on, on average."""
    folds: int

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
        how = f"{self.folds}-fold cross-validated linear probe, {n:,} images"
        return Estimate(p, max(0.0, centre - half), min(1.0, centre + half), how)


def cross_validate(
    features: Tensor, labels: Tensor, classes: int, seed: int = 0, share: float = 1.0
) -> Judged | None:
    """Logistic regression on features [N, width], 5-fold; each fold trains on `share` of its training images.

    None when some class has a single image. The regularisation is the one with the lowest mean out-of-fold loss.
    """
    from sklearn.model_selection import StratifiedKFold  # only here: training workers do without scikit-learn

    truth = labels.numpy()
    smallest = int(np.bincount(truth, minlength=classes).min())
    if smallest < 2:
        return None
    folds = StratifiedKFold(min(FOLDS, smallest), shuffle=True, random_state=seed)
    losses = np.zeros(PATH_STEPS)
    answers = np.zeros((PATH_STEPS, len(labels)), dtype=np.int64)
    sizes = []
    for number, (train, held) in enumerate(folds.split(np.zeros(len(truth)), truth)):
        train = train[stratified(truth[train], round(share * len(train)), seed + number)]
        sizes.append(len(train))
        x_train, x_held = features[train], features[held]

        def publish(step: head_solver.ProbeStep, held: NDArray[np.int64] = held, x_held: Tensor = x_held) -> None:
            losses[step.step - 1] += step.val_loss * len(held)
            answers[step.step - 1, held] = (x_held @ step.weight.T + step.bias).argmax(1).numpy()

        head_solver.solve((x_train, labels[train]), (x_held, labels[held]), classes, PATH_STEPS, publish)
    best = answers[int(losses.argmin())]
    return Judged(truth, best == truth, round(float(np.mean(sizes))), folds.get_n_splits())


def stratified(labels: NDArray[np.int64], most: int, seed: int, least: int = 1) -> NDArray[np.int64]:
    """Positions of at most about `most` examples, every class in proportion and with at least `least`."""
    if len(labels) <= most:
        return np.arange(len(labels))
    source = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        chosen.append(source.permutation(own)[: max(least, round(most * len(own) / len(labels)))])
    return np.sort(np.concatenate(chosen))


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

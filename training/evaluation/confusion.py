"""Which class is taken for which: the confusion matrix of a run's answers, and its images cell by cell. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.answers import Answers


@dataclass(frozen=True)
class Confused:
    """One kind of mistake: images of `truth` that were answered `predicted`, of `images` of that class."""

    truth: int
    predicted: int
    count: int
    images: int


def indices(labels: NDArray[np.str_], classes: int) -> NDArray[np.int64]:
    """Class indices of labels as the worker wrote them; -1 for what is no index of a class."""
    found = [int(label) if label.isdecimal() and int(label) < classes else -1 for label in labels.tolist()]
    return np.array(found, dtype=np.int64)


def matrix(answers: Answers, classes: int) -> NDArray[np.int64]:
    """Test images by [label, answer]."""
    truth, predicted = indices(answers.truth, classes), indices(answers.predicted, classes)
    known = (truth >= 0) & (predicted >= 0)
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth[known], predicted[known]), 1)
    return counts


def cell(answers: Answers, truth: int, predicted: int) -> NDArray[np.int64]:
    """Places of the images of one cell, the surest answers first."""
    found = np.flatnonzero((answers.truth == str(truth)) & (answers.predicted == str(predicted)))
    ranked: NDArray[np.int64] = found[np.argsort(-np.nan_to_num(answers.confidence[found]), kind="stable")]
    return ranked


def most_confused(counts: NDArray[np.int64], most: int) -> list[Confused]:
    """The commonest kinds of mistake, by images, then by the share of their class."""
    support = counts.sum(axis=1)
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    pairs = [
        Confused(int(i), int(j), int(wrong[i, j]), int(support[i])) for i, j in zip(*np.nonzero(wrong), strict=True)
    ]
    return sorted(pairs, key=lambda one: (-one.count, -one.count / max(1, one.images), one.truth, one.predicted))[:most]


def most_mistaken(counts: NDArray[np.int64], most: int) -> list[int]:
    """At most so many classes, in their own order: those with the most mistakes, as label or as answer."""
    errors = counts.sum(axis=1) + counts.sum(axis=0) - 2 * np.diag(counts)
    chosen = np.argsort(-errors, kind="stable")[:most]
    return sorted(int(label) for label in chosen)

"""The same test images, each run's answer: which images the runs disagree on, and which nobody gets right. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from training.evaluation import Answers

Which = Literal["they disagree", "all wrong", "all right", "every image"]
WHICH: tuple[Which, ...] = get_args(Which)


def places(answers: Mapping[str, Answers], which: Which) -> NDArray[np.int64]:
    """Places in the (shared) test images, the most telling ones first.

    Disagreements: evenly split ones first. All wrong: those that the runs were surest of first, where a label is most
    likely to be the mistake. Else in the order of the paths. No runs, no places.
    """
    if not answers:
        return np.zeros(0, dtype=np.int64)
    predicted = np.stack([given.predicted for given in answers.values()])
    right = np.stack([given.right for given in answers.values()])
    confidence = np.nan_to_num(np.stack([given.confidence for given in answers.values()])).mean(axis=0)
    share = right.mean(axis=0)
    if which == "they disagree":
        chosen, order = (predicted != predicted[0]).any(axis=0), np.abs(share - 0.5)
    elif which == "all wrong":
        chosen, order = share == 0, -confidence
    elif which == "all right":
        chosen, order = share == 1, np.zeros(len(share))
    else:
        chosen, order = np.ones(len(share), dtype=bool), np.zeros(len(share))
    found = np.flatnonzero(chosen)
    ranked: NDArray[np.int64] = found[np.argsort(order[found], kind="stable")]
    return ranked


def counts(answers: Mapping[str, Answers]) -> dict[Which, int]:
    """How many images each filter shows."""
    return {which: len(places(answers, which)) for which in WHICH}

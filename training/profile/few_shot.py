"""Few images a class: what class means reach with 1, 2, 5, 10 of them, over repeated draws; and classes added later.

Everything here works on features that are cached already: nothing is trained.
"""

from __future__ import annotations

import numpy as np

from training.engine.head_solver import Floats, Labelled, of_unit_length
from training.evaluation.held_out import Ints
from training.machine import derive_seed
from training.store import Shot

SIZES = (1, 2, 5, 10)
DRAWS = 30
"""Draws of each size: single ones differ by 10 to 30 points where images are few (arXiv 1904.04232)."""


def curve(
    train: Labelled, held: Labelled, classes: int, *, sizes: tuple[int, ...] = SIZES,
    draws: int = DRAWS, seed: int = 0,
) -> list[Shot]:  # fmt: skip
    """Class means of `sizes` images a class, drawn `draws` times from `train`, judged on `held`.

    train, held: (features [n, width], labels int64 [n]). A size that some class does not have is left out; the last
    entry is every training image, once.
    """
    features, labels = of_unit_length(train[0]), train[1]
    own = [np.flatnonzero(labels == label) for label in range(classes)]
    smallest = min(map(len, own))
    inputs, truth = of_unit_length(held[0]), held[1]

    def accuracy(picked: list[Ints]) -> float:
        prototypes = of_unit_length(np.stack([features[rows].mean(0) for rows in picked]))
        return float(((inputs @ prototypes.T).argmax(1) == truth).mean()) if len(truth) else float("nan")

    shots = []
    for size in sizes:
        if size > smallest:
            break
        found = []
        for draw in range(draws):
            source = np.random.default_rng(derive_seed("shots", seed, size, draw))
            found.append(accuracy([rows[source.permutation(len(rows))[:size]] for rows in own]))
        low, high = np.quantile(found, [0.025, 0.975])
        shots.append(Shot(size, float(np.mean(found)), float(low), float(high), draws))
    if smallest:
        everything = accuracy(own)
        shots.append(Shot(len(labels) // classes, everything, everything, everything, 1))
    return shots


def with_class(head: Floats, features: Floats) -> Floats:
    """A head of prototypes [classes, width] with one row more, the class mean of `features` [n, width].

    The new row gets the length of the others, so that every class is judged at the same temperature; the old rows stay
    what they were, to the bit.
    """
    prototype = of_unit_length(of_unit_length(features).mean(0, keepdims=True))
    return np.concatenate([head, prototype * np.linalg.norm(head, axis=1).mean()])

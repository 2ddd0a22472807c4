"""How many seeds of each strategy would show a difference of a few points: what to do about "no difference shown".

Turns the tests of `stats` around: the variance that they would find with more seeds is foreseen from the runs at hand.
Pure functions of arrays; no torch.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from training.evaluation import together

DIFFERENCE = 0.05
"""In accuracy: what is worth knowing. Smaller ones are seldom worth another day of work."""
MOST_SEEDS = 10
ALPHA, MISSED = 0.05, 0.2
"""Chance to claim a difference that is none, and to miss one that is there (80 % power, as is usual)."""
FROM_SEED = 0.5
"""Share of the images on which two strategies differ that is put down to the seed, where no seed was repeated."""


def seeds_needed(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_], rho: float, pairs: int = 1) -> int | None:
    """Seeds of each side with which a difference of `DIFFERENCE` would be found four times in five; None = not with
    `MOST_SEEDS` on these test images.

    right_a, right_b: [seeds, images]. rho: what the luck of a seed may do (`stats.paired_p`), where no seed was
    repeated. pairs: comparisons that are corrected for.
    """
    from scipy.special import ndtri, stdtrit

    images = right_a.shape[1]
    own, shared, spread = _variances(right_a, right_b, rho)
    power = float(ndtri(1 - MISSED))
    for seeds in range(1, MOST_SEEDS + 1):
        parts = [((shared + own / seeds) / images, float(images - 1))]
        if seeds > 1:
            parts += [(spread / seeds, float(seeds - 1))] * 2
        else:  # `paired_p` tests these; a difference brings images of its own on which the two differ
            differ = images * (shared + own + DIFFERENCE / 2)
            parts = [(differ * (1 + max(0.0, differ - 1) * rho) / images**2, float(images - 1))]
        variance, degrees = together(parts)
        if (float(stdtrit(degrees, 1 - ALPHA / pairs / 2)) + power) * math.sqrt(variance) <= DIFFERENCE:
            return seeds
    return None


def _variances(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_], rho: float) -> tuple[float, float, float]:
    """Variance per image of the difference: what another seed changes (both sides together), what it does not; and
    the variance of a side's accuracy over its seeds."""
    images = right_a.shape[1]
    sides = (right_a, right_b)
    seen = float((right_a.mean(axis=0) - right_b.mean(axis=0)).var(ddof=1))
    repeated = [side for side in sides if len(side) > 1]
    # No difference of DIFFERENCE without as many images that differ.
    least = DIFFERENCE * (1 - DIFFERENCE)
    if not repeated:
        flips = max(seen, least)
        own = FROM_SEED * flips if rho else 0.0
        return own, flips - own, _spread_of(own, rho, images)
    per_side = [float(side.var(axis=0, ddof=1).mean()) for side in repeated]
    own = sum(per_side) * 2 / len(per_side)
    known = sum(own / 2 / len(side) for side in sides)
    # Two or three seeds say little of their spread: what is assumed without any counts as one more of them.
    freedom = [len(side) - 1 for side in repeated]
    squares = sum(float(side.mean(axis=1).var(ddof=1)) * n for side, n in zip(repeated, freedom, strict=True))
    spread = (squares + _spread_of(own, rho, images)) / (sum(freedom) + 1)
    return own, max(seen - known, least), spread


def _spread_of(own: float, rho: float, images: int) -> float:
    """Variance of accuracy over seeds that `rho` stands for, when two seeds differ on `own` of the images."""
    differ = own * images
    return differ * (1 + max(0.0, differ - 1) * rho) / (2 * images**2)

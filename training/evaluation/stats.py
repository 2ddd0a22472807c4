"""The statistics behind the words "better" and "no difference shown". Pure functions of counts and arrays; no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core import CompareError, Estimate

Answered = Sequence[bool] | NDArray[np.bool_]
"""Whether each test image was named right."""
Counts = tuple[int, int]
"""Images that only the first of two runs got right, and that only the second did."""
BLOCK = 512
"""Runs that are held against all others at a time."""


def wilson(correct: int, total: int) -> Estimate:
    """A proportion with its 95 % Wilson score interval (Wilson 1927), all in [0, 1].

    Unlike the normal approximation it stays inside [0, 1] and is honest at 0 and at `total` correct.
    """
    if not 0 <= correct <= total or total == 0:
        raise CompareError(f"{correct} correct of {total} test images is not a proportion.")
    share, z = correct / total, 1.96
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return Estimate(
        value=share,
        low=0.0 if correct == 0 else max(0.0, centre - half),
        high=1.0 if correct == total else min(1.0, centre + half),
        how=f"{correct:,} of {total:,} images, 95% Wilson interval",
    )


def flips(right_a: Answered, right_b: Answered) -> Counts:
    """How many images only the one and only the other got right. Raises CompareError unless both have as many."""
    if len(right_a) != len(right_b):
        raise CompareError(f"Not the same test images: {len(right_a)} answers against {len(right_b)}.")
    a, b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
    return int((a & ~b).sum()), int((b & ~a).sum())


def mcnemar(right_a: Answered, right_b: Answered) -> float:
    """Exact two-sided McNemar test on the same images in the same order: the p-value.

    Only images that one of the two got right and the other wrong count: under "no difference" each is a fair
    coin (McNemar 1947; the exact binomial form). 1.0 when they never differ. It asks whether these two *models* differ;
    two seeds of one strategy are different models too, so `paired_p` asks about their strategies.
    """
    return paired_p(*flips(right_a, right_b), rho=0.0)


def paired_p(wins: int, losses: int, rho: float) -> float:
    """McNemar's test with room for the luck of a seed: two-sided p-value of `wins` against `losses`.

    Training twice with other seeds gives models that really differ, so the coin of McNemar's test is not quite fair for
    two runs of one strategy. Its bias is drawn from a symmetric beta distribution: the count is beta-binomial with
    correlation `rho` between flips (Crowder 1978); rho = 0 is the exact McNemar test. How large it is: `compare.seeds`.
    """
    total, fewer = wins + losses, min(wins, losses)
    if total == 0 or rho >= 1:  # flips that all go the same way are one flip of a fair coin
        return 1.0
    if rho <= 0:
        term, tail = 1, 0
        for heads in range(fewer + 1):
            tail += term
            term = term * (total - heads) // (heads + 1)
        return float(min(1.0, 2 * tail / 2**total))
    a = (1 / rho - 1) / 2
    start = math.lgamma(total + a) - math.lgamma(a) + math.lgamma(2 * a) - math.lgamma(total + 2 * a)
    density, sum_of = math.exp(start), 0.0
    for heads in range(fewer + 1):
        sum_of += density
        density *= (total - heads) / (heads + 1) * (heads + a) / (total - heads - 1 + a)
    return min(1.0, 2 * sum_of)


def seed_rho(pairs: Sequence[Counts]) -> float:
    """The correlation of `paired_p`, from pairs of runs that differ in their seed alone; 0 when there is none.

    By moments: with m flips, E[(wins - losses)^2] = m (1 + (m - 1) rho).
    """
    excess = sum((wins - losses) ** 2 - (wins + losses) for wins, losses in pairs)
    room = sum((wins + losses) * (wins + losses - 1) for wins, losses in pairs)
    return max(0.0, excess / room) if room else 0.0


def rho_of_all(right: NDArray[np.bool_]) -> float:
    """`seed_rho` of every pair of runs: right [runs, images]."""
    hits = right.astype(np.float32)  # whole numbers up to 2**24 are exact
    correct = hits.sum(axis=1, dtype=np.float64)
    excess = room = 0.0
    for first in range(0, len(hits), BLOCK):
        mine = slice(first, first + BLOCK)
        both = (hits[mine] @ hits[first:].T).astype(np.float64)
        pairs = np.triu(np.ones(both.shape, dtype=bool), 1)
        differ = (correct[mine, None] + correct[None, first:] - 2 * both)[pairs]
        lead = (correct[mine, None] - correct[None, first:])[pairs]
        excess += float((lead**2 - differ).sum())
        room += float((differ * (differ - 1)).sum())
    return max(0.0, excess / room) if room else 0.0


def holm(p_values: Sequence[float], family: int = 0) -> list[float]:
    """p-values adjusted for testing all of them at once (Holm 1979), in the order given.

    A claim at adjusted p < 0.05 keeps the chance of even one false claim in the family below 5 %. family: how many
    tests belong to it, where these are some of them, taken for what they showed; the others count as not shown.
    """
    family = max(family, len(p_values))
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (family - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


# -- several seeds of one strategy -----------------------------------------------------------------------------------


def mean_over_seeds(right: NDArray[np.bool_]) -> Estimate:
    """Accuracy of one strategy from `right` [seeds >= 2, images], with a 95 % interval over other seeds and images."""
    seeds, images = right.shape
    spread = float(right.mean(axis=1).std(ddof=1))
    mean = float(right.mean())
    half = _half_width(*_parts(right))
    how = f"mean of {seeds} seeds, which spread by {100 * spread:.1f} points (standard deviation); {images:,} images"
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), how)


def seeds_test(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_], rho: float) -> float:
    """p-value of "the two strategies are equally accurate" from their runs' answers, [seeds, images] each.

    Welch's t-test of the difference of the means with two sources of noise: which images were drawn, and which seeds
    (Bouthillier et al. 2021, arXiv 2103.03098). A side with one run is taken to spread as the other one does; with one
    run on both sides this is `paired_p` with `rho`.
    """
    if len(right_a) == len(right_b) == 1:
        return paired_p(*flips(right_a[0], right_b[0]), rho)
    difference = float(right_a.mean() - right_b.mean())
    per_image = right_a.mean(axis=0) - right_b.mean(axis=0)
    known = [float(side.mean(axis=1).var(ddof=1)) for side in (right_a, right_b) if len(side) > 1]
    freedom = [len(side) - 1 for side in (right_a, right_b) if len(side) > 1]
    parts = [(float(per_image.var(ddof=1)) / len(per_image), float(len(per_image) - 1))]
    for side in (right_a, right_b):
        variance = float(side.mean(axis=1).var(ddof=1)) if len(side) > 1 else known[0]
        parts.append((variance / len(side), float(len(side) - 1 if len(side) > 1 else freedom[0])))
    variance, degrees = together(parts)
    if variance == 0:
        return 1.0 if difference == 0 else 0.0
    from scipy.special import stdtr  # the whole of scipy.stats would cost a second

    return float(2 * stdtr(degrees, -abs(difference) / math.sqrt(variance)))


def _parts(right: NDArray[np.bool_]) -> tuple[float, float]:
    """(variance of the mean accuracy, degrees of freedom): images drawn, and seeds drawn."""
    seeds, images = right.shape
    per_image = right.mean(axis=0)
    return together(
        [
            (float(per_image.var(ddof=1)) / images, float(images - 1)),
            (float(right.mean(axis=1).var(ddof=1)) / seeds, float(seeds - 1)),
        ]
    )


def together(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Sum of independent variances, with the degrees of freedom of Welch and Satterthwaite."""
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0, 1.0
    return total, total**2 / sum(variance**2 / degrees for variance, degrees in parts)


def _half_width(variance: float, degrees: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975)) * math.sqrt(variance)

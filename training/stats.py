"""The statistics behind the words "better" and "no difference shown". Pure functions of counts; no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from advisor.errors import CompareError
from advisor.types import Estimate


def wilson(correct: int, total: int, z: float = 1.96) -> Estimate:
    """A proportion with its Wilson score interval (Wilson 1927; z = 1.96 gives 95 %), all in [0, 1].

    Unlike the normal approximation it stays inside [0, 1] and is honest at 0 and at `total` correct.
    """
    if not 0 <= correct <= total or total == 0:
        raise CompareError(f"{correct} correct of {total} test images is not a proportion.")
    share = correct / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    level = "95%" if z == 1.96 else f"z = {z:g}"
    return Estimate(
        value=share,
        low=0.0 if correct == 0 else max(0.0, centre - half),
        high=1.0 if correct == total else min(1.0, centre + half),
        how=f"{correct:,} of {total:,} images, {level} Wilson interval",
    )


def mcnemar(correct_a: Sequence[bool], correct_b: Sequence[bool]) -> float:
    """Exact two-sided McNemar test on the same images in the same order: the p-value.

    Only images that one of the two got right and the other wrong count: under "no difference" each is a fair
    coin (McNemar 1947; the exact binomial form). 1.0 when they never differ.
    """
    if len(correct_a) != len(correct_b):
        raise CompareError(f"Not the same test images: {len(correct_a)} answers against {len(correct_b)}.")
    only_a = sum(bool(a) and not b for a, b in zip(correct_a, correct_b, strict=True))
    only_b = sum(bool(b) and not a for a, b in zip(correct_a, correct_b, strict=True))
    return sign_test(only_a, only_b)


def sign_test(wins: int, losses: int) -> float:
    """Exact two-sided binomial p-value of `wins` against `losses` of a fair coin."""
    flips = wins + losses
    term, tail = 1, 0
    for heads in range(min(wins, losses) + 1):
        tail += term
        term = term * (flips - heads) // (heads + 1)
    return float(min(1.0, 2 * tail / 2**flips))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for testing all of them at once (Holm 1979), in the order given.

    A claim at adjusted p < 0.05 keeps the chance of even one false claim in the family below 5 %.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted

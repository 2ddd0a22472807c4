"""What accuracy costs: which runs no other run beats in both. Pure; no torch."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the (cost, accuracy) pairs that no other pair beats: cheaper or equal, and at least as accurate.

    Cheapest first. Of equal pairs the first is kept.
    """
    front: list[int] = []
    best = float("-inf")
    for place in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if points[place][1] > best:
            front.append(place)
            best = points[place][1]
    return front

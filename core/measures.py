"""What one pass over the images says about them, as data: domain gap, data curve. Pure Python.

`training.profile.panel` measures; the percentiles and the curve's continuation are computed here, so that they cost
nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal

GapMethod = Literal["batch_norm", "frechet"]

FURTHEST = 4.0
"""The data curve is continued to at most this many times the images that were measured."""


@dataclass(frozen=True)
class DomainGap:
    """How far the images' activations lie from those that the backbone saw in its pre-training."""

    raw: float
    """Mean over the stages: nats per channel ('batch_norm'), or squared standard deviations per channel ('frechet')."""
    stages: tuple[float, ...]
    """The same per stage, the first stage first."""
    images: int
    """How many images it was measured on."""
    image_px: int
    """Their side as the backbone saw them, px: enlarged thumbnails lie further away."""
    method: GapMethod = "batch_norm"


@dataclass(frozen=True)
class CurvePoint:
    """Balanced accuracy of a linear probe trained on so many images, with a 95 % interval; all in [0, 1]."""

    images: int
    value: float
    low: float
    high: float


def percentile(value: float, reference: tuple[float, ...]) -> float:
    """Where `value` stands among the reference values (ascending), 0-100; a straight line between two of them.

    The smallest reference is at 100 / (2 n), the largest at 100 - 100 / (2 n): beyond them the distance to 0 or 100
    halves each time the value halves or doubles.
    """
    n = len(reference)
    if n < 2:
        raise ValueError("A percentile needs at least two reference values.")
    edge = 100 / (2 * n)
    if value <= reference[0]:
        return edge * max(0.0, value) / reference[0] if reference[0] > 0 else 0.0
    if value >= reference[-1]:
        return 100 - edge * reference[-1] / value if value > 0 else 100.0
    i = bisect_left(reference, value)
    share = (value - reference[i - 1]) / (reference[i] - reference[i - 1])
    return edge + (100 - 2 * edge) * (i - 1 + share) / (n - 1)


@dataclass(frozen=True)
class Curve:
    """err(n) = a n^-b + c, fitted to measured points (the form that arXiv 2303.01598 starts from)."""

    a: float
    b: float
    c: float
    most: int
    """Images of the largest measured point."""

    def accuracy(self, images: float) -> float:
        """Forecast balanced accuracy with so many images; never further out than `FURTHEST` times what was measured."""
        n = min(max(1.0, images), FURTHEST * self.most)
        return min(1.0, max(0.0, 1 - (self.a * n**-self.b + self.c)))


def fit_curve(points: tuple[CurvePoint, ...]) -> Curve | None:
    """The curve through measured points; None with fewer than three, or where accuracy does not rise with images.

    c is searched over a grid below the lowest error; a and b are least squares in logarithms, where a power law is a
    line. Larger samples are measured more surely: each point weighs as its images.
    """
    if len(points) < 3 or points[-1].value <= points[0].value:
        return None
    errors = [max(1e-3, 1 - point.value) for point in points]
    sizes = [math.log(point.images) for point in points]
    weights = [float(point.images) for point in points]
    best: tuple[float, Curve] | None = None
    for share in (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95):
        c = share * min(errors)
        logs = [math.log(error - c) for error in errors]
        slope, start = _line(sizes, logs, weights)
        if slope >= 0:
            continue
        curve = Curve(math.exp(start), -slope, c, points[-1].images)
        loss = sum(
            w * (1 - p.value - (curve.a * p.images**-curve.b + c)) ** 2
            for w, p in zip(weights, points, strict=True)
        )
        if best is None or loss < best[0]:
            best = (loss, curve)
    return best[1] if best else None


def _line(x: list[float], y: list[float], weights: list[float]) -> tuple[float, float]:
    """(slope, value at 0) of the weighted least-squares line."""
    total = sum(weights)
    mx = sum(w * a for w, a in zip(weights, x, strict=True)) / total
    my = sum(w * b for w, b in zip(weights, y, strict=True)) / total
    spread = sum(w * (a - mx) ** 2 for w, a in zip(weights, x, strict=True))
    if spread == 0:
        return 0.0, my
    slope = sum(w * (a - mx) * (b - my) for w, a, b in zip(weights, x, y, strict=True)) / spread
    return slope, my - slope * mx

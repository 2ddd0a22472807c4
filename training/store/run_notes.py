"""What a run keeps beside its curves, one small JSON document each (`RunFolder.note`), typed. No torch.

The engine makes them, pages draw them; one that is missing or broken is an extra that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float, int | None]
"""x, y and class of an image on a plane; None where its class is not known."""


@dataclass(frozen=True)
class DomainMap:
    """Where the images of two domains lie in a backbone's features: 'map_before' and 'map_after' of a run that aligns
    them, and the gap that is measured beforehand (`gap`)."""

    source: tuple[Point, ...]
    """On the plane of the two largest principal components."""
    target: tuple[Point, ...]
    shown: float
    """Share of the features' variance on that plane."""
    told_apart: float | None
    """Share of held-out images whose domain a linear classifier names, 0.5 = alike; None where there are too few."""
    classes: tuple[str, ...]
    images: tuple[int, ...] = ()
    """Of each domain, where a gap was measured."""


@dataclass(frozen=True)
class Shot:
    """Accuracy with so many images of each class. All shares in [0, 1]."""

    images: int
    mean: float
    low: float
    high: float
    """2.5 and 97.5 % of the draws: what a single draw may give, not how well the mean is known."""
    draws: int


@dataclass(frozen=True)
class FewShot:
    """'few_shot': what fewer images a class would have given, ascending; the last entry is every training image."""

    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class RangeTest:
    """'lr_range': peak rate of the topmost trained stage -> smoothed loss, in rising order of rates."""

    lrs: tuple[float | None, ...]
    losses: tuple[float | None, ...]
    used: float | None
    """The rate that the run is planned with, and uses."""
    suggestion: float | None = None
    """Where the loss falls fastest; None when it never falls."""
    diverged_at: float | None = None
    """Rate at which the loss blew up; None when it did not."""

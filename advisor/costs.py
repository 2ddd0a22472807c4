"""What a plan costs in seconds, from throughput that was measured per boundary on this machine.

Unmeasured stays unknown: between two measured boundaries a straight line is drawn, beyond them nothing is
said. Starting the worker and reading the pixels are not counted: the first is a few seconds whatever the
plan, the second was paid by the profile that measured the costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor.catalog import BackboneCard
from advisor.types import DatasetFacts, StageCost, Strategy

VAL_SHARE = 0.2
"""Share of the training images that is set aside for validation."""
TEST_SHARE = 0.25
"""Test images per training image where they are not known: 20 % of all is 25 % of the rest."""
LBFGS_S = 4e-7
"""Seconds of one logistic-regression pass per image and class at 1,280 features (5 kflop at 13 Gflop/s)."""


@dataclass(frozen=True)
class Sizes:
    """How many images each part of a run reads."""

    fit: int
    """Images the weights are trained on."""
    val: int
    test: int
    classes: int

    @classmethod
    def of(cls, train_images: int, test_images: int | None, classes: int) -> Sizes:
        val = max(1, round(train_images * VAL_SHARE))
        test = round(train_images * TEST_SHARE) if test_images is None else test_images
        return cls(fit=train_images - val, val=val, test=test, classes=classes)


def cost_at(costs: tuple[StageCost, ...], boundary: int) -> StageCost | None:
    """The cost at a boundary: measured, or read off the line between its two measured neighbours."""
    for cost in costs:
        if cost.boundary == boundary:
            return cost
    below = max((c for c in costs if c.boundary < boundary), key=lambda c: c.boundary, default=None)
    above = min((c for c in costs if c.boundary > boundary), key=lambda c: c.boundary, default=None)
    if below is None or above is None:
        return None  # outside of what was measured: unknown, not extrapolated
    t = (boundary - below.boundary) / (above.boundary - below.boundary)

    def between(a: float, b: float) -> float:
        return a + t * (b - a)

    return StageCost(
        boundary=boundary,
        below_s=between(below.below_s, above.below_s),
        train_s=between(below.train_s, above.train_s),
        eval_s=between(below.eval_s, above.eval_s),
    )


def price(strategy: Strategy, sizes: Sizes, costs: tuple[StageCost, ...]) -> tuple[float, float] | None:
    """(total, of these for filling caches) in seconds; None where a boundary's cost is unknown.

    A cache holds, per boundary above 0, every training image with its views (a solver phase reads the plain
    one only), the validation and the test images. At boundary 0 nothing is cached: every epoch runs the whole
    backbone.
    """
    training, caches, cost = 0.0, dict[int, float](), None
    for phase in strategy.phases:
        cost = cost_at(costs, phase.boundary)
        if cost is None:
            return None
        if phase.optimizer == "adamw":
            views = strategy.views
            training += phase.epochs * (sizes.fit * cost.train_s + sizes.val * cost.eval_s)
        else:
            views = 0
            training += phase.epochs * sizes.fit * sizes.classes * LBFGS_S + sizes.val * cost.eval_s
        if phase.boundary > 0:
            filled = (sizes.fit * (1 + views) + sizes.val + sizes.test) * cost.below_s
            caches[phase.boundary] = max(filled, caches.get(phase.boundary, 0.0))
    if cost is not None:
        training += sizes.test * cost.eval_s
    cached = sum(caches.values())
    return cached + training, cached


def estimate_seconds(
    strategy: Strategy, facts: DatasetFacts, card: BackboneCard
) -> tuple[float, float] | None:
    """(total, cached) seconds of training on the machine that was profiled; None where it was not
    measured."""
    if strategy.backbone != facts.backbone or card.name != facts.backbone or not facts.costs:
        return None
    sizes = Sizes.of(facts.train_images, facts.test_images, len(facts.classes))
    return price(strategy, sizes, facts.costs)

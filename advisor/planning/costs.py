"""What a plan costs in seconds, from throughput that was measured per boundary on this machine.

Unmeasured stays unknown: between two measured boundaries a straight line is drawn, beyond them nothing is
said. Reading the pixels is not counted: the profile that measured the costs has paid for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core import DatasetFacts, StageCost, Strategy
from core.zoo import BackboneCard

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

    @classmethod
    def measured(cls, facts: DatasetFacts, per_class: int = 0) -> Sizes:
        """Of a run on profiled images; per_class: `RunConfig.per_class`, which leaves the others out of training."""
        sizes = cls.of(facts.train_images, facts.test_images, len(facts.classes))
        return replace(sizes, fit=min(sizes.fit, per_class * sizes.classes)) if per_class else sizes


START_S = 0.5
"""Seconds a run takes besides its steps: building the backbone, judging on the test images. The worker is loaded
already, as one waits while images are read and advice is looked at; where none waits it takes 3 to 4 s more. Measured:
prototypes and probes on cached features took 0.5 to 1.0 s (benchmarks/results/forecasts.md)."""
PROFILED_STAGES = (0, 2)
"""A profile stores the plain activations at these many stages below the head: what a linear probe and the
default partial fine-tune read."""


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

    def bytes_between(a: int | None, b: int | None) -> int | None:
        return None if a is None or b is None else round(between(a, b))

    return StageCost(
        boundary=boundary,
        below_s=between(below.below_s, above.below_s),
        train_s=between(below.train_s, above.train_s),
        eval_s=between(below.eval_s, above.eval_s),
        train_bytes=bytes_between(below.train_bytes, above.train_bytes),
        eval_bytes=bytes_between(below.eval_bytes, above.eval_bytes),
    )


def price(
    strategy: Strategy, sizes: Sizes, costs: tuple[StageCost, ...], profiled_px: int
) -> tuple[float, float] | None:
    """(total, of these for filling caches) in seconds; None where a boundary's cost is unknown.

    Caches are filled by one pass per view, up to the highest boundary that reads it: the plain view of all
    images, augmented views of the training images. The plain pass is free where the profile that measured
    `costs` has made it. At boundary 0 nothing is cached: every epoch runs the whole backbone. `profiled_px`:
    side of the images that `costs` was measured with.
    """
    full_px = strategy.image_px or profiled_px
    area = (full_px / profiled_px) ** 2  # convolutions cost what they look at
    solving, training, priced = 0.0, 0.0, dict[int, StageCost]()
    for phase in strategy.phases:
        cost = cost_at(costs, phase.boundary)
        if cost is None:
            return None
        priced[phase.boundary] = cost
        if not phase.solved:
            training += phase.epochs * sizes.fit * cost.train_s * phase.mean_area(full_px)
            training += phase.epochs * min(sizes.val, strategy.judged or sizes.val) * cost.eval_s
        else:
            solving += phase.epochs * sizes.fit * sizes.classes * LBFGS_S + sizes.val * cost.eval_s
    training += sizes.test * priced[strategy.phases[-1].boundary].eval_s
    head = costs[-1].boundary
    made = {head - stages for stages in PROFILED_STAGES} if area == 1 else set()
    cached = {b: cost.below_s for b, cost in priced.items() if b > 0}
    viewing = [p for p in strategy.phases if not p.reads_plain and p.boundary > 0]
    # Every epoch shows each image in another of its views, the plain one among them: a short run needs fewer. A solver
    # needs the plain one of all.
    epochs = max((p.epochs for p in viewing), default=0)
    shown = min(1.0, epochs / (1 + strategy.views))
    plain = {b: s for b, s in cached.items() if b not in made}
    whole = max((plain.get(p.boundary, 0.0) for p in strategy.phases if p.reads_plain), default=0.0)
    lowest = max(plain.values(), default=0.0)
    augmented = max((cached[p.boundary] for p in viewing), default=0.0)
    filling = max(whole, shown * lowest) * sizes.fit + lowest * (sizes.val + sizes.test)
    filling += augmented * sizes.fit * strategy.views * shown
    return solving + area * (filling + training), area * filling


def estimate_seconds(
    strategy: Strategy, facts: DatasetFacts, card: BackboneCard, sizes: Sizes | None = None
) -> tuple[float, float] | None:
    """(total, cached) seconds of a run on the machine that was profiled, its worker loaded; None where
    it was not measured. sizes: of the run, where it does not train on all images."""
    if strategy.backbone != facts.backbone or card.name != facts.backbone or not facts.costs:
        return None
    priced = price(strategy, sizes or Sizes.measured(facts), facts.costs, card.image_px)
    return None if priced is None else (START_S + priced[0], priced[1])


def affordable_epochs(facts: DatasetFacts, minutes: float) -> float | None:
    """How often `minutes` would pass the training images through the whole backbone in training, validation included;
    None where that was not measured. The currency in which the evidence counts budgets."""
    whole = cost_at(facts.costs, 0)
    if whole is None:
        return None
    sizes = Sizes.measured(facts)
    epoch_s = sizes.fit * whole.train_s + sizes.val * whole.eval_s
    return 60 * minutes / epoch_s if epoch_s > 0 else None

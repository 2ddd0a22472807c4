"""What a plan costs in seconds, from throughput that was measured per boundary on this machine.

Unmeasured stays unknown: between two measured boundaries a straight line is drawn, beyond them nothing is
said. Reading the pixels is not counted: the profile that measured the costs has paid for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core import DatasetFacts, StageCost, Strategy
from core.zoo import BackboneCard, catalog

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
"""Seconds a run takes besides its steps: building the backbone, writing the weights. The worker is loaded already, as
one waits while images are read and advice is looked at. Measured: prototypes and probes on cached features took 0.5 to
1.0 s (benchmarks/results/forecasts.md)."""
LOADING_S = 3.5
"""Until a worker is loaded where none waits. It counts in a budget, so every plan leaves room for it."""
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


def phase_seconds(strategy: Strategy, facts: DatasetFacts, per_class: int = 0) -> tuple[float, ...]:
    """What each phase of a run on profiled images takes as planned, judging its epochs included, but without the caches
    that it reads (per_class as in `Sizes.measured`); empty where it was not measured."""
    if strategy.backbone != facts.backbone:
        return ()
    sizes, px = Sizes.measured(facts, per_class), catalog.backbone(facts.backbone).image_px
    return _phases(strategy, sizes, facts.costs, px) or ()


def _phases(
    strategy: Strategy, sizes: Sizes, costs: tuple[StageCost, ...], profiled_px: int
) -> tuple[float, ...] | None:
    """None where a boundary's cost is unknown."""
    full_px = strategy.image_px or profiled_px
    area = (full_px / profiled_px) ** 2  # convolutions cost what they look at
    found = []
    for phase in strategy.phases:
        cost = cost_at(costs, phase.boundary)
        if cost is None:
            return None
        if phase.solved:
            found.append(phase.epochs * sizes.fit * sizes.classes * LBFGS_S + sizes.val * cost.eval_s)
        else:
            trained, judged = sizes.fit * phase.mean_area(full_px), min(sizes.val, strategy.judged or sizes.val)
            found.append(area * phase.epochs * (trained * cost.train_s + judged * cost.eval_s))
    return tuple(found)


def price(
    strategy: Strategy, sizes: Sizes, costs: tuple[StageCost, ...], profiled_px: int
) -> tuple[float, float] | None:
    """(total, of these for filling caches) in seconds; None where a boundary's cost is unknown.

    Caches are filled by one pass per view, up to the highest boundary that reads it: the plain view of all images (of
    the test images for a head alone), augmented views of the training images. The plain pass is free where the profile
    that measured `costs` has made it. At boundary 0 nothing is cached: every epoch runs the whole backbone.
    `profiled_px`: side of the images that `costs` was measured with.
    """
    phases, last = _phases(strategy, sizes, costs, profiled_px), cost_at(costs, strategy.phases[-1].boundary)
    if phases is None or last is None:
        return None
    area = ((strategy.image_px or profiled_px) / profiled_px) ** 2
    head = costs[-1].boundary
    # Test images are judged from their pixels, in the arithmetic of the export.
    testing = last.eval_s + (last.below_s if 0 < last.boundary < head else 0.0)
    training = sum(phases) + area * sizes.test * testing
    made = {head - stages for stages in PROFILED_STAGES} if area == 1 else set()
    below = {p.boundary: cost_at(costs, p.boundary) for p in strategy.phases if p.boundary > 0}
    cached = {boundary: cost.below_s for boundary, cost in below.items() if cost}
    viewing = [p for p in strategy.phases if not p.reads_plain and p.boundary > 0]
    # Every epoch shows each image in another of its views, the plain one among them: a short run needs fewer. A solver
    # needs the plain one of all.
    epochs = max((p.epochs for p in viewing), default=0)
    shown = min(1.0, epochs / (1 + strategy.views))
    plain = {b: s for b, s in cached.items() if b not in made}
    whole = max((plain.get(p.boundary, 0.0) for p in strategy.phases if p.reads_plain), default=0.0)
    lowest = max(plain.values(), default=0.0)
    augmented = max((cached[p.boundary] for p in viewing), default=0.0)
    held = sizes.val + (sizes.test if all(p.boundary == head for p in strategy.phases) else 0)
    filling = max(whole, shown * lowest) * sizes.fit + lowest * held
    filling += augmented * sizes.fit * strategy.views * shown
    return training + area * filling, area * filling


def estimate_seconds(
    strategy: Strategy, facts: DatasetFacts, card: BackboneCard, sizes: Sizes | None = None
) -> tuple[float, float] | None:
    """(total, cached) seconds of a run on the machine that was profiled, its worker loaded; None where
    it was not measured. sizes: of the run, where it does not train on all images."""
    if strategy.backbone != facts.backbone or card.name != facts.backbone or not facts.costs:
        return None
    priced = price(strategy, sizes or Sizes.measured(facts), facts.costs, card.image_px)
    return None if priced is None else (START_S + priced[0], priced[1])


def for_steps(minutes: float) -> float:
    """Seconds of a budget that a plan may take: the worker has to load, and the run to begin and end, in them too."""
    return 60 * minutes - LOADING_S - START_S


def within(strategy: Strategy, seconds: float, minutes: float | None) -> float:
    """Seconds that a run of this plan will take, priced at `seconds`: one that its budget cut grows into what is left
    of it, and descent ends with the budget even where the plan is longer."""
    descends = [phase for phase in strategy.phases if not phase.solved]
    if minutes is None or not descends:
        return seconds
    grows = any(phase.most_epochs > phase.epochs for phase in descends)
    return 60 * minutes if grows else min(seconds, 60 * minutes)


def affordable_epochs(facts: DatasetFacts, minutes: float) -> float | None:
    """How often `minutes` would pass the training images through the whole backbone in training, validation included;
    None where that was not measured. The currency in which the evidence counts budgets."""
    whole = cost_at(facts.costs, 0)
    if whole is None:
        return None
    sizes = Sizes.measured(facts)
    epoch_s = sizes.fit * whole.train_s + sizes.val * whole.eval_s
    return 60 * minutes / epoch_s if epoch_s > 0 else None

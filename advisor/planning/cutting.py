"""A plan cut to a budget: first fewer thawed stages, then fewer views, then fewer epochs; and how many validation
images an epoch leaves time to judge."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import replace

from advisor.planning.costs import Sizes, cost_at, price
from core import StageCost, Strategy

JUDGED_SHARE, LEAST_JUDGED = 0.04, 200
"""Judging after an epoch may take this share of the epoch's time, but looks at no fewer validation images than this:
the standard error of their accuracy is at most 3.5 points, the same images each time."""
CACHE_SHARE = 0.5
"""Augmented views are dropped until filling the cache takes at most this share of the budget."""
EPOCHS_A_VIEW = 2
"""Augmented views are dropped until a cut plan shows each view of an image at least so many times: with 1 to 4
epochs no view was better than one by 1.0 and 2.0 points, with 9 and more three were better than none by 1.3 and 1.9
(benchmarks/results/sweep_partial.md)."""


def judged(
    strategy: Strategy, sizes: Sizes, costs: tuple[StageCost, ...], px: int, seconds: float
) -> int | None:
    """How many validation images an epoch leaves time to judge; None where it is all of them or costs are unknown."""
    fewest = sizes.val
    for phase in strategy.phases:
        cost = cost_at(costs, phase.boundary)
        if phase.reads_plain or cost is None or not cost.eval_s:
            continue
        # An epoch that the budget will cut short leaves no more time to judge than the budget's own share.
        epoch_s = sizes.fit * cost.train_s * phase.mean_area(strategy.image_px or px)
        fewest = min(fewest, max(LEAST_JUDGED, math.ceil(JUDGED_SHARE * min(epoch_s, seconds) / cost.eval_s)))
    return fewest if fewest < sizes.val else None


def cut_to(strategy: Strategy, sizes: Sizes, costs: tuple[StageCost, ...], px: int, seconds: float) -> Strategy:
    """The strategy within `seconds`: first fewer thawed stages ('gradual'), then fewer views, then fewer
    epochs."""
    now = price(strategy, sizes, costs, px)
    if now is None or now[0] <= seconds:
        return strategy
    if strategy.kind == "gradual" and len(strategy.phases) > 1 and strategy.phases[-1].boundary == 0:
        return cut_to(replace(strategy, phases=strategy.phases[:-1]), sizes, costs, px, seconds)
    once = price(_with_epochs(strategy, 0.0), sizes, costs, px) or now
    # Without a cache (boundary 0) views cost nothing: dropping them would only take the augmentation away.
    caches_views = any(not phase.reads_plain and phase.boundary > 0 for phase in strategy.phases)
    while caches_views and strategy.views > 0 and (now[1] > CACHE_SHARE * seconds or once[0] > seconds):
        strategy = replace(strategy, views=strategy.views // 2)
        now = price(strategy, sizes, costs, px) or now
        once = price(_with_epochs(strategy, 0.0), sizes, costs, px) or now
    if now[0] <= seconds:
        return strategy
    if strategy.kind == "gradual" and len(strategy.phases) > 2 and once[0] > seconds:
        return cut_to(replace(strategy, phases=strategy.phases[:-1]), sizes, costs, px, seconds)
    # Every phase keeps one epoch; what lies above that is scaled. The price rises with it, but not along a line.
    most = max((phase.epochs for phase in strategy.phases if not phase.solved), default=1)

    def needs(extra: int) -> float:
        return (price(_with_epochs(strategy, extra / (most - 1)), sizes, costs, px) or now)[0]

    affordable = bisect_right(range(1, most), seconds, key=needs)
    cut = _with_epochs(strategy, affordable / max(1, most - 1))
    viewed = sum(phase.epochs for phase in cut.phases if not phase.reads_plain)
    if caches_views and 0 < viewed < EPOCHS_A_VIEW * (1 + strategy.views) and strategy.views > 0:
        return cut_to(replace(strategy, views=strategy.views // 2), sizes, costs, px, seconds)
    return cut


def growing(strategy: Strategy, uncut: Strategy) -> Strategy:
    """Where epochs were cut, as many as before may still be made, should time be left: a forecast is no measurement."""
    phases = (
        replace(phase, most_epochs=before.epochs) if phase.epochs < before.epochs else phase
        for phase, before in zip(strategy.phases, uncut.phases, strict=False)
    )
    return replace(strategy, phases=tuple(phases))


def _with_epochs(strategy: Strategy, share: float) -> Strategy:
    """One epoch a phase plus `share` of the others; solver passes cost next to nothing and stay."""
    phases = tuple(
        phase
        if phase.solved
        else replace(phase, epochs=1 + math.floor((phase.epochs - 1) * share + 1e-9))
        for phase in strategy.phases
    )
    return replace(strategy, phases=phases)

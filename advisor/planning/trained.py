"""What a plan trains: which stages, how many parameters, at which peak rates."""

from __future__ import annotations

from core import ADAPTING, PlanError, Strategy
from core.zoo import BackboneCard


def lowest_boundary(strategy: Strategy) -> int:
    """Index of the lowest stage that is trained at any time in the run."""
    return min(phase.boundary for phase in strategy.phases)


def trains_all(strategy: Strategy, card: BackboneCard) -> str:
    """A sentence where a plan whose name says that stages stay frozen leaves none frozen; else empty."""
    kind = strategy.kind
    freezes = kind in ("partial", *ADAPTING) or (kind == "gradual" and card.head == 1)  # else it ends with everything
    if lowest_boundary(strategy) or not freezes:
        return ""
    stages = "is a single stage" if card.head == 1 else f"has {card.head} stages"
    return f"{card.title} {stages}: '{kind}' trains everything, as 'full' does."


def trainable_params(strategy: Strategy, card: BackboneCard, classes: int) -> int:
    """Parameters that are trained at any time in the run; a stage frozen up to some layer counts whole."""
    return sum(
        params
        for stage, params in enumerate(card.params(classes, strategy.head))
        if any(p.trains(stage) for p in strategy.phases)
    )


def stage_lrs(strategy: Strategy, card: BackboneCard) -> tuple[float, ...]:
    """Peak learning rate per stage over the run, the head last; 0 = never trained by gradient descent.

    A head that only a solver trains has no learning rate: 0. `state_at` says whether a stage is trained.
    """
    peaks = [0.0] * (card.head + 1)
    for phase in strategy.phases:
        peaks = [max(peak, phase.stage_lr(stage, card.head)) for stage, peak in enumerate(peaks)]
    return tuple(peaks)


def state_at(strategy: Strategy, card: BackboneCard, phase_index: int) -> tuple[bool, ...]:
    """Per stage, the head last: whether it is trained (True) or frozen (False) in one phase."""
    if not 0 <= phase_index < len(strategy.phases):
        raise PlanError(f"The strategy has {len(strategy.phases)} phases; there is no phase {phase_index}.")
    return tuple(strategy.phases[phase_index].trains(stage) for stage in range(card.head + 1))

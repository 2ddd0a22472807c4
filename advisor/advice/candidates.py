"""Every strategy as it would be run here: planned within the budget, priced on this machine, and its limits."""

from __future__ import annotations

from advisor.advice import reasons
from advisor.planning import (
    PLANNED,
    Options,
    Sizes,
    estimate_seconds,
    memory,
    plan,
    stage_lrs,
    trainable_params,
    within,
)
from core import Answer, Budget, Candidate, DatasetFacts, Kind, Strategy
from core.zoo import BackboneCard

LADDER: tuple[Kind, ...] = tuple(kind for kind in PLANNED if kind != "prototype")
"""What to fall back to step by step when time is short. Prototypes cost what the probe costs: no rung below it."""


def plan_within(
    kind: Kind, card: BackboneCard, facts: DatasetFacts, budget: Budget, followed: Answer
) -> tuple[Strategy, Strategy]:
    """(cut to the budget, as it would be without one)."""
    stages = None
    if kind == "partial" and followed.kind == "partial" and followed.trained_stages is not None:
        stages = min(followed.trained_stages, card.head)

    def make(limit: float | None) -> Strategy:
        return plan(
            kind,
            card,
            train_images=facts.train_images,
            classes=len(facts.classes),
            minutes=limit,
            costs=facts.costs,
            options=Options(trained_stages=stages),
            test_images=facts.test_images,
        )

    return make(budget.minutes), make(None)


def candidate_of(
    kind: Kind,
    plans: tuple[Strategy, Strategy],
    card: BackboneCard,
    facts: DatasetFacts,
    budget: Budget,
    room: int | None,
) -> Candidate:
    planned, uncut = plans
    classes = len(facts.classes)
    sizes = Sizes.measured(facts)
    strategy = memory.fit_batch(planned, card, sizes, facts, room)
    needed = memory.forecast_bytes(strategy, card, sizes, facts)
    price = estimate_seconds(strategy, facts, card)
    seconds, cached = price if price is not None else (None, None)
    fits = None if seconds is None else seconds <= budget.minutes * 60
    if fits and seconds is not None:
        seconds = within(strategy, seconds, budget.minutes)
    return Candidate(
        strategy=strategy,
        trainable_params=trainable_params(strategy, card, classes),
        total_params=sum(card.params(classes, strategy.head)),
        stage_lrs=stage_lrs(strategy, card),
        seconds=seconds,
        cached_seconds=cached,
        fits=fits,
        accuracy=facts.ready_made if kind == "linear_probe" else None,
        why=reasons.why(kind, strategy, card, facts),
        limits=(
            *reasons.limits(strategy, uncut, seconds, fits, budget, card),
            *memory.limits(strategy, planned.batch_size, needed, room),
        ),
        memory_bytes=needed,
    )


def downwards(wanted: Kind) -> tuple[Kind, ...]:
    return LADDER[LADDER.index(wanted) :: -1] if wanted in LADDER else (wanted, *LADDER[:1])

"""Pilots: up to three candidates each run a short schedule to its end, and their validation accuracies decide.

Each pilot is planned for its own share of at most 15 % of the budget, so its rate decays to nothing like that of a real
run: a run cut off half way would say little. The probe alone never rules fine-tuning out: the best fine-tune that can
afford a pilot is always among them. Pure: what to run and what it says; nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.advice.learning import NOISE
from advisor.planning import Sizes, estimate_seconds, fit_batch, fits, memory_for, plan
from core import KINDS, Budget, DatasetFacts, Kind, Recommendation, Strategy
from core.words import listing, percent
from core.zoo import STRATEGIES, BackboneCard

MOST = 3
SHARE = 0.15
"""Of the budget, for all pilots together (SCIENCE)."""
FINE_TUNES: tuple[Kind, ...] = ("partial", "gradual", "lp_ft", "full")


@dataclass(frozen=True)
class Pilot:
    strategy: Strategy
    minutes: float
    seconds: float


def pilots(
    advice: Recommendation, facts: DatasetFacts, card: BackboneCard, budget: Budget, free_bytes: int | None = None
) -> list[Pilot]:
    """What to run, the recommended strategy first; empty where speed is unknown or fewer than two can afford it.

    free_bytes: the machine's free memory, if known: batches are fitted into it, and what needs more is no pilot.
    """
    each = SHARE * budget.minutes / MOST
    sizes, there = Sizes.measured(facts), memory_for(facts, free_bytes)
    planned: dict[Kind, Pilot] = {}
    for candidate in (advice.best, *advice.alternatives):
        kind = candidate.strategy.kind
        if kind == "scratch":
            continue
        strategy = plan(
            kind, card, train_images=facts.train_images, classes=len(facts.classes), minutes=each, costs=facts.costs,
            test_images=facts.test_images,
        )  # fmt: skip
        strategy = fit_batch(strategy, card, sizes, facts, there)
        priced = estimate_seconds(strategy, facts, card)
        if priced is None or priced[0] > 60 * each:
            continue
        if fits(strategy, card, sizes, facts, there):
            planned[kind] = Pilot(strategy, each, priced[0])
    chosen = list(planned)[:MOST]
    tuned = next((kind for kind in planned if kind in FINE_TUNES), None)
    if tuned is not None and tuned not in chosen:
        chosen[-1] = tuned
    return [planned[kind] for kind in chosen] if len(chosen) > 1 else []


def decide(reached: Mapping[Kind, float]) -> tuple[Kind, str]:
    """The pilots' answer from their validation accuracies, and why: the cheapest within the noise of the best."""
    best = max(reached.values())
    near = [kind for kind in KINDS if kind in reached and reached[kind] >= best - NOISE]
    kind = near[0]
    listed = listing([f"{STRATEGIES[k].title.lower()} {percent(reached[k])}" for k in KINDS if k in reached])
    said = f"The pilots reached on validation images: {listed}."
    if len(near) > 1:
        return kind, f"{said} Within the noise of each other, the cheapest is taken: {STRATEGIES[kind].title.lower()}."
    return kind, f"{said} They favour {STRATEGIES[kind].title.lower()}."

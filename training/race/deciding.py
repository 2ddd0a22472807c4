"""Which rung next, or none: from what the rungs so far reached, what is forecast, and the time that is left. Pure.

An expert solves the cheap things first, looks, and spends what is left where it can still gain. So: a head on frozen
features; then, where the forecast's interval reaches above the best so far, the top stages; then, with the time that
leaves, a wider backbone beside (`lanes`), and all stages from the weights that were reached. A rung that can gain
nothing is not begun.
"""

from __future__ import annotations

from dataclasses import replace

from advisor.advice.forecasts import COVERAGE
from advisor.planning import estimate_seconds
from advisor.planning.strategies import PARTIAL_STAGES, STAGES_FROM
from core import Estimate, Head, Kind, Strategy
from core.words import duration
from training.race.lanes import other_lane
from training.race.standing import LEAST_S, Begin, End, Measure, Next, Standing
from training.race.worth import WORTH, believed, gain, gain_deeper, points, reached

FEW = 10
"""Images a class below which class means are tried beside the solved head."""
STAGES_SHARE = 0.5
"""Of the time that is left what a head on all stages may take at most: as long as the one on the last stage took, for
each of its features (ours)."""
LEAST_DEEPER = 4.0
"""Epochs of the whole network below which training all stages on top of the best is not begun."""
DEEPER: Kind = "lp_ft"
"""What trains all stages from weights that were reached: at a low rate, BatchNorm as it is. The rate of 'full' is that
of a start from the backbone's own weights (ours, to be measured)."""

def decide(at: Standing) -> Next:
    """What to do now. Every solved head is on the table before anything descends."""
    ran = {rung.kind for rung in at.rungs if not rung.backbone}
    if "linear_probe" not in ran:
        says = "First the head alone, solved on frozen features in one pass over the images"
        return _solved(at, "linear_probe", says)
    if "prototype" not in ran and at.train_images < FEW * at.classes and at.left_s > 0:
        says = f"Fewer than {FEW} images a class: the classes' means are compared as well"
        return _solved(at, "prototype", says)
    if _all_stages_next(at):
        says = "The same pass kept what all stages give: a head on them is solved as well"
        return _solved(at, "linear_probe", says, "stages")
    if at.left_s < LEAST_S:
        return _too_short(at, at.left_s)
    if at.facts is None or not at.facts.costs:
        if at.measuring_s > at.left_for(0) - at.measuring_s:
            return End(f"{reached(at)}; {duration(at.left_s)} are too short to measure what else could gain")
        return Measure(f"{reached(at)}. What training costs here and what it may gain is measured next")
    if not any(rung.descended for rung in at.rungs):
        return _first(at)
    return other_lane(at) or _deeper(at)


def _all_stages_next(at: Standing) -> bool:
    """Whether a head on all stages is worth its time: what it reads is stored, images are not few, none was tried."""
    last, enough = at.solved(), at.train_images >= STAGES_FROM * at.classes
    if last is None or not at.all_stages or not enough or any(rung.head == "stages" for rung in at.rungs):
        return False
    return last.seconds * at.card.all_width / at.card.feature_width < STAGES_SHARE * at.left_s


def _solved(at: Standing, kind: Kind, says: str, head: Head = "linear") -> Begin:
    return Begin(at.solving(kind, head), max(0.0, at.left_s) / 60, f"{says}.")


def _first(at: Standing) -> Next:
    """The first rung that descends: the top stages."""
    left_s = at.left_for(at.card.head - PARTIAL_STAGES)
    if left_s < LEAST_S:
        return _too_short(at, left_s)
    foreseen = at.foresee("partial", left_s)
    most = gain(at, foreseen)
    if most is not None and most < WORTH:
        return End(f"{reached(at)}, and what is left can gain at most {points(most)}", most)
    given = at.for_top(left_s)
    partial = at.planned("partial", given / 60)
    gets = _given(at, partial, given, left_s)
    says = f"{reached(at)}. Training the top stages {_may(foreseen, most)}: it gets {gets}"
    return Begin(partial, given / 60, f"{says}.", most)


def _deeper(at: Standing) -> Next:
    """What the time that is left can still do for the best of those that descended."""
    open_beside = at.wider is not None and not at.wider.closed and at.beside() is not at
    known = [rung for rung in at.rungs if rung.descended and (open_beside or not rung.backbone)]
    kept = [rung for rung in known if rung.val_accuracy is not None]
    best = max(kept, key=lambda rung: believed(at, rung), default=None)
    seen = at.of(best) if best else at
    left_s = seen.left_for(0)
    last = max(rung.minutes for rung in known if not best or rung.backbone == best.backbone)
    if any(rung.kind == DEEPER for rung in at.rungs):
        return End(f"{reached(at)}; every rung was tried, and {duration(at.left_s)} are left")
    if left_s < LEAST_S:
        return _too_short(at, left_s)
    foreseen = seen.foresee(DEEPER, left_s + 60 * last) or seen.foresee("partial", left_s + 60 * last)
    most = gain_deeper(at, foreseen)
    if most < WORTH:
        return End(f"{reached(at)}, and what is left can gain at most {points(most)}", most)
    affordable = seen.affordable(left_s)
    if affordable < LEAST_DEEPER:
        few = f"the {duration(left_s)} left hold {affordable:.1f} epochs of all stages"
        return End(f"{reached(at)}; {few}, too few to gain by", most)
    strategy = seen.planned(DEEPER, left_s / 60)
    if best:  # its head is there already
        strategy = replace(strategy, phases=strategy.phases[-1:])
    may = f"may gain up to {points(most)}: it gets {duration(left_s)}"
    says = f"{reached(at)}. Training all stages from there {may}"
    return Begin(strategy, left_s / 60, f"{says}.", most, best.run_id if best else "")


def _too_short(at: Standing, left_s: float) -> End:
    return End(f"{reached(at)}; the {duration(max(0.0, left_s))} left are too short for another rung")


# --- in words ----------------------------------------------------------------------------------------------


def _may(foreseen: Estimate | None, most: float | None) -> str:
    if foreseen is None or most is None:
        return "may gain, how much is not known"
    low, high = 100 * foreseen.low, 100 * foreseen.high
    return f"may gain up to {points(most)} (forecast {low:.0f} to {high:.0f}%, {100 * COVERAGE:.0f}% interval)"


def _given(at: Standing, strategy: Strategy, given: float, left_s: float) -> str:
    assert at.facts is not None
    price = estimate_seconds(strategy, at.facts, at.card)
    whole = price is not None and all(not phase.most_epochs for phase in strategy.phases)
    seconds = min(given, price[0]) if price and whole else given
    rest = left_s - seconds if given < left_s else 0.0
    kept = f", {duration(rest)} are kept for what follows" if rest > LEAST_S else ""
    return f"{duration(seconds)}{kept}"

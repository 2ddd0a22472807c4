"""Which rung next, or none: from what the rungs so far reached, what is forecast, and the time that is left. Pure.

An expert solves the cheap things first, looks, and spends what is left where it can still gain. So: a head on frozen
features; then, where the forecast's interval reaches above the best so far, the top stages; then, with the time that
leaves, all stages from the weights that were reached. A rung that can gain nothing is not begun.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor.advice import Learned, gap_percent
from advisor.advice.forecasts import COVERAGE, forecast, settled
from advisor.advice.learned_rules import facts_for
from advisor.planning import LOADING_S, affordable_epochs, estimate_seconds, plan
from advisor.planning.costs import cost_at
from advisor.planning.strategies import PARTIAL_STAGES
from core import DatasetFacts, Estimate, Kind, Strategy
from core.words import duration
from core.zoo import STRATEGIES, BackboneCard

WORTH = 0.004
"""What a rung has to be able to gain, in [0, 1]: less is within any luck of a seed (1.2 points a run)."""
FEW = 10
"""Images a class below which class means are tried beside the solved head."""
LEAST_S = 6.0
"""Shorter than this no rung that descends gets beyond its first steps."""
DEEPER_EPOCHS = 12.0
"""Epochs of the whole network that the time has to hold for some of it to be kept for all stages."""
TOP_SHARE = 0.5
"""What the top stages get of the time, where some is kept for all stages."""
LEAST_DEEPER = 4.0
"""Epochs of the whole network below which training all stages on top of the best is not begun."""
DEEPER: Kind = "lp_ft"
"""What trains all stages from weights that were reached: at a low rate, BatchNorm as it is. The rate of 'full' is that
of a start from the backbone's own weights (ours, to be measured)."""
OWN_CURVE = 0.5
"""What a deeper rung may gain of what the one before it gained (ours, to be measured)."""
MEASURING_S, MEASURING_OF_PASS = 7.5, 0.18
"""Seconds that it takes to measure what only the choice needs, and what it takes more for each second of the pass over
the images: about what benchmarks/results/race.md shows, 9 s after a pass of 4, 10 after 10, 11 after 26."""


@dataclass(frozen=True)
class Rung:
    """A run of the race that has ended."""

    run_id: str
    kind: Kind
    val_accuracy: float | None
    """None where no weights were kept."""
    minutes: float
    """What it was given."""
    judged: int = 0
    """Validation images that say so; 0 = all."""

    @property
    def descended(self) -> bool:
        return self.kind not in ("linear_probe", "prototype")


@dataclass(frozen=True)
class Standing:
    """All that a decision rests on."""

    card: BackboneCard
    train_images: int
    """For training and validation together."""
    test_images: int
    classes: int
    val_images: int
    left_s: float
    """Of the budget, when what has to follow the last rung is taken off, except judging the test images."""
    passed_s: float
    """What one pass over an image took, reading it included; 0 where that is not known."""
    rungs: tuple[Rung, ...]
    facts: DatasetFacts | None
    """Measured of these images with this backbone; None = not yet."""
    learned: Learned | None

    @property
    def measuring_s(self) -> float:
        """What it would take to measure what the choice needs."""
        return MEASURING_S + MEASURING_OF_PASS * self.passed_s * (self.train_images + self.test_images)

    def left_for(self, boundary: int) -> float:
        """Seconds for a rung that trains from this boundary up: its test images may have to be judged after it."""
        cost = cost_at(self.facts.costs, boundary) if self.facts else None
        if cost is None:
            return self.left_s - self.test_images * self.passed_s
        below_s = cost.below_s if 0 < boundary < self.card.head else 0.0
        return self.left_s - self.test_images * (cost.eval_s + below_s)


@dataclass(frozen=True)
class Begin:
    """A rung to be carried out."""

    strategy: Strategy
    minutes: float
    says: str
    gain: float | None = None
    from_run: str = ""


@dataclass(frozen=True)
class Measure:
    """What the choice needs is to be measured first."""

    says: str


@dataclass(frozen=True)
class End:
    """Nothing is worth its time any more."""

    says: str
    gain: float | None = None


Next = Begin | Measure | End


def decide(at: Standing) -> Next:
    """What to do now. Every solved head is on the table before anything descends."""
    ran = {rung.kind for rung in at.rungs}
    if "linear_probe" not in ran:
        says = "First the head alone, solved on frozen features in one pass over the images"
        return _solved(at, "linear_probe", says)
    if "prototype" not in ran and at.train_images < FEW * at.classes:
        says = f"Fewer than {FEW} images a class: the classes' means are compared as well"
        return _solved(at, "prototype", says)
    if at.left_s < LEAST_S:
        return _too_short(at, at.left_s)
    if at.facts is None or not at.facts.costs:
        if at.measuring_s > at.left_for(0) - at.measuring_s:
            return End(f"{_reached(at)}; {duration(at.left_s)} are too short to measure what else could gain")
        return Measure(f"{_reached(at)}. What training costs here and what it may gain is measured next")
    if not any(rung.descended for rung in at.rungs):
        return _first(at)
    return _deeper(at)


def _solved(at: Standing, kind: Kind, says: str) -> Begin:
    strategy = plan(kind, at.card, train_images=at.train_images, classes=at.classes, test_images=at.test_images)
    return Begin(strategy, at.left_s / 60, f"{says}.")


def _first(at: Standing) -> Next:
    """The first rung that descends: the top stages."""
    left_s = at.left_for(at.card.head - PARTIAL_STAGES)
    if left_s < LEAST_S:
        return _too_short(at, left_s)
    partial = _planned(at, "partial", left_s / 60)
    foreseen = foresee(at, "partial", left_s)
    gain = _gain(at, foreseen)
    if gain is not None and gain < WORTH:
        return End(f"{_reached(at)}, and what is left can gain at most {_points(gain)}", gain)
    given = left_s
    if _affordable(at, at.left_for(0)) >= DEEPER_EPOCHS:
        given = max(LEAST_S, TOP_SHARE * left_s)
        partial = _planned(at, "partial", given / 60)
    gets = _given(at, partial, given, left_s)
    says = f"{_reached(at)}. Training the top stages {_may(foreseen, gain)}: it gets {gets}"
    return Begin(partial, given / 60, f"{says}.", gain)


def _deeper(at: Standing) -> Next:
    """What the time that is left can still do for the best of those that descended."""
    left_s = at.left_for(0)
    last = max(rung.minutes for rung in at.rungs if rung.descended)
    if any(rung.kind == DEEPER for rung in at.rungs):
        return End(f"{_reached(at)}; every rung was tried, and {duration(at.left_s)} are left")
    if left_s < LEAST_S:
        return _too_short(at, left_s)
    foreseen = foresee(at, DEEPER, left_s + 60 * last) or foresee(at, "partial", left_s + 60 * last)
    gain = _gain_deeper(at, foreseen)
    if gain < WORTH:
        return End(f"{_reached(at)}, and what is left can gain at most {_points(gain)}", gain)
    affordable = _affordable(at, left_s)
    if affordable < LEAST_DEEPER:
        few = f"the {duration(left_s)} left hold {affordable:.1f} epochs of all stages"
        return End(f"{_reached(at)}; {few}, too few to gain by", gain)
    best = max((r for r in at.rungs if r.descended and r.val_accuracy is not None), key=_reach, default=None)
    strategy = _planned(at, DEEPER, left_s / 60)
    if best:  # its head is there already
        strategy = replace(strategy, phases=strategy.phases[-1:])
    may = f"may gain up to {_points(gain)}: it gets {duration(left_s)}"
    says = f"{_reached(at)}. Training all stages from there {may}"
    return Begin(strategy, left_s / 60, f"{says}.", gain, best.run_id if best else "")


def _too_short(at: Standing, left_s: float) -> End:
    return End(f"{_reached(at)}; the {duration(max(0.0, left_s))} left are too short for another rung")


def _affordable(at: Standing, seconds: float) -> float:
    """Epochs of the whole network in so many seconds."""
    return (affordable_epochs(at.facts, seconds / 60) or 0.0) if at.facts and seconds > 0 else 0.0


def _planned(at: Standing, kind: Kind, minutes: float) -> Strategy:
    """Planned for a worker that is loaded: this one."""
    assert at.facts is not None
    return plan(
        kind, at.card, train_images=at.train_images, classes=at.classes, minutes=minutes + LOADING_S / 60,
        costs=at.facts.costs, test_images=at.test_images,
    )  # fmt: skip


def foresee(at: Standing, kind: Kind, seconds: float) -> Estimate | None:
    """Test accuracy of a strategy in so many seconds, with its 80 % interval; None where nothing was learned."""
    if at.facts is None or at.learned is None:
        return None
    epochs = affordable_epochs(at.facts, seconds / 60)
    facts = facts_for(at.facts, gap_percent(at.facts, at.learned), epochs)
    return forecast(kind, facts, at.learned.corrections)


# --- what the rungs reached --------------------------------------------------------------------------------


def _reach(rung: Rung) -> float:
    return -1.0 if rung.val_accuracy is None else rung.val_accuracy


def believed(at: Standing, rung: Rung) -> float:
    """What a rung's model is worth: its validation accuracy, a sample of so many images and the best of its epochs,
    weighed with what was forecast of it. The luck of choosing among many is less where both are heard."""
    reached = _reach(rung)
    if reached < 0:
        return -1.0
    n = max(1, rung.judged or at.val_images)
    centre = (reached * n + 2) / (n + 4)  # all of a few right is no certainty
    variance = centre * (1 - centre) / (n + 4)
    said = foresee(at, rung.kind, 60 * rung.minutes)
    if said is None:
        return reached
    sd = max(1e-3, (said.high - said.low) / 2 / 1.2816)  # half of an 80 % interval of a normal
    weight = variance / (variance + sd * sd)
    return weight * said.value + (1 - weight) * reached


def choose(at: Standing) -> Rung | None:
    """The rung whose model is worth most, the cheaper of equals; None where none kept weights."""
    kept = [rung for rung in at.rungs if rung.val_accuracy is not None]
    return max(kept, key=lambda rung: round(believed(at, rung), 6), default=None)


def _gain(at: Standing, foreseen: Estimate | None) -> float | None:
    """How far the interval reaches above what is there already."""
    best = choose(at)
    if foreseen is None or best is None:
        return None
    here = believed(at, best)
    if at.facts and at.learned and not best.descended:
        own = settled(facts_for(at.facts, None, None))  # on all images in folds: finer than one validation set
        here = here if own is None else max(here, own)
    return max(0.0, foreseen.high - here)


def _gain_deeper(at: Standing, foreseen: Estimate | None) -> float:
    """As `_gain`, for more of the network. The evidence was trained for a few epochs and knows little of that, so this
    dataset's own curve is heard as well: what the last step down gained, the next may gain `OWN_CURVE` of."""
    best, probes = choose(at), [believed(at, rung) for rung in at.rungs if not rung.descended]
    here = believed(at, best) if best else 0.0
    own = OWN_CURVE * (here - max(probes, default=0.0)) if best and best.descended else 0.0
    return min(1 - here, max(own, _gain(at, foreseen) or 0.0))


# --- in words ----------------------------------------------------------------------------------------------


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _reached(at: Standing) -> str:
    best = choose(at)
    if best is None:
        return "No rung has kept weights yet"
    title = STRATEGIES[best.kind].title
    return f"{title} leads with {100 * _reach(best):.1f}% of {at.val_images:,} validation images"


def _may(foreseen: Estimate | None, gain: float | None) -> str:
    if foreseen is None or gain is None:
        return "may gain, how much is not known"
    low, high = 100 * foreseen.low, 100 * foreseen.high
    return f"may gain up to {_points(gain)} (forecast {low:.0f} to {high:.0f}%, {100 * COVERAGE:.0f}% interval)"


def _given(at: Standing, strategy: Strategy, given: float, left_s: float) -> str:
    assert at.facts is not None
    price = estimate_seconds(strategy, at.facts, at.card)
    whole = price is not None and all(not phase.most_epochs for phase in strategy.phases)
    seconds = min(given, price[0]) if price and whole else given
    rest = left_s - seconds if given < left_s else 0.0
    kept = f", {duration(rest)} are kept for all stages" if rest > LEAST_S else ""
    return f"{duration(seconds)}{kept}"



"""What the models of a race are worth, and what is still to be gained. Pure."""

from __future__ import annotations

from advisor.advice.forecasts import settled
from advisor.advice.learned_rules import facts_for
from core import Estimate
from core.zoo import catalog
from training.race.standing import Rung, Standing

WORTH = 0.004
"""What a rung has to be able to gain, in [0, 1]: less is within any luck of a seed (1.2 points a run)."""
OWN_CURVE = 0.5
"""What a deeper rung may gain of what the one before it gained (ours, to be measured)."""


def reach(rung: Rung) -> float:
    """Its validation accuracy; below any other where it kept no weights."""
    return -1.0 if rung.val_accuracy is None else rung.val_accuracy


def believed(at: Standing, rung: Rung) -> float:
    """What a rung's model is worth: its validation accuracy, a sample of so many images and the best of its epochs,
    weighed with what was forecast of it. The luck of choosing among many is less where both are heard."""
    reached = reach(rung)
    if reached < 0:
        return -1.0
    if rung.head == "stages":
        return _of_all_stages(at, reached)
    n = max(1, rung.judged or at.val_images)
    centre = (reached * n + 2) / (n + 4)  # all of a few right is no certainty
    variance = centre * (1 - centre) / (n + 4)
    said = at.of(rung).foresee(rung.kind, 60 * rung.minutes)
    if said is None:
        return reached
    sd = max(1e-3, (said.high - said.low) / 2 / 1.2816)  # half of an 80 % interval of a normal
    weight = variance / (variance + sd * sd)
    return weight * said.value + (1 - weight) * reached


def _of_all_stages(at: Standing, reached: float) -> float:
    """What a head on all stages is worth: as much more than the head on the last one as both rungs let expect."""
    last, more = at.solved(), at.more_by_all
    return reached if last is None or more is None else min(1.0, believed(at, last) + more)


def choose(at: Standing) -> Rung | None:
    """The rung whose model is worth most, the cheaper of equals; None where none kept weights."""
    kept = [rung for rung in at.rungs if rung.val_accuracy is not None]
    return max(kept, key=lambda rung: round(believed(at, rung), 6), default=None)


def gain(at: Standing, foreseen: Estimate | None) -> float | None:
    """How far the interval reaches above what is there already."""
    best = choose(at)
    if foreseen is None or best is None:
        return None
    here = believed(at, best)
    if at.facts and at.learned and not best.descended:
        own = settled(facts_for(at.facts, None, None))  # on all images in folds: finer than one validation set
        here = here if own is None else max(here, own)
    return max(0.0, foreseen.high - here)


def gain_deeper(at: Standing, foreseen: Estimate | None) -> float:
    """As `gain`, for more of the network. The evidence was trained for a few epochs and knows little of that, so this
    dataset's own curve is heard as well: what the last step down gained, the next may gain `OWN_CURVE` of."""
    best, probes = choose(at), [believed(at, one) for one in at.rungs if not one.descended and one.head == "linear"]
    here = believed(at, best) if best else 0.0
    own = OWN_CURVE * (here - max(probes, default=0.0)) if best and best.descended else 0.0
    return min(1 - here, max(own, gain(at, foreseen) or 0.0))


# --- in words ----------------------------------------------------------------------------------------------


def points(share: float) -> str:
    return f"{100 * share:.1f} points"


def reached(at: Standing) -> str:
    """Who leads with what."""
    best = choose(at)
    if best is None:
        return "No rung has kept weights yet"
    of = f" of {at.of(best).card.title}" if best.backbone else ""
    title = catalog.titled(best.kind, best.head)
    return f"{title}{of} leads with {100 * reach(best):.1f}% of {at.val_images:,} validation images"

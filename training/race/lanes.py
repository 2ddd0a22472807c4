"""Whether a wider backbone is worth a lane beside: with time that the race's own top stages leave. Pure.

Better ImageNet weights transfer better (Kornblith et al. 2019, arXiv 1805.08974), and take longer. So a wider backbone
is looked at once the race's own has trained its top stages, where its pass and half of its own recipe still fit; its
solved head tells whether to go on.
"""

from __future__ import annotations

from advisor.planning import estimate_seconds, plan
from advisor.planning.costs import cost_at
from advisor.planning.strategies import PARTIAL_STAGES
from core.words import duration
from training.race.standing import LEAST_S, Begin, Standing
from training.race.worth import WORTH, believed, choose, gain, points, reached

LEAST_SLOWER = 1.4
"""A wider backbone takes at least so many times as long: below that nobody needs to look."""
HALF = 0.5
"""Share of the recipe of its top stages that has to fit after the pass."""
BEHIND = 0.02
"""How far its solved head may lie behind the race's own, in [0, 1], for its top stages to be trained."""


def worth_a_look(at: Standing) -> bool:
    """Whether there may be something to gain by a wider backbone: the race's own has trained, is not perfect, and a
    pass and half of its recipe, in `LEAST_SLOWER` of the time, fit into what is left."""
    best, cost = choose(at), cost_at(at.facts.costs, at.card.head) if at.facts else None
    if best is None or cost is None or not any(rung.descended for rung in at.rungs) or 1 - believed(at, best) < WORTH:
        return False
    priced = _recipe_s(at)
    return priced is not None and LEAST_SLOWER * (at.train_images * cost.below_s + HALF * priced) < at.left_s


def other_lane(at: Standing) -> Begin | None:
    """The next rung of the wider backbone; None where there is none that is worth it."""
    best, seen = choose(at), at.beside()
    trained = any(rung.backbone and rung.descended for rung in at.rungs)
    closed = at.wider is None or at.wider.closed
    if best is None or seen is at or closed or trained or 1 - believed(at, best) < WORTH:
        return None
    if at.solved(beside=True) is None:
        return _look(at, seen)
    return _train(at, seen, seen.left_for(seen.card.head - PARTIAL_STAGES))


def _look(at: Standing, seen: Standing) -> Begin | None:
    """Its head, solved: the pass over the images is what it costs."""
    priced, pass_s = _recipe_s(seen), at.pass_s  # the recipe's price holds the test images
    if priced is None or pass_s + HALF * priced > at.left_s:
        return None
    knows = f"{seen.card.imagenet_top1:.1f}% of ImageNet against {at.card.imagenet_top1:.1f}%"
    says = f"{seen.card.title} knows more ({knows}): its head is solved after a pass of about {duration(pass_s)}"
    return Begin(seen.solving("linear_probe"), at.left_s / 60, f"{reached(at)}. {says}.")


def _recipe_s(at: Standing) -> float | None:
    """Seconds of the whole recipe of the top stages; None where that is not known."""
    assert at.facts is not None
    whole = plan(
        "partial", at.card, train_images=at.train_images, classes=at.classes, costs=at.facts.costs,
        test_images=at.test_images,
    )  # fmt: skip
    priced = estimate_seconds(whole, at.facts, at.card)
    return priced[0] if priced else None


def _train(at: Standing, seen: Standing, left_s: float) -> Begin | None:
    """Its top stages, unless its solved head is far behind."""
    own, theirs = at.solved(), at.solved(beside=True)
    heads = [rung.val_accuracy if rung and rung.val_accuracy is not None else 0.0 for rung in (own, theirs)]
    most = gain(at, seen.foresee("partial", left_s))
    if heads[1] < heads[0] - BEHIND or left_s < LEAST_S or (most is not None and most < WORTH):
        return None
    may = "may gain, how much is not known" if most is None else f"may gain up to {points(most)}"
    given = seen.for_top(left_s)
    says = f"Training the top stages of {seen.card.title} {may}: it gets {duration(given)}"
    return Begin(seen.planned("partial", given / 60), given / 60, f"{reached(at)}. {says}.", most)

"""Whether a wider backbone is worth a lane beside: with time that the race's own top stages leave. Pure.

Better ImageNet weights transfer better (Kornblith et al. 2019, arXiv 1805.08974), and take longer. So a wider backbone
is looked at once the race's own has trained its top stages, where its pass and half of its own recipe still fit; its
solved head tells whether to go on.
"""

from __future__ import annotations

from advisor.planning import estimate_seconds, plan
from advisor.planning.strategies import PARTIAL_STAGES
from core.words import duration
from training.race.standing import LEAST_S, Begin, Standing
from training.race.worth import WORTH, believed, choose, gain, points, reached

HALF = 0.5
"""Share of the recipe of its top stages that has to fit after the pass."""
BEHIND = 0.02
"""How far its solved head may lie behind the race's own, in [0, 1], for its top stages to be trained."""


def other_lane(at: Standing) -> Begin | None:
    """The next rung of the wider backbone; None where there is none that is worth it."""
    wide, best, seen = at.wider, choose(at), at.beside()
    trained = any(rung.backbone and rung.descended for rung in at.rungs)
    if wide is None or best is None or seen is at or trained or 1 - believed(at, best) < WORTH:
        return None
    left_s = seen.left_for(seen.card.head - PARTIAL_STAGES)
    if at.solved(beside=True) is None:
        return _look(at, seen, left_s)
    return _train(at, seen, left_s)


def _look(at: Standing, seen: Standing, left_s: float) -> Begin | None:
    """Its head, solved: the pass over the images is what it costs."""
    assert seen.facts is not None
    whole = plan(
        "partial", seen.card, train_images=seen.train_images, classes=seen.classes, costs=seen.facts.costs,
        test_images=seen.test_images,
    )  # fmt: skip
    priced, pass_s = estimate_seconds(whole, seen.facts, seen.card), seen.images * seen.passed_s
    if priced is None or pass_s + HALF * priced[0] > left_s:
        return None
    knows = f"{seen.card.imagenet_top1:.1f}% of ImageNet against {at.card.imagenet_top1:.1f}%"
    says = f"{seen.card.title} knows more ({knows}): its head is solved next, {duration(pass_s)} for the pass"
    return Begin(seen.solving("linear_probe"), at.left_s / 60, f"{reached(at)}. {says}.")


def _train(at: Standing, seen: Standing, left_s: float) -> Begin | None:
    """Its top stages, unless its solved head is far behind."""
    own, theirs = at.solved(), at.solved(beside=True)
    heads = [rung.val_accuracy if rung and rung.val_accuracy is not None else 0.0 for rung in (own, theirs)]
    most = gain(at, seen.foresee("partial", left_s))
    if heads[1] < heads[0] - BEHIND or left_s < LEAST_S or (most is not None and most < WORTH):
        return None
    may = "may gain, how much is not known" if most is None else f"may gain up to {points(most)}"
    says = f"Training the top stages of {seen.card.title} {may}: it gets {duration(left_s)}"
    return Begin(seen.planned("partial", left_s / 60), left_s / 60, f"{reached(at)}. {says}.", most)

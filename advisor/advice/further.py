"""Advice besides the strategy: more labels, another backbone, no transfer at all, pitfalls, augmentation. Sentences.

Every function turns facts into zero or more sentences with their numbers; what was not measured says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from advisor.planning import AUGMENTED, augmentation_caution
from core import Candidate, DatasetFacts, Recommendation, fit_curve
from core.words import count, counted, percent
from core.zoo import BackboneCard
from core.zoo import backbone as find_backbone

WORTH = 0.02
"""Two points: what more labels should gain to be called worth it."""
NOTHING_LEFT = 0.97


def more_labels(facts: DatasetFacts, advice: Recommendation) -> str:
    """Whether labelling more images would gain more than any strategy; '' where the curve was not measured."""
    curve = fit_curve(facts.data_curve)
    if not facts.data_curve:
        return ""
    last = facts.data_curve[-1]
    if curve is None:
        return (
            f"More images of the same kind would hardly help a probe: from {count(facts.data_curve[0].images)} to "
            f"{count(last.images)} its accuracy did not rise."
        )
    doubled = curve.accuracy(2 * last.images) - curve.accuracy(last.images)
    said = (
        f"Twice the images ({count(2 * facts.train_images)}) would take a probe from about {percent(last.value)} to "
        "about "
        f"{percent(curve.accuracy(2 * last.images))}, if the curve goes on as it has."
    )
    gains = [c.accuracy.value for c in (advice.best, *advice.alternatives) if c.accuracy and c.fits is not False]
    plain = facts.probe_accuracy.value if facts.probe_accuracy else None
    if gains and plain is not None:
        method = max(gains) - plain
        if doubled >= WORTH and doubled > method:
            gain = f"{100 * max(0.0, method):.1f} points"
            return f"{said} That is more than any strategy here is forecast to gain ({gain})."
        return f"{said} The best strategy is forecast to gain {100 * max(0.0, method):.1f} points without them."
    return said


def no_transfer(facts: DatasetFacts, card: BackboneCard) -> str:
    """When pre-trained weights are not worth it; '' where they are or nothing is known."""
    ready, chance = facts.ready_made, facts.chance
    if not card.pretrained:
        return f"{card.title} has no pre-trained weights: there is nothing to transfer."
    if ready is None or chance is None:
        return ""
    if ready.low <= chance:
        return (
            "The pre-trained features tell these classes apart no better than guessing. Check labels and images "
            "first; if "
            "they are right, transfer may not help here: compare with 'from scratch' before you rely on it."
        )
    if ready.low >= NOTHING_LEFT:
        return (
            f"A ready-made probe already gets {percent(ready)}: training anything more has at most "
            f"{100 * (1 - ready.low):.0f} points to gain."
        )
    return ""


def pitfalls(facts: DatasetFacts, advice: Recommendation) -> list[str]:
    """What the seed documents warn of, where it concerns this dataset."""
    said = []
    best = advice.best.strategy
    trained = facts.train_images * 0.8
    if best.kind in ("lp_ft", "full", "gradual") and trained < 50 * len(facts.classes):
        said.append(
            f"Overfitting: about {trained / len(facts.classes):.0f} images per class train every stage. Watch the "
            "distance between the training and validation curves; the weights that validation prefers are kept, not "
            "the last."
        )
    if best.kind in ("lp_ft", "full") and best.phases[-1].lr_stage > 1e-3:
        said.append("Catastrophic forgetting: the rate is high for pre-trained stages; lower it if validation drops.")
    if facts.domain_gap is not None and (advice.domain_gap or 0) > 200 / 3:
        said.append(
            "Negative transfer: these images lie far from the pre-training's. Compare with a probe on all stages or "
            "with "
            "more trained stages before trusting the top features."
        )
    if facts.depth_gap is not None and facts.depth_gap.low > 0:
        said.append(
            f"Wrong layers: features of all stages beat the last stage's by {100 * facts.depth_gap.value:.1f} "
            "points, so "
            "the top stages are too specialised: let training reach deeper, or freeze fewer stages."
        )
    shorter = facts.width_px[1] if facts.width_px else None
    side = find_backbone(facts.backbone).image_px
    if shorter is not None and shorter < side / 2:
        said.append(
            f"Small images: the median is {shorter} px wide and the backbone reads {side} px. They are enlarged, which "
            "adds blur but no detail, and makes the domain gap look larger."
        )
    if facts.per_class and max(facts.per_class) >= 3 * max(1, min(facts.per_class)):
        said.append("Imbalance: plain accuracy rewards guessing the large classes; read the balanced one as well.")
    if facts.groups:
        said.append(
            f"Groups: the {counted(facts.train_images, 'image')} to learn from are of "
            f"{counted(facts.groups, 'group')}, each on one side of every split. Pictures of one group say much the "
            "same, so intervals that count images are too narrow; new groups help more than more pictures of these."
        )
    if facts.test_images < 100:
        said.append(
            f"A small test set: {counted(facts.test_images, 'image')} cannot tell strategies apart that differ by "
            "less than "
            f"about {100 / max(1, facts.test_images) ** 0.5:.0f} points."
        )
    return said


def augmentation(candidate: Candidate, classes: Sequence[str]) -> str:
    """What augmentation the plan uses, and what to leave out for images like these."""
    views = candidate.strategy.views
    if not views or all(phase.solved for phase in candidate.strategy.phases):
        return "None: the head is solved on plain images, where it needs none."
    kind = "Fresh crops and flips in every epoch" if candidate.strategy.phases[-1].boundary == 0 else (
        f"{counted(views, 'augmented view')} of each image, computed once"
    )  # fmt: skip
    told = augmentation_caution(candidate.strategy, classes) or (
        "If mirroring changes a class here, as it does for letters, digits or left and right hands, train with crops "
        "alone: --augment crop."
    )
    return f"{kind}: {AUGMENTED[candidate.strategy.augment]}. {told}"


def backbones(measured: Sequence[DatasetFacts], default: str) -> list[str]:
    """How other backbones that were measured on the same images compare with the default one, best first."""
    base = next((facts for facts in measured if facts.backbone == default), None)
    if base is None or base.logme is None:
        return []
    said = []
    for facts in sorted(measured, key=lambda one: -(one.logme if one.logme is not None else -1e9)):
        if facts is base or facts.logme is None:
            continue
        title, own = find_backbone(facts.backbone).title, find_backbone(base.backbone).title
        sign = "higher" if facts.logme > base.logme else "lower"
        cost = ""
        if facts.forward_images_per_s and base.forward_images_per_s:
            cost = f" at {base.forward_images_per_s / facts.forward_images_per_s:.1f} times the work"
        probe = ""
        if facts.ready_made and base.ready_made:
            probe = f"; a ready-made probe gets {percent(facts.ready_made)} against {percent(base.ready_made)}"
        gap = abs(facts.logme - base.logme)
        said.append(f"{title} scores {sign} than {own} by {gap:.3f} nats per image (LogME){cost}{probe}.")
    return said

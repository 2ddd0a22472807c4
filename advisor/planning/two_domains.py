"""Plans for two domains: labelled source images, and a target of the same classes in another style.

All three kinds train the same stages at the same rates, so that only the alignment can make the difference.
"""

from __future__ import annotations

from dataclasses import replace

from advisor.planning.options import Options
from advisor.planning.strategies import SGD_RATE, plan
from core import ADAPTING, Alignment, DatasetRef, Kind, PlanError, StageCost, Strategy
from core.words import Tone
from core.zoo import BackboneCard

EPOCHS = 12
"""After the solved head, before a budget cuts them: the alignment acts through many small steps. Ours."""
RATE = 1e-3
"""Half of what 'partial' takes: the two losses pull in different directions. Ours."""
STAGES, VIEWS = 1, 1
"""Stages trained below the head, and augmented views kept of each image: a step passes two domains, so only the cheap
part of the backbone is trained unless asked."""
ALIKE, APART = 0.6, 0.9
"""Below the first two domains are alike, from the second on far apart: shares told apart, 0.5 is chance. Ours."""
SHARES_APART = 0.25
"""From this distance between the classes' shares on, aligning is expected to hurt. Ours: of the three pairs in
benchmarks/results/domains.md aligning gained at 0.01 (both) and lost 12 points at 0.37."""
WEIGHTS: dict[Alignment, float] = {"none": 0.0, "mmd": 1.0, "dann": 1.0}
"""What the alignment counts beside the task's loss: 1, as in TLlib's DAN and DANN."""


def plan_adaptation(
    kind: Kind,
    card: BackboneCard,
    *,
    train_images: int,
    classes: int,
    minutes: float | None = None,
    costs: tuple[StageCost, ...] = (),
    test_images: int | None = None,
    options: Options | None = None,
) -> Strategy:
    """'source_only', 'mmd' or 'dann' on the source's `train_images`: the head solved, then the top stages trained.

    Each step of the last two passes as many target images as source images, so a budget buys half the steps. What is
    set by hand is checked as for 'partial', whose stages these are. Raises PlanError.
    """
    if kind not in ADAPTING:
        raise PlanError(f"'{kind}' does not adapt to a second domain; choose one of {', '.join(ADAPTING)}.")
    options = options or Options()
    if options.mixup or options.lr_range_test:
        raise PlanError("Mixup and the range test look at one domain; leave them out when adapting to another.")
    if options.head == "hidden":
        raise PlanError(f"'{kind}' solves a linear head first; one with a hidden layer cannot be solved: leave it out.")
    rate = RATE * (SGD_RATE if options.optimizer == "sgd" else 1)
    by_hand = replace(
        options, epochs=options.epochs or EPOCHS, lr=options.lr or rate,
        views=VIEWS if options.views is None else options.views,
    )  # fmt: skip
    if options.trained_stages is None and options.only_stages is None and options.freeze is None:
        by_hand = replace(by_hand, trained_stages=STAGES)
    align: Alignment = "none" if kind == "source_only" else "mmd" if kind == "mmd" else "dann"
    share = 1.0 if align == "none" else 0.5
    base = plan(
        "partial", card, train_images=train_images, classes=classes, costs=costs, test_images=test_images,
        minutes=None if minutes is None else share * minutes, options=by_hand,
    )  # fmt: skip
    return replace(base, kind=kind, align=align, align_weight=WEIGHTS[align])


def gap_words(share: float | None) -> tuple[Tone, str]:
    """(tone, sentence) for how well a linear classifier names the domain of held-out images."""
    if share is None:
        return "info", "There are too few images to measure a gap."
    if share < ALIKE:
        return "good", (
            "To this backbone the two look alike (50% is chance): a model of the first will do on the second, and "
            "there is little for adaptation to mend."
        )
    if share < APART:
        return "info", "The two differ to this backbone (50% is chance). Adaptation may bring something: try it."
    return "caution", (
        "The two are far apart to this backbone (50% is chance, 100% never confused). Adaptation has much to mend, and "
        "can also move classes onto each other: believe only what is measured."
    )


def shares_apart(source: DatasetRef, target: DatasetRef) -> float | None:
    """Total variation distance between the shares of the classes in two sets with the same ones: 0 = equal shares,
    1 = nothing in common. None where not every target image has a label."""
    if target.unlabelled or not target.images:
        return None
    there = dict(zip(target.classes, target.per_class, strict=True))
    here = zip(source.classes, source.per_class, strict=True)
    return sum(abs(count / source.images - there[name] / target.images) for name, count in here) / 2


def likely_to_hurt(shares: float | None) -> str | None:
    """Why aligning is expected to lose, before it is tried; None where nothing known speaks against it."""
    if shares is None or shares < SHARES_APART:
        return None
    return (
        f"The classes have other shares in the two sets ({100 * shares:.0f}% of the images would have to be of another "
        "class). Aligning makes the two alike, shares included, and so moves classes onto others: from photographs to "
        "sketches, whose shares differ by 37%, it lost 12 to 20 points and 5 labels a class gained 19; cut to equal "
        "shares, MMD gained 13 there."
    )


def check_domains(source: DatasetRef, target: DatasetRef) -> None:
    """Raises PlanError, naming the classes, when the two do not have the same ones: adapting between different classes
    is no domain adaptation."""
    only = [sorted(set(a.classes) - set(b.classes)) for a, b in ((source, target), (target, source))]
    if not any(only):
        return
    both = zip((source, target), only, strict=True)
    sides = [f"only in {ref.name}: {', '.join(names[:5])}" for ref, names in both if names]
    raise PlanError(
        "Source and target must have the same classes to adapt one to the other, and do not "
        f"({'; '.join(sides)}). Rename the folders that mean the same, or train on the target itself."
    )

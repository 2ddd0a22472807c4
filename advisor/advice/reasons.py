"""The advisor's sentences: why, what speaks against it, what to beware of.

Each function turns facts and plans that are already decided into words; nothing is decided here. A figure
that comes from a paper carries its source, a rule of our own says nothing it did not measure.
"""

from __future__ import annotations

from advisor.advice.learning import LeafRecord
from advisor.planning import lowest_boundary, trains_all
from advisor.rulebooks import RULEBOOKS
from advisor.rulebooks.tree import Situation
from core import Answer, Budget, Candidate, DatasetFacts, Kind, Phase, Strategy
from core.words import count, counted, duration, listing, minutes, percent
from core.zoo import STRATEGIES, BackboneCard

FEW_PER_CLASS = 10
"""Below this a class is called small: a fifth of it, two images or fewer, is all that validates it."""
IMBALANCE = 3.0
"""Largest class over smallest from which accuracy alone misleads."""
SURE_FAMILIES, SURE_POINTS = 6, 1.0
UNSURE_FAMILIES, UNSURE_POINTS = 4, 2.5
"""Confidence is high from so many kinds of images on with at most so many points lost; low below or above."""
CUT_HARD = 3
"""A plan cut to less than one third of its epochs (a solver's passes are none) is warned about."""

VTAB = (
    "Over 19 tasks, training from scratch averaged 43.1 points against 66.4 for fine-tuning an ImageNet "
    "model with 1,000 images, and 75.4 against 89.7 on the full data (VTAB, task_adaptation results.csv)."
)
PROBE_AGAINST_FULL = (
    "Full fine-tuning averaged 2 points more than a linear probe on data like the training images and 7 "
    "points less on data unlike them (arXiv 2202.10054)."
)
LP_FT_AGAINST_FULL = (
    "probing first averaged 1 point more than full fine-tuning on data like the training images and 10 "
    "points more on data unlike them (arXiv 2202.10054)"
)


def book(name: str) -> str:
    """A rulebook's name inside a sentence: 'course tree', 'workflow table'."""
    return RULEBOOKS[name].title.lower() if name in RULEBOOKS else f"{name} rulebook"


def epochs_in_words(strategy: Strategy) -> str:
    """'7 epochs', '60 passes over cached features', 'a probe and 12 epochs'."""
    epochs = strategy.adam_epochs
    if not epochs:
        return counted(strategy.epochs, "pass", "passes") + " over cached features"
    words = counted(epochs, "epoch")
    return words if epochs == strategy.epochs else f"a probe and {words}"


def moment_in_words(strategy: Strategy, epoch: float) -> str:
    """'epoch 3' or 'solver pass 12', from the count in a run's rows, where each pass of a solver is one."""
    passes = start = 0
    for phase in strategy.phases:
        if phase.solved:
            if epoch <= start + phase.epochs:
                return f"solver pass {epoch - start:g}"
            passes += phase.epochs
        start += phase.epochs
        if epoch <= start:
            break
    return f"epoch {epoch - passes:g}"


def trained_part(strategy: Strategy, card: BackboneCard) -> str:
    """'the head', 'stage 6, stage 7 and the head', 'every stage'."""
    below = [name for i, name in enumerate(card.stage_names[:-1]) if any(p.trains(i) for p in strategy.phases)]
    return "every stage" if len(below) == card.head else listing([*below, "the head"])


def what_is_trained(phase: Phase, card: BackboneCard) -> str:
    """'every stage', 'the head', 'stage 6 and up', 'stem, head', '... without the first 3 layers of stage 5'."""
    names = [name for stage, name in enumerate(card.stage_names) if phase.trains(stage)]
    whole = not phase.frozen_stages
    if phase.boundary == card.head:
        what = "the head"
    elif not whole:
        what = ", ".join(names)
    else:
        what = "every stage" if phase.boundary == 0 else f"{names[0]} and up"
    if phase.frozen_layers:
        layers = counted(phase.frozen_layers, "layer")
        what += f" without the first {layers} of {card.stage_names[phase.boundary]}"
    return what


def why(candidate_kind: Kind, strategy: Strategy, card: BackboneCard, facts: DatasetFacts) -> str:
    """One sentence: what speaks for a strategy here."""
    if candidate_kind == "linear_probe":
        if facts.ready_made is None:
            return "The cheapest to train: one pass over the images, then the head alone."
        how = f" ({facts.ready_made.how})" if facts.ready_made.how else ""
        return f"Measured on these images: {percent(facts.ready_made)} balanced accuracy{how}."
    return {
        "prototype": "Nothing is trained: each class is the mean of its features, so there is little to overfit.",
        "partial": f"Solves the head, then adapts {trained_part(strategy, card)}; whatever lies below is "
        "computed once and cached.",
        "gradual": "Solves the head, then thaws one stage more each phase: lower stages change last and least.",
        "lp_ft": f"Starts fine-tuning from a finished probe: {LP_FT_AGAINST_FULL}.",
        "full": "Every stage can adapt to these images.",
        "scratch": "A yardstick: it shows what the pre-trained weights bring on these images.",
        "source_only": "The baseline: what the source alone teaches for the target.",
        "mmd": "Pulls the two domains' features together by their kernel distance.",
        "dann": "Hides from a discriminator which domain an image is from.",
    }[candidate_kind]


def limits(
    strategy: Strategy,
    uncut: Strategy,
    seconds: float | None,
    fits: bool | None,
    budget: Budget,
    card: BackboneCard,
) -> tuple[str, ...]:
    """What speaks against a strategy, and what was cut to fit the budget."""
    said = []
    if fits is False and seconds is not None:
        said.append(f"Needs at least {duration(seconds)}; the budget is {minutes(budget.minutes)}.")
    said += cuts(strategy, uncut, budget, card)
    if whole := trains_all(strategy, card):
        said.append(whole)
    if strategy.kind == "linear_probe":
        said.append("The features stay as they are: it cannot adapt to images unlike the pre-training ones.")
    if strategy.kind == "full":
        said.append(PROBE_AGAINST_FULL)
    if strategy.kind == "scratch":
        said.append(VTAB)
    return tuple(said)


def cuts(strategy: Strategy, uncut: Strategy, budget: Budget, card: BackboneCard) -> list[str]:
    """What the budget took from the plan, one sentence each."""
    said = []
    limit = minutes(budget.minutes)
    if lowest_boundary(strategy) != lowest_boundary(uncut):
        lowest = card.stage_names[lowest_boundary(strategy)]
        said.append(f"Thaws down to {lowest} only: thawing everything does not fit {limit}.")
    if strategy.views != uncut.views:
        views = counted(strategy.views, "augmented view")
        said.append(f"Uses {views} of each image instead of {uncut.views} to fit {limit}.")
    if strategy.adam_epochs < uncut.adam_epochs and len(strategy.phases) == len(uncut.phases):
        said.append(f"Cut from {uncut.adam_epochs} to {counted(strategy.adam_epochs, 'epoch')} to fit {limit}.")
    elif len(strategy.phases) < len(uncut.phases) and _longest(strategy) < _longest(uncut):
        said.append(
            f"Cut from {_longest(uncut)} to {counted(_longest(strategy), 'epoch')} a phase to fit {limit}."
        )
    return said


def _longest(strategy: Strategy) -> int:
    """Epochs of the longest phase; a solver's passes are none."""
    return max((phase.epochs for phase in strategy.phases if not phase.solved), default=0)


def sentence(
    best: Candidate,
    answered: Candidate,
    probe: Candidate,
    followed: Answer,
    facts: DatasetFacts,
    situation: Situation,
) -> str:
    """The recommendation in a sentence with its numbers, and one for the linear probe that it stands
    beside."""
    name = book(followed.rulebook)
    title = STRATEGIES[best.strategy.kind].title
    work = epochs_in_words(best.strategy)
    took = (
        f"about {duration(best.seconds)} on this machine"
        if best.seconds is not None
        else "time on this machine not measured yet"
    )
    if answered.strategy.kind == best.strategy.kind:
        images = counted(facts.train_images, "training image")
        first = (
            f"{title} is what the {name} advises for {images} of {situation.similarity} similarity: "
            f"{work}, {took}."
        )
    else:
        asked = f"{STRATEGIES[followed.kind].title.lower()}, the {name}'s answer, needs at least"
        stands = "is the most that fits" if best.fits else "takes the least but still does not fit"
        limit, least = minutes(situation.minutes), duration(answered.seconds)
        first = f"{title} {stands} {limit}: {work}, {took}; {asked} {least}."
    if facts.ready_made is None:
        return f"{first} Its accuracy on these images is not measured yet."
    if best.strategy.kind == "linear_probe":
        return f"{first} It gets about {percent(facts.ready_made)}, cross-validated."
    time = f" in {duration(probe.seconds)}" if probe.seconds is not None else ""
    return f"{first} A linear probe gets about {percent(facts.ready_made)}{time}."


def reasons(
    best: Candidate,
    candidates: dict[Kind, Candidate],
    answers: tuple[Answer, ...],
    facts: DatasetFacts,
    card: BackboneCard,
    need: str,
) -> tuple[str, ...]:
    """Why this one, from the rulebook's path to what was measured."""
    followed = answers[0]
    path = " ".join(f"{step.question} {step.answer[:1].upper()}{step.answer[1:]}." for step in followed.path)
    said = [f"The {book(followed.rulebook)} asks: {path} Its answer: {followed.says}."]
    if need:
        said.append(need)
    if len({answer.kind for answer in answers}) == 1:
        said.append(f"All {len(answers)} rulebooks agree.")
    share = best.trainable_params / best.total_params
    frozen = (
        "nothing stays frozen" if lowest_boundary(best.strategy) == 0 else "everything below stays frozen"
    )
    said.append(
        f"It trains {trained_part(best.strategy, card)}: {count(best.trainable_params)} of "
        f"{count(best.total_params)} parameters ({percent(share)}); {frozen}."
    )
    if best.seconds and best.cached_seconds:
        most = best.cached_seconds > 0.9 * best.seconds
        part = "Nearly all of that time" if most else f"{duration(best.cached_seconds)} of that time"
        said.append(f"{part} computes the frozen stages once; training reads their output from a cache.")
    if facts.ready_made is not None:
        chance = f"; guessing gets {percent(facts.chance)}" if facts.chance is not None else ""
        how = f" ({facts.ready_made.how})" if facts.ready_made.how else ""
        said.append(
            f"A linear probe on the frozen features gets {percent(facts.ready_made)} balanced "
            f"accuracy{how}{chance}."
        )
        if facts.ready_made.low >= 0.97:
            left = (1 - facts.ready_made.low) * 100
            said.append(f"That leaves other strategies at most about {left:.0f} points to gain.")
    for kind in dict.fromkeys(answer.kind for answer in answers[1:]):
        other = candidates[kind]
        if kind not in (best.strategy.kind, answers[0].kind) and other.fits:
            who = listing([book(answer.rulebook) for answer in answers[1:] if answer.kind == kind])
            said.append(
                f"{STRATEGIES[kind].title}, the answer of the {who}, would fit as well: "
                f"about {duration(other.seconds)}."
            )
    return tuple(said)


def warnings(
    best: Candidate,
    uncut: Strategy,
    answers: tuple[Answer, ...],
    facts: DatasetFacts,
    budget: Budget,
    card: BackboneCard,
) -> tuple[str, ...]:
    """What to beware of before training."""
    said = [*_about_classes(facts)]
    if not card.pretrained:
        said.append(f"{card.title} has no pre-trained weights: what is frozen stays random.")
    if facts.ready_made is not None and facts.chance is not None and facts.ready_made.low <= facts.chance:
        said.append(
            f"The frozen features do no better than guessing here ({percent(facts.ready_made)} against "
            f"{percent(facts.chance)}): check the labels, or train more stages."
        )
    if "scratch" in {answer.kind for answer in answers} or best.strategy.kind == "scratch":
        who = listing([book(answer.rulebook) for answer in answers if answer.kind == "scratch"])
        said.append(f"From scratch is the answer of the {who}. {VTAB}")
    textbooks = [answer for answer in answers if answer.rulebook in RULEBOOKS]
    if len({answer.kind for answer in textbooks}) > 1:
        named = [f"{book(answer.rulebook)}: {STRATEGIES[answer.kind].title.lower()}" for answer in textbooks]
        decides = "only measuring decides" if len(textbooks) == len(answers) else "the measured rulebook decides"
        said.append(f"The textbooks disagree about this dataset ({'; '.join(named)}); {decides}.")
    had, left = uncut.adam_epochs, best.strategy.adam_epochs
    if left * CUT_HARD < had:
        said.append(
            f"Only {left} of {had} planned epochs fit {minutes(budget.minutes)}: expect less than this "
            "strategy can do."
        )
    if best.fits is False and best.seconds is not None:
        said.append(
            f"Nothing fits {minutes(budget.minutes)} on this machine; the cheapest takes "
            f"{duration(best.seconds)}."
        )
    if not facts.costs:
        said.append(
            "This machine's speed is not measured yet, so no time is known and no plan was cut to fit."
        )
    said += answers[0].caveats
    return tuple(said)


def confidence(kind: Kind, record: LeafRecord | None, epochs: int = 0, uncut: int = 0) -> str:
    """How sure the measured rulebook is of this plan, in words with what they rest on; '' for a textbook's answer.

    epochs, uncut: of descent, as planned and as the recipe asks for. A plan that the budget cut to less than half is
    another one than most that the evidence is of."""
    if record is None:
        return ""
    lost = 100 * record.regrets.get(kind, 1.0)
    if record.families >= SURE_FAMILIES and lost <= SURE_POINTS:
        word = "High"
    elif record.families < UNSURE_FAMILIES or lost > UNSURE_POINTS:
        word = "Low"
    else:
        word = "Moderate"
    cut = ""
    if 2 * epochs < uncut:
        word = "Low" if word == "Low" else "Moderate"
        cut = f" This plan has {counted(epochs, 'epoch')} of the {uncut} that the recipe asks for."
    return (
        f"{word}: on the {counted(record.tasks, 'task')} most like this one, from {record.families} kinds of images, "
        f"it ended {lost:.1f} points below the best strategy on average.{cut}"
    )


def _about_classes(facts: DatasetFacts) -> list[str]:
    said = []
    sizes = dict(zip(facts.classes, facts.per_class, strict=False))
    small = [name for name, images in sizes.items() if images < FEW_PER_CLASS]
    if small:
        named = listing([f"'{name}' ({sizes[name]})" for name in small[:5]])
        more = f" and {len(small) - 5} more" if len(small) > 5 else ""
        said.append(
            f"{counted(len(small), 'class has', 'classes have')} fewer than {FEW_PER_CLASS} training images: "
            f"{named}{more}. Their accuracy can hardly be measured; collect more."
        )
    if sizes:
        most, least = max(sizes, key=lambda n: sizes[n]), min(sizes, key=lambda n: sizes[n])
        if sizes[most] >= IMBALANCE * max(1, sizes[least]):
            ratio = sizes[most] / max(1, sizes[least])
            said.append(
                f"'{most}' has {ratio:.0f} times the images of '{least}' ({count(sizes[most])} and "
                f"{count(sizes[least])}): read the balanced accuracy, not the plain one."
            )
    return said

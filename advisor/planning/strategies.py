"""The plans: kind + backbone + size + budget -> a complete `Strategy`, and what it trains.

All numbers that a plan starts from stand in `RECIPES` and the constants below it, each with its source, so
that measurements can replace them in one place. Nothing here chooses between kinds (that is `advice`) or
trains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from advisor.planning.costs import PROFILED_STAGES, Sizes, estimate_seconds, for_steps
from advisor.planning.cutting import cut_to, growing, judged
from advisor.planning.options import Options, freeze_point
from core import KINDS, SOLVED_KINDS, Kind, Phase, PlanError, StageCost, Strategy
from core.zoo import BackboneCard

DEFAULTS = Options()

__all__ = ["PLANNED", "RECIPES", "Recipe", "estimate_seconds", "plan"]


@dataclass(frozen=True)
class Recipe:
    """The numbers of one kind. Epochs are what it takes to make `steps` updates, kept within `epochs`."""

    lr_head: float
    lr_stage: float
    """Peak rate of the topmost stage below the head."""
    decay: float
    steps: int
    """Updates aimed at in one phase after the solved head (all phases of 'gradual' alike)."""
    epochs: tuple[int, int]
    """(fewest, most) epochs of one such phase before a budget cuts them; of a solver, its passes."""
    views: int
    """Cached augmented views. With boundary 0 nothing is cached: any number above 0 means fresh
    augmentation."""
    weight_decay: float
    optimizer: Literal["adamw", "sgd", "lbfgs", "class_means"] = "adamw"
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    solves_head: bool = True
    """Whether the head is solved on frozen features (`WARM_PASSES`), or trained alone if it has a hidden layer, before
    anything below it is trained."""
    batch_norm: Literal["eval", "train", "by batch size"] = "eval"
    label_smoothing: float = 0.0
    full_rate_steps: int = 60
    """Steps of a phase after a solved head from which on the peak rates are used whole; with fewer they fall in
    proportion (`_gentle`)."""
    full_rate_images: int = 0
    """The same for images that are trained on: however many epochs fit, few images tell little that the pre-trained
    weights do not know."""


RECIPES: dict[Kind, Recipe] = {
    # The mean of each class's L2-normalised features, compared by cosine (arXiv 1912.07200). Nothing to set.
    "prototype": Recipe(
        lr_head=0.0, lr_stage=0.0, decay=1.0, steps=0, epochs=(1, 1), views=0, weight_decay=0.0,
        optimizer="class_means", schedule="constant", solves_head=False,
    ),
    # Full-batch logistic regression on cached features. The solver has no learning rate; its 60 passes walk a
    # path of L2 strengths (ours, to be measured), so there is no weight decay to set either.
    "linear_probe": Recipe(
        lr_head=0.0, lr_stage=0.0, decay=1.0, steps=0, epochs=(60, 60), views=0, weight_decay=0.0,
        optimizer="lbfgs", schedule="constant", solves_head=False,
    ),
    # After a solved head (`WARM_PASSES`). 2e-3 first undoes much of what the head knew and ends no better than 1e-3
    # (benchmarks/results/epochs_kept.md, within luck; hand signs once said otherwise, 98.7 against 97.8 %, rates.md,
    # one seed). Decay 0.75 as timm's layer decay.
    "partial": Recipe(
        lr_head=1e-3, lr_stage=1e-3, decay=0.75, steps=250, epochs=(5, 30), views=3, weight_decay=0.01,
        full_rate_steps=200, full_rate_images=1000,
    ),
    # After a solved head, one stage more each phase (ULMFiT, arXiv 1801.06146).
    "gradual": Recipe(
        lr_head=1e-3, lr_stage=1e-3, decay=0.75, steps=80, epochs=(2, 10), views=1, weight_decay=0.01,
    ),
    # Everything at one low rate after a solved head; BN eval, cosine, no weight decay (arXiv 2202.10054; its
    # SGD grid 3e-7..1e-2 does not carry over to AdamW: 3e-4 is ours).
    "lp_ft": Recipe(
        lr_head=3e-4, lr_stage=3e-4, decay=1.0, steps=250, epochs=(4, 25), views=3, weight_decay=0.0,
        schedule="cosine",
    ),
    # lr_l = 1e-3 * 0.75^(L-l): the stem of eight stages gets 1.3e-4; the head learns at twice the topmost stage's. The
    # head is solved first, as fastai's fine_tune trains it alone first: in half a minute that is worth more than any
    # epoch (benchmarks/results/sweep_full.md). `--head-init random` is what textbooks draw.
    "full": Recipe(
        lr_head=2e-3, lr_stage=1e-3, decay=0.75, steps=250, epochs=(4, 25), views=3, weight_decay=0.01,
        batch_norm="by batch size",
    ),
    # 1e-3 everywhere is the course's rate from scratch; the steps are a compromise with patience, not with
    # convergence.
    "scratch": Recipe(
        lr_head=1e-3, lr_stage=1e-3, decay=1.0, steps=400, epochs=(10, 60), views=3, weight_decay=0.01,
        batch_norm="train", solves_head=False,
    ),
}  # fmt: skip

SGD_MOMENTUM, SGD_RATE = 0.9, 10.0
"""SGD's momentum, as everywhere that it fine-tunes (BiT, arXiv 1912.11370; LP-FT, 2202.10054; the course), and its peak
rates as a multiple of a recipe's, which are AdamW's. 'scratch' then gets 0.01, ResNet's 0.1 for 256 images (arXiv
1512.03385) at the batch of 32 that the linear rule makes of it (arXiv 1706.02677)."""
SGD_DECAY = (1 - SGD_MOMENTUM) / SGD_RATE
"""What a recipe's weight decay is multiplied by for SGD, to pull as hard: a step of AdamW multiplies a weight by
1 - lr wd, one of SGD with momentum m in the long run by 1 - lr wd / (1 - m). 0.01 becomes 1e-4, as ResNet's."""
LEAST_BY_IMAGES = 0.2
"""Share of the peak rates that few images leave at least: below the 195 training images of ants and bees nothing was
measured (benchmarks/results/epochs_kept.md)."""
PARTIAL_STAGES = PROFILED_STAGES[-1]
"""Stages below the head that 'partial' trains by default: in EfficientNet-Lite all at the last resolution."""
WARM_PASSES = 20
"""Passes over cached features that solve the head before anything below it is trained (arXiv 2202.10054): a
random head would first wreck the features it stands on. They are next to nothing beside an epoch."""
REFIT_BELOW = 100
"""Images a class, for training and validation together, below which a chosen head is solved once more on all of them
(benchmarks/results/refit.md)."""
STAGES_FROM = 10
"""Images a class from which on a head on all stages is worth a try: with five it gains nothing, with 20 nearly two
points (benchmarks/results/all_stages.md)."""
HIDDEN_RATE, HIDDEN_STEPS, HIDDEN_EPOCHS = 1e-3, 250, (5, 30)
"""A head with a hidden layer cannot be solved: it is trained alone first, on the same cached features. The course's
rate for a new head; updates aimed at and fewest and most epochs as of 'partial'."""
GRADUAL_STAGES = 3
"""Stages that 'gradual' thaws one by one before it thaws everything at once."""
PLATEAU_PATIENCE, PLATEAU_EPOCHS = 2, 3
"""'gradual' on a plateau: epochs without improvement before the next stage, and the most of a phase, as a multiple of
what it gets by the clock."""
BATCH, SMALL_BATCH, SMALL_BELOW = 32, 16, 128
"""Batch size, and the smaller one for fewer than `SMALL_BELOW` images: else an epoch is only a few updates. Also for
'full' where the budget leaves a single epoch: 94.9 instead of 87.5 % on hand signs (three seeds). With three epochs and
more it gains nothing (benchmarks/results/sweep_full.md)."""
BN_TRAIN_FROM = 16
"""Smallest batch whose own statistics BatchNorm may use in a trained stage."""

PLANNED: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind in RECIPES)
"""The kinds that this version trains, from least to most trained."""


def plan(
    kind: Kind,
    card: BackboneCard,
    *,
    train_images: int,
    classes: int,
    minutes: float | None = None,
    costs: tuple[StageCost, ...] = (),
    test_images: int | None = None,
    options: Options = DEFAULTS,
) -> Strategy:
    """The strategy of one kind for one dataset, cut to `minutes` where the costs are known.

    `train_images` counts training and validation together. `options.epochs` sets the total exactly (after the solved
    head), before `minutes` cuts it. A plan that cannot fit comes back with 1 epoch a phase after the solved head:
    `estimate_seconds` says what it takes. Raises PlanError.
    """
    if kind not in PLANNED:
        raise PlanError(f"This version cannot train '{kind}'; choose one of {', '.join(PLANNED)}.")
    if train_images < 2:
        raise PlanError(f"A plan needs at least 2 training images, not {train_images}.")
    if minutes is not None and not minutes > 0:
        raise PlanError(f"The budget must be more than 0 minutes, not {minutes:g}.")
    options.check(kind, card)

    sizes = Sizes.of(train_images, test_images, classes)
    batch = options.batch_size or (BATCH if sizes.fit >= SMALL_BELOW else SMALL_BATCH)
    recipe = _with_options(RECIPES[kind], options)
    strategy = Strategy(
        kind=kind,
        backbone=card.name,
        phases=_phases(kind, recipe, card, sizes.fit, batch, options),
        batch_size=batch,
        views=recipe.views,
        augment=options.augment or "light",
        head=options.head or "linear",
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        pretrained=card.pretrained and kind != "scratch",
        image_px=options.image_px,
        mixup=options.mixup or 0.0,
        l2_sp=options.l2_sp or 0.0,
        l2_sp_head=options.l2_sp_head or 0.0,
        ewc=options.ewc or 0.0,
        balance=options.balance or "none",
        refit=_refits(kind, train_images, classes, options),
        lr_range_test=options.lr_range_test,
    )
    if minutes is not None and costs:
        uncut, strategy = strategy, cut_to(strategy, sizes, costs, card.image_px, for_steps(minutes))
        strategy = growing(strategy, uncut)
        if kind == "full" and strategy.adam_epochs == 1 and batch == BATCH and options.batch_size is None:
            strategy = replace(strategy, batch_size=SMALL_BATCH)
    if costs:
        seconds = math.inf if minutes is None else for_steps(minutes)
        strategy = replace(strategy, judged=judged(strategy, sizes, costs, card.image_px, seconds))
    return strategy if options.lr is not None else _gentle(strategy, sizes)


def _refits(kind: Kind, train_images: int, classes: int, options: Options) -> bool:
    if kind not in SOLVED_KINDS:
        return False
    return train_images < REFIT_BELOW * classes if options.refit is None else options.refit


def _with_options(recipe: Recipe, options: Options) -> Recipe:
    """The recipe with what was set by hand."""
    if options.head_init is not None:
        recipe = replace(recipe, solves_head=options.head_init == "solved")
    if options.optimizer == "sgd":
        recipe = replace(
            recipe, optimizer="sgd", lr_head=SGD_RATE * recipe.lr_head, lr_stage=SGD_RATE * recipe.lr_stage,
            weight_decay=SGD_DECAY * recipe.weight_decay,
        )  # fmt: skip
    if options.lr is not None and recipe.lr_stage:
        recipe = replace(recipe, lr_head=options.lr * recipe.lr_head / recipe.lr_stage, lr_stage=options.lr)
    by_hand = {name: getattr(options, name) for name in ("views", "weight_decay", "label_smoothing")}
    return replace(recipe, **{name: value for name, value in by_hand.items() if value is not None})


def _phases(
    kind: Kind, recipe: Recipe, card: BackboneCard, fit: int, batch: int, options: Options
) -> tuple[Phase, ...]:
    head, epochs = card.head, options.epochs
    fewest, most = recipe.epochs
    each = min(most, max(fewest, math.ceil(recipe.steps / math.ceil(fit / batch))))
    if kind == "prototype":
        return (_phase(recipe, head, 1, batch),)
    if kind == "linear_probe":
        return (_phase(recipe, head, epochs or each, batch),)
    first = _phase(RECIPES["linear_probe"], head, WARM_PASSES, batch)
    if options.head == "hidden":
        first = _head_alone(recipe, head, fit, batch)
    if kind == "gradual":
        return (first, *_thawing(recipe, head, each, batch, options))
    patience = options.early_stopping or 0
    start_px = (options.image_px or card.image_px) // 2 if options.progressive else None
    last = replace(_phase(recipe, 0, epochs or each, batch), patience=patience, start_px=start_px)
    if kind == "partial":
        return (first, _top(last, card, options))
    return (first, last) if recipe.solves_head else (last,)


def _head_alone(recipe: Recipe, head: int, fit: int, batch: int) -> Phase:
    fewest, most = HIDDEN_EPOCHS
    epochs = min(most, max(fewest, math.ceil(HIDDEN_STEPS / math.ceil(fit / batch))))
    rate = HIDDEN_RATE * (SGD_RATE if recipe.optimizer == "sgd" else 1)
    phase = _phase(recipe, head, epochs, batch)
    return replace(phase, lr_head=rate, lr_stage=0.0, schedule="one_cycle", plain=True)


def _top(phase: Phase, card: BackboneCard, options: Options) -> Phase:
    """The phase of 'partial': by default the top stages, else what was chosen by hand."""
    if options.freeze is not None:
        boundary, layers = freeze_point(card, options.freeze)
        return replace(phase, boundary=boundary, frozen_layers=layers)
    if options.only_stages:
        lowest = min(options.only_stages)
        between = (stage for stage in range(lowest + 1, card.head) if stage not in options.only_stages)
        return replace(phase, boundary=lowest, frozen_stages=tuple(between))
    return replace(phase, boundary=max(0, card.head - (options.trained_stages or PARTIAL_STAGES)))


def _thawing(recipe: Recipe, head: int, each: int, batch: int, options: Options) -> tuple[Phase, ...]:
    """The top stages one by one, then everything; the last is the first to go when time is short."""
    epochs, plateau = options.epochs, options.unfreeze == "plateau"
    boundaries = [b for b in range(head - 1, head - GRADUAL_STAGES - 1, -1) if b > 0] + [0]
    boundaries = boundaries[:epochs]
    counts = [PLATEAU_EPOCHS * each if plateau else each] * len(boundaries)
    if epochs is not None:
        share, extra = divmod(epochs, len(boundaries))
        # What does not divide goes to the later phases, which have more to learn.
        counts = [share + (i >= len(boundaries) - extra) for i in range(len(boundaries))]
    phases = [_phase(recipe, b, n, batch) for b, n in zip(boundaries, counts, strict=True)]
    if plateau:  # a rate that fell by schedule would make its own plateau
        phases = [replace(phase, schedule="constant", patience=PLATEAU_PATIENCE) for phase in phases]
    if options.early_stopping:
        phases[-1] = replace(phases[-1], patience=options.early_stopping)
    return tuple(phases)


def _phase(recipe: Recipe, boundary: int, epochs: int, batch: int) -> Phase:
    if recipe.batch_norm == "by batch size":
        batch_norm: Literal["eval", "train"] = "train" if batch >= BN_TRAIN_FROM else "eval"
    else:
        batch_norm = recipe.batch_norm
    return Phase(
        boundary=boundary,
        epochs=epochs,
        lr_head=recipe.lr_head,
        lr_stage=recipe.lr_stage,
        decay=recipe.decay,
        optimizer=recipe.optimizer,
        momentum=SGD_MOMENTUM if recipe.optimizer == "sgd" else 0.0,
        schedule=recipe.schedule,
        batch_norm=batch_norm,
    )


def _gentle(strategy: Strategy, sizes: Sizes) -> Strategy:
    """Lower peak rates where only a few steps are left, or few images: AdamW moves a weight by about the rate each
    step, and a few large ones wreck a solved head that they have no time, or no images, to mend. SGD moves it by the
    gradient, which is small there."""
    steps, recipe = math.ceil(sizes.fit / strategy.batch_size), RECIPES[strategy.kind]
    fewest = recipe.full_rate_images if strategy.pretrained else 0
    by_images = max(LEAST_BY_IMAGES, sizes.fit / fewest) if fewest else 1.0

    def gentle(phase: Phase) -> Phase:
        share = min(1.0, by_images, phase.epochs * steps / recipe.full_rate_steps)
        if phase.optimizer != "adamw" or phase.plain or share == 1 or len(strategy.phases) == 1:
            return phase
        return replace(phase, lr_head=phase.lr_head * share, lr_stage=phase.lr_stage * share)

    return replace(strategy, phases=tuple(map(gentle, strategy.phases)))

"""What a plan takes in memory at its fullest moment, from what the profile measured, and the batch that fits.

Counted, but for what libraries keep (`ALLOCATOR`, `PIECES`, `ENGINE_IMAGES`, `LIGHT`): a worker holds its own weights
and a copy of the initial ones; a descent adds gradients, the optimizer's moments and the best weights so far. On top
lies the largest of what only lasts a moment: filling the caches, the solver's features, a training step, a batch of
judging, writing the weights. A run that only solves heads loads no torch. Unmeasured stays unknown.
"""

from __future__ import annotations

import math
from dataclasses import replace

from advisor.planning.costs import PROFILED_STAGES, Sizes, cost_at
from advisor.planning.strategies import BN_TRAIN_FROM
from core import DatasetFacts, Phase, Strategy
from core.words import size
from core.zoo import BackboneCard

FLOAT = 4
EVAL_BATCH, ACCELERATED_EVAL_BATCH, PASS_BATCH, ACCELERATED_PASS_BATCH = 8, 128, 32, 256
"""Images per batch of judging, and of a frozen pass, on the CPU and on an accelerator (a test holds them to
`training.caches.inputs` and `.frozen_pass`)."""
LBFGS_VECTORS = 46
"""Vectors as long as the head's weights that L-BFGS keeps: two for each of its 20 steps of history, and six."""
ALLOCATOR, ACCELERATED_ALLOCATOR = 1.24, 1.08
"""What a process with torch holds per byte of tensors alive, on the CPU, where what is freed stays, in pieces
(`machine.allocation`), and what torch's own allocator holds on an accelerator.
`python -m benchmarks.memory` prints measured peaks beside forecasts made with these four."""
PIECES = 0.7
"""What phases that descended leave in pieces too small for the fullest one, of the second fullest's moment."""
ENGINE_IMAGES = 16
"""Images whose passage through the whole network takes what inference engines keep in a run that descends above frozen
stages: they compute plain and augmented views, eight at once each."""
LIGHT = 85_000_000
"""Bytes of a worker that needs no torch, beside the weights that its engine holds and those that it writes."""
SHARE_USED = 0.8
"""Share of the available memory that a plan may take."""


def forecast_bytes(strategy: Strategy, card: BackboneCard, sizes: Sizes, facts: DatasetFacts) -> int | None:
    """Peak memory of a run in bytes: of the worker's process, or of the accelerator where one was measured.

    None where the profile did not measure it, or at another image size.
    """
    if facts.memory is None or strategy.backbone != facts.backbone:
        return None
    if strategy.image_px not in (None, card.image_px):
        return None
    params = card.params(sizes.classes, strategy.head)
    accelerated = facts.hardware is not None and facts.hardware.device != "cpu"
    weights = FLOAT * sum(params)
    if card.timm and not accelerated and all(phase.solved for phase in strategy.phases):
        return round(LIGHT + 2 * weights + _solving(card.head_width(strategy.head), sizes))
    held = 2 * weights  # the backbone, and its initial weights to go back to
    batch = ACCELERATED_PASS_BATCH if accelerated else PASS_BATCH
    held += FLOAT * batch * 3 * card.image_px**2  # the batch that the arithmetic is chosen on
    if strategy.l2_sp or strategy.ewc:
        held += weights  # what they pull towards
    if strategy.ewc:
        held += weights  # Fisher information
    whole = cost_at(facts.costs, 0)
    if not accelerated and whole and whole.eval_bytes and any(0 < p.boundary < card.head for p in strategy.phases):
        held += ENGINE_IMAGES * whole.eval_bytes
    moments = [facts.memory.batch, 2 * weights]  # writing the result: the file's bytes, twice
    if _fills(strategy, card):
        moments.append(facts.memory.frozen_pass)
    descending = []
    solving = _solving(card.head_width(strategy.head), sizes)
    for phase in strategy.phases:
        here = solving if phase.solved else _descending(phase, strategy, params, sizes, facts)
        if here is None:
            return None
        moments.append(here)
        if not phase.solved:
            descending.append(here)
    if accelerated:
        return round(facts.memory.process + held + ACCELERATED_ALLOCATOR * max(moments))
    pieces = PIECES * sum(sorted(descending)[-2:-1])
    return round(facts.memory.process + held + pieces + ALLOCATOR * max(moments))


def _fills(strategy: Strategy, card: BackboneCard) -> bool:
    """Whether the run computes frozen features: more than the plain ones that the profile has stored."""
    made = {card.head - stages for stages in PROFILED_STAGES}
    frozen = [phase for phase in strategy.phases if phase.boundary > 0]
    augmented = strategy.views > 0 and any(not phase.reads_plain for phase in frozen)
    return augmented or any(phase.boundary not in made for phase in frozen)


def _solving(width: int, sizes: Sizes) -> int:
    """Features in memory while they are standardised (three times) or read (twice), and the solver's own. width: that
    the head reads."""
    features = FLOAT * width * (3 * sizes.fit + 2 * sizes.val)
    head = FLOAT * width * sizes.classes
    answers = FLOAT * sizes.classes * sizes.fit
    return features + LBFGS_VECTORS * head + 4 * answers


def _descending(
    phase: Phase, strategy: Strategy, params: tuple[int, ...], sizes: Sizes, facts: DatasetFacts
) -> int | None:
    cost = cost_at(facts.costs, phase.boundary)
    if cost is None or cost.train_bytes is None or cost.eval_bytes is None:
        return None
    trained = FLOAT * sum(n for stage, n in enumerate(params) if phase.trains(stage))
    best = FLOAT * sum(params[phase.boundary :])
    steps = math.ceil(sizes.fit / strategy.batch_size)  # of one size
    domains = 1 if strategy.align == "none" else 2  # a step that aligns passes as many images of the target
    step = domains * (sizes.fit // steps) * cost.train_bytes
    judged = EVAL_BATCH if facts.hardware is None or facts.hardware.device == "cpu" else ACCELERATED_EVAL_BATCH
    judging = min(judged, max(sizes.val, sizes.test)) * cost.eval_bytes
    moments = 2 if phase.optimizer == "adamw" else 1 if phase.momentum else 0
    return best + (1 + moments) * trained + max(step, judging)


def fit_batch(
    strategy: Strategy, card: BackboneCard, sizes: Sizes, facts: DatasetFacts, available: int | None
) -> Strategy:
    """The strategy with its batch halved until the forecast fits `SHARE_USED` of `available` bytes.

    Unchanged where either is unknown, or where a smaller batch would not help. Below `BN_TRAIN_FROM` images BatchNorm
    keeps its pre-trained statistics, as in every plan.
    """
    needed = forecast_bytes(strategy, card, sizes, facts)
    if needed is None or available is None:
        return strategy
    fitting = smaller = strategy
    while needed > SHARE_USED * available and smaller.batch_size > 1:
        smaller = _with_batch(smaller, smaller.batch_size // 2)
        now = forecast_bytes(smaller, card, sizes, facts)
        if now is not None and now < needed:
            fitting, needed = smaller, now
        elif smaller.batch_size < sizes.fit:  # larger ones hold no more than all images anyway
            break
    return fitting


def fits(strategy: Strategy, card: BackboneCard, sizes: Sizes, facts: DatasetFacts, available: int | None) -> bool:
    """Whether a run can be tried: False where it is forecast to need more than there is. The unknown is tried."""
    needed = forecast_bytes(strategy, card, sizes, facts)
    return needed is None or available is None or needed <= available


def memory_for(facts: DatasetFacts, free: int | None) -> int | None:
    """Bytes that a run on the profiled device may count on. free: memory that is free on this machine now, if known."""
    hardware = facts.hardware
    if hardware is None or hardware.device != "cpu":
        return hardware.memory_bytes or None if hardware else None
    return free if free is not None else hardware.memory_bytes or None


def limits(strategy: Strategy, planned_batch: int, needed: int | None, available: int | None) -> tuple[str, ...]:
    """What memory costs the plan, as sentences: a smaller batch, or that even that does not fit."""
    if needed is None or available is None:
        return ()
    said = []
    if strategy.batch_size < planned_batch:
        said.append(
            f"Batches of {strategy.batch_size} images instead of {planned_batch}: {size(available)} of memory are free."
        )
    if needed > SHARE_USED * available:
        said.append(f"It needs about {size(needed)} of memory and {size(available)} are free: it may run out.")
    return tuple(said)


def _with_batch(strategy: Strategy, batch: int) -> Strategy:
    phases = strategy.phases
    if batch < BN_TRAIN_FROM and strategy.pretrained:
        phases = tuple(replace(phase, batch_norm="eval") for phase in phases)
    return replace(strategy, batch_size=batch, phases=phases)

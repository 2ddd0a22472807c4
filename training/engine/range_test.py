"""The learning-rate range test: the loss over a few steps at rising rates (Smith, arXiv 1506.01186).

It disturbs nothing: weights, BatchNorm statistics and optimizer are put back, and no random number that the run will
use is drawn. A run with the test is bit for bit the run without it.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from core import Strategy
from training.backbones import Backbone
from training.caches import Data, equal_batches
from training.engine.descent import Descent, NotFinite
from training.engine.progress import Context, Position
from training.machine import derive_seed
from training.store import RangeTest

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 60
"""Rates that the test walks through, for the topmost stage below the head; the other stages keep their ratio to it."""
SMOOTHING = 0.8
DIVERGED = 3.0
"""The test ends when the smoothed loss is this many times its lowest value."""


class Tested(Protocol):
    """What the test has to know of the run that it is part of."""

    strategy: Strategy
    backbone: Backbone
    data: Data
    context: Context
    seed: int
    at: Position


def text(found: RangeTest) -> str:
    """What a test found, as a sentence of the run's log."""
    falls = f"falls fastest at a rate of {found.suggestion:.1e}" if found.suggestion else "does not fall at any rate"
    blew = f" and blows up at {found.diverged_at:.1e}" if found.diverged_at else ""
    return f"Range test: the loss {falls}{blew}. This run uses {found.used:.1e} at its peak, as planned."


def run(fit: Tested, descent: Descent, steps: int) -> RangeTest:
    """Walk the rates on training batches of their own order, then put everything back."""
    phase, backbone = descent.phase, fit.backbone
    before = {name: tensor.clone() for name, tensor in backbone.named_trained(phase.boundary)}
    used = phase.lr_stage or phase.lr_head
    order = np.random.default_rng(derive_seed("range", fit.seed)).permutation(fit.data.rows["train"])
    batches = equal_batches(order, max(1, math.ceil(len(order) / fit.strategy.batch_size)))
    lrs: list[float] = []
    losses: list[float] = []
    smooth, diverged_at = None, None
    # A position of its own, at full rate: the schedule's factor is divided out below.
    at = Position(parts=fit.at.parts)
    for step in range(STEPS):
        lr = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        at.lr_scale = lr / used / descent.share(at, steps)
        at.phase, at.epoch = fit.at.phase, 0
        try:
            loss, _ = descent.step(batches[step % len(batches)], at, steps)
        except NotFinite:
            diverged_at = lr
            break
        smooth = loss if smooth is None else SMOOTHING * smooth + (1 - SMOOTHING) * loss
        lrs.append(lr)
        losses.append(smooth)
        if smooth > DIVERGED * min(losses) and smooth > losses[0]:
            diverged_at = lr
            break
        fit.context.progress(0.0, f"Learning-rate range test, step {step + 1} of {STEPS}")
    for name, tensor in backbone.named_trained(phase.boundary):
        tensor.copy_(before[name])
    descent.forget()
    return RangeTest(tuple(lrs), tuple(losses), used, _steepest(lrs, losses), diverged_at)


def _steepest(lrs: list[float], losses: list[float]) -> float | None:
    """Rate at the steepest fall of the loss over log rate, before its minimum."""
    lowest = int(np.argmin(losses)) if losses else 0
    if lowest < 3:
        return None
    slope = np.gradient(np.array(losses[: lowest + 1]), np.log(lrs[: lowest + 1]))
    return float(lrs[int(np.argmin(slope))])

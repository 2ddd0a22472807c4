"""What the coach looks for, in numbers: is it there? Pure functions of curves, with every threshold and its reason.

Where a threshold could be sharp or quiet it is quiet: a false alarm costs more trust than a late one. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, NamedTuple

from core import Phase
from training.engine.schedule import factor

SPIKE_WINDOW = 16
"""Steps behind the running median: long enough to smooth batches of 16, short enough for phases of a few epochs."""
SPIKE_TIMES, SPIKE_MADS = 3.0, 6.0
"""A spike is above 3 times the lowest running median and 6 median absolute deviations over it. The lowest, not the
latest: a loss that climbs slowly would carry its own median along."""
SPIKE_OVER_START = 1.5
"""... and above 1.5 times what guessing costs (ln of the classes) and the first loss. A well-trained model's median is
near 0, so that one wrong label in a batch is many times it; a diverging one ends up worse than guessing."""
SPIKE_STEPS = 5
"""... for 5 steps in a row. Batches are drawn independently: what is left of noise does not last, divergence does."""

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation, for normal noise."""
NOISE_OF_BEND = math.sqrt(6.0)
"""Standard deviation of a - 2b + c, for independent noise of 1; a straight trend cancels in it."""
OVERFIT_EPOCHS = 3
"""The validation loss must have been up for 3 epochs: single epochs jump on small validation sets."""
OVERFIT_AFTER = 6
"""Epochs of a phase before anything can be said: 3 that are up, and 3 to know the noise from."""
OVERFIT_RISE, OVERFIT_SIGMAS, OVERFIT_LEAST = 0.10, 4.0, 0.02
"""How far up: 10 % of the lowest, 4 sigma of its own epoch-to-epoch noise and 0.02 nats, whichever is most."""
OVERFIT_TRAIN_FALL = 0.05
"""... while the training loss fell by at least 5 %."""
OVERFIT_RATE = 0.75
"""Judged once the learning rate has come down to 75 % of its peak: near the peak of a one-cycle schedule both losses
may hump, and come back as the rate falls."""

PLATEAU_EPOCHS = 5
"""Two stretches of 5 epochs (or a fifth of the phase) are compared: the second no better than the first."""
PLATEAU_GAIN = 0.01
"""Falling by less than 1 % from stretch to stretch is standing still."""
PLATEAU_RATE = 0.5
"""Only while the learning rate is above half its peak: in the annealed tail standing still is the plan."""
PLATEAU_DONE = 0.98
"""Training or validation accuracy from which standing still is success."""

NEVER_EPOCHS = 3
"""A class counts as never predicted after 3 epochs in a row without it, in the second half of the run: early models
favour few classes, and most find the others by themselves."""
NEVER_LUCK = 0.05
"""... and when chance would leave any such class out with less than 5 %: a class with one or two validation images is
easily missed by a good model."""


class Epoch(NamedTuple):
    """One epoch as the coach remembers it."""

    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


class Spikes:
    """Watches the losses of one phase, step by step."""

    def __init__(self, chance: float) -> None:
        """chance: the loss of guessing, ln(classes)."""
        self.chance = chance
        self.first: float | None = None
        self.floor, self.spread = chance, 0.0
        """Lowest running median so far, and the median absolute deviation around it."""
        self._window: list[float] = []
        self._above = 0

    @property
    def limit(self) -> float:
        start = max(self.chance, self.first or 0.0)
        return max(SPIKE_TIMES * self.floor, self.floor + SPIKE_MADS * self.spread, SPIKE_OVER_START * start)

    def see(self, loss: float) -> bool:
        """Whether this (finite) loss completes a spike; a second one needs the loss down in between."""
        if self.first is None:
            self.first, self.floor = loss, max(self.chance, loss)
        if loss > self.limit:
            self._above += 1
            return self._above == SPIKE_STEPS
        self._above = 0
        self._window.append(loss)
        if len(self._window) >= SPIKE_WINDOW:
            middle = median(self._window)
            if middle < self.floor:
                self.floor, self.spread = middle, median([abs(value - middle) for value in self._window])
            del self._window[: SPIKE_WINDOW // 2]
        return False

    def state(self) -> dict[str, Any]:
        """Plain values; `restore` is the inverse."""
        return {"first": self.first, "floor": self.floor, "spread": self.spread, "window": list(self._window),
                "above": self._above}  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        self.first, self.floor, self.spread = state["first"], state["floor"], state["spread"]
        self._window, self._above = list(state["window"]), state["above"]


@dataclass(frozen=True)
class Overfit:
    ago: int
    """Epochs since the validation loss was lowest."""
    level: float
    """What the validation loss was there, and `train_level` the training loss."""
    train_level: float


def overfit(seen: Sequence[Epoch], plan: Phase, epoch: int) -> Overfit | None:
    """Whether the validation loss has left its minimum while the training loss falls. `epoch` (from 1) is the last."""
    if len(seen) < OVERFIT_AFTER or not _come_down(plan, epoch - OVERFIT_EPOCHS + 1):
        return None
    val, train = [one.val_loss for one in seen], [one.train_loss for one in seen]
    low = min(range(len(val) - OVERFIT_EPOCHS), key=val.__getitem__)
    # The lowest of noisy values is low by luck: its neighbours say what the level was.
    near = slice(max(0, low - 1), low + 2)
    found = Overfit(len(val) - 1 - low, median(val[near]), median(train[near]))
    bends = [abs(a - 2 * b + c) for a, b, c in zip(val, val[1:], val[2:], strict=False)]
    noise = MAD_TO_SIGMA * median(bends) / NOISE_OF_BEND
    rise = max(OVERFIT_RISE * found.level, OVERFIT_SIGMAS * noise, OVERFIT_LEAST)
    recent = val[-OVERFIT_EPOCHS:]
    up = min(recent) > found.level + rise and recent[-1] >= recent[0] - noise
    learns = median(train[-OVERFIT_EPOCHS:]) <= (1 - OVERFIT_TRAIN_FALL) * found.train_level
    accuracy = [one.val_accuracy for one in seen]
    better = max(accuracy[-OVERFIT_EPOCHS:]) > max(accuracy[:-OVERFIT_EPOCHS])
    return found if up and learns and not better else None


@dataclass(frozen=True)
class Plateau:
    epochs: int
    """Length of the stretch without progress."""
    rate: float
    """Share of the peak learning rate at its end."""
    before: float
    """Mean validation loss of the stretch before, and `now` of this one."""
    now: float
    accuracy: float
    """Highest validation accuracy in it."""


def plateau(seen: Sequence[Epoch], plan: Phase, epoch: int) -> Plateau | None:
    """Whether neither loss nor accuracy moves although the learning rate is high. `epoch` (from 1) is the last."""
    stretch = max(PLATEAU_EPOCHS, plan.epochs // 5)
    if plan.patience or len(seen) < 2 * stretch or epoch >= plan.epochs:
        return None  # with patience the plan itself acts on a plateau
    rate = rate_in(plan, epoch)
    if min(rate, rate_in(plan, epoch - stretch + 1)) < PLATEAU_RATE:
        return None
    before, now = seen[-2 * stretch : -stretch], seen[-stretch:]
    val = [fmean(one.val_loss for one in part) for part in (before, now)]
    train = [fmean(one.train_loss for one in part) for part in (before, now)]
    if any(after < (1 - PLATEAU_GAIN) * first for first, after in (val, train)):
        return None
    best = max(one.val_accuracy for one in now)
    if best > max(one.val_accuracy for one in seen[:-stretch]):
        return None
    if max(best, fmean(one.train_accuracy for one in now)) >= PLATEAU_DONE:
        return None
    return Plateau(stretch, rate, val[0], val[1], best)


def never_predicted(unseen: Sequence[int], needed: int, val_counts: Sequence[int], accuracy: float) -> list[int]:
    """Classes with validation images that went unpredicted for `needed` epochs or more, not by mere luck.

    unseen: epochs in a row without a prediction, per class. accuracy: on validation, of the last epoch.
    """
    # By luck: all of its images are missed by a model of this accuracy, and by one that guesses by frequency.
    missed = min(max(0.0, 1 - accuracy), 1 / math.e) if math.isfinite(accuracy) else 1 / math.e
    return [
        index
        for index, images in enumerate(val_counts)
        if unseen[index] >= needed and images > 0 and len(val_counts) * missed**images < NEVER_LUCK
    ]


def rate_in(phase: Phase, epoch: int) -> float:
    """Share of the peak learning rate in the middle of an epoch (from 1)."""
    return factor(phase.schedule, 10 * epoch - 5, 10 * phase.epochs)


def _come_down(phase: Phase, epoch: int) -> bool:
    """Whether the rate is past its peak and well below it."""
    if phase.schedule == "constant":
        return True
    return rate_in(phase, epoch) <= min(OVERFIT_RATE, rate_in(phase, max(1, epoch - 1)))

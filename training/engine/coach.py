"""The coach: watches the numbers of a run and says in plain words what goes wrong, once, while it still helps.

It only looks: it changes no weight, reads no clock and no random number, so that a resumed run hears what an
uninterrupted one would. What it looks for, and from which threshold on, stands in `symptoms`. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from core import Strategy
from core.words import count, counted, duration, listing, lr
from training.engine import symptoms
from training.engine.symptoms import Epoch, Spikes

ROLLBACK = "rollback"
"""Kind of the engine's own event when it goes back to a checkpoint; worded by `rollback_text`."""
TITLES: dict[str, str] = {
    "overfitting": "Overfitting", "plateau": "Plateau", "spike": "Loss spike", "never_predicted": "Class left out",
    "not_frozen": "Not frozen as planned", "few_steps": "Too few steps", "budget": "Over budget",
    ROLLBACK: "Rolled back", "non_finite": "Not finite", "augmentation": "Augmentation",
}  # fmt: skip
"""Kinds of events that are the coach's (the last three are said by others, in its name) -> short name."""

FEWEST_STEPS = 20
"""The optimizer's momentum (0.9) averages over about 10 steps. In fewer than 20 it spans half of the schedule, whose
warm-up is then 6 steps at most: the rate moves faster than it can follow."""
BUDGET_OVER = 1.1
"""A forecast is told when it lies so far over: the steps are fitted to the time, so something has slowed down."""
BUDGET_EPOCHS = 2
"""Epochs in a row whose forecast is over the budget: the first epoch of a phase is slow (warm-up, caches)."""
NEVER_NAMED = 3
"""Classes named; of more, only the number is said."""
RARE = 0.5
"""A class with less than half the median of training images is a rare one."""
HISTORY = 200
"""Epochs remembered within a phase; bounds the state of runs with thousands of epochs."""


@dataclass(frozen=True)
class Diagnosis:
    level: Literal["info", "caution", "bad"]
    kind: str
    """A key of `TITLES`."""
    text: str
    """What is seen, with numbers, and what to do."""


def rollback_text(old_lr: float, new_lr: float, why: str) -> str:
    """The engine's sentence for a roll-back; `why` is a clause without a full stop ('The loss is not finite')."""
    return (
        f"{why}: the learning rate is too high. Training went back to the last good checkpoint and goes on with"
        f" {lr(new_lr)} instead of {lr(old_lr)}."
    )


class Coach:
    """Watches one run. Phases, epochs and steps arrive in order; each diagnosis is given once per phase or run."""

    def __init__(self, strategy: Strategy, classes: tuple[str, ...], train_counts: Sequence[int]) -> None:
        """train_counts: training images of each class."""
        self._strategy, self._classes, self._train_counts = strategy, classes, tuple(train_counts)
        self._said: set[str] = set()
        self._unseen = [0] * len(classes)
        """Epochs in a row without a prediction of each class."""
        self._late = 0
        """Epochs in a row whose forecast is over the budget."""
        self._enter(-1)

    def _enter(self, phase: int) -> None:
        self._phase = phase
        self._history: list[Epoch] = []
        self._spikes = Spikes(math.log(max(2, len(self._classes))))

    # ---- what the engine calls ---------------------------------------------------------------------------------

    def at_start(
        self, *, promised_params: int, trainable_params: int, steps_per_epoch: int, phase: int
    ) -> list[Diagnosis]:
        """When a phase begins (0-based `phase`): is frozen what should be, and can its schedule work?"""
        found = [self._frozen(promised_params, trainable_params, phase)]
        if not self._strategy.phases[phase].solved:
            found.append(self._few_steps(steps_per_epoch))
        return [diagnosis for diagnosis in found if diagnosis]

    def after_step(self, *, loss: float, phase: int, epoch: int, step: int) -> Diagnosis | None:
        """A spike, or None. `epoch` (finished in this phase) and `step` count from 0. Cheap: called at every step.

        A loss that is not finite is the engine's business (it cannot go on) and changes nothing here. A second spike
        is told when the loss has been down in between.
        """
        if phase != self._phase:
            self._enter(phase)
        if not math.isfinite(loss) or not self._spikes.see(loss):
            return None
        seen = self._spikes
        return Diagnosis(
            "bad", "spike",
            f"The training loss jumped to {loss:.3g} in {self._when(phase, epoch + 1)} and stayed above"
            f" {seen.limit:.3g} for {symptoms.SPIKE_STEPS} steps, until step {step + 1} (its running median had been"
            f" {seen.floor:.3g}; guessing costs {seen.chance:.2f}). The learning rate is too high: lower it.",
        )  # fmt: skip

    def after_epoch(
        self,
        *,
        phase: int,
        epoch: int,
        train_loss: float,
        train_accuracy: float,
        val_loss: float,
        val_accuracy: float,
        predicted_counts: Sequence[int],
        val_counts: Sequence[int],
        seconds: float,
        seconds_left: float | None,
        budget_s: float | None,
    ) -> list[Diagnosis]:
        """After the validation of an epoch (or of a solver's pass).

        epoch: finished in this phase, so from 1. predicted_counts, val_counts: validation images predicted as, and
        labelled as, each class. seconds, seconds_left: of the whole run, so far and forecast. budget_s: None = none.
        """
        if phase != self._phase:
            self._enter(phase)
        for index, predicted in enumerate(predicted_counts):
            self._unseen[index] = 0 if predicted else self._unseen[index] + 1
        found = [self._never_predicted(phase, epoch, val_accuracy, val_counts)]
        if not self._strategy.phases[phase].solved:
            found.append(self._budget(seconds, seconds_left, budget_s))
            last = Epoch(float(train_loss), float(train_accuracy), float(val_loss), float(val_accuracy))
            if all(map(math.isfinite, last)):
                self._history = [*self._history, last][-HISTORY:]
                found += [self._overfitting(phase, epoch), self._plateau(phase, epoch)]
        return [diagnosis for diagnosis in found if diagnosis]

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint: `restore` makes a coach of the same run go on exactly from here."""
        return {
            "said": sorted(self._said), "unseen": list(self._unseen), "late": self._late, "phase": self._phase,
            "history": [list(one) for one in self._history], "spikes": self._spikes.state(),
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of `state`."""
        self._enter(state["phase"])
        self._said, self._unseen, self._late = set(state["said"]), list(state["unseen"]), state["late"]
        self._history = [Epoch(*one) for one in state["history"]]
        self._spikes.restore(state["spikes"])

    # ---- one question each -------------------------------------------------------------------------------------

    def _frozen(self, promised: int, trained: int, phase: int) -> Diagnosis | None:
        if promised == trained or not self._first(f"not_frozen {phase}"):
            return None
        gap = count(abs(promised - trained))
        what = f"{gap} that should be frozen are trained" if trained > promised else f"{gap} are missing"
        return Diagnosis(
            "bad", "not_frozen",
            f"Phase {phase + 1} trains {counted(trained, 'parameter')}, but its plan promises {count(promised)}:"
            f" {what}. Stop this run: it is not the strategy it is called.",
        )  # fmt: skip

    def _few_steps(self, steps_per_epoch: int) -> Diagnosis | None:
        # Steps per epoch are the same in every phase, so that all short ones can be named at once.
        short = [
            (number, phase)
            for number, phase in enumerate(self._strategy.phases, 1)
            if not phase.solved and phase.schedule != "constant" and phase.epochs * steps_per_epoch < FEWEST_STEPS
        ]
        if not short or not self._first("few_steps"):
            return None
        numbers = listing([str(number) for number, _ in short])
        steps = listing([str(phase.epochs * steps_per_epoch) for _, phase in short])
        which = f"Phases {numbers} make" if len(short) > 1 else f"Phase {numbers} makes"
        return Diagnosis(
            "caution", "few_steps",
            f"{which} only {steps} optimisation steps ({count(steps_per_epoch)} an epoch), fewer than the"
            f" {FEWEST_STEPS} that a schedule needs to warm up and anneal. Plan more epochs, or batches smaller than"
            f" {self._strategy.batch_size}.",
        )  # fmt: skip

    def _never_predicted(
        self, phase: int, epoch: int, accuracy: float, val_counts: Sequence[int]
    ) -> Diagnosis | None:
        needed = self._epochs_without(phase, epoch)
        missing = [] if needed is None else symptoms.never_predicted(self._unseen, needed, val_counts, accuracy)
        if not missing or not self._first("never_predicted"):
            return None
        named = [
            f"'{self._classes[i]}' ({counted(self._train_counts[i], 'training image')}, {val_counts[i]} to validate)"
            for i in missing[:NEVER_NAMED]
        ]
        if len(missing) > NEVER_NAMED:
            named.append(f"{count(len(missing) - NEVER_NAMED)} more")
        lately = min(self._unseen[i] for i in missing)
        return Diagnosis(
            "caution", "never_predicted",
            f"Never predicted in the last {counted(lately, 'epoch')}: {listing(named)}. {self._remedy(missing)}",
        )  # fmt: skip

    def _epochs_without(self, phase: int, epoch: int) -> int | None:
        """How many epochs in a row a class must have been left out to be told now; None = too early to tell."""
        phases = self._strategy.phases
        if phases[phase].solved:
            # A solver walks from strong to weak regularisation: only where the run ends counts.
            return epoch if epoch == phases[phase].epochs and phase == len(phases) - 1 else None
        done = epoch + sum(before.epochs for before in phases[:phase] if not before.solved)
        return symptoms.NEVER_EPOCHS if 2 * done >= self._strategy.adam_epochs else None

    def _remedy(self, missing: Sequence[int]) -> str:
        usual = median(self._train_counts)
        if not any(self._train_counts[i] < RARE * usual for i in missing):
            return "More epochs may be enough; if not, look at the labels of these images."
        rare = f"The median class has {usual:g} training images"
        if self._strategy.balance != "none" or not self._strategy.adam_epochs:
            return f"{rare}: more images of the rare ones would help most."
        return f"{rare}: train with class weights or a balanced sampler."

    def _budget(self, seconds: float, left: float | None, budget_s: float | None) -> Diagnosis | None:
        if budget_s is None or left is None:
            return None
        end = seconds + left
        self._late = self._late + 1 if left > 0 and end > BUDGET_OVER * budget_s else 0
        if self._late < BUDGET_EPOCHS or not self._first("budget"):
            return None
        return Diagnosis(
            "caution", "budget",
            f"At this pace the run would take {duration(end)}, {100 * (end / budget_s - 1):.0f}% more than its budget"
            f" of {duration(budget_s)}. It will end early, before the learning rate has come down, and keep its best"
            " weights; plan fewer epochs or more minutes next time.",
        )  # fmt: skip

    def _overfitting(self, phase: int, epoch: int) -> Diagnosis | None:
        found = symptoms.overfit(self._history, self._strategy.phases[phase], epoch)
        if found is None or not self._first(f"overfitting {phase}"):
            return None
        last = self._history[-1]
        return Diagnosis(
            "caution", "overfitting",
            f"Overfitting has begun: since {self._when(phase, epoch - found.ago)} the validation loss rose from"
            f" {found.level:.3g} to {last.val_loss:.3g} while the training loss fell from {found.train_level:.3g} to"
            f" {last.train_loss:.3g}. The weights that validation prefers are kept; fewer epochs, more augmentation or"
            " fewer trained stages would help.",
        )  # fmt: skip

    def _plateau(self, phase: int, epoch: int) -> Diagnosis | None:
        plan = self._strategy.phases[phase]
        found = symptoms.plateau(self._history, plan, epoch)
        if found is None or not self._first(f"plateau {phase}"):
            return None
        anneals = plan.schedule != "constant"
        try_ = "It may move again as the rate falls; if not, try" if anneals else "Try"
        return Diagnosis(
            "info" if anneals else "caution", "plateau",
            f"No progress in {found.epochs} epochs, with the learning rate still at {100 * found.rate:.0f}% of its"
            f" peak: validation loss {found.now:.3g} (the {found.epochs} epochs before: {found.before:.3g}), accuracy"
            f" at most {100 * found.accuracy:.1f}%. {try_} another learning rate, or train more stages.",
        )  # fmt: skip

    # ---- small things ------------------------------------------------------------------------------------------

    def _first(self, key: str) -> bool:
        """Whether this is the first time; remembers it."""
        fresh = key not in self._said
        self._said.add(key)
        return fresh

    def _when(self, phase: int, epoch: int) -> str:
        several = sum(not one.solved for one in self._strategy.phases) > 1
        return f"epoch {epoch} of phase {phase + 1}" if several else f"epoch {epoch}"

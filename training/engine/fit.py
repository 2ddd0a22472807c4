"""The one loop: phases over a boundary, with descent in them. It publishes through a `Context` and knows no screen,
file or database.

Resume: randomness is derived from (seed, phase, epoch, step) and learning rates from the step, so a checkpoint
holds only weights, optimizer and counters, and may be taken after any step. A resumed run repeats an
uninterrupted one bit for bit on the CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core import Phase, Strategy, TrainingError, to_json
from training.backbones import Backbone
from training.caches import Choose, Data, Inputs, PrefixCache, Rows, Runtime, equal_batches
from training.engine import head_solver, range_test
from training.engine.alignment import Alignment, Target, snapshot
from training.engine.clock import Clock, Pace
from training.engine.coach import ROLLBACK, rollback_text
from training.engine.descent import Descent, NotFinite
from training.engine.head_solver import Floats
from training.engine.judge import Judge, JudgingTime
from training.engine.probe import Probe
from training.engine.progress import Best, Context, Position
from training.engine.publish import Telling
from training.engine.regularizers import Penalties, class_weights, epoch_order, fisher_information
from training.machine import derive_seed

LOWER = 0.3
"""What a roll-back multiplies the learning rates by."""
MOST_ROLLBACKS = 6
"""0.3^6 is a thousandth of the planned rate: whatever diverges then is not the rate's fault."""


class NoTime(Exception):
    """The frozen features of the phases that descend would take longer than the budget."""


class Fit(Probe):
    """One run of one strategy. `run()` trains and leaves the backbone with its best weights."""

    def __init__(
        self,
        strategy: Strategy,
        backbone: Backbone,
        data: Data,
        context: Context,
        *,
        seed: int,
        device: torch.device,
        prefix: PrefixCache,
        budget_s: float | None = None,
        spent_s: float = 0.0,
        runtime: Runtime | None = None,
        work: Sequence[float] = (),
        resume: dict[str, Any] | None = None,
        choose: Choose | None = None,
        target: Target | None = None,
    ) -> None:
        """budget_s: seconds from when the run left the queue to its tested model; of these `spent_s` are over. runtime:
        where the steps that they leave are kept. work: what each phase takes as planned, beside the others; a rough
        guess without it. choose: the arithmetic of a phase's steps; plain fp32 without it. target: the second domain,
        for strategies that align two. Raises PlanError when a phase does not suit the backbone."""
        began = time.perf_counter()
        self.backbone, self.seed, self.target = backbone, seed, target
        super().__init__(strategy, backbone, data, context, prefix=prefix, budget_s=budget_s)
        aligned = target is not None and strategy.align != "none"
        self._alignment = Alignment(strategy, backbone, target, seed, device) if aligned and target else None
        self.initial = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
        fisher = fisher_information(backbone, data, seed, device, self._measuring) if strategy.ewc else {}
        self._penalties = Penalties(strategy, backbone, fisher)
        train = data.labels[data.rows["train"]]
        weights = class_weights(train, len(data.classes)).to(device) if strategy.balance == "weights" else None
        self._class_weight = weights
        self._solved: Best | None = None
        """The head solved before anything below it was trained."""
        self._boundary: int | None = None
        self._descent: Descent | None = None
        self._optimizer_state: dict[str, Any] | None = None
        self._trained: dict[str, Tensor] = {}
        """What a checkpoint holds of the weights, until the caches below them are filled."""
        if resume:
            self._trained = self._restore(resume)
        self._runtime = runtime or Runtime({})
        self._solves_only = False
        self.telling = Telling(strategy, backbone.head_index, context, self.at, work)
        self.inputs = Inputs(strategy, backbone, data, prefix, seed, device, *([choose] if choose else []))
        self.judge = Judge(self.inputs, backbone, data, strategy.judged)
        sides = [data.rows, *([target.data.rows] if target and target.labelled else [])]
        self._clock = Clock(
            self.at, budget_s, spent_s + time.perf_counter() - began,
            judged=sum(self.judge.val_counts) + sum(len(rows["val"]) for rows in sides[1:]),
            tested=sum(len(rows["test"]) for rows in sides),
        )  # fmt: skip
        self._judging = JudgingTime(self.judge, self._clock, data.rows["val"])

    # ---- the outline -------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self.backbone.suits(self.strategy)

    def _begin(self) -> None:
        for why in self.inputs.not_cached:
            self._say("caution", "not_cached", why)
        self._say_of_time(self.telling.cut_text)
        self._fill_caches()
        if self.target and self._boundary is None:
            self._map("map_before")

    def _phase(self, phase: Phase) -> None:
        self.backbone.set_phase(phase)
        self._boundary = phase.boundary
        super()._phase(phase)

    def _phase_over(self) -> None:
        self._descent = self._optimizer_state = None
        if self.at.phase < len(self.strategy.phases):
            self._save()

    def _stopped(self) -> None:
        if self._boundary is not None:
            self._save()

    def _end(self) -> None:
        self._load_best()
        if self.target and self.best.weights:
            self._map("map_after")

    def _pace(self, phase: Phase) -> Pace | None:
        return None if phase.solved else Pace(phase, self.at.phase, self._steps, self._runtime)

    def _params(self, phase: Phase) -> tuple[int, int]:
        return self.backbone.promised_params(phase), self.backbone.trainable_params()

    def _fill_caches(self) -> None:
        """With the weights that the run began with, which caches are filed under; what was trained comes back after."""
        try:
            for inputs in [self.inputs, self.target.inputs] if self.target else [self.inputs]:
                self.at.cache_seconds += inputs.fill_caches(self._filling)
        except NoTime:
            self._solves_only = True
            self._say_of_time(self.telling.solved_only_text)
        finally:
            if self._trained:
                self.backbone.load_state_dict({**self.backbone.state_dict(), **self._trained})
            self._trained = {}

    # ---- training ----------------------------------------------------------------------------------------------

    def _descend(self, phase: Phase) -> None:
        pace, steps = self.telling.pace, self._steps
        assert pace is not None
        if self._solves_only:
            self._finished_early = True
            return
        self.inputs.choose_arithmetic(phase, self.at.phase)
        self._judging.measure(phase.boundary)
        self.backbone.set_phase(phase)
        if self.best.weights and self._clock.over:
            self._end_early(0)
            return
        descent = self._descent = Descent(
            self.strategy, self.at.phase, self.backbone, self.inputs, self.seed, self._penalties, self._class_weight,
            self._say, pace, self._optimizer_state, self._alignment,
        )  # fmt: skip
        first = all(earlier.solved for earlier in self.strategy.phases[: self.at.phase])
        begins = first and self.at.epoch == self.at.step == 0
        if begins and self.judge.sampled:
            self._say("info", "judged", self.judge.sample_text())
            if self.at.phase:
                # The solver was judged by all validation images; what follows is compared with it on the same ones.
                with self._clock.overhead():
                    self.best.val_loss, self.best.val_accuracy, _ = self.judge.validate(self.best.boundary)
                self.best.counted = self.at.last_accuracy = self.best.val_accuracy
                self.backbone.set_phase(phase)
        if begins and self.at.phase:
            self._solved = replace(self.best)
        if self.strategy.lr_range_test and begins:
            with self._clock.overhead():
                self._range_test(descent, steps)
        train, labels = self.data.rows["train"], self.data.labels
        # What was stopped between the last step and its validation is judged first.
        while not self._over(pace) or self.at.seen or self.at.step == steps:
            seed = derive_seed("order", self.seed, self.at.phase, self.at.epoch)
            batches = equal_batches(epoch_order(train, labels, self.strategy.balance, seed), steps)
            while self.at.step < steps and not self._over(pace) and not self._finished_early:
                began = time.perf_counter()
                self._step(descent, batches[self.at.step], steps)
                seconds = time.perf_counter() - began
                pace.took(seconds)
                self._clock.took(seconds)
                self.at.step += 1
                self._after_step(phase, pace)
            self._end_epoch(phase, steps)
            if self._finished_early:
                return
            more = not self._over(pace)
            if more and self._clock.over:
                self._end_early(0)
                return
            if phase.patience and self.at.stale >= phase.patience and more:
                self._say("info", "patience", self.telling.patience_text(phase))
                return
            if self._clock.save_due:
                self._save()
        self._prove(phase)

    def _prove(self, phase: Phase) -> None:
        """Where the last epoch, at a rate that fell to nothing, is no better than the solved head, nor is the luckiest
        of those before it: the head stays. On small sets that is worth a point, elsewhere it costs nothing
        (benchmarks/results/epochs_kept.md, 'two in a row, the last too')."""
        head, last = self._solved, self.at.phase == len(self.strategy.phases) - 1
        if head is None or not last or phase.schedule == "constant" or self.strategy.keeps_last:
            return
        if self.at.last_accuracy is not None and self.at.last_accuracy <= head.val_accuracy:
            self.best = head

    def _step(self, descent: Descent, rows: Rows, steps: int) -> None:
        at = self.at
        try:
            loss, correct = descent.step(rows, at, steps)
        except NotFinite:
            self._roll_back(descent, "The loss is not a finite number any more")
            return
        at.loss_sum += loss * len(rows)
        at.correct += correct
        at.seen += len(rows)
        at.images += len(rows)
        spike = self._coach.after_step(loss=loss, phase=at.phase, epoch=at.epoch, step=at.step)
        if spike is not None:
            self._advise([spike])
            self._roll_back(descent, "The loss did not come down again")

    def _roll_back(self, descent: Descent, why: str) -> None:
        """Back to the best weights so far, which a checkpoint holds anyway: a resumed run rolls back to the same."""
        at = self.at
        at.rollbacks += 1
        if at.rollbacks > MOST_ROLLBACKS:
            raise TrainingError(
                f"Training diverged {at.rollbacks} times, the last time at {at.lr_scale:.2g} of the planned learning "
                "rate, so the rate is not the cause. Look at the images of this dataset, or choose another backbone."
            )
        peak = max(group["peak"] for group in descent.optimizer.param_groups)
        before, at.lr_scale = at.lr_scale, at.lr_scale * LOWER
        self._load_best()
        at.last_accuracy = self.best.val_accuracy if self.best.weights else None
        descent.forget()
        self._say("bad", ROLLBACK, rollback_text(peak * before, peak * at.lr_scale, why))

    def _after_step(self, phase: Phase, pace: Pace) -> None:
        self._clock.tick()
        if self._judging.doubt(phase.boundary):
            self.backbone.set_phase(phase)
        if pace.fit(self._made(pace), self.telling.later(), self._clock):
            self._say_of_time(self.telling.fitted_text)
        within = self.at.step < pace.steps and not self._over(pace)
        if within and self.telling.due:
            self._publish(phase, self._train_columns(), pace.steps)
        if within and self._clock.save_due:
            self._save()
        if within and self._clock.over:
            relieved = self._judging.relieves(phase.boundary)
            self.backbone.set_phase(phase)
            if not relieved:
                self._end_early(pace.steps)
        self._check_stop()

    def _end_epoch(self, phase: Phase, steps: int) -> None:
        with self._clock.overhead():
            began = time.perf_counter()
            loss, accuracy, predicted = self.judge.validate(phase.boundary)
            self.backbone.set_phase(phase)
            self._clock.judging_took(time.perf_counter() - began, sum(self.judge.val_counts))
            self._judging.known()
        columns = self._train_columns()
        if self.at.step == steps:
            self.at.epoch += 1
            self.at.step = 0
        self._clock.tick()
        if not math.isfinite(loss) and self._descent:
            self._roll_back(self._descent, "The validation loss is not a finite number any more")
        else:
            counted = self.at.counts(accuracy)
            if self.strategy.keeps_last or self.best.beaten_by(counted, loss):
                self._keep(phase.boundary, accuracy, loss, columns["train_accuracy"], steps, counted)
        columns |= self._target_columns(phase)
        self.at.stale = 0 if loss < self.at.lowest_loss else self.at.stale + 1
        self.at.lowest_loss = min(loss, self.at.lowest_loss)
        self._publish(phase, {**columns, "val_loss": loss, "val_accuracy": accuracy}, steps)
        self._advise(
            self._coach.after_epoch(
                phase=self.at.phase, epoch=self.at.epoch, val_loss=loss, val_accuracy=accuracy,
                predicted_counts=predicted, val_counts=self.judge.val_counts,
                seconds=self.at.seconds, seconds_left=self._seconds_left(), budget_s=self._clock.budget_s,
                train_loss=columns["train_loss"], train_accuracy=columns["train_accuracy"],
            )
        )  # fmt: skip
        self.at.loss_sum, self.at.correct, self.at.seen = 0.0, 0.0, 0
        self.at.apart_sum = self.at.told = 0.0
        self._check_stop()

    def _seconds_left(self) -> float | None:
        return None if self._finished_early else self.telling.seconds_left(self.telling.fraction())

    def _train_columns(self) -> dict[str, float]:
        seen = self.at.seen or math.nan  # where every step failed nothing was measured
        columns = {"train_loss": self.at.loss_sum / seen, "train_accuracy": self.at.correct / seen}
        if self._alignment:
            columns["align_loss"] = self.at.apart_sum / seen
        if self._alignment and self._alignment.discriminator:
            columns["domain_accuracy"] = self.at.told / (2 * seen)
        return columns

    def _target_columns(self, phase: Phase) -> dict[str, float]:
        """The target's validation images, judged: no weight and no choice depends on them."""
        if self.target is None or not self.target.labelled or not len(self.target.data.rows["val"]):
            return {}
        with self._clock.overhead():
            _, accuracy, _ = self.target.judge.validate(phase.boundary)
            self.backbone.set_phase(phase)
        return {"target_accuracy": accuracy}

    def _map(self, name: str) -> None:
        """Where the two domains' images lie in the space of features, before or after training."""
        assert self.target is not None
        lowest = min(phase.boundary for phase in self.strategy.phases)
        with self._clock.overhead():
            self.backbone.eval()
            shown = snapshot(
                self.inputs, self.target.inputs, self.data, self.target.data, lowest,
                labelled=self.target.labelled,
            )  # fmt: skip
            self.context.note(name, {**shown, "classes": list(self.data.classes)})

    def _range_test(self, descent: Descent, steps: int) -> None:
        found = range_test.run(self, descent, steps)
        self.context.note("lr_range", to_json(found))
        self._say("info", "lr_range", range_test.text(found))

    # ---- heads and judging ------------------------------------------------------------------------------

    @torch.no_grad()
    def _keep_head(self, phase: Phase, step: head_solver.ProbeStep) -> None:
        head = self.backbone.head
        assert isinstance(head, nn.Linear), "it is wherever a plan solves it"
        head.weight.copy_(torch.from_numpy(step.weight))
        head.bias.copy_(torch.from_numpy(step.bias))
        self._keep(phase.boundary, step.val_accuracy, step.val_loss, step.train_accuracy)

    def features(self, boundary: int, rows: Rows, *, exact: bool = False) -> Floats:
        return self.inputs.features(boundary, rows).cpu().numpy()

    def predict(self, rows: Rows) -> NDArray[np.float32]:
        return self.judge.predict(self.best.boundary, rows)

    def _keep(
        self, boundary: int, accuracy: float, loss: float, train_accuracy: float, steps: int = 0,
        counted: float | None = None,
    ) -> None:  # fmt: skip
        weights = {name: tensor.clone() for name, tensor in self.backbone.named_trained(boundary)}
        self._keep_best(boundary, accuracy, loss, train_accuracy, weights, steps, counted)

    def _load_best(self) -> None:
        """Best weights over the initial ones: stages thawed after the best epoch go back to what they were."""
        self.backbone.load_state_dict({**self.initial, **self.best.weights})

    # ---- time --------------------------------------------------------------------------------------------------

    def _made(self, pace: Pace) -> int:
        """Steps of this phase."""
        return self.at.epoch * pace.steps + self.at.step

    def _over(self, pace: Pace) -> bool:
        """Whether this phase has made all of its steps."""
        return self._made(pace) >= pace.total(self._made(pace))

    def _end_early(self, steps: int) -> None:
        self._finished_early = True
        self._say("caution", "budget", self.telling.budget_text(self._clock.budget_s or 0.0, steps))

    # ---- telling and saving ------------------------------------------------------------------------------------

    @cached_property
    def _solvable(self) -> bool:
        """Whether this run can solve a head, and test it, by the features that are there already."""
        every, head = np.concatenate(list(self.data.rows.values())), self.backbone.head_index
        solves = self.strategy.phases[0].solved and not self.target
        return solves and not self.prefix.missing(head, every, 0)

    def _filling(self, done: int, total: int, eta_s: float | None) -> None:
        super()._filling(done, total, eta_s)
        self._clock.tick()
        if eta_s is not None and self._clock.late(eta_s) and self._solvable:
            raise NoTime

    def _measuring(self, done: int, total: int) -> None:
        self.context.progress(0.0, f"Measuring which weights matter (EWC), {done} of {total} images")

    def _save(self) -> None:
        """A checkpoint of everything trained so far; what lies below is as it was at the start."""
        assert self._boundary is not None
        with self._clock.overhead():
            self.context.save(
                {
                    "position": vars(self.at).copy(),
                    "weights": dict(self.backbone.named_trained(self._boundary)),
                    "optimizer": self._descent.optimizer.state_dict() if self._descent else None,
                    "best": vars(self.best).copy(),
                    "solved": vars(self._solved).copy() if self._solved else None,
                    "coach": self._coach.state(),
                    "alignment": self._alignment.state() if self._alignment else {},
                }
            )
        self._clock.saved()

    def _restore(self, state: dict[str, Any]) -> dict[str, Tensor]:
        """Go on where the checkpoint was taken; returns the weights that it holds."""
        self.at = Position(**state["position"])
        self.best = Best(**{"counted": state["best"]["val_accuracy"], **state["best"]})
        self._solved = Best(**state["solved"]) if state.get("solved") else None
        self._optimizer_state = state["optimizer"]
        self._boundary = self.strategy.phases[self.at.phase].boundary
        self._coach.restore(state["coach"])
        if self._alignment:
            self._alignment.restore(state.get("alignment", {}))
        weights: dict[str, Tensor] = state["weights"]
        return weights

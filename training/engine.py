"""The one loop: phases over a boundary. It publishes through a `Context` and knows no screen, file or database.

Resume: randomness is derived from (seed, phase, epoch, step) and learning rates from the step, so a checkpoint
holds only weights, optimizer and counters, and may be taken after any step. A resumed run repeats an
uninterrupted one bit for bit on the CPU.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from advisor.errors import PlanError
from advisor.types import Phase, Strategy
from training import head_solver
from training.backbones import Backbone
from training.data import Data, Rows
from training.devices import derive_seed
from training.inputs import Inputs
from training.prefix import PrefixCache
from training.progress import Best, Context, Fitted, Position, Stop
from training.schedule import factor, stage_lr

ROW_EVERY_S = 1.0
"""A row is published at every epoch's end and at most this often within one."""
SAVE_EVERY_S, FIRST_SAVE_S = 20.0, 2.0
"""Seconds between checkpoints, and until the first one."""


class Fit:
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
        resume: dict[str, Any] | None = None,
    ) -> None:
        """Raises PlanError when a phase does not suit the backbone."""
        for phase in strategy.phases:
            if phase.boundary > backbone.head_index:
                raise PlanError(
                    f"{backbone.name} has {backbone.head_index} stages below its head; "
                    f"a boundary at {phase.boundary} does not exist."
                )
            if phase.optimizer == "class_means":
                raise PlanError("This version cannot solve a head by class means yet; choose 'lbfgs' or 'adamw'.")
            if phase.optimizer != "adamw" and phase.boundary != backbone.head_index:
                raise PlanError(
                    f"'{phase.optimizer}' solves the head alone: its boundary must be {backbone.head_index}."
                )
        self.strategy, self.backbone, self.data, self.context = strategy, backbone, data, context
        self.seed, self.budget_s = seed, budget_s
        self.initial = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
        self.at = Position()
        self.best = Best()
        self._boundary: int | None = None
        self._optimizer: torch.optim.AdamW | None = None
        self._optimizer_state: dict[str, Any] | None = None
        if resume:
            self._restore(resume)
        self._started = time.perf_counter() - self.at.seconds
        self._last_row = time.perf_counter()
        self._last_save = time.perf_counter() - SAVE_EVERY_S + FIRST_SAVE_S
        self._finished_early = False
        self._phase_from = (0.0, time.perf_counter())
        """(share of the run's work done, clock) when the present phase began in this attempt."""
        self.inputs = Inputs(strategy, backbone, data, prefix, seed, device)

    # ---- the outline -------------------------------------------------------------------------------------------

    def run(self) -> Fitted:
        """Train every phase that is left. The test rows are never touched here."""
        stopped = False
        try:
            self.at.cache_seconds += self.inputs.fill_caches(self._filling)
            while self.at.phase < len(self.strategy.phases):
                self._phase(self.strategy.phases[self.at.phase])
                if self._finished_early:
                    break
                self.at.phase += 1
                self.at.epoch = self.at.step = 0
                self._optimizer = self._optimizer_state = None
                if self.at.phase < len(self.strategy.phases):
                    self._save()
        except Stop:
            stopped = True
            if self._boundary is not None:
                self._save()
        self._load_best()
        epochs = self._epochs_done()
        return Fitted(self.best, self.at, epochs, stopped, self._finished_early)

    def _phase(self, phase: Phase) -> None:
        index = self.at.phase
        self.backbone.set_boundary(phase.boundary, phase.batch_norm)
        if self.at.epoch == 0 and self.at.step == 0:
            names = self.backbone.stage_names[phase.boundary :]
            what = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
            self.context.event(
                "info",
                "phase",
                f"Phase {index + 1} of {len(self.strategy.phases)}: training {what}, "
                f"{self.backbone.trainable_params():,} parameters.",
                epoch=self._epochs_done(),
            )
        self._boundary = phase.boundary
        self._phase_from = (self._fraction(), time.perf_counter())
        if phase.optimizer == "lbfgs":
            self._solve_head(phase)
        else:
            self._descend(phase)

    # ---- training ----------------------------------------------------------------------------------------------

    def _descend(self, phase: Phase) -> None:
        optimizer = self._optimizer = self._make_optimizer(phase)
        train = self.data.rows["train"]
        steps = math.ceil(len(train) / self.strategy.batch_size)
        while self.at.epoch < phase.epochs:
            order = np.random.default_rng(derive_seed("order", self.seed, self.at.phase, self.at.epoch))
            batches = np.array_split(order.permutation(train), steps)
            epoch_started = time.perf_counter()
            while self.at.step < steps:
                self._step(phase, optimizer, batches[self.at.step], steps)
                self.at.step += 1
                self._after_step(phase, steps)
            self._end_epoch(phase, steps)
            if self._over_budget(time.perf_counter() - epoch_started, phase):
                return
            if time.perf_counter() - self._last_save > SAVE_EVERY_S:
                self._save()

    def _make_optimizer(self, phase: Phase) -> torch.optim.AdamW:
        groups = []
        for stage, module in enumerate(self.backbone.stage_modules()):
            peak = stage_lr(phase, stage, self.backbone.head_index)
            trained = [p for p in module.parameters() if p.requires_grad]
            # Weight decay pulls matrices towards zero; biases and norms are left alone (timm's default).
            for decayed in (True, False):
                members = [p for p in trained if (p.dim() > 1) == decayed]
                if members:
                    decay = self.strategy.weight_decay if decayed else 0.0
                    groups.append({"params": members, "lr": peak, "peak": peak, "weight_decay": decay})
        optimizer = torch.optim.AdamW(groups)
        if self._optimizer_state is not None:
            optimizer.load_state_dict(self._optimizer_state)
        return optimizer

    def _step(self, phase: Phase, optimizer: torch.optim.AdamW, rows: Rows, steps: int) -> None:
        at = self.at
        share = factor(phase.schedule, at.epoch * steps + at.step, phase.epochs * steps)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share
        torch.manual_seed(derive_seed("step", self.seed, at.phase, at.epoch, at.step))  # dropout
        inputs, labels = self.inputs.train_batch(phase, at.phase, at.epoch, rows)
        with self.inputs.autocast(training=True):
            logits = self.backbone.above(inputs, phase.boundary)
            loss = F.cross_entropy(logits, labels, label_smoothing=self.strategy.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        at.loss_sum += float(loss.detach()) * len(rows)
        at.correct += int((logits.detach().argmax(1) == labels).sum())
        at.seen += len(rows)
        at.images += len(rows)

    def _after_step(self, phase: Phase, steps: int) -> None:
        now = time.perf_counter()
        self.at.seconds = now - self._started
        if now - self._last_row >= ROW_EVERY_S and self.at.step < steps:
            self._publish(phase, self._train_columns(), steps)
        if now - self._last_save > SAVE_EVERY_S and self.at.step < steps:
            self._save()
        self._check_stop()

    def _end_epoch(self, phase: Phase, steps: int) -> None:
        loss, accuracy = self._validate(phase)
        columns = self._train_columns()
        self.at.epoch += 1
        self.at.step = 0
        self.at.seconds = time.perf_counter() - self._started
        if self.best.beaten_by(accuracy, loss):
            self._keep_best(phase.boundary, accuracy, loss, columns["train_accuracy"])
        self._publish(phase, {**columns, "val_loss": loss, "val_accuracy": accuracy}, steps)
        self.at.loss_sum, self.at.correct, self.at.seen = 0.0, 0, 0
        self._check_stop()

    def _train_columns(self) -> dict[str, float]:
        seen = max(1, self.at.seen)
        return {"train_loss": self.at.loss_sum / seen, "train_accuracy": self.at.correct / seen}

    def _solve_head(self, phase: Phase) -> None:
        rows, head = self.data.rows, self.backbone.head
        train, val = (
            (self.inputs.features(phase.boundary, of), self.inputs.labels(of)) for of in (rows["train"], rows["val"])
        )
        lowest = math.inf

        def publish(step: head_solver.ProbeStep) -> None:
            nonlocal lowest
            self.at.epoch = step.step
            self.at.images += len(rows["train"])
            self.at.seconds = time.perf_counter() - self._started
            if step.val_loss < lowest:
                lowest = step.val_loss
                with torch.no_grad():
                    head.weight.copy_(step.weight)
                    head.bias.copy_(step.bias)
                # On a path from strong to weak regularisation the loss is the finer judge of the same head.
                self._keep_best(phase.boundary, step.val_accuracy, step.val_loss, step.train_accuracy)
            columns = {
                "train_loss": step.train_loss, "train_accuracy": step.train_accuracy,
                "val_loss": step.val_loss, "val_accuracy": step.val_accuracy,
            }
            self._publish(phase, columns, 1)
            self._check_stop()

        head_solver.solve(train, val, len(self.data.classes), phase.epochs, publish)
        self._load_best()

    # ---- judging -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _validate(self, phase: Phase) -> tuple[float, float]:
        """Mean loss and accuracy over the validation rows, in eval mode."""
        rows = self.data.rows["val"]
        self.backbone.eval()
        loss, correct = 0.0, 0
        for logits, labels in self.inputs.logits(phase.boundary, rows):
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            correct += int((logits.argmax(1) == labels).sum())
        self.backbone.set_boundary(phase.boundary, phase.batch_norm)
        return loss / max(1, len(rows)), correct / max(1, len(rows))

    @torch.no_grad()
    def predict(self, rows: Rows) -> Tensor:
        """Class probabilities [len(rows), classes] of the best weights, on the CPU. Call after `run`."""
        self.backbone.eval()
        parts = [logits.softmax(1).cpu() for logits, _ in self.inputs.logits(self.best.boundary, rows)]
        return torch.cat(parts) if parts else torch.zeros(0, len(self.data.classes))

    def _keep_best(self, boundary: int, accuracy: float, loss: float, train_accuracy: float) -> None:
        weights = {name: tensor.clone() for name, tensor in self.backbone.named_trained(boundary)}
        self.best = Best(accuracy, loss, train_accuracy, self._epochs_done(), boundary, weights)

    def _load_best(self) -> None:
        """Best weights over the initial ones: stages thawed after the best epoch go back to what they were."""
        self.backbone.load_state_dict({**self.initial, **self.best.weights})

    # ---- telling and saving ------------------------------------------------------------------------------------

    def _publish(self, phase: Phase, columns: dict[str, float], steps: int) -> None:
        head = self.backbone.head_index
        total = phase.epochs * steps if phase.optimizer == "adamw" else 1
        share = factor(phase.schedule, self.at.epoch * steps + self.at.step - 1, total) if total > 1 else 1.0
        lrs = [stage_lr(phase, stage, head) * share for stage in range(head + 1)]
        if phase.optimizer != "adamw":
            lrs = [0.0] * (head + 1)
        self.context.row(
            {
                "row": self.at.rows, "phase": self.at.phase, "boundary": phase.boundary,
                "epoch": self._epochs_done(steps), "step": self.at.step, "images": self.at.images,
                "seconds": self.at.seconds, "lrs": lrs, **columns,
            }
        )
        self.at.rows += 1
        self._last_row = time.perf_counter()
        fraction = self._fraction(steps)
        eta = self._seconds_left(fraction)
        if phase.optimizer == "adamw":
            doing = f"Epoch {self._adam_epochs_done(steps):.1f} of {self.strategy.adam_epochs}"
        else:
            doing = f"Solving the head, pass {self.at.epoch} of {phase.epochs}"
        self.context.progress(fraction, doing, eta)

    def _filling(self, done: int, total: int, eta_s: float | None) -> None:
        self.context.progress(self._fraction(), f"Computing frozen features, {done:,} of {total:,} images", eta_s)
        self._check_stop()

    def _epochs_done(self, steps: int = 0) -> float:
        before = sum(phase.epochs for phase in self.strategy.phases[: self.at.phase])
        within = self.at.step / steps if steps else 0.0
        return round(before + self.at.epoch + within, 3)

    def _adam_epochs_done(self, steps: int = 0) -> float:
        """Without the passes of the solvers before this phase: what people call epochs."""
        before = self.strategy.phases[: self.at.phase]
        return self._epochs_done(steps) - sum(phase.epochs for phase in before if phase.optimizer != "adamw")

    def _fraction(self, steps: int = 0) -> float:
        """Share of the run's work that is done, 0-1."""
        phases, at = self.strategy.phases, self.at
        done = sum(map(self._work, phases[: at.phase]))
        if at.phase < len(phases):
            epochs = at.epoch + (at.step / steps if steps else 0.0)
            done += self._work(phases[at.phase]) * min(1.0, epochs / phases[at.phase].epochs)
        return min(1.0, done / sum(map(self._work, phases)))

    def _work(self, phase: Phase) -> float:
        """Rough relative cost of a phase, for progress only: a solver's passes over cached features are next to
        nothing, an epoch costs more the more stages it trains."""
        if phase.optimizer != "adamw":
            return 0.5
        return phase.epochs * (1 + self.backbone.head_index - phase.boundary)

    def _seconds_left(self, fraction: float) -> float | None:
        """From the pace since this phase (or this attempt) began; None before there is one."""
        gained, spent = fraction - self._phase_from[0], time.perf_counter() - self._phase_from[1]
        return (1 - fraction) * spent / gained if gained > 0.005 and spent > 0.5 else None

    def _over_budget(self, epoch_seconds: float, phase: Phase) -> bool:
        if self.budget_s is None or self.at.epoch >= phase.epochs:
            return False
        if self.at.seconds + epoch_seconds <= 1.1 * self.budget_s:
            return False
        self._finished_early = True
        self.context.event(
            "caution", "budget",
            f"The budget of {self.budget_s / 60:.1f} min is used up after {self._adam_epochs_done():g} of "
            f"{self.strategy.adam_epochs} epochs: training ends here with the best weights so far.",
            epoch=self._epochs_done(),
        )
        return True

    def _check_stop(self) -> None:
        if self.context.stop_requested():
            raise Stop

    def _save(self) -> None:
        """A checkpoint of everything trained so far; what lies below is as it was at the start."""
        assert self._boundary is not None
        self.context.save(
            {
                "position": vars(self.at).copy(),
                "weights": dict(self.backbone.named_trained(self._boundary)),
                "optimizer": self._optimizer.state_dict() if self._optimizer else None,
                "best": vars(self.best).copy(),
            }
        )
        self._last_save = time.perf_counter()

    def _restore(self, state: dict[str, Any]) -> None:
        self.at = Position(**state["position"])
        self.best = Best(**state["best"])
        self._optimizer_state = state["optimizer"]
        self._boundary = self.strategy.phases[self.at.phase].boundary
        self.backbone.load_state_dict({**self.backbone.state_dict(), **state["weights"]})

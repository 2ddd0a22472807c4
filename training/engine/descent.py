"""One phase of gradient descent: its optimizer, and what one step does, with an alignment of two domains or without."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core import Phase, Strategy, TrainingError
from training.backbones import Backbone
from training.caches import Inputs, Rows
from training.engine.alignment import Alignment
from training.engine.clock import Pace
from training.engine.progress import Position
from training.engine.regularizers import Penalties, Targets, mixed, without_decay
from training.machine import derive_seed, give_back, ran_out, seed_dropout

Say = Callable[[str, str, str], None]
"""(level, kind, text) of an event."""


class NotFinite(Exception):
    """The loss of a step is not a finite number; the weights have not been touched by it."""


class Descent:
    """The optimizer over what one phase trains. Nothing here depends on what ran before but weights and optimizer
    state."""

    def __init__(
        self,
        strategy: Strategy,
        number: int,
        backbone: Backbone,
        inputs: Inputs,
        seed: int,
        penalties: Penalties,
        class_weight: Tensor | None,
        say: Say,
        pace: Pace,
        state: dict[str, Any] | None = None,
        alignment: Alignment | None = None,
    ) -> None:
        """number: of the phase, whose steps `pace` counts. class_weight: float32 [classes], or None. state: the
        optimizer's, from a checkpoint."""
        self._strategy, self._number, self._backbone, self._inputs = strategy, number, backbone, inputs
        self.phase: Phase = strategy.phases[number]
        self._seed, self._penalties, self._class_weight, self._say = seed, penalties, class_weight, say
        self.pace = pace
        self._alignment = alignment
        self._earlier = sum(phase.epochs for phase in strategy.phases[:number] if not phase.solved)
        self.optimizer = self._fresh()
        if state is not None:
            self.optimizer.load_state_dict(state)

    def _fresh(self) -> torch.optim.Optimizer:
        groups = []
        for stage, module in enumerate(self._backbone.stage_modules()):
            peak = self.phase.stage_lr(stage, self._backbone.head_index)
            trained = [p for p in module.parameters() if p.requires_grad]
            for members, decay in zip(without_decay(trained), (self._strategy.weight_decay, 0.0), strict=True):
                if members:
                    groups.append({"params": members, "lr": peak, "peak": peak, "weight_decay": decay})
        if self._alignment and (own := list(self._alignment.parameters())):
            peak = self.phase.lr_head
            groups.append({"params": own, "lr": peak, "peak": peak, "weight_decay": self._strategy.weight_decay})
        if self.phase.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=self.phase.momentum)
        return torch.optim.AdamW(groups)

    def forget(self) -> None:
        """Start the optimizer anew: its moments belong to weights that were rolled back."""
        self.optimizer = self._fresh()

    def share(self, at: Position, steps: int) -> float:
        """Where the schedule is, as a share of the peak rates; `steps` in an epoch."""
        return self.pace.rate(at.epoch * steps + at.step)

    def progress(self, at: Position, steps: int) -> float:
        """Share of the run's planned steps of descent that are done, 0-1."""
        done = self.phase.epochs * self.pace.done(at.epoch * steps + at.step)
        return (self._earlier + done) / self._strategy.adam_epochs

    def step(self, rows: Rows, at: Position, steps: int) -> tuple[float, float]:
        """One update on these rows, of `steps` in the epoch; returns (mean loss, images right).

        When memory runs out the batch is computed in twice as many parts, whose gradients add up to the same step.
        Raises NotFinite, and TrainingError when not even one image fits.
        """
        share = self.share(at, steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share * at.lr_scale
        while True:
            try:
                return self._attempt(rows, at, steps)
            except Exception as error:
                if not ran_out(error):
                    raise
            # Outside of the except clause: the traceback would keep the failed graph alive.
            self.optimizer.zero_grad(set_to_none=True)
            if at.parts >= len(rows):
                raise TrainingError(
                    f"Memory is too small to train on even one image above stage "
                    f"'{self._backbone.stage_names[self.phase.boundary]}'; choose a smaller backbone or image size, "
                    "or a strategy that trains fewer stages."
                )
            at.parts *= 2
            give_back()
            self._say(
                "caution", "memory",
                f"Memory ran out: batches of {len(rows)} are now computed {max(1, len(rows) // at.parts)} images at "
                "a time and their gradients added up: the same step but for BatchNorm statistics, and slower.",
            )  # fmt: skip

    def _attempt(self, rows: Rows, at: Position, steps: int) -> tuple[float, float]:
        where = (self._seed, self._number, at.epoch, at.step)
        phase = self.pace.phase(at.epoch * steps + at.step)
        inputs, labels = self._inputs.train_batch(phase, self._number, at.epoch, rows)
        seed_dropout(inputs.device, derive_seed("step", *where))
        inputs, targets = mixed(inputs, labels, self._strategy.mixup, derive_seed("mixup", *where))
        divisor = targets.divisor(self._class_weight)
        others = None
        if self._alignment:
            others = self._alignment.batch(self.phase, self._number, at.epoch, at.step, len(rows))
        progress = self.progress(at, steps)
        self.optimizer.zero_grad(set_to_none=True)
        total = right = apart = told = 0.0
        size = math.ceil(len(rows) / at.parts)
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            if others is None:
                loss, correct = self._backward(inputs[part], targets[part], divisor)
            else:
                share = len(inputs[part]) / len(rows)
                loss, correct, *both = self._align(inputs[part], targets[part], divisor, others[part], progress, share)
                apart, told = apart + share * both[0], told + both[1]
            total, right = total + loss, right + correct
        if not math.isfinite(total + apart):
            raise NotFinite
        self._penalties.add_to_gradients()
        self.optimizer.step()
        at.apart_sum += apart * len(rows)
        at.told += told
        return total, right

    def _backward(self, inputs: Tensor, targets: Targets, divisor: float) -> tuple[float, float]:
        with self._inputs.arithmetic(self.phase).autocast(inputs.device):
            logits = self._backbone.above(inputs, self.phase.boundary)
        logits = logits.float()
        loss = targets.loss(logits, self._class_weight, self._strategy.label_smoothing, divisor=divisor)
        loss.backward()
        return float(loss.detach()), targets.correct(logits)

    def _align(
        self, inputs: Tensor, targets: Targets, divisor: float, others: Tensor, progress: float, share: float
    ) -> tuple[float, float, float, float]:
        """As `_backward`, with as many target activations beside the source's; also returns the alignment's loss and
        how many domains were told apart. share: of the batch that this part is."""
        assert self._alignment is not None
        with self._inputs.arithmetic(self.phase).autocast(inputs.device):
            features = self._backbone.below(
                torch.cat([inputs, others]), self._backbone.head_index, start=self.phase.boundary
            )
            logits = self._backbone.head(features[: len(inputs)])
        logits, features = logits.float(), features.float()
        loss = targets.loss(logits, self._class_weight, self._strategy.label_smoothing, divisor=divisor)
        extra, apart, told = self._alignment.loss(features[: len(inputs)], features[len(inputs) :], progress)
        (loss + share * extra).backward()
        return float(loss.detach()), targets.correct(logits), apart, told

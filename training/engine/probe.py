"""A run that trains nothing below its head: what every run does, and the head solved on frozen features.

`Fit` adds descent, for which it needs torch. Here is none: where features come from an inference engine, a probe has
its answer before torch would be loaded.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from core import Phase, PlanError, Strategy
from training.caches import Data, PrefixCache, Rows
from training.caches.prefix import Network
from training.engine import head_solver
from training.engine.clock import Clock, Pace
from training.engine.coach import Coach, Diagnosis
from training.engine.head_solver import Floats, Refitted, refit
from training.engine.progress import Best, Context, Fitted, Position, Stop
from training.engine.publish import Telling


class Probe:
    """One run of a strategy whose phases all solve the head. `run()` leaves its weights in `best`."""

    def __init__(
        self, strategy: Strategy, backbone: Network, data: Data, context: Context, *, prefix: PrefixCache,
        budget_s: float | None = None, spent_s: float = 0.0,
    ) -> None:  # fmt: skip
        """budget_s: seconds from when the run left the queue to its tested model; of these `spent_s` are over. Raises
        PlanError when a phase trains more than the head."""
        self.strategy, self.data, self.context, self.prefix = strategy, data, context, prefix
        self.network = backbone
        self._check()
        train = data.labels[data.rows["train"]]
        self._coach = Coach(strategy, data.classes, np.bincount(train, minlength=len(data.classes)).tolist())
        self.at = Position()
        self.best = Best()
        self._clock = Clock(self.at, budget_s, spent_s)
        self._finished_early = False
        self._chosen: tuple[Phase, head_solver.ProbeStep] | None = None
        """The step of the last solver whose head was kept."""
        self.refitted: Refitted | None = None
        """The head of `best` where it was solved again on all images that are not for the test."""
        self._steps = math.ceil(len(train) / strategy.batch_size)
        """Of one epoch of gradient descent."""
        self.telling = Telling(strategy, backbone.head_index, context, self.at)

    # ---- the outline -------------------------------------------------------------------------------------------

    def run(self) -> Fitted:
        """Train every phase that is left. The test rows are never judged here."""
        stopped = False
        try:
            self._begin()
            while self.at.phase < len(self.strategy.phases):
                self._phase(self.strategy.phases[self.at.phase])
                if self._finished_early:
                    break
                self.at.earlier += self.at.epoch + self.at.step / self._steps
                self.at.earlier_passes += self.at.epoch if self.strategy.phases[self.at.phase].solved else 0
                self.at.phase += 1
                self.at.epoch = self.at.step = self.at.stale = 0
                self.at.lowest_loss = math.inf
                self.telling.pace = None
                self._phase_over()
                if self._finished_early:
                    break
        except Stop:
            stopped = True
            self._stopped()
        self._end()
        if self.strategy.refit and self._chosen and not stopped and not self._finished_early:
            self._refit(*self._chosen)
        self._clock.tick()
        if not stopped and not self._finished_early:
            if self._clock.late():
                self._say_of_time(self.telling.late_text)
            elif self._clock.little_used:
                by_head = self._chosen is not None and self.best.boundary == self.network.head_index
                self._say_of_time(partial(self.telling.unused_text, by_head=by_head))
        return Fitted(self.best, self.at, self.telling.epochs_done(self._steps), stopped, self._finished_early)

    def _phase(self, phase: Phase) -> None:
        if self.at.epoch == 0 and self.at.step == 0:
            names = [name for stage, name in enumerate(self.network.stage_names) if phase.trains(stage)]
            whole = len(names) == len(self.network.stage_names) - phase.boundary
            what = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}" if whole else ", ".join(names)
            promised, trained = self._params(phase)
            self._say(
                "info",
                "phase",
                f"Phase {self.at.phase + 1} of {len(self.strategy.phases)}: training {what}, {trained:,} parameters.",
            )
            self._advise(
                self._coach.at_start(
                    promised_params=promised, trainable_params=trained, steps_per_epoch=self._steps,
                    phase=self.at.phase,
                )
            )  # fmt: skip
        self.telling.phase_begins(self._pace(phase))
        if phase.solved:
            self._solve(phase)
        else:
            self._descend(phase)

    def _solve(self, phase: Phase) -> None:
        """The head in closed form or by a solver, on cached features. A solver begins anew when it is resumed."""
        lowest, began = math.inf, (self.at.epoch, self.at.images, self.at.rows)

        def publish(step: head_solver.ProbeStep) -> None:
            nonlocal lowest
            self.at.epoch = step.step
            self.at.images += len(self.data.rows["train"])
            self._clock.tick()
            if step.val_loss < lowest:
                lowest = step.val_loss
                # On a path from strong to weak regularisation the loss is the finer judge of the same head.
                self._keep_head(phase, step)
                self._chosen = phase, step
            self._publish(phase, step.columns(), 1)
            self._check_stop()

        sides = [self.data.rows["train"], self.data.rows["val"]]
        train, val = ((self.features(phase.boundary, of), self.data.labels[of]) for of in sides)
        try:
            head_solver.SOLVERS[phase.optimizer](train, val, len(self.data.classes), phase.epochs, publish)
        except Stop:
            self.at.epoch, self.at.images, self.at.rows = began
            raise

    def _refit(self, phase: Phase, chosen: head_solver.ProbeStep) -> None:
        rows, best = self.data.rows, self.best
        every = np.sort(np.concatenate([rows["train"], rows["val"]]))
        self.refitted = found = refit(
            phase.optimizer, self.features(phase.boundary, every), self.data.labels[every], every,
            len(self.data.classes), phase.epochs, chosen, self.data.groups[every],
        )  # fmt: skip
        if found is None:
            return
        self._keep_head(phase, replace(chosen, weight=found.weight, bias=found.bias))
        self.best.epoch = best.epoch
        self._say(
            "info", "refit",
            f"The head was solved once more on all {len(every):,} images, the {len(rows['val']):,} for validation "
            "among them: the validation accuracy is that of the head before.",
        )

    # ---- what descent adds to ----------------------------------------------------------------------------------

    def _check(self) -> None:
        if any(not phase.solved or phase.boundary != self.network.head_index for phase in self.strategy.phases):
            raise PlanError(f"'{self.strategy.kind}' trains more than a head: it needs the network itself.")

    def _begin(self) -> None:
        """Fill the caches with what will be read."""
        head, rows, twin = self.network.head_index, self.data.rows, self.prefix.exact_twin
        learned = np.concatenate([rows["train"], rows["val"]])
        why = self.prefix.why_not(head, sum(map(len, rows.values())))
        if why:
            self._say("caution", "not_cached", why)
            return
        total = self.prefix.missing(head, learned, 0) + twin.missing(head, rows["test"], 0)
        started = time.perf_counter()

        def tick(done: int, _: int) -> None:
            left = (time.perf_counter() - started) / done * (total - done)
            self._filling(done, total, left)

        with self._clock.caching():
            before = self.prefix.fill([head], learned, 0, tick)
            twin.fill([head], rows["test"], 0, lambda done, _: tick(before + done, 0))

    def _pace(self, phase: Phase) -> Pace | None:
        """The steps of a phase that descends."""
        return None

    def _params(self, phase: Phase) -> tuple[int, int]:
        """Parameters that a phase says it trains, and those that are switched on."""
        count = len(self.data.classes) * (self.network.shape(self.network.head_index, None)[0] + 1)
        return count, count

    def _keep_head(self, phase: Phase, step: head_solver.ProbeStep) -> None:
        weights = {"head.weight": step.weight, "head.bias": step.bias}
        self._keep_best(phase.boundary, step.val_accuracy, step.val_loss, step.train_accuracy, weights)

    def features(self, boundary: int, rows: Rows, *, exact: bool = False) -> Floats:
        """Plain features [len(rows), width]. exact: in the arithmetic of the export."""
        cache = self.prefix.exact_twin if exact else self.prefix
        if not cache.missing(boundary, rows, 0):
            found: Floats = cache.values(boundary, rows, 0)
            return found
        through = self.prefix.exactly(boundary) if exact else self.prefix.through([boundary])
        assert through is not None, "the network is a graph"
        chunks = [rows[start : start + through.size] for start in range(0, len(rows), through.size)]
        parts = [through.stored(through.run(through.make(chunk, 0))[0], np.float32) for chunk in chunks]
        return np.concatenate(parts) if parts else np.zeros((0, self.network.shape(boundary, None)[0]), np.float32)

    def _descend(self, phase: Phase) -> None:
        raise NotImplementedError

    def _phase_over(self) -> None:
        """Between two phases."""

    def _stopped(self) -> None:
        """Somebody asked to stop."""

    def _end(self) -> None:
        """Nothing is trained any more."""

    def predict(self, rows: Rows) -> NDArray[np.float32]:
        """Class probabilities [len(rows), classes] of the best weights, in the arithmetic of the export. Call after
        `run`."""
        features = self.features(self.network.head_index, rows, exact=True)
        with head_solver.one_thread():
            logits = features @ self.best.weights["head.weight"].T + self.best.weights["head.bias"]
        return np.asarray(softmax(logits, axis=1), np.float32)

    # ---- telling and keeping -----------------------------------------------------------------------------------

    def _keep_best(
        self, boundary: int, accuracy: float, loss: float, train_accuracy: float, weights: dict[str, Any],
        steps: int = 0, counted: float | None = None,
    ) -> None:  # fmt: skip
        """counted: what the accuracy counts when weights are compared; None = as it is, of a solver."""
        if counted is None:
            counted = self.at.last_accuracy = accuracy
        self.best = Best(accuracy, loss, train_accuracy, self.telling.epochs_done(steps), boundary, weights, counted)

    def _say_of_time(self, text: Callable[[float], str | None]) -> None:
        """What `text` has to say of the budget, where there is one."""
        if self._clock.budget_s and (said := text(self._clock.budget_s)):
            self._say("info", "pace", said)

    def _publish(self, phase: Phase, columns: dict[str, float], steps: int) -> None:
        with self._clock.overhead():
            self.telling.publish(phase, columns, steps)

    def _say(self, level: str, kind: str, text: str) -> None:
        self.context.event(level, kind, text, epoch=self.telling.epochs_done())

    def _advise(self, found: Sequence[Diagnosis]) -> None:
        for diagnosis in found:
            self._say(diagnosis.level, diagnosis.kind, diagnosis.text)

    def _filling(self, done: int, total: int, eta_s: float | None) -> None:
        self.telling.filling(done, total, eta_s)
        self._check_stop()

    def _check_stop(self) -> None:
        if self.context.stop_requested():
            raise Stop

"""What a run publishes while it trains: rows of metrics, how far it is and how long it will take."""

from __future__ import annotations

import time

from core import Phase, Strategy
from training.engine.progress import Context, Position
from training.engine.schedule import factor

ROW_EVERY_S = 1.0
"""A row is published at every epoch's end and at most this often within one."""


class Telling:
    """Turns a position into rows and progress. Holds only clocks of the present attempt."""

    def __init__(self, strategy: Strategy, head: int, context: Context, at: Position) -> None:
        """head: the head's index as a boundary."""
        self._strategy, self._head, self._context, self._at = strategy, head, context, at
        self._last_row = time.perf_counter()
        self._phase_from = (0.0, time.perf_counter())
        """(share of the run's work done, clock) when the present phase began in this attempt."""

    def phase_begins(self) -> None:
        self._phase_from = (self.fraction(), time.perf_counter())

    @property
    def due(self) -> bool:
        """Whether it is time for a row within an epoch."""
        return time.perf_counter() - self._last_row >= ROW_EVERY_S

    def publish(self, phase: Phase, columns: dict[str, float], steps: int) -> None:
        at, head = self._at, self._head
        total = phase.epochs * steps
        share = factor(phase.schedule, at.epoch * steps + at.step - 1, total) if total > 1 else 1.0
        lrs = [phase.stage_lr(stage, head) * share * at.lr_scale for stage in range(head + 1)]
        self._context.row(
            {
                "row": at.rows, "phase": at.phase, "boundary": phase.boundary, "epoch": self.epochs_done(steps),
                "step": at.step, "images": at.images, "seconds": at.seconds, "lrs": lrs, **columns,
            }
        )  # fmt: skip
        at.rows += 1
        self._last_row = time.perf_counter()
        fraction = self.fraction(steps)
        if phase.solved:
            doing = f"Solving the head, pass {at.epoch} of {phase.epochs}"
        else:
            doing = f"Epoch {self.adam_epochs_done(steps):.1f} of {self._strategy.adam_epochs}"
        self._context.progress(fraction, doing, self.seconds_left(fraction))

    def filling(self, done: int, total: int, eta_s: float | None) -> None:
        self._context.progress(self.fraction(), f"Computing frozen features, {done:,} of {total:,} images", eta_s)

    def epochs_done(self, steps: int = 0) -> float:
        """Over all phases, each pass of a solver counted as one."""
        within = self._at.step / steps if steps else 0.0
        return round(self._at.earlier + self._at.epoch + within, 3)

    def adam_epochs_done(self, steps: int = 0) -> float:
        """Without the passes of the solvers before this phase: what people call epochs."""
        return self.epochs_done(steps) - self._at.earlier_passes

    def fraction(self, steps: int = 0) -> float:
        """Share of the run's work that is done, 0-1."""
        phases, at = self._strategy.phases, self._at
        done = sum(map(self._work, phases[: at.phase]))
        if at.phase < len(phases):
            epochs = at.epoch + (at.step / steps if steps else 0.0)
            done += self._work(phases[at.phase]) * min(1.0, epochs / phases[at.phase].epochs)
        return min(1.0, done / sum(map(self._work, phases)))

    def _work(self, phase: Phase) -> float:
        """Rough relative cost of a phase, for progress only: a solver's passes over cached features are next to
        nothing, an epoch costs more the more stages it trains."""
        if phase.solved:
            return 0.5
        return phase.epochs * (1 + self._head - phase.boundary)

    def seconds_left(self, fraction: float) -> float | None:
        """From the pace since this phase (or this attempt) began; None before there is one."""
        gained, spent = fraction - self._phase_from[0], time.perf_counter() - self._phase_from[1]
        return (1 - fraction) * spent / gained if gained > 0.005 and spent > 0.5 else None

    def budget_text(self, budget_s: float, steps: int) -> str:
        return (
            f"The budget of {budget_s / 60:.1f} min is used up after {self.adam_epochs_done(steps):.3g} of "
            f"{self._strategy.adam_epochs} epochs: training ends here with the best weights so far."
        )

    def patience_text(self, phase: Phase) -> str:
        last = self._at.phase == len(self._strategy.phases) - 1
        then = "training ends with the best weights so far" if last else "the next stage is thawed"
        return (
            f"The validation loss has not improved for {phase.patience} epochs (lowest {self._at.lowest_loss:.3g}): "
            f"{then}."
        )

"""What a run publishes while it trains: rows of metrics, how far it is and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Sequence

from core import Phase, Strategy
from core.words import counted, duration
from training.engine.clock import Pace
from training.engine.progress import Context, Position

ROW_EVERY_S = 1.0
"""A row is published at every epoch's end and at most this often within one."""

NOT_BEATEN = "training on did not beat the solved head"
"""Why time is left, within a sentence."""
TOLD_FROM = 0.1
"""Steps that are so much fewer or more than planned are told, once."""


class Telling:
    """Turns a position into rows and progress. Holds only clocks of the present attempt."""

    def __init__(
        self, strategy: Strategy, head: int, context: Context, at: Position, work: Sequence[float] = ()
    ) -> None:
        """head: the head's index as a boundary. work: what each phase takes as planned, in any unit; empty where
        nothing was forecast."""
        self._strategy, self._head, self._context, self._at = strategy, head, context, at
        self._works = tuple(work) if work and all(work) else tuple(map(self._rough, strategy.phases))
        self.pace: Pace | None = None
        """Of the present phase, where it descends."""
        self._told = False
        self._last_row = time.perf_counter()
        self._phase_from = (0.0, time.perf_counter())
        """(share of the run's work done, clock) when the present phase began in this attempt."""

    def phase_begins(self, pace: Pace | None) -> None:
        self.pace = pace
        self._phase_from = (self.fraction(), time.perf_counter())

    @property
    def due(self) -> bool:
        """Whether it is time for a row within an epoch."""
        return time.perf_counter() - self._last_row >= ROW_EVERY_S

    def publish(self, phase: Phase, columns: dict[str, float], steps: int) -> None:
        at, head = self._at, self._head
        share = self.pace.rate(max(0, at.epoch * steps + at.step - 1)) if self.pace else 1.0
        lrs = [phase.stage_lr(stage, head) * share * at.lr_scale for stage in range(head + 1)]
        self._context.row(
            {
                "row": at.rows, "phase": at.phase, "boundary": phase.boundary, "epoch": self.epochs_done(steps),
                "step": at.step, "images": at.images, "seconds": at.seconds, "lrs": lrs, **columns,
            }
        )  # fmt: skip
        at.rows += 1
        self._last_row = time.perf_counter()
        fraction = self.fraction()
        if phase.solved:
            doing = f"Solving the head, pass {at.epoch} of {phase.epochs}"
        else:
            doing = f"Epoch {self.adam_epochs_done(steps):.1f} of {self.epochs_in_all():.3g}"
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

    def epochs_in_all(self) -> float:
        """Epochs of descent that the run will have made, as it stands."""
        at, phases = self._at, self._strategy.phases[self._at.phase :]
        planned = [phase.epochs for phase in phases if not phase.solved]
        if self.pace:
            planned[0] = 0
        here = self.pace.total(self._step) / self.pace.steps if self.pace else 0.0
        return at.earlier - at.earlier_passes + here + sum(planned)

    def fraction(self) -> float:
        """Share of the run's work that is done, 0-1."""
        phases, at = self._strategy.phases, self._at
        done = sum(self._works[: at.phase])
        if at.phase < len(phases):
            here = self.pace.done(self._step) if self.pace else min(1.0, at.epoch / phases[at.phase].epochs)
            done += self._works[at.phase] * here
        return min(1.0, done / sum(self._works))

    def later(self) -> float:
        """What the phases after the present one take, over what it takes itself, both as planned."""
        return sum(self._works[self._at.phase + 1 :]) / self._works[self._at.phase]

    @property
    def _step(self) -> int:
        """Steps of the present phase that are made."""
        return self._at.epoch * self.pace.steps + self._at.step if self.pace else 0

    def _rough(self, phase: Phase) -> float:
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
            f"{self.epochs_in_all():.3g} epochs: training ends here with the best weights so far."
        )

    def cut_text(self, budget_s: float) -> str | None:
        """What the budget took from the plan; None where it is whole."""
        phases = [phase for phase in self._strategy.phases if not phase.solved]
        whole = sum(max(phase.epochs, phase.most_epochs) for phase in phases)
        if whole == self._strategy.adam_epochs:
            return None
        return (
            f"Planned to end within {duration(budget_s)}: {counted(self._strategy.adam_epochs, 'epoch')} instead of "
            f"{whole}, or more as far as time is left."
        )

    def solved_only_text(self, budget_s: float) -> str:
        return (
            f"Computing the frozen features would take longer than the {duration(budget_s)} given: only the head is "
            "solved, on those that are there. With more minutes or fewer images a class (--per-class) more is trained."
        )

    def fitted_text(self, budget_s: float) -> str | None:
        """Of steps that were fitted to the time; None where they are about as planned, or it was said."""
        pace = self.pace
        if pace is None or self._told or abs(pace.total(self._step) / pace.planned - 1) < TOLD_FROM:
            return None
        self._told, total = True, pace.total(self._step)
        few = "leaves time for" if total > pace.planned else "leaves time for no more than"
        return (
            f"At this machine's pace the budget of {duration(budget_s)} {few} {total / pace.steps:.3g} epochs of this "
            f"phase instead of {pace.planned / pace.steps:.3g}: its learning rate comes down by then."
        )

    def unused_text(self, budget_s: float, by_head: bool) -> str:
        """Why time is left. by_head: whether the best weights are those of a solved head on stages as they were."""
        at, phases = self._at, [phase for phase in self._strategy.phases if not phase.solved]
        used = f"{duration(at.seconds)} of the {duration(budget_s)} that were given were used:"
        whole = sum(max(phase.epochs, phase.most_epochs) for phase in phases)
        if round(at.earlier - at.earlier_passes, 1) >= whole:
            return (
                f"The plan is complete after {duration(at.seconds)} of the {duration(budget_s)} that were given: by "
                "its recipe there is no more to train."
            )
        if by_head and phases:  # fitted to the time
            return f"{used} {NOT_BEATEN}, so what was kept for judging with trained stages was not needed."
        return f"{used} more was kept for judging than it took, or a phase ended early."

    def late_text(self, budget_s: float) -> str:
        return (
            f"{duration(self._at.seconds)} are over before the test images are judged, and {duration(budget_s)} were "
            f"given: computing the frozen features took {duration(self._at.cache_seconds)}. With more minutes or fewer "
            "images a class (--per-class) it would end in time."
        )

    def patience_text(self, phase: Phase) -> str:
        last = self._at.phase == len(self._strategy.phases) - 1
        then = "training ends with the best weights so far" if last else "the next stage is thawed"
        return (
            f"The validation loss has not improved for {phase.patience} epochs (lowest {self._at.lowest_loss:.3g}): "
            f"{then}."
        )

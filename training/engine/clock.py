"""A run's time: its seconds and its budget, how many steps they leave, when to save, and what is not training.

What counts in a budget is decided here and nowhere else: everything from when the run left the queue, over all
attempts, to the tested model. The worker's loading is over when a clock is made (`spent_s`); for what is to follow the
last step time is kept free. A schedule of more steps than the time leaves would end with its rate still high, so steps
are fitted to the pace that is measured, again and again. What was decided is kept beside the run at once, with the
step after which it holds: whoever resumes or repeats the run goes along the same rates.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from core import Phase
from training.engine.progress import Position
from training.engine.schedule import factor_at

if TYPE_CHECKING:
    from training.caches import Runtime

SAVE_EVERY_S, FIRST_SAVE_S = 20.0, 2.0
"""Seconds between checkpoints, and until the first one."""
AIMED_SHARE, AIMED_S = 0.03, 1.0
"""A schedule is made to end so much before its budget: the larger of this share of it and these seconds."""
LATE_SHARE, LATE_S = 0.025, 1.5
"""Training is cut where it would end so much after it: half of what a budget may be off by, which is 5 % or 3 s."""
USED_SHARE = 0.85
"""A run that ends before this share of its budget says why."""
WRITING_S = 0.3
"""Writing the weights and the answers, when everything else is done."""
MEASURED_STEPS, MEASURED_S = 2, 1.0
"""A pace is known from so many steps on that took so long; the first step of all warms up and does not count."""
FITTED_EVERY = 0.1
"""Steps are fitted to the time again when those made since have taken this share of the budget."""


class Clock:
    """Writes into the run's position, where a checkpoint keeps it: a resumed run goes on counting."""

    def __init__(
        self, at: Position, budget_s: float | None, spent_s: float = 0.0, *, judged: int = 0, tested: int = 0
    ) -> None:
        """spent_s: seconds that the run has taken before, its earlier attempts included. judged, tested: images judged
        after an epoch, and at the end."""
        self._at = at
        self.budget_s = budget_s
        self.judged, self._tested = judged, tested
        self._started = time.perf_counter() - max(at.seconds, spent_s)
        self._last_save = time.perf_counter() - SAVE_EVERY_S + FIRST_SAVE_S
        self._step_s = self.judge_s = self.test_s = 0.0
        """What the last step took, judging a validation image, and a test image, which the whole network sees."""

    def tick(self) -> None:
        """Bring `seconds` of the position up to now."""
        self._at.seconds = time.perf_counter() - self._started

    # ---- the budget --------------------------------------------------------------------------------------------

    def took(self, step_s: float) -> None:
        """A step did."""
        self._step_s = step_s

    def judging_took(self, seconds: float, images: int) -> None:
        self.judge_s = seconds / max(1, images)

    def testing_took(self, seconds: float, images: int) -> None:
        self.test_s = seconds / max(1, images)

    def to_come(self) -> float:
        """What follows the last step, were it made: judging, the test images too, and writing."""
        return self.judge_s * self.judged + max(self.test_s, self.judge_s) * self._tested + WRITING_S

    def left(self) -> float:
        """Seconds for steps until the schedule should end; endless without a budget."""
        if self.budget_s is None:
            return math.inf
        return self.budget_s - max(AIMED_S, AIMED_SHARE * self.budget_s) - self.to_come() - self._at.seconds

    @property
    def over(self) -> bool:
        """Whether one step more, and what follows, would end too late."""
        return self.late(self._step_s + self.to_come())

    def late(self, more_s: float = 0.0) -> bool:
        """Whether so many seconds more end too late."""
        if self.budget_s is None:
            return False
        return self._at.seconds + more_s > self.budget_s + max(LATE_S, LATE_SHARE * self.budget_s)

    def unused(self) -> float:
        """Seconds of the budget that are left by the clock; 0 without one."""
        return 0.0 if self.budget_s is None else max(0.0, self.budget_s - self._at.seconds)

    @property
    def little_used(self) -> bool:
        """Whether so much time is left that it has to be said why."""
        return self.budget_s is not None and self._at.seconds < USED_SHARE * self.budget_s

    # ---- saving, and what is not training ----------------------------------------------------------------------

    @property
    def save_due(self) -> bool:
        return time.perf_counter() - self._last_save > SAVE_EVERY_S

    def saved(self) -> None:
        self._last_save = time.perf_counter()

    @contextmanager
    def caching(self) -> Iterator[None]:
        """What is done inside fills caches."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._at.cache_seconds += time.perf_counter() - started

    @contextmanager
    def overhead(self) -> Iterator[None]:
        """What is done inside is judging, telling or saving."""
        started = time.perf_counter()
        yield
        self._at.overhead_s += time.perf_counter() - started


class Pace:
    """The steps of one phase of descent: how many there are to be, and how far along a step is."""

    def __init__(self, phase: Phase, number: int, steps: int, kept: Runtime) -> None:
        """number: of the phase. steps: of an epoch. kept: where what is decided stands."""
        self._phase, self._kept, self._name = phase, kept, f"steps {number}"
        self.steps = steps
        self.planned = phase.epochs * steps
        self._most = max(phase.epochs, phase.most_epochs) * steps
        self._fitted: list[tuple[int, int]] = []
        """(after so many steps, so many in all)."""
        while (name := self._next) in kept.known:
            self._note(kept.known[name])
        self._count, self._seconds, self._wait_s = -1, 0.0, MEASURED_S

    @property
    def _next(self) -> str:
        return f"{self._name}.{len(self._fitted)}"

    def _note(self, decided: str) -> None:
        step, total = decided.split()
        self._fitted.append((int(step), int(total)))

    def total(self, step: int) -> int:
        """Steps of the whole phase, as it stands after `step` of them."""
        return next((total for after, total in reversed(self._fitted) if after <= step), self.planned)

    def done(self, step: int, short: int = 0) -> float:
        """Share of the phase that lies behind after `step` of its steps, in [0, 1]. short: steps at the end that do not
        count; with 1 a share of 1 is reached when the last step begins."""
        share, begin, total = 0.0, 0, self.planned
        for after, then in self._fitted:
            if after > step:
                break
            share += (1 - share) * (after - begin) / max(1, total - begin)
            begin, total = after, then
        return share + (1 - share) * min(1.0, (step - begin) / max(1, total - short - begin))

    def phase(self, step: int) -> Phase:
        """The phase as it stands after `step` of its steps, in whole epochs."""
        return replace(self._phase, epochs=math.ceil(self.total(step) / self.steps))

    def rate(self, step: int) -> float:
        """Share of the peak learning rate at `step` (0-based)."""
        return 1.0 if self.total(step) <= 1 else factor_at(self._phase.schedule, self.done(step, short=1))

    def took(self, seconds: float) -> None:
        """What one step took."""
        self._count += 1
        self._seconds += seconds if self._count else 0.0

    def fit(self, step: int, later: float, clock: Clock) -> bool:
        """Make the steps after `step` as many as there is time for, if it is time to. later: what the phases after this
        one are planned to take, over what this one is. Returns whether that was done."""
        total = self.total(step)
        known = step >= total or step <= max((after for after, _ in self._fitted), default=0)
        if clock.budget_s is None or known or self._count < MEASURED_STEPS:
            return False
        # A moment in which the machine was busy must not end the run: sooner where few steps are left.
        rest_s = (total - step) * self._seconds / self._count
        if self._seconds < min(self._wait_s, rest_s / 2):
            return False
        a_step = self._seconds / self._count + clock.judge_s * clock.judged / self.steps
        rest = self.planned * (1 - self.done(step))
        share = clock.left() / (a_step * (rest + self.planned * later))
        total = min(self._most, step + max(1, round(rest * share)))
        self._note(self._kept.keep(self._next, lambda: f"{step} {total}"))
        self._count, self._seconds, self._wait_s = 0, 0.0, max(MEASURED_S, FITTED_EVERY * clock.budget_s)
        return True

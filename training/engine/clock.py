"""A run's clocks: seconds trained over all attempts, its time budget, when to save, and what is not training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from training.engine.coach import BUDGET_OVER
from training.engine.progress import Position

SAVE_EVERY_S, FIRST_SAVE_S = 20.0, 2.0
"""Seconds between checkpoints, and until the first one."""


class Clock:
    """Writes into the run's position, where a checkpoint keeps it: a resumed run goes on counting."""

    def __init__(self, at: Position, budget_s: float | None) -> None:
        self._at = at
        self.budget_s = budget_s
        self._started = time.perf_counter() - at.seconds
        self._last_save = time.perf_counter() - SAVE_EVERY_S + FIRST_SAVE_S

    def tick(self) -> None:
        """Bring `seconds` of the position up to now."""
        self._at.seconds = time.perf_counter() - self._started

    def exceeded(self, seconds_more: float = 0.0) -> bool:
        """Whether so many seconds more would end beyond the budget and its tolerance."""
        return self.budget_s is not None and self._at.seconds + seconds_more > BUDGET_OVER * self.budget_s

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

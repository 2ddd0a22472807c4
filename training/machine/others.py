"""How much of the CPUs other programs take while something is timed: what is timed beside them takes too long. No
torch."""

from __future__ import annotations

import time

import psutil

QUIET = 0.1
"""Share of the CPUs that other programs may take while something is timed: above, it is timed again, and said."""


class Others:
    """`with Others() as others: work()`, then `others.share`."""

    def __enter__(self) -> Others:
        self._begun, self._idle, self._own = self._now()
        self.share = 0.0
        """Of all CPUs, in [0, 1]: what neither stood still nor worked for this process and those it started."""
        return self

    def __exit__(self, *_: object) -> None:
        now, idle, own = self._now()
        passed = (now - self._begun) * (psutil.cpu_count() or 1)
        taken = passed - (idle - self._idle) - (own - self._own)
        # Clocks tick in hundredths of a second: what is short is not told apart from nothing.
        self.share = min(1.0, max(0.0, taken / passed)) if passed > 0.5 else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """(the clock, seconds that CPUs stood still, seconds worked for this process)."""
        times, own = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
        mine = own.user + own.system + own.children_user + own.children_system
        return time.perf_counter(), idle, mine

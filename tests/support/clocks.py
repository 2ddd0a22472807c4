"""How long something takes, for tests: beside a control measured in the same moments, never in seconds alone.

A busy or slow machine slows both alike. The processor's time is clocked: waiting for a turn does not count, nor does
sleeping.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def cpu_seconds() -> float:
    """Spent so far by this process, and by those that it started and waited for (these to 0.01 s)."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def cost(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    began = cpu_seconds()
    work()
    return cpu_seconds() - began


def times_as_long(work: Callable[[], object], control: Callable[[], object], rounds: int = 5) -> float:
    """How many times as long as `control` `work` takes: the cheapest of so many calls of each, made in turn."""
    both = [(cost(work), cost(control)) for _ in range(rounds)]
    longer = min(own for own, _ in both) / min(other for _, other in both)
    print(f"{longer:.2f} times as long as the control")
    return longer

"""Numbers as people read them: durations, shares with intervals, parameter counts, learning rates.

Pure functions from numbers to short strings, for the pages; what the terminal says too is in `core.words`. `None`
means "not measured" and is said in a word, never guessed.
"""

from __future__ import annotations

import time

from core.words import count, counted, duration, interval, learning_rate, params, size
from training.report import esc

__all__ = ["ago", "count", "counted", "duration", "esc", "interval", "learning_rate", "params", "percent", "size"]


def percent(value: float | None, digits: int = 0) -> str:
    """A share in [0, 1] as '94%'; 'unknown' for None."""
    return "unknown" if value is None else f"{100 * value:.{digits}f}%"


def ago(unix: float | None, now: float | None = None) -> str:
    """'just now', '3 min ago', '2 h ago', '5 days ago'; 'never' for None."""
    if unix is None:
        return "never"
    passed = max(0.0, (time.time() if now is None else now) - unix)
    if passed < 60:
        return "just now"
    for unit, length, limit in (("min", 60, 3600), ("h", 3600, 86400)):
        if passed < limit:
            return f"{passed // length:.0f} {unit} ago"
    days = int(passed // 86400)
    return f"{days} day{'s' if days > 1 else ''} ago"

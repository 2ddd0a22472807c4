"""Numbers as people read them: durations, shares with intervals, parameter counts, learning rates.

Pure functions from numbers to short strings, for the pages; what the terminal says too is in `advisor.words`. `None`
means "not measured" and is said in a word, never guessed.
"""

from __future__ import annotations

import html
import time

from advisor.types import Estimate
from advisor.words import count, counted, duration, lr, size

__all__ = ["ago", "count", "counted", "duration", "esc", "interval", "learning_rate", "params", "percent", "size"]


def percent(value: float | None, digits: int = 0) -> str:
    """A share in [0, 1] as '94%'; 'unknown' for None."""
    return "unknown" if value is None else f"{100 * value:.{digits}f}%"


def interval(estimate: Estimate | None) -> str:
    """'94% (90-97)'; 'not forecast' for None."""
    if estimate is None:
        return "not forecast"
    return f"{100 * estimate.value:.0f}% ({100 * estimate.low:.0f}\N{EN DASH}{100 * estimate.high:.0f})"


def params(n: int | None) -> str:
    """A number of parameters: '928', '12.8 k', '3.37 M'; 'unknown' for None."""
    if n is None:
        return "unknown"
    if n < 1000:
        return str(n)
    if n < 999_500:
        return f"{n / 1e3:.3g} k"
    return f"{n / 1e6:.3g} M"


def learning_rate(rate: float) -> str:
    """'1e-3', '3e-5'; 'frozen' for 0."""
    return lr(rate) if rate > 0 else "frozen"


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


def esc(text: object) -> str:
    """User text made safe inside HTML and SVG, on one line (a newline would end a markdown HTML block)."""
    return html.escape(" ".join(str(text).split()), quote=True)

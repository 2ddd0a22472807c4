"""Numbers as a person reads them: the one place where the terminal and the pages get their wording.

Pure functions from numbers to short strings. Nothing here may know a page, a run or a rulebook.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Literal

from core.types import Estimate

Tone = Literal["info", "good", "caution", "bad"]
"""How welcome a piece of news is: which sign and colour it gets."""
UNKNOWN = "unknown"
"""What stands where nothing was measured."""


def duration(seconds: float | None) -> str:
    """A span of time in seconds as words: '0.4 s', '9 s', '2 min 40 s', '1 h 05 min', '2 d 03 h'."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    if seconds < 0.95:
        return "under 0.1 s" if 0 < seconds < 0.05 else f"{seconds:.1f} s" if seconds else "0 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole // 60, "min", whole % 60, "s")
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return _two(minutes // 60, "h", minutes % 60, "min")
    hours = round(seconds / 3600)
    return _two(hours // 24, "d", hours % 24, "h")


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small:02d} {small_unit}" if small else f"{big} {big_unit}"


def count(n: int) -> str:
    """A whole number with thousands separated: '1,439'."""
    return f"{n:,}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun: '1 epoch', '1,439 images'."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def size(n: float | None) -> str:
    """Bytes as '3.2 MB'; 'unknown' for None."""
    if n is None:
        return UNKNOWN
    for unit in ("bytes", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "bytes" else f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} GB"


def percent(estimate: Estimate | float | None) -> str:
    """A proportion in whole per cent, with its interval where it has one: '94% (90-97)', '94%'."""
    if estimate is None:
        return UNKNOWN
    if isinstance(estimate, Estimate):
        if not all(math.isfinite(x) for x in (estimate.value, estimate.low, estimate.high)):
            return UNKNOWN
        return f"{_whole(estimate.value)}% ({_whole(estimate.low)}-{_whole(estimate.high)})"
    return f"{_whole(estimate)}%" if math.isfinite(estimate) else UNKNOWN


def unlike(a: float, b: float, most: int = 6) -> tuple[str, str]:
    """Two different numbers with as few decimals as tell them apart: ('100', '100') says nothing."""
    digits = next((n for n in range(most) if f"{a:.{n}f}" != f"{b:.{n}f}"), most)
    return f"{a:.{digits}f}", f"{b:.{digits}f}"


def _whole(share: float) -> str:
    # "100%" is a strong claim: 99.7 % must not read as 100 %, nor 0.3 % as 0 %.
    value = share * 100
    if 99 < value < 99.95 or 0.05 <= value < 1:
        return f"{value:.1f}"
    return f"{value:.0f}"


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


def lr(value: float) -> str:
    """A learning rate: '1e-4', '7.5e-4', '1'; '0' for a stage that is never trained."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    mantissa = mantissa.removesuffix(".0")
    power = int(exponent)
    return mantissa if power == 0 else f"{mantissa}e{power}"


def learning_rate(rate: float) -> str:
    """'1e-3', '3e-5'; 'frozen' for 0."""
    return lr(rate) if rate > 0 else "frozen"


def minutes(value: float) -> str:
    """A budget in minutes: '10 min', '1 h 30 min', '30 s'."""
    return duration(value * 60)


def moment(unix: float) -> str:
    """When something was, in this machine's time: '2025-03-01 14:05'."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix))


def quoted(names: Sequence[str]) -> str:
    """Names between quotation marks, as `listing` has them."""
    return listing([f"'{name}'" for name in names])


def listing(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"

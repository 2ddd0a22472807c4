"""Which values become black and white where files hold more than 8 bits a sample: one range for a whole dataset.

It is chosen from what decoding saw of every image, never for one image alone: brightness may be what tells the classes
apart, and a model must see a later picture as it saw those it learned from. Pure: nothing is read from disk.

The rule (`choose`), in this order:

1. A usual range, if all values lie in it and they use it: 0 to 2^n - 1 of whole numbers (12 bits in 16), -128 to 127 of
   signed bytes, 0 to 1, -1 to 1 and 0 to 255 of floating-point numbers. It is what the instrument means by black and
   white, and does not change with the next import. Used is it when the middle 99.8 % of all pixels spread over half of
   it: then at most one of the 8 bits is lost.
2. Else the values below and above which 0.1 % of all pixels lie: a few dead or glowing pixels, or one strange image, do
   not decide what the others look like. (The usual choice for display, as in ImageJ's "enhance contrast" with 0.2 %.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPREAD, LOOKED_AT = 256, 65_536
"""Values kept of an image, and pixels of it that are looked at for them."""
CUT = 0.001
"""Share of all pixels that lie below, and above, a range by rule 2."""
USED = 0.5
"""Share of a usual range over which the values between must spread (rule 1)."""
BITS = (8, 10, 12, 14, 16, 24, 32)
"""Depths that instruments have."""
FLOATS = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))


class Values(NamedTuple):
    """What an image of more than 8 bits a sample holds; its alpha does not count."""

    kind: str
    """Of its samples, as numpy names it: 'u2', 'i2', 'f4'."""
    low: float
    high: float
    """The smallest and the largest one that is a finite number."""
    spread: bytes
    """SPREAD values that stand for all: its quantiles in equal steps, float32. Empty where none is finite."""


def seen(samples: NDArray[Any], before: Values | None = None) -> Values:
    """samples: [h, w] or [h, w, channels], of which the second and the fourth are alpha. before: of an earlier page of
    the same file, counted in."""
    import numpy as np

    colours = samples[..., :-1] if samples.shape[2:] in ((2,), (4,)) else samples
    kind = f"{samples.dtype.kind}{samples.dtype.itemsize}"
    finite = colours[np.isfinite(colours)] if kind[0] == "f" else colours.ravel()
    if not finite.size:
        return before or Values(kind, 0.0, 0.0, b"")
    step = finite.size // LOOKED_AT | 1  # odd: it falls out of step with the columns of usual widths
    spread = np.quantile(finite[::step], (np.arange(SPREAD) + 0.5) / SPREAD, method="nearest").astype(np.float32)
    low, high = float(finite.min()), float(finite.max())
    if before is None or not before.spread:
        return Values(kind, low, high, spread.tobytes())
    both = np.sort(np.concatenate([spread, np.frombuffer(before.spread, np.float32)]))[::2]
    return Values(kind, min(before.low, low), max(before.high, high), both.tobytes())


def choose(values: Sequence[Values]) -> tuple[tuple[float, float], str]:
    """The range for all images of more than 8 bits of a dataset, and which it is in words ('12 bits in 16')."""
    import numpy as np

    some = [one for one in values if one.spread]
    if not some:
        return (0.0, 1.0), "No image holds a number"
    low, high = min(one.low for one in some), max(one.high for one in some)
    pool = np.frombuffer(b"".join(one.spread for one in some), np.float32)
    middle = np.quantile(pool, [CUT, 1 - CUT], method="nearest").tolist()
    for bottom, top, said in _usual({one.kind for one in some}, low):
        if bottom <= low and high <= top:
            if middle[1] - middle[0] >= USED * (top - bottom) or low == high:
                return (bottom, top), said
            break
    if middle[0] == middle[1]:  # nearly all pixels alike: the others are what is to be seen
        middle = [low, high]
    if middle[0] == middle[1]:
        middle = [low, low + 1]
    return (middle[0], middle[1]), "More than 8 bits"


def _usual(kinds: set[str], low: float) -> list[tuple[float, float, str]]:
    """(from, to, what it is in words) of the usual ranges for samples of these kinds, the narrowest first."""
    if all(kind[0] == "f" for kind in kinds):
        return [(*one, "Floating-point numbers") for one in FLOATS]
    if kinds == {"i1"}:
        return [(-128.0, 127.0, "Signed bytes")]
    if low < 0 or any(kind[0] == "f" for kind in kinds):
        return []
    held = 8 * max(int(kind[1:]) for kind in kinds)
    return [(0.0, 2.0**bits - 1, f"{bits} bits in {held}" if bits < held else f"{bits} bits") for bits in BITS]


def in_words(value_range: tuple[float, float], which: str, deep: int, images: int) -> str:
    """What an import tells. deep: how many of its images are of more than 8 bits."""
    low, high = (f"{value:,.0f}" if value == round(value) else f"{value:.4g}" for value in value_range)
    others = f" The {images - deep:,} images of 8 bits stay as they are." if deep < images else ""
    return f"{which}: values {low} to {high} become black to white (another range: --value-range LOW,HIGH).{others}"

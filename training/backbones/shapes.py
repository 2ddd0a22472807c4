"""What an example's activations are, by their shape alone. No torch."""

from __future__ import annotations

from collections.abc import Sequence


def places(shape: Sequence[int]) -> tuple[int, ...]:
    """The axes that are places rather than channels: of maps [C, H, W] the last two, of maps [H, W, C] (Swin) the first
    two, of tokens [T, C] the first, of features [C] none. Maps are square; with three equal sides channels are first.
    """
    if len(shape) == 3:
        return (0, 1) if shape[0] == shape[1] != shape[2] else (1, 2)
    return (0,) if len(shape) == 2 else ()


def channels(shape: Sequence[int]) -> int:
    """How many numbers are left when the mean over all places is taken."""
    (axis,) = set(range(len(shape))) - set(places(shape))
    return int(shape[axis])

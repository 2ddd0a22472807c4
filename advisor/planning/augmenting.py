"""What augmented views show, in words, and whether that may change what a class means.

Judged by the classes' names alone, so what it says is a caution and never a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core import Augment, Strategy
from core.words import listing

AUGMENTED: dict[Augment, str] = {
    "light": "crops of at least half the area and mirror images",
    "crop": "crops of at least half the area, nothing mirrored",
    "colour": "crops of at least half the area and mirror images, in changed colours",
    "trivial": "crops of at least half the area and mirror images, turned, sheared, shifted or recoloured at random",
}
"""What the views of each augmentation show. 'trivial' is TrivialAugmentWide (arXiv 2103.10158)."""
SIDES = (("left", "right"), ("east", "west"), ("clockwise", "counterclockwise"), ("clockwise", "anticlockwise"))
UPS = (("up", "down"), ("top", "bottom"), ("north", "south"), ("upward", "downward"), ("upwards", "downwards"))
"""Opposites that mirroring swaps, and those that turning swaps."""
WRITTEN = frozenset(
    f"{word}{ending}"
    for word in ("letter", "digit", "number", "character", "text", "word", "sign", "arrow")
    for ending in ("", "s")
) | {"handwriting", "handwritten"}  # fmt: skip
"""Words in the name of a class that is, or bears, something written."""
COUNTED = frozenset(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"])


def augmentation_remarks(strategy: Strategy, classes: Sequence[str]) -> list[tuple[str, str]]:
    """(level, sentence) of what to keep in mind about a run's augmentation, for a strategy that descends."""
    if not strategy.adam_epochs:
        return []
    if not strategy.views:
        return [(
            "info",
            "No augmentation is on: every epoch shows the same pictures, and a small set is soon learnt by heart. "
            "Augmented views (--views 3) help against it where there is time for them.",
        )]  # fmt: skip
    told = augmentation_caution(strategy, classes)
    return [("caution", told)] if told else []


def augmentation_caution(strategy: Strategy, classes: Sequence[str]) -> str:
    """Where a mirrored or turned picture may be of another class: which ones, and what to do; else ''."""
    found = _apart(strategy, classes) if strategy.views and strategy.augment != "crop" else ()
    if not found:
        return ""
    changed = "turned or mirrored" if strategy.augment == "trivial" else "mirrored"
    names = listing([f"'{name}'" for name in found])
    return (
        f"Some augmented views are {changed}, which may change what {names} {'mean' if len(found) > 1 else 'means'}. "
        "If it does, train with crops alone: --augment crop."
    )


def _apart(strategy: Strategy, classes: Sequence[str]) -> tuple[str, ...]:
    """One or two classes that mirroring (and with 'trivial', turning) may change: those named by two opposite sides,
    those that are something written, and single letters, digits and number words where they are half of all."""
    words = {name: re.findall(r"[^\W\d_]+|\d+", name.casefold()) for name in classes}
    for one, other in SIDES + (UPS if strategy.augment == "trivial" else ()):
        pair = [next((name for name in classes if word in words[name]), None) for word in (one, other)]
        if pair[0] and pair[1]:
            return pair[0], pair[1]
    for name in classes:
        if WRITTEN.intersection(words[name]):
            return (name,)
    single = [name for name in classes if len(name.strip()) == 1 or name.strip().casefold() in COUNTED]
    return tuple(single[:2]) if len(single) > 1 and 2 * len(single) >= len(classes) else ()

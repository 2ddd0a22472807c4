"""Which reading of a source is taken: the one that is clear, or none without a question. Pure.

A question is asked only where two readings of the same strength fit about as well and give the same images other
labels, or where a reading cannot be taken without one. Where one explains the images and no other does, none is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import DataError, ReadingAsked
from core.words import counted
from dataset.readings.reading import ReadAs, Reading

AS_WELL = 0.8
"""Share of the images of the best reading that another one has to label to fit about as well."""
MOST_OFFERED = 8


@dataclass(frozen=True)
class Choice:
    """The reading that is taken, and what else there was."""

    reading: Reading
    others: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()


def choose(readings: Sequence[Reading], read_as: ReadAs) -> Choice:
    """The reading to take. Raises ReadingAsked where somebody has to say; DataError where `read_as` names none."""
    if read_as.read_as:
        named = [one for one in readings if one.key == read_as.read_as]
        named = named or [one for one in readings if read_as.read_as in _short_keys(one)]
        if not named:
            keys = ", ".join(f"'{one.key}'" for one in readings[:MOST_OFFERED]) or "none"
            raise DataError(f"There is no reading '{read_as.read_as}' of these images; there are: {keys}.")
        if len(named) == 1:
            return Choice(named[0], _others(readings, named[0]))
    else:
        named = list(readings)
    strongest = max(one.strength for one in named)
    strong = [one for one in named if one.strength == strongest]
    most = max(one.named for one in strong)
    fitting = [one for one in strong if one.named >= AS_WELL * most]
    best = max(fitting, key=_worth)
    agreeing = {one.used for one in fitting if one.doubt and one is not best and agree(best, one)}
    rivals = [one for one in fitting if one is not best and not agree(best, one)]
    if not best.doubt:  # of several columns of a table the one is meant that says what the folders say
        rivals = [one for one in rivals if not (one.doubt and one.used in agreeing)]
    if best.doubt or (rivals and strongest > 1):
        asked = [best, *(one for one in named if one.doubt and one is not best), *rivals]
        tables = {one.used for one in asked if one.used and best.doubt}
        raise _question([*asked, *(one for one in readings if one.used in tables)], best)
    return Choice(best, _others(readings, best))


def agree(one: Reading, other: Reading) -> bool:
    """Whether two readings part the images that both label alike, whatever they call the classes."""
    mine, theirs = one.labels, other.labels
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    for image in mine.keys() & theirs.keys():
        a, b = mine[image], theirs[image]
        if there.setdefault(a, b) != b or back.setdefault(b, a) != a:
            return False
    return True


def _worth(one: Reading) -> tuple[bool, bool, int, bool, bool]:
    """Of readings that agree: one with a split, of more images, with names rather than numbers, of a table."""
    numbers = all(name.isdigit() for name in one.classes)
    return (not one.doubt, bool(one.split_from), round(50 * one.named / max(1, one.total)), not numbers, bool(one.used))


def _short_keys(one: Reading) -> set[str]:
    """What somebody may type for a key: the file, with or without its folders and the column."""
    file, _, column = one.key.partition(":")
    name = file.rpartition("/")[2]
    return {file, name, f"{name}:{column}"}


def _others(readings: Sequence[Reading], taken: Reading) -> tuple[Reading, ...]:
    rest = sorted((one for one in readings if one is not taken), key=lambda one: (-one.strength, -one.named))
    return tuple(rest[:MOST_OFFERED])


def _question(asked: Sequence[Reading], best: Reading) -> ReadingAsked:
    unique = list({one.key: one for one in asked}.values())[:MOST_OFFERED]
    why = best.doubt
    if not why:
        mine, theirs = best.labels, unique[1].labels
        differ = sum(mine[image] != theirs[image] for image in mine.keys() & theirs.keys())
        why = f"{len(unique)} readings fit about as well, and the first two differ on {counted(differ, 'image')}"
    return ReadingAsked(f"These images can be read in more than one way: {why}. Choose the one that is meant.", unique)

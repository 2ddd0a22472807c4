"""Readings of the folders: their names are the classes, at one level or another. Pure: names only."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace

from core import DataError
from dataset import EXPECTED, OUTERMOST, ClassFrom, Layout, class_from, find_layout, nested_levels
from dataset.readings.folder_names import masks_of, short, telling
from dataset.readings.reading import Listing, Reading, Strength
from dataset.readings.tidy import Tidied, tidy

KEY = "folders"
_EITHER = "folders lie in folders, and those of either level may be the classes"
MOST_LEVELS = 3
_WHAT = {"innermost": "the innermost folders", "path": "the whole paths of folders", 1: "the folders"}


def folder_readings(listing: Listing, asked: str = "") -> tuple[list[Reading], DataError | None]:
    """(the usual reading of the folders first, then those of other levels; why there is none).

    asked: 'folders', 'folders:2', ...: only this one is made. Raises DataError when it names no level.
    """
    tidied = tidy(listing)
    wanted = class_from(asked.partition(":")[2] or "1") if asked else OUTERMOST
    try:
        usual = _reading(listing, tidied, wanted, 4 if asked else 3)
    except DataError as error:
        if asked:
            raise
        return [], error
    if asked:
        return [usual], None
    if pair := masks_of(_stems(usual)):
        return [], _masks(*pair)
    found = _with_unlabelled_test(listing, tidied, usual)
    if not tidied.changed and _either_level(usual):
        inner = _reading(listing, tidied, 2, 3)
        found = [replace(usual, doubt=_EITHER), replace(inner, doubt=_EITHER)]
    levels = nested_levels(one.path for one in usual.layout.placed)
    if levels > 1 and not tidied.changed:
        others: list[ClassFrom] = [*range(2, min(levels, MOST_LEVELS) + 1), "innermost", "path"]
        for level in others:
            if level == 2 and len(found) > 1:
                continue
            with suppress(DataError):
                found.append(_reading(listing, tidied, level, 1))
    return found, None


def _reading(listing: Listing, tidied: Tidied, classes_from: ClassFrom, strength: Strength) -> Reading:
    if tidied.changed:
        plain = find_layout(list(tidied.images), tidied.folders, classes_from)
        layout = _as_it_lies(plain, tidied)
    else:
        layout = find_layout(listing.images, tidied.folders, classes_from)
    if strength == 3 and (len(layout.classes) < 2 or not telling(layout.classes)):
        strength = 0
    elif strength == 3 and short(layout.classes):
        strength = 2
    what = _WHAT.get(classes_from, f"the folders at level {classes_from}")
    return Reading(
        key=KEY if classes_from == OUTERMOST else f"{KEY}:{classes_from}",
        what=f"Classes from {what}",
        layout=layout,
        total=len(listing.images) - tidied.again,
        strength=strength,
        split_from="the folders" if any(one.split for one in layout.placed) else "",
    )


def _either_level(usual: Reading) -> bool:
    """Whether all images lie in folders in the class folders, and these are named like classes of their own."""
    top = 1 if usual.split_from else 0
    pairs = Counter(tuple(one.path.split("/")[top:-1]) for one in usual.layout.placed)
    if usual.strength != 3 or any(len(pair) != 2 for pair in pairs) or min(pairs.values(), default=0) < 2:
        return False
    outer, inner = (tuple({pair[at] for pair in pairs}) for at in (0, 1))
    own = len(inner) > 0.5 * len(pairs) and len(pairs) > len(outer) > 1
    return own and telling(inner) and not short(inner)


def _stems(usual: Reading) -> dict[str, set[str]]:
    """Class -> names of the files in its folder, without their endings."""
    stems: dict[str, set[str]] = {name: set() for name in usual.classes}
    for one in usual.layout.placed:
        stems[usual.classes[one.label]].add(one.given.rpartition("/")[2].rpartition(".")[0])
    return stems


def _masks(images: str, masks: str) -> DataError:
    return DataError(
        f"The folders '{images}' and '{masks}' hold files of the same names, as images and their masks do: they are no "
        "two classes, and nothing else says what the images show. Thaw learns one class an image: add a table of "
        f"labels, or, if the folders are the classes, import again with --read-as {KEY}."
    )


def _as_it_lies(plain: Layout, tidied: Tidied) -> Layout:
    """With the paths that the images have, but for the folders around everything."""
    above = 0
    if plain.placed:
        above = plain.placed[0].given.count("/") - plain.placed[0].path.count("/")
    placed = []
    for one in plain.placed:
        given = tidied.images[one.given]
        placed.append(replace(one, given=given, path="/".join(given.split("/")[above:])))
    aside = tuple((tidied.images[path], reason) for path, reason in plain.set_aside)
    return Layout(plain.classes, tuple(placed), (*aside, *tidied.set_aside), (*tidied.notes, *plain.notes))


def _with_unlabelled_test(listing: Listing, tidied: Tidied, usual: Reading) -> list[Reading]:
    """Beside class folders, one heap called 'test' is a class or images without a label: both, and a question."""
    names = [name for name in usual.classes if name.casefold() in ("test", "testing", "predict")]
    if len(usual.classes) < 3 or len(names) != 1 or usual.split_from:
        return [usual]
    (name,) = names
    number = usual.classes.index(name)
    inside = [one for one in usual.layout.placed if one.label == number]
    kept = tuple(
        replace(one, label=one.label - (one.label > number)) for one in usual.layout.placed if one.label != number
    )
    aside = (*usual.layout.set_aside, *((one.given, f"has no label: it lies in '{name}'") for one in inside))
    classes = tuple(one for one in usual.classes if one != name)
    without = replace(
        usual, key=f"{KEY}-without-{name}", what=f"Classes from the folders, those in '{name}' without a label",
        layout=replace(usual.layout, classes=classes, placed=kept, set_aside=aside),
    )  # fmt: skip
    doubt = f"'{name}' may be a class, or the images that are to be classified"
    return [replace(usual, doubt=doubt), replace(without, doubt=doubt)]


def no_class_in(names: tuple[str, ...]) -> DataError:
    """Why folders with these names alone are not taken as classes."""
    some = ", ".join(f"'{name}'" for name in names[:3])
    return DataError(
        f"The folders ({some}) are named like parts of a whole, not like classes, and nothing else says what the "
        f"images show. Add a table of labels, or, if the folders are the classes, import again with --read-as {KEY}. "
        f"{EXPECTED}"
    )

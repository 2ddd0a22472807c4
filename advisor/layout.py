"""Reads splits and classes from the names of folders. Pure: works on relative paths, never on the disk.

Understood are `train/<class>/...` with val, valid, validation and test beside it (any case), and
`<class>/...`. Folders wrapped around these are skipped; folders inside a class folder belong to the class.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advisor.errors import DataError
from advisor.types import Split

SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
EXPECTED = (
    "Thaw expects one folder for each class with its images inside (cats/1.jpg, dogs/1.jpg), "
    "or such class folders inside train/, val/ and test/."
)


@dataclass(frozen=True)
class Placed:
    """One image with the place the folders give it."""

    given: str
    """Relative path as it came."""
    path: str
    """The same without wrapper folders: the path under `images/`."""
    label: int
    split: str
    """'train', 'val', 'test', or '' when there are no splits."""


@dataclass(frozen=True)
class Layout:
    classes: tuple[str, ...]
    """Folder names, sorted; also those in which no image was found."""
    placed: tuple[Placed, ...]
    set_aside: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def find_layout(images: Sequence[str], folders: Iterable[str]) -> Layout:
    """Splits and classes of these images.

    `images`: relative paths with forward slashes. `folders`: relative paths of the folders, so that empty
    ones are seen as well; those above an image need not be listed. Raises DataError when they show no layout.
    """
    paths = sorted(tuple(path.split("/")) for path in images)
    if not paths:
        raise DataError(f"No images were found. {EXPECTED}")
    tree = {tuple(folder.split("/")) for folder in folders} | {path[:-1] for path in paths}
    tree |= {folder[:depth] for folder in tree for depth in range(1, len(folder))}
    tree.discard(())
    wrapper = _wrapper(paths, tree)
    notes = []
    if wrapper:
        folder = "/".join(wrapper)
        notes.append(f"The folder '{folder}' around the data was skipped.")
    inner_paths = [path[len(wrapper) :] for path in paths]
    inner_tree = {folder[len(wrapper) :] for folder in tree if len(folder) > len(wrapper)}
    splits = _splits(inner_paths, inner_tree)
    level = 1 if splits else 0
    """Index of the class folder in a path."""

    class_folders = {
        folder for folder in inner_tree if len(folder) == level + 1 and (not splits or folder[0] in splits)
    }
    classes = tuple(sorted({_class_name(folder[-1]) for folder in class_folders}))
    index = {name: number for number, name in enumerate(classes)}
    placed, set_aside, inside = [], [], Counter[str]()
    for path in inner_paths:
        given = "/".join(wrapper + path)
        if splits and path[0] not in splits:
            set_aside.append((given, f"lies outside {_listed(sorted(splits))}"))
        elif len(path) < level + 2:
            set_aside.append((given, "lies in no class folder"))
        else:
            inside.update(path[level + 1 : -1])
            split = splits[path[0]] if splits else ""
            placed.append(Placed(given, "/".join(path), index[_class_name(path[level])], split))
    notes += _notes(splits, classes, inside, placed, level)
    return Layout(classes, tuple(placed), tuple(set_aside), tuple(notes))


def _wrapper(paths: Sequence[tuple[str, ...]], tree: set[tuple[str, ...]]) -> tuple[str, ...]:
    """The folders around all others: each is the only one on its level, and neither a split nor a class."""
    wrapper: tuple[str, ...] = ()
    while True:
        depth = len(wrapper)
        inside = {folder for folder in tree if len(folder) == depth + 1}
        loose = any(len(path) == depth + 1 for path in paths)
        if len(inside) != 1 or loose:
            return wrapper
        (only,) = inside
        is_class = any(len(path) == depth + 2 for path in paths)
        deeper = any(len(folder) > depth + 1 for folder in tree)
        if is_class or not deeper or split_of(only[-1]):
            return wrapper
        wrapper = only


def split_of(folder: str) -> Split | None:
    return SPLIT_NAMES.get(folder.lower())


def _splits(paths: Sequence[tuple[str, ...]], tree: set[tuple[str, ...]]) -> dict[str, Split]:
    """Top folders that are splits, and the split each stands for; {} when the top folders are classes."""
    tops = sorted({folder[0] for folder in tree})
    named = {top: split for top in tops if (split := split_of(top))}
    with_classes = {folder[0] for folder in tree if len(folder) > 1}
    if not tops:
        raise DataError(
            f"All images lie in one folder, so nothing says which class they belong to. {EXPECTED}"
        )
    if any(split == "train" and top in with_classes for top, split in named.items()):
        return named
    if len(named) < len(tops):
        return {}  # a class may be called 'test', beside others
    if "train" in named.values():
        raise DataError(f"The folder 'train' holds no class folders. {EXPECTED}")
    raise DataError(f"There is {_listed(tops)}, but no 'train' folder to learn from. {EXPECTED}")


def _class_name(folder: str) -> str:
    """One spelling for accents, whichever system packed the folder."""
    return unicodedata.normalize("NFC", folder)


def _notes(
    splits: dict[str, Split],
    classes: Sequence[str],
    inside: Counter[str],
    placed: Sequence[Placed],
    level: int,
) -> list[str]:
    notes = []
    if inside:
        deeper = sum(one.path.count("/") > level + 1 for one in placed)
        notes.append(
            f"{deeper:,} images lie in folders inside a class folder; they were counted to that class."
        )
        if {split_of(folder) for folder in inside} - {None}:
            notes.append(
                "Some class folders hold folders called train, val or test. They were not read as splits: "
                "put the split folders outside, around the class folders, if they are meant as such."
            )
    doubled = [split for split, times in Counter(splits.values()).items() if times > 1]
    for split in doubled:
        notes.append(f"{_listed([top for top in splits if splits[top] == split])} were joined as one split.")
    present = {one.split for one in placed}
    if splits and "test" not in present:
        notes.append(
            "No test images were given: a fifth of the training images will be held out for the test."
        )
    folded = Counter(name.casefold() for name in classes)
    for name in sorted(folded):
        if folded[name] > 1:
            same = [one for one in classes if one.casefold() == name]
            notes.append(
                f"{_listed(same)} differ only in case and are separate classes. Rename them if they are one."
            )
    return notes


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]

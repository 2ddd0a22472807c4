"""Reads splits and classes from the names of folders. Pure: works on relative paths, never on the disk.

Understood are `train/<class>/...` with val and test beside it (as people call them: `split_words`), and
`<class>/...`. Folders wrapped around these are skipped. Where folders lie in folders, `ClassFrom` says which of them is
the class; by default the outermost, and those inside belong to it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from core import DataError, Split
from core.names import MAX_DEPTH
from core.words import quoted
from dataset.split_words import sides_of, split_of

ClassFrom = int | Literal["innermost", "path"]
"""Which folder of `a/b/c/1.jpg` is the class: a level (1 = a, the default; 2 = b), the innermost (c), or the whole path
('a/b/c')."""
OUTERMOST = 1

EXPECTED = (
    "Thaw expects one folder for each class with its images inside (cats/1.jpg, dogs/1.jpg), "
    "or such class folders inside train/, val/ and test/."
)

_NO_FOLDER = "lies in no class folder"


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
    group: str = ""
    """What it belongs to together with others; '' = to nothing."""


@dataclass(frozen=True)
class Layout:
    classes: tuple[str, ...]
    """Folder names, sorted; also those in which no image was found."""
    placed: tuple[Placed, ...]
    set_aside: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    grouped_by: str = ""
    """What says the groups, as `DatasetRef.grouped_by`; '' = nothing does."""


def class_from(text: str) -> ClassFrom:
    """'2', 'innermost' or 'path', as typed. Raises DataError for anything else."""
    word = text.strip().lower()
    if word == "innermost" or word == "path":
        return word  # type: ignore[return-value]
    if word.isascii() and word.isdigit() and 1 <= int(word) <= MAX_DEPTH:
        return int(word)
    raise DataError(f"'{text}' names no class folder: give a level (1 is the outermost), 'innermost' or 'path'.")


def find_layout(images: Sequence[str], folders: Iterable[str], classes_from: ClassFrom = OUTERMOST) -> Layout:
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
    splits = _splits(inner_tree)
    top = 1 if splits else 0
    """Index of the outermost class folder in a path."""

    within = {folder for folder in inner_tree if not splits or folder[0] in splits}
    above = {folder[:-1] for folder in within}
    holding = {path[:-1] for path in inner_paths}
    ends = {folder for folder in within if isinstance(classes_from, int) or folder in holding or folder not in above}
    classes = tuple(sorted({name for folder in ends if (name := _class_of(folder, top, classes_from))}))
    if not classes:
        deepest = max(len(folder) for folder in within) - top
        raise DataError(
            f"No folder lies at level {classes_from}: the class folders go {deepest} deep. Choose a level from 1 to "
            f"{deepest}, 'innermost' or 'path', and import again."
        )
    index = {name: number for number, name in enumerate(classes)}
    placed, set_aside, inside = [], [], Counter[str]()
    for path in inner_paths:
        given = "/".join(wrapper + path)
        if splits and path[0] not in splits:
            set_aside.append((given, f"lies outside {quoted(sorted(splits))}"))
        elif (name := _class_of(path[:-1], top, classes_from)) is None:
            set_aside.append((given, f"lies above level {classes_from}" if len(path) > top + 1 else _NO_FOLDER))
        else:
            inside.update(path[top + 1 : -1])
            split = splits[path[0]] if splits else ""
            placed.append(Placed(given, "/".join(path), index[name], split))
    notes += _notes(splits, classes, inside, placed, top, classes_from)
    return Layout(classes, tuple(placed), tuple(set_aside), tuple(notes))


def nested_levels(paths: Iterable[str]) -> int:
    """How many folders lie inside one another above these images, splits not counted: 1 where nothing is nested."""
    tops = [path.split("/")[:-1] for path in paths]
    split = bool(tops) and all(folders and split_of(folders[0]) for folders in tops)
    return max((len(folders) - split for folders in tops), default=0)


def _class_of(folder: tuple[str, ...], top: int, classes_from: ClassFrom) -> str | None:
    """The class of the images in this folder; None when it lies above the class folders."""
    if isinstance(classes_from, int):
        return _class_name(folder[top + classes_from - 1]) if len(folder) >= top + classes_from else None
    if len(folder) <= top:
        return None
    return _class_name("/".join(folder[top:]) if classes_from == "path" else folder[-1])


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


def _splits(tree: set[tuple[str, ...]]) -> dict[str, Split]:
    """Top folders that are splits, and the split each stands for; {} when the top folders are classes."""
    tops = sorted({folder[0] for folder in tree})
    named = sides_of(tops)
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
    raise DataError(f"There is {quoted(tops)}, but no 'train' folder to learn from. {EXPECTED}")


def _class_name(folder: str) -> str:
    """One spelling for accents, whichever system packed the folder."""
    return unicodedata.normalize("NFC", folder)


def _notes(
    splits: dict[str, Split],
    classes: Sequence[str],
    inside: Counter[str],
    placed: Sequence[Placed],
    top: int,
    classes_from: ClassFrom,
) -> list[str]:
    notes = []
    if inside:
        notes.append(_nested(placed, top, classes_from))
        if {split_of(folder) for folder in inside} - {None}:
            notes.append(
                "Some class folders hold folders called train, val or test. They were not read as splits: "
                "put the split folders outside, around the class folders, if they are meant as such."
            )
    doubled = [split for split, times in Counter(splits.values()).items() if times > 1]
    for split in doubled:
        notes.append(f"{quoted([top for top in splits if splits[top] == split])} were joined as one split.")
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
                f"{quoted(same)} differ only in case and are separate classes. Rename them if they are one."
            )
    return notes


def _nested(placed: Sequence[Placed], top: int, classes_from: ClassFrom) -> str:
    """What was made of folders inside folders."""
    if classes_from == "path":
        return "Folders lie inside folders: each whole path was read as one class."
    if classes_from == "innermost":
        inner = "Folders lie inside folders: the innermost one was read as the class."
        whole = {_class_of(tuple(one.path.split("/")[:-1]), top, "path") for one in placed}
        joined = [name for name, times in Counter(str(path).rpartition("/")[2] for path in whole).items() if times > 1]
        if joined:
            inner += f" In more than one place, and joined: {quoted(sorted(joined)[:5])}."
        return inner
    deeper = sum(one.path.count("/") > top + classes_from for one in placed)
    return (
        f"{deeper:,} images lie in folders inside a class folder; they were counted to that class. If the inner "
        "folders are the classes, import again with the innermost folder, a level or the whole path as class."
        if classes_from == OUTERMOST
        else f"The folders at level {classes_from} were read as classes; {deeper:,} images lie deeper and were counted "
        "to theirs."
    )

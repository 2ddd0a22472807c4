"""The edits of a dataset and their rules: what each does to a manifest, in a sentence, and what is refused. Pure.

`revisions` reads and writes; here rows come in and rows go out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from core import EXCLUDED, SPLITS, DataError, TooFewImages
from core.names import MAX_NAME_BYTES, printable
from core.words import counted, listing
from dataset.folder import Row

Action = Literal["relabel", "exclude", "restore", "merge", "split"]

MIN_PER_CLASS = 2
"""Images that a class keeps, as an import asks: one to learn from and one to judge by."""
SIDES: dict[str, str] = {"train": "training", "val": "validation", "test": "test"}
"""What the splits are called in sentences."""
MOST_NAMED = 3
"""Files or classes listed by name in a sentence."""


@dataclass(frozen=True)
class Edit:
    """One change. Raises DataError when it contradicts itself."""

    action: Action
    paths: tuple[str, ...] = ()
    """The images meant, as the manifest names them; not for 'merge'."""
    to: str = ""
    """'relabel': a class that is there. 'split': 'train', 'val' or 'test'. 'merge': a class, which may be a new one."""
    classes: tuple[str, ...] = ()
    """'merge': the classes that become one."""

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise DataError(f"An edit is one of {', '.join(get_args(Action))}, not '{self.action}'.")
        if self.action == "merge":
            self._check_merge()
        elif self.classes:
            raise DataError(f"'{self.action}' takes images, not classes.")
        elif not self.paths:
            raise DataError(f"Choose at least one image to {_VERBS[self.action]}.")
        if self.action == "split" and self.to not in SPLITS:
            raise DataError(f"An image can be moved to {', '.join(SPLITS)}, not to '{self.to}'.")
        if self.action == "relabel" and not self.to:
            raise DataError("Choose the class that the images belong to.")
        if self.action in ("exclude", "restore") and self.to:
            raise DataError(f"'{self.action}' takes no target, so '{self.to}' means nothing here.")

    def _check_merge(self) -> None:
        if self.paths:
            raise DataError("'merge' takes classes, not images.")
        if not self.classes:
            raise DataError("Choose the classes to merge.")
        if not self.to:
            raise DataError("Choose the class to merge into, or a name for the new one.")
        if set(self.classes) == {self.to}:
            raise DataError(f"'{self.to}' cannot be merged into itself: choose another class as well.")
        if printable(self.to).strip() != self.to or len(self.to.encode()) > MAX_NAME_BYTES:
            raise DataError(
                f"'{printable(self.to)[:60]}' cannot be the name of a class: it is plain text of at most "
                f"{MAX_NAME_BYTES} bytes, without blanks around it."
            )


_VERBS = {"relabel": "relabel", "exclude": "exclude", "restore": "restore", "split": "move"}


def edited(
    rows: Sequence[Row],
    classes: Sequence[str],
    origin: Sequence[Row],
    origin_classes: Sequence[str],
    edits: Sequence[Edit],
) -> tuple[list[Row], tuple[str, ...], str]:
    """(rows, classes, what was done in sentences) after the edits, taken one after the other and judged as a whole.

    rows, origin: the manifests of what is edited and of its import, in one order. Classes are sorted as an import sorts
    them; one that keeps no image is gone. Raises DataError for what is not there (paths, classes) or excluded, and
    TooFewImages where a class would be left with too little to learn from; a fault that was there before is not one of
    the edit.
    """
    table = _Table(rows, classes, origin, origin_classes)
    told = [sentence for edit in edits if (sentence := table.take(edit))]
    new, kept = table.result()
    gone = [name for name in table.known if name not in kept]
    if told and gone:
        these = listing([f"'{name}'" for name in gone])
        told.append(f"No image is left in {these}, so {'it is' if len(gone) == 1 else 'they are'} no class any more.")
    _check(_Counts.of(rows, classes), _Counts.of(new, kept))
    return new, kept, " ".join(told)


class _Table:
    """A manifest while it is edited: class names instead of numbers, so that merging moves nothing else."""

    def __init__(
        self, rows: Sequence[Row], classes: Sequence[str], origin: Sequence[Row], origin_classes: Sequence[str]
    ) -> None:
        self._rows, self._origin = rows, origin
        self._first_names = [origin_classes[row.label] for row in origin]
        named = zip(rows, self._first_names, strict=True)
        self._names = [classes[row.label] if row.label >= 0 else first for row, first in named]
        self._splits = [row.split for row in rows]
        self._at: dict[str, int] = {row.path: number for number, row in enumerate(rows)}
        self.known = list(classes)

    def take(self, edit: Edit) -> str:
        """Make one edit; what was done in a sentence, '' when there was nothing to do."""
        if edit.action == "merge":
            return self._merge(edit)
        numbers = self._find(edit.paths)
        if edit.action == "exclude":
            return self._exclude(numbers)
        if edit.action == "restore":
            return self._restore(numbers)
        out = [self._rows[number].path for number in numbers if self._splits[number] == EXCLUDED]
        if out:
            raise DataError(f"{_named(out)} {_is(out)} excluded: restore {_it(out)} before anything else is changed.")
        return self._relabel(numbers, edit.to) if edit.action == "relabel" else self._move(numbers, edit.to)

    def result(self) -> tuple[list[Row], tuple[str, ...]]:
        """The edited rows, and the classes that they are of."""
        live = {name for name, split in zip(self._names, self._splits, strict=True) if split != EXCLUDED}
        classes = tuple(sorted(live))
        index = {name: number for number, name in enumerate(classes)}
        columns = zip(self._rows, self._names, self._first_names, self._splits, strict=True)
        return [
            row._replace(label=index.get(name, index.get(first, -1)), split=split)
            for row, name, first, split in columns
        ], classes

    def _find(self, paths: Sequence[str]) -> list[int]:
        unknown = [path for path in paths if path not in self._at]
        if unknown:
            raise DataError(f"{_named(unknown)} {_is(unknown)} not among the images of this dataset.")
        return [self._at[path] for path in dict.fromkeys(paths)]

    def _class(self, name: str) -> str:
        if name not in self.known:
            some = ", ".join(self.known[:10]) + (", ..." if len(self.known) > 10 else "")
            raise DataError(f"There is no class '{printable(name)[:60]}' in this dataset. Its classes: {some}.")
        return name

    def _relabel(self, numbers: list[int], to: str) -> str:
        self._class(to)
        changed = [number for number in numbers if self._names[number] != to]
        before = {self._names[number] for number in changed}
        for number in changed:
            self._names[number] = to
        if not changed:
            return ""
        source = f" from '{before.pop()}'" if len(before) == 1 else ""
        return f"Relabelled {self._told(changed)}{source} to '{to}'."

    def _exclude(self, numbers: list[int]) -> str:
        changed = [number for number in numbers if self._splits[number] != EXCLUDED]
        for number in changed:
            self._splits[number] = EXCLUDED
        return f"Excluded {self._told(changed)}." if changed else ""

    def _restore(self, numbers: list[int]) -> str:
        """The split goes back to the import's; the class is the one the image had, or the import's where it is gone."""
        changed = [number for number in numbers if self._splits[number] == EXCLUDED]
        for number in changed:
            self._splits[number] = self._origin[number].split
            if self._names[number] not in self.known:
                self.known.append(self._names[number])
        return f"Restored {self._told(changed)}." if changed else ""

    def _move(self, numbers: list[int], to: str) -> str:
        """Copies of one file and images of one group never stand on two sides: they move along."""
        changed = [number for number in numbers if self._splits[number] != to]
        groups = {self._rows[number].group for number in changed} - {""}
        free = [
            number
            for number in sorted(set(range(len(self._rows))) - set(numbers))
            if self._splits[number] not in (to, EXCLUDED)
        ]
        mates = [number for number in free if self._rows[number].group in groups]
        digests = {self._rows[number].digest for number in [*changed, *mates]}
        copies = sorted({number for number in free if self._rows[number].digest in digests} - set(mates))
        for number in [*changed, *mates, *copies]:
            self._splits[number] = to
        if not changed:
            return ""
        along = [counted(len(copies), "copy", "copies")] if copies else []
        if mates:
            along.append(f"{counted(len(mates), 'image')} of the same {'groups' if len(groups) > 1 else 'group'}")
        with_it = f", and {' and '.join(along)} along with {'it' if len(changed) == 1 else 'them'}" if along else ""
        return f"Moved {self._told(changed)} to {SIDES[to]}{with_it}."

    def _merge(self, edit: Edit) -> str:
        away = {self._class(name) for name in edit.classes} - {edit.to}
        images = sum(name in away and split != EXCLUDED for name, split in zip(self._names, self._splits, strict=True))
        renamed = len(away) == 1 and edit.to not in self.known
        self._names = [edit.to if name in away else name for name in self._names]
        self.known = [name for name in self.known if name not in away]
        if edit.to not in self.known:
            self.known.append(edit.to)
        these = listing([f"'{name}'" for name in sorted(away)])
        if renamed:
            return f"Renamed {these} to '{edit.to}'."
        return f"Merged {these} into '{edit.to}' ({counted(images, 'image')})."

    def _told(self, numbers: Sequence[int]) -> str:
        return f"'{self._rows[numbers[0]].path}'" if len(numbers) == 1 else counted(len(numbers), "image")


@dataclass(frozen=True)
class _Counts:
    """What the checks look at: images per class, and the classes that have something to learn from."""

    images: dict[str, int]
    taught: set[str]
    """With a training image that is not byte for byte in validation or test."""

    @classmethod
    def of(cls, rows: Sequence[Row], classes: Sequence[str]) -> _Counts:
        live = [row for row in rows if row.split != EXCLUDED]
        held = {row.digest for row in live if row.split in ("val", "test")}
        learned = Counter(row.label for row in live if row.split in ("", "train") and row.digest not in held)
        every = Counter(row.label for row in live)
        return cls(
            {name: every[label] for label, name in enumerate(classes)},
            {name for label, name in enumerate(classes) if learned[label]},
        )


def _check(before: _Counts, after: _Counts) -> None:
    """Raise TooFewImages for what the edit, and not the import, leaves too small to learn from."""
    if len(after.images) < 2:
        raise TooFewImages("Only one class would be left. A model needs at least two to tell apart.")
    small = {name: images for name, images in after.images.items() if images < MIN_PER_CLASS}
    if small:
        some = "; ".join(f"'{name}' would have {images}" for name, images in list(small.items())[:10])
        raise TooFewImages(
            f"A class needs at least {MIN_PER_CLASS} images: {some}. Leave it another one, or take the class out "
            "whole: merge it into another, or exclude its last image too."
        )
    untaught = [name for name in after.images if name not in after.taught and name in before.taught]
    if untaught or len(after.taught) < 2 <= len(before.taught):
        some = listing([f"'{name}'" for name in untaught[:10]]) or "More than one class"
        raise TooFewImages(
            f"{some} would have no training image that is not also in validation or test, so no model could learn "
            f"{'it' if len(untaught) < 2 else 'them'}. Leave a training image there."
        )


def _named(paths: Sequence[str]) -> str:
    """'a.png', or 'a.png', 'b.png' and 4 more."""
    shown = [f"'{printable(path)[:200]}'" for path in paths[:MOST_NAMED]]
    rest = len(paths) - len(shown)
    return listing([*shown, f"{rest:,} more"]) if rest else listing(shown)


def _is(paths: Sequence[str]) -> str:
    return "is" if len(paths) == 1 else "are"


def _it(paths: Sequence[str]) -> str:
    return "it" if len(paths) == 1 else "them"

"""What a reading of a source is: one way to say what each of its images shows, with the evidence for it.

A reader makes readings, a judge takes one of them; neither opens an image, and nothing here touches the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from core import DataError
from core.words import counted
from dataset.layout import Layout

Strength = Literal[0, 1, 2, 3, 4]
"""What a reading may claim: 0 = taken only for want of anything else (one class, folders named like parts), 1 = offered
beside a clear one (another column, predictions), 2 = by what the cells hold alone, 3 = by name too, 4 = asked for."""
FEW = 3


KEY = "folders"
"""Of the usual reading of the folders; those of other levels begin so."""


def by_folders(key: str) -> bool:
    """Whether this is the key of a reading of the folders, not of a table in a folder of that name."""
    return key.startswith(KEY) and "." not in key  # a table's has the ending of its file


@dataclass(frozen=True)
class ReadAs:
    """What somebody said about how a source is to be read; '' = Thaw finds it."""

    read_as: str = ""
    """The key of a reading: 'folders', 'folders:2', 'labels.csv', 'labels.csv:species'."""
    label_column: str = ""
    path_column: str = ""
    split_column: str = ""
    group_column: str = ""

    def __post_init__(self) -> None:
        if by_folders(self.read_as) and (self.label_column or self.path_column or self.split_column):
            raise DataError("Folders have no columns: leave out --read-as folders, or the columns.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that were named."""
        named = (self.label_column, self.path_column, self.split_column, self.group_column)
        return tuple(name for name in named if name)

    def __bool__(self) -> bool:
        return bool(self.read_as or self.columns)


UNSAID = ReadAs()


@dataclass(frozen=True)
class Listing:
    """All files of a source, by relative path; where they lie is known to whoever opens them."""

    images: tuple[str, ...]
    folders: tuple[str, ...] = ()
    """Folders that were seen, those without an image included."""
    others: tuple[str, ...] = ()
    """Files that are no images: tables, JSON, text, and anything else."""
    same: Callable[[str, str], bool] = field(default=lambda one, other: False, compare=False)
    """Whether two images are the same file; asked only where they have the same name in two packs."""


@dataclass(frozen=True)
class Reading:
    """One way to read a source."""

    key: str
    """By which it can be asked for (`ReadAs.read_as`)."""
    what: str
    """Where the classes are from: "Classes from column 'dx' of metadata.csv"."""
    layout: Layout
    """Every image that has a label, with its class and split; what was left out, with the reason; notes."""
    total: int
    """Images in the source, labelled or not."""
    strength: Strength = 2
    split_from: str = ""
    """Where the given split is from; '' = there is none, and Thaw makes one."""
    used: frozenset[str] = frozenset()
    """Files that this was read from."""
    read_from: str = ""
    """The tables among them that list images, as people call them."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Image -> what it belongs to (patient, scene), so that it stays on one side; {} = not said."""
    groups_from: str = ""
    groups_file: str = ""
    """Another file than those of `used` that says the groups."""
    doubt: str = ""
    """Why this cannot be taken without a question, even alone (several labels for one image); '' = it can."""

    @property
    def files(self) -> frozenset[str]:
        """All files that say something of the images."""
        return self.used | {self.groups_file} if self.groups_file else self.used

    @property
    def named(self) -> int:
        """Images that it gives a label."""
        return len(self.layout.placed)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.layout.classes

    @property
    def labels(self) -> dict[str, str]:
        """Image -> its class's name."""
        return {one.given: self.layout.classes[one.label] for one in self.layout.placed}

    def grouped(self) -> Layout:
        """The layout, with what belongs together."""
        if not self.groups:
            return self.layout
        placed = tuple(replace(one, group=self.groups.get(one.given, "")) for one in self.layout.placed)
        return replace(self.layout, placed=placed, grouped_by=self.groups_from)

    @property
    def line(self) -> str:
        """The reading in one line."""
        split = f"split from {self.split_from}" if self.split_from else "split made by Thaw"
        return f"{self.what}; {self.named:,} of {counted(self.total, 'image')}; {split}"

    @property
    def examples(self) -> dict[str, tuple[str, ...]]:
        """A few images of each class."""
        found: dict[str, list[str]] = {name: [] for name in self.classes}
        for one in self.layout.placed:
            of_class = found[self.classes[one.label]]
            if len(of_class) < FEW:
                of_class.append(one.given)
        return {name: tuple(paths) for name, paths in found.items()}

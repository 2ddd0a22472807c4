"""What a check can say: a sentence, how bad it is, what to do, which pictures show it, and edits that mend it.

The words shared by all checks live here; `report` runs the checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["good", "caution", "bad"]

MAX_PATHS = 100
"""Paths listed with one finding; the numbers in its text count all."""
MAX_SHOWN = 2_000
"""Pictures, or groups of them, that can be looked at with one finding."""


@dataclass(frozen=True)
class Shown:
    """Pictures to look at side by side: one, or those that are alike."""

    rows: tuple[int, ...]
    """Rows of the manifest."""
    words: tuple[str, ...]
    """Under each picture: 'cats, train'."""


@dataclass(frozen=True)
class Remedy:
    """Edits that mend a finding, for one button. Nothing is deleted: an edit makes a revision, and can be undone."""

    label: str
    """What the button says: 'Exclude the 12 copies'."""
    action: Literal["exclude", "relabel"]
    paths: tuple[str, ...]
    to: tuple[str, ...] = ()
    """For 'relabel': the class of each path."""
    each: bool = False
    """Whether the pictures should be chosen one by one, as they need a person's eye. `paths` are in the order of
    `Finding.shown`."""

    def __post_init__(self) -> None:
        if (self.action == "relabel") != (len(self.to) == len(self.paths) > 0):
            raise ValueError(f"'{self.action}' of {len(self.paths)} paths cannot have {len(self.to)} classes.")


@dataclass(frozen=True)
class Finding:
    kind: str
    """'imbalance', 'tiny_class', 'untaught_class', 'missing_in_split', 'set_aside', 'duplicate', 'two_labels', 'leak',
    'near_duplicate', 'near_leak', 'near_labels', 'not_compared', 'mislabelled', 'shift', 'class_mix', 'given_away',
    'without_range', 'blank', 'tiny_image', 'extreme_aspect', 'mixed_sizes', 'handled', 'torn_groups', 'few_groups',
    'groups' or 'clean'."""
    severity: Severity
    title: str
    """A few words with the number: '12 images are there twice or more'."""
    detail: str
    remedy: str
    """What to do, or '' when there is nothing to do."""
    paths: tuple[str, ...] = ()
    """The files meant (relative to `images/`; for 'set_aside' as they came), at most MAX_PATHS."""
    shown: tuple[Shown, ...] = ()
    """What to look at, at most MAX_SHOWN."""
    remedies: tuple[Remedy, ...] = ()
    how: str = ""
    """What was measured and how, for those who ask."""


@dataclass(frozen=True)
class AuditReport:
    findings: tuple[Finding, ...]
    """Bad ones first, good ones last; one of kind 'clean' when there are no others."""

    @property
    def worst(self) -> Severity:
        return self.findings[0].severity


def pictures(manifest: pd.DataFrame, classes: Sequence[str], groups: Iterable[Sequence[int]]) -> tuple[Shown, ...]:
    """Each group of rows with its classes and splits for words."""
    label, split = manifest["label"], manifest["split"]

    def words(row: int) -> str:
        side = str(split.at[row])
        return f"{classes[int(label.at[row])]}, {side}" if side else classes[int(label.at[row])]

    first = [tuple(int(row) for row in group) for _, group in zip(range(MAX_SHOWN), groups, strict=False)]
    return tuple(Shown(group, tuple(map(words, group))) for group in first)


def images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def pairs_of(count: int) -> str:
    return "1 pair" if count == 1 else f"{count:,} pairs"


def classes_of(count: int) -> str:
    return "1 class" if count == 1 else f"{count:,} classes"


def are(count: int) -> str:
    return "is" if count == 1 else "are"


def some(names: Sequence[str], most: int = 5) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def listed(paths: pd.Series[str] | Sequence[str]) -> tuple[str, ...]:
    return tuple(list(paths)[:MAX_PATHS])

"""Everything Thaw raises on purpose. Each message is one sentence (or a short list) that a user can act on.

    ThawError                    the root: catch this at a page or at the command line
    ├── DataError                the images, folders or archives that were given
    │   ├── HomeError            the home or its disk: full, read-only, gone, or a database that is damaged
    │   ├── UnsafeArchive        an archive that must not be unpacked; names the member
    │   ├── TooFewImages         not enough classes, or not enough readable images in a class
    │   └── ReadingAsked         images that can be read in more than one way: holds the ways to choose from
    ├── PlanError                a strategy, phase, budget or backbone that contradicts itself
    ├── WeightsError             pre-trained weights that are missing, unreadable or do not fit
    ├── NotFound                 an id (run, dataset) that this home does not hold
    │   └── SetAside             one that it holds, but that cannot be read: lists leave it out, by name
    ├── Unreadable               what Thaw wrote itself and cannot read back: damaged, or of another version
    │   └── BrokenFile           a file of a home that is missing, cut off or holds something else; names it
    ├── TrainingError            a run that cannot go on (loss never finite, no memory for one image)
    ├── StateError               a change of state that is not legal (resume a finished run, ...)
    └── CompareError             runs that must not be compared; names the field that differs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class ThawError(Exception):
    """Root of all errors meant for the user: `str(error)` says what happened and what to do next."""


class DataError(ThawError):
    """The data given cannot be used as it is. `problems` lists every problem found, one sentence each."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class HomeError(DataError):
    """Thaw cannot keep its files: the home, its disk or its database is full, read-only, gone or damaged."""


class UnsafeArchive(DataError):
    """An archive holds a member that must not be unpacked (traversal, link, bomb, encrypted)."""


class TooFewImages(DataError):
    """Fewer than two classes, or a class with fewer than two readable images."""


class Readable(Protocol):
    """One way to read images, to choose from."""

    @property
    def key(self) -> str:
        """By which it is chosen."""
        ...

    @property
    def line(self) -> str:
        """What it makes of them, in one line."""
        ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def examples(self) -> Mapping[str, Sequence[str]]:
        """A few images of each class."""
        ...


class ReadingAsked(DataError):
    """The images can be read in more than one way, with other labels: somebody has to say which one is meant."""

    def __init__(self, message: str, readings: Sequence[Readable]) -> None:
        super().__init__(message, tuple(f"--read-as '{one.key}': {one.line}." for one in readings))
        self.readings = tuple(readings)
        self.pictures: dict[str, bytes] = {}
        """Small JPEGs of examples, by path, where an import has made them."""


class PlanError(ThawError):
    """A strategy, phase, budget or backbone choice contradicts itself."""


class WeightsError(ThawError):
    """Pre-trained weights are missing, unreadable, or do not fit the backbone."""


class TrainingError(ThawError):
    """A run that cannot go on: it does not become finite, or memory is too small for a single image."""


class NotFound(ThawError):
    """No such run or dataset in this home."""


class SetAside(NotFound):
    """A run or dataset that is there and cannot be read: damaged, or of another version. Names it and the field."""


class Unreadable(ThawError):
    """What Thaw wrote itself cannot be read back: it is damaged, or of another version. Names it and the field."""


class BrokenFile(Unreadable):
    """A file that Thaw wrote itself is missing, cut off or holds something else; `path` names it."""

    def __init__(self, path: Path, why: str, do: str) -> None:
        """why: what is wrong, after the file's name: 'is empty'. do: what to do next, a sentence."""
        super().__init__(f"The file {path} {why}. {do}")
        self.path = path


class StateError(ThawError):
    """A change of state that the run's present state does not allow."""


class CompareError(ThawError):
    """Runs that cannot be compared honestly; the message names what differs."""

"""Which image a cell of a table means: by its path here, or, where it was written elsewhere, by the end of its path.

Cells come from strangers; they are only ever looked up among the images that were found, never opened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from core.names import is_image_name
from dataset.split_words import split_in, split_of

Score = Callable[[str], int]
_UPLOAD = re.compile(r"(?i)[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file."""


_ELSEWHERE = re.compile(r"[:\\?]|//|/$|^/|(^|/)\./")
"""What a path has that is more than folders and a name."""


MANY = 16
"""Images of one name from which those in a folder are looked up, not looked through: a table of as many rows would take
the square of them."""


@dataclass(frozen=True)
class Clues:
    """What helps where a name fits several images."""

    folder: str
    """Of the table."""
    table: str = ""
    """The table's name."""
    row: Sequence[str] = ()
    """The other cells of the row: a folder, a side or a class may be among them."""
    once: bool = False
    """Whether the table names this only once: of a train and a test image of one name, it is the train image then."""


class Finder:
    """Finds images by what tables say. '' = there is none, None = more than one fits."""

    def __init__(self, images: Iterable[str]) -> None:
        self._exact = set(images)
        self._names: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        self._numbers: dict[int, list[str]] = defaultdict(list)
        for image in sorted(self._exact):
            name = image.rpartition("/")[2].casefold()
            stem = name.rpartition(".")[0]
            self._names[name].append(image)
            self._stems[stem].append(image)
            if short := _UPLOAD.match(name):
                self._names[name[short.end() :]].append(image)
                self._stems[stem[short.end() :]].append(image)
            if stem.isascii() and stem.isdigit() and len(stem) < 18:
                self._numbers[int(stem)].append(image)
        self._inside: dict[tuple[str, str], dict[str, None]] = {}
        """(any folder above it, stem) -> images, of stems that many images have."""
        for stem, images in self._stems.items():
            for image in images if len(images) > MANY else ():
                for folder in set(image.casefold().split("/")[:-1]):
                    self._inside.setdefault((folder, stem), {})[image] = None

    def __call__(self, cell: str, clues: Clues) -> str | None:
        return self.find(plain(cell), clues)

    def find(self, path: str, clues: Clues) -> str | None:
        """As a call, for a path that is `plain` already."""
        if not path:
            return ""
        for exact in (f"{clues.folder}/{path}" if clues.folder else path, path):
            if exact in self._exact:
                return exact
        found = self._candidates(path)
        if len(found) > MANY:
            found = self._beside(path, clues) or found
        if len(found) < 2:
            return found[0] if found else ""
        return _nearest(path, found, clues)

    def _beside(self, path: str, clues: Clues) -> list[str]:
        """Of many images of one name those that lie in the folder of the path, else in one that the row names."""
        *_, parent, name = f"/{path}".casefold().rsplit("/", 2)
        stem = name.rpartition(".")[0] if is_image_name(name) else name
        if parent and (found := self._inside.get((parent, stem))):
            return list(found)
        named = [inside for cell in clues.row if (inside := self._inside.get((cell.casefold(), stem)))]
        fewest = min(named, key=len, default={})
        agreed = all(any(image in inside for image in fewest) for inside in named)
        return list(fewest) if agreed else []

    def fitting(self, cell: str) -> list[str]:
        """All images whose name a cell has."""
        return self._candidates(plain(cell))

    def _candidates(self, path: str) -> list[str]:
        name = path.rpartition("/")[2].casefold()
        if found := self._names.get(name):
            return found
        stem = name.rpartition(".")[0] if is_image_name(name) else name
        if found := self._stems.get(stem) or self._stems.get(name):
            return found
        if (short := _UPLOAD.match(name)) and name[short.end() :] in self._names:
            return self._names[name[short.end() :]]
        if stem.isascii() and stem.isdigit() and len(stem) < 18:
            return self._numbers.get(int(stem), [])
        return []


def plain(cell: str) -> str:
    """A cell as a relative path: without the drive, the address or the bucket that it had elsewhere."""
    path = cell.strip()
    if not _ELSEWHERE.search(path):
        return path
    if "://" in path:
        path = path.partition("://")[2].partition("/")[2] or path.partition("://")[2]
        path = unquote(path.partition("#")[0].partition("?")[0])
    elif "?d=" in path:  # Label Studio's way to name a file of its own disk
        path = unquote(path.partition("?d=")[2])
    path = path.replace("\\", "/")
    path = re.sub(r"^[A-Za-z]:", "", path)
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def names_image(cell: str) -> bool:
    """Whether a cell reads as the path of an image, whether or not that image is there."""
    return len(cell) < 1024 and is_image_name(plain(cell))


def _nearest(path: str, found: Sequence[str], clues: Clues) -> str | None:
    """The one of several images that the clues speak for; None when they do not."""
    told = [_by_end(path), _by_folder(clues.folder), _by_row(clues.row), _by_table(clues.table)]
    for clue in [*told, _by_side("train")] if clues.once else told:
        scores = [clue(image) for image in found]
        best = max(scores)
        found = [image for image, score in zip(found, scores, strict=True) if score == best]
        if len(found) == 1:
            return found[0]
    return None


def _by_end(path: str) -> Score:
    parts = path.casefold().split("/")[-2::-1]

    def score(image: str) -> int:
        same = 0
        for one, other in zip(parts, image.casefold().split("/")[-2::-1], strict=False):
            if one != other:
                break
            same += 1
        return same

    return score


def _by_folder(folder: str) -> Score:
    return lambda image: int(bool(folder) and image.startswith(f"{folder}/"))


def _by_row(row: Sequence[str]) -> Score:
    said = {cell.casefold() for cell in row if cell}
    sides = {side for cell in row if len(cell) < 40 and (side := split_of(cell))}

    def score(image: str) -> int:
        folders = image.split("/")[:-1]
        return sum(folder.casefold() in said or split_of(folder) in sides for folder in folders)

    return score


def _by_table(table: str) -> Score:
    return _by_side("test" if "submission" in table.casefold() else split_in(table.rpartition(".")[0]))


def _by_side(side: str | None) -> Score:
    return lambda image: int(side is not None and any(split_of(folder) == side for folder in image.split("/")[:-1]))

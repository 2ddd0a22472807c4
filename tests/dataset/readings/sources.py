"""A source for tests of readings: names of images without bytes, and documents as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dataset.documents import is_document_name
from dataset.readings import UNSAID, Choice, Listing, ReadAs, read

CLASSES = ("cat", "dog", "fox")
LABELS = tuple(name for name in CLASSES for _ in range(12))
HEAP = {f"images/IMG_{number:03d}.jpg": label for number, label in enumerate(LABELS)}
"""36 images in one folder -> what they show."""

Document = str | bytes | Callable[[Path], object]


def csv(*rows: Sequence[object], sep: str = ",") -> str:
    return "".join(sep.join(map(str, row)) + "\n" for row in rows)


def names() -> list[str]:
    """The images of HEAP, without their folder."""
    return [path.rpartition("/")[2] for path in HEAP]


def rows(*columns: Iterable[object], header: Sequence[str] = (), sep: str = ",") -> str:
    """A table of these columns."""
    return csv(*([header] if header else []), *zip(*columns, strict=True), sep=sep)


def read_source(
    where: Path,
    images: Iterable[str],
    documents: Mapping[str, Document] | None = None,
    read_as: ReadAs = UNSAID,
    *,
    table: str | None = None,
    folders: Sequence[str] = (),
    same: Callable[[str, str], bool] = lambda one, other: False,
) -> Choice:
    """The reading that is taken of images with these names, and of these documents, which are written below `where`."""
    paths = {}
    for file, content in (documents or {}).items():
        path = where / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
        if is_document_name(file):
            paths[file] = path
    return read(Listing(tuple(images), tuple(folders), tuple(documents or ()), same), paths, read_as, table)


def sides(choice: Choice) -> dict[str, int]:
    """Images on each side of the given split."""
    return dict(Counter(one.split for one in choice.reading.layout.placed))

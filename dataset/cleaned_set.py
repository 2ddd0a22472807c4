"""A dataset as it stands after its edits, to take away: a zip of class folders, or a table of labels.

Both import again to the same content. The zip is made while it is read, a piece at a time: neither memory nor disk ever
holds it whole. Excluded images are in neither.
"""

from __future__ import annotations

import csv
import io
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from core import EXCLUDED, DataError, DatasetRef, NotFound
from core.names import MAX_NAME_BYTES, is_litter
from dataset.folder import read_rows
from dataset.layout import find_layout

LABELS = "labels.csv"
PIECE = 1024**2
_SIGNS = frozenset('/\\:*?"<>|')
"""What some file system does not take in a name."""
_DATE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


@dataclass(frozen=True)
class Item:
    """One image of the cleaned set."""

    path: str
    """As the manifest names it, below `DatasetRef.images_root`."""
    name: str
    """Its path in the zip: `<class>/<file>` or `<split>/<class>/<file>`."""
    label: str
    split: str
    group: str = ""


def half_split(ref: DatasetRef) -> bool:
    """Whether some images have a split and some have none, as after moving a few to test. A table cannot say that, so
    such a set is taken away with the split that runs use."""
    return "" in ref.counts and len(ref.counts) > 1


def items(ref: DatasetRef, sides: Sequence[str] | None = None) -> list[Item]:
    """Every image that counts, in the manifest's order.

    sides: the side of each row of the manifest (`dataset.splits.sides`), to take away the split that runs use; None =
    only what the import or an edit says. Raises NotFound; DataError for a `half_split` without sides.
    """
    if sides is None and half_split(ref):
        raise DataError("Some images have a split and some have none: take it away with the split that runs use.")
    rows = read_rows(ref)
    splits = [row.split for row in rows] if sides is None else list(sides)
    live = [(row, split) for row, split in zip(rows, splits, strict=True) if row.split != EXCLUDED]
    folders = _folders(ref.classes)
    wanted = [f"{split}/{folders[row.label]}" if split else folders[row.label] for row, split in live]
    names = _names([row.path for row, _ in live], wanted)
    return [
        Item(row.path, name, ref.classes[row.label], split, row.group)
        for (row, split), name in zip(live, names, strict=True)
    ]


def write_table(taken: Iterable[Item], out: TextIO, *, in_zip: bool = False) -> None:
    """`path,label`, with `split` and `group` where there are any. The paths are those of the images as they were
    imported, so that the table can be put beside them; with `in_zip` those of the zip. Texts stand as they are, for the
    import: not as in `core.csv_text`, whose tables are for a spreadsheet."""
    taken = list(taken)
    further = [name for name in ("split", "group") if any(getattr(item, name) for item in taken)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "label", *further])
    for item in taken:
        more = [getattr(item, name) for name in further]
        writer.writerow([item.name if in_zip else item.path, item.label, *more])


def zip_pieces(ref: DatasetRef, taken: Sequence[Item]) -> Iterator[bytes]:
    """The bytes of the zip, about 1 MB at a time. Images are stored as they are: they are compressed already.

    Where the folders alone would be read as something else (a class called 'train', a name that cannot be a folder's)
    or would not say what belongs together, a `labels.csv` goes along. Raises NotFound, naming it, for an image that is
    gone.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        if not _says_itself(taken):
            table = io.StringIO()
            write_table(taken, table, in_zip=True)
            archive.writestr(zipfile.ZipInfo(LABELS, _DATE), table.getvalue().encode())
        for item in taken:
            yield from _add(archive, sink, ref.images_root / item.path, item.name)
    yield sink.take()


def _add(archive: zipfile.ZipFile, sink: _Sink, file: Path, name: str) -> Iterator[bytes]:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = 0o644 << 16
    try:
        source = file.open("rb")
    except OSError as error:
        raise NotFound(f"'{file.name}' is not on disk any more ({error.strerror}). Import the images again.") from error
    with source, archive.open(info, "w") as member:
        while piece := source.read(PIECE):
            member.write(piece)
            if sink.size >= PIECE:
                yield sink.take()


class _Sink(io.RawIOBase):
    """What `zipfile` writes to: cannot seek, and is emptied again and again."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return whole


def _folders(classes: Sequence[str]) -> list[str]:
    """A folder's name for each class: the class' own where it can be one on any system, else one that can."""
    taken: set[str] = set()
    found = []
    for number, name in enumerate(classes):
        folder = name
        if not _fits(name) or _folded(name) in taken:
            clean = "".join(sign if sign not in _SIGNS and sign.isprintable() else "_" for sign in name)
            folder = f"{clean.strip(' .')[:60] or 'class'}-{number}"
        taken.add(_folded(folder))
        found.append(folder)
    return found


def _fits(name: str) -> bool:
    plain = not set(name) & _SIGNS and name == name.strip(" .")
    return plain and not is_litter(name) and len(name.encode()) <= MAX_NAME_BYTES


def _names(paths: Sequence[str], folders: Sequence[str]) -> list[str]:
    """A name in the zip for each image: its path where that lies in the right folder, else its file name there, with a
    number where another has that name (in any case: some file systems keep one of them)."""
    stay = [path.startswith(f"{folder}/") for path, folder in zip(paths, folders, strict=True)]
    taken = {_folded(path) for path, stays in zip(paths, stay, strict=True) if stays}
    names = []
    for path, folder, stays in zip(paths, folders, stay, strict=True):
        name = path
        if not stays:
            stem, dot, ending = path.rpartition("/")[2].rpartition(".")
            name, again = f"{folder}/{stem}{dot}{ending}", 1
            while _folded(name) in taken:
                again += 1
                name = f"{folder}/{stem}-{again}{dot}{ending}"
            taken.add(_folded(name))
        names.append(name)
    return names


def _says_itself(taken: Sequence[Item]) -> bool:
    """Whether the names alone are read as these classes and splits, and there are no groups."""
    if any(item.group for item in taken):
        return False
    try:
        layout = find_layout([item.name for item in taken], ())
    except DataError:
        return False
    read = {one.given: (layout.classes[one.label], one.split) for one in layout.placed}
    return all(read.get(item.name) == (item.label, item.split) for item in taken)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())

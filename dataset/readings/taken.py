"""From the files of a source to the reading that is taken: every reader asked, the judge called, all of it told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from core import DataError, Split
from core.names import suffix
from dataset.documents import Grid, open_document, worth_opening
from dataset.readings.file_names import of_file_names
from dataset.readings.finder import Finder
from dataset.readings.folders import KEY, folder_readings, no_class_in
from dataset.readings.judge import Choice, choose
from dataset.readings.reading import UNSAID, Listing, ReadAs, Reading
from dataset.readings.tables import EXPECTED, Lines, Tables, sides_of_rows, table_readings, unlisted

MOST_TOLD = 4
"""Tables that were not used, and readings besides the one taken, that notes name."""
TABLES = frozenset(("csv", "tsv", "xlsx", "parquet", "json", "jsonl", "ndjson", "manifest"))
NEARLY_ALL = 0.95


def read(
    listing: Listing, documents: Mapping[str, Path], read_as: ReadAs = UNSAID, table: str | None = None
) -> Choice:
    """The reading of a source that is taken. documents: where the files lie that may say something. table: the one of
    them that does, whatever else is there.

    Raises ReadingAsked where somebody has to say what is meant, DataError where nothing says what the images show.
    """
    if not listing.images:
        raise DataError("No images were found.")
    if read_as.read_as.partition(":")[0] == KEY:
        return Choice(folder_readings(listing, read_as.read_as)[0][0])
    tables = _tables(listing, documents, read_as, table)
    if table is not None:
        return _finished(_of_table(tables, table, read_as), tables, listing)
    folders, problem = folder_readings(listing)
    readings = [*_with_lists(folders, tables.lists, listing), *tables.readings]
    if not any(one.strength for one in readings) and not tables.meant:
        readings += of_file_names(listing)
    if not readings or (max(one.strength for one in readings) == 0 and not read_as):
        _refuse(readings, tables, problem)
    return _finished(choose(readings, read_as), tables, listing)


def most_named(
    listing: Listing, documents: Mapping[str, Path], known: Collection[str], table: str | None = None
) -> Reading | None:
    """The reading that gives most images one of the `known` classes; None when nothing is said of them.

    Raises DataError when `table`, given by name, says nothing.
    """
    tables = _tables(listing, documents, UNSAID, table)
    if table is not None:
        return _of_table(tables, table, UNSAID).reading
    readings = [*tables.readings, *folder_readings(listing)[0]]
    folded = {name.casefold() for name in known}

    def worth(one: Reading) -> tuple[int, int]:
        return sum(label.casefold() in folded for label in one.labels.values()), one.strength

    return max(readings, key=worth, default=None)


def _tables(listing: Listing, documents: Mapping[str, Path], read_as: ReadAs, table: str | None) -> Tables:
    if not documents:
        return Tables()
    grids: list[Grid] = []
    broken: dict[str, str] = {}
    for file in worth_opening(documents) if table is None else [table]:
        try:
            grids += open_document(documents[file], file)
        except DataError as error:
            if table is not None:
                raise
            broken[file] = str(error)
    tables = table_readings(grids, Finder(listing.images), len(listing.images), read_as)
    for file, why in broken.items():
        tables.leave(file, why, meant=suffix(file) in TABLES - {"json"})
    return tables


def _of_table(tables: Tables, table: str, read_as: ReadAs) -> Choice:
    if not tables.readings:
        why = next(iter(tables.unused.values()), f"{table.rpartition('/')[2]} holds no rows that name images.")
        raise DataError(f"{why} {EXPECTED}")
    return choose(tables.readings, read_as)


def _with_lists(folders: list[Reading], lists: list[Lines], listing: Listing) -> list[Reading]:
    """Readings of the folders, with the split that lists of images without labels say (`train.txt`, `test.txt`)."""
    sides: dict[str, Split] = {}
    files: dict[str, str] = {}
    for one in lists:
        said = [(image, side) for image, side in zip(one.images, sides_of_rows(one), strict=True) if image and side]
        if said:
            files[one.grid.name] = one.grid.file
            sides.update(said)
    if not sides or "train" not in sides.values() or len(set(sides.values())) < 2:
        return folders
    return [_with_split(one, sides, files) for one in folders]


def _with_split(reading: Reading, sides: Mapping[str, Split], files: Mapping[str, str]) -> Reading:
    """With these sides, when they are of nearly all its images. files: name -> path of the lists."""
    placed = reading.layout.placed
    listed = tuple(replace(one, split=sides[one.given]) for one in placed if one.given in sides)
    if reading.split_from or len(listed) < NEARLY_ALL * len(placed):
        return reading
    names = list(files)
    out = [(one.given, f"is not listed in {' or '.join(names)}") for one in placed if one.given not in sides]
    layout = replace(reading.layout, placed=listed, set_aside=(*reading.layout.set_aside, *out))
    return replace(reading, layout=layout, split_from=" and ".join(names), used=frozenset(files.values()))


def _refuse(readings: list[Reading], tables: Tables, problem: DataError | None) -> None:
    """Raises DataError where nothing says what the images show: of a table that was meant to, what keeps it from it."""
    meant = [tables.unused[key] for key in sorted(tables.meant)]
    if meant:
        raise DataError(f"{meant[0]} {EXPECTED}", tuple(meant[1:]))
    if not readings:
        told = " ".join(list(tables.unused.values())[:MOST_TOLD])
        raise DataError(f"{problem} {told}".strip())
    (one, *_) = readings
    if not one.used and len(one.classes) > 1:
        raise no_class_in(one.classes)
    if not one.used and tables.unused:
        told = " ".join(list(tables.unused.values())[:MOST_TOLD])
        raise DataError(f"All images lie in one folder, '{one.classes[0]}', and no table says their classes. {told}")


def _finished(choice: Choice, tables: Tables, listing: Listing) -> Choice:
    """With the images that nothing names set aside, and what was not used told."""
    reading = choice.reading
    if reading.used and not reading.key.startswith(KEY):
        reading = unlisted(reading, listing.images)
    if reading.split_from and not any(one.split == "test" for one in reading.layout.placed):
        note = "No test images were given: a fifth of the training images will be held out for the test."
        if note not in reading.layout.notes:
            layout = replace(reading.layout, notes=(*reading.layout.notes, note))
            reading = replace(reading, layout=layout)
    notes = [why for key, why in tables.unused.items() if key.partition("#")[0] not in reading.used][:MOST_TOLD]
    offered = [one for one in choice.others if one.used]
    if offered:
        ways = "; ".join(f"--read-as '{one.key}': {one.line}" for one in offered[:MOST_TOLD])
        notes.append(f"Can be read otherwise: {ways}.")
    return Choice(reading, choice.others, tuple(notes))

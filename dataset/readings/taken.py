"""From the files of a source to the reading that is taken: every reader asked, the judge called, all of it told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from core import DataError, Split, TooFewImages
from core.names import suffix
from core.words import counted
from dataset.documents import Grid, Open, open_document, worth_opening
from dataset.readings.file_names import of_file_names
from dataset.readings.finder import Finder
from dataset.readings.folders import folder_readings, no_class_in
from dataset.readings.judge import MOST_OFFERED, Choice, choose
from dataset.readings.lines import ANSWERED, Lines, Tables, sides_of_rows, split_side
from dataset.readings.reading import KEY, UNSAID, Listing, ReadAs, Reading, by_folders
from dataset.readings.tables import EXPECTED, table_readings, unlisted

MOST_TOLD = 4
"""Tables that were not used, and readings besides the one taken, that notes name."""
TABLES = frozenset(("csv", "tsv", "xlsx", "parquet", "json", "jsonl", "ndjson", "manifest"))
NEARLY_ALL = 0.95
_HELD_OUT: tuple[Split, ...] = ("train", "val", "test")
"""Of an image in two lists the later one counts: `trainval.txt` and `val.txt` hold the same ones."""
FOREIGN = frozenset(("xml", "yaml", "yml", "xls", "ods", "mat", "npy", "npz", "pkl", "h5", "hdf5", "tfrecord", "db"))
"""What may hold labels and is not opened."""
FEW = 3


def read(
    listing: Listing,
    documents: Mapping[str, Path],
    read_as: ReadAs = UNSAID,
    table: str | None = None,
    opened: Open = open_document,
) -> Choice:
    """The reading of a source that is taken. documents: where the files lie that may say something. table: the one of
    them that does, whatever else is there. opened: how they are opened.

    Raises ReadingAsked where somebody has to say what is meant, DataError where nothing says what the images show.
    """
    if not listing.images:
        raise DataError("No images were found.")
    if read_as.read_as.partition(":")[0] == KEY:
        folders, _ = folder_readings(listing, read_as.read_as)
        tables = _tables(listing, documents, replace(read_as, read_as=""), None, opened)
        (asked,) = (_with_groups(one, tables.grouping) for one in _with_lists(folders, tables.lists))
        return _finished(Choice(asked, tuple(tables.readings[:MOST_OFFERED])), tables, listing)
    tables = _tables(listing, documents, read_as, table, opened)
    if table is not None:
        return _finished(_of_table(tables, table, read_as), tables, listing)
    if tables.in_the_way and not read_as:
        raise DataError(f"{tables.in_the_way} Class folders can be read with --read-as {KEY}.")
    folders, problem = folder_readings(listing)
    readings = [*_with_lists(folders, tables.lists), *tables.readings]
    readings = [*_with_other_side(readings), *readings[1:]]
    readings = [_with_groups(one, tables.grouping) for one in readings]
    if not any(one.strength for one in readings) and not tables.meant:
        readings += of_file_names(listing)
    if not readings or (max(one.strength for one in readings) == 0 and not read_as):
        _refuse(readings, tables, problem)
    return _finished(choose(readings, read_as), tables, listing)


def without_images(documents: Mapping[str, Path], opened: Open = open_document) -> str:
    """What the tables of a source say where it holds no image: sentences, '' for none."""
    said = []
    for file in worth_opening(documents)[0][:FEW]:
        try:
            grids = opened(documents[file], file)
        except DataError as error:
            said.append(str(error))
        else:
            for grid in grids:
                if not grid.rows:
                    said.append(f"{grid.name} has no rows.")
                    continue
                names = ", ".join(f"'{name}'" for name in (grid.columns if grid.headed else grid.rows[0])[:6])
                said.append(f"{grid.name} is a table ({names}); the images have to lie beside it as files.")
    return " ".join(said)


def most_named(
    listing: Listing,
    documents: Mapping[str, Path],
    known: Collection[str],
    table: str | None = None,
    opened: Open = open_document,
) -> Reading | None:
    """The reading that gives most images one of the `known` classes; None when nothing is said of them. What a model
    answered says nothing.

    Raises DataError when `table`, given by name, says nothing.
    """
    tables = _tables(listing, documents, UNSAID, table, opened)
    if table is not None:
        return _of_table(tables, table, UNSAID).reading
    readings = [*(one for one in tables.readings if one.strength > 1), *folder_readings(listing)[0]]
    folded = {name.casefold() for name in known}

    def worth(one: Reading) -> tuple[int, int]:
        return sum(label.casefold() in folded for label in one.labels.values()), one.strength

    return max(readings, key=worth, default=None)


def _tables(
    listing: Listing, documents: Mapping[str, Path], read_as: ReadAs, table: str | None, opened: Open
) -> Tables:
    grids: list[Grid] = []
    broken: dict[str, str] = {}
    files, single = worth_opening(documents, listing.images) if table is None else ([table], [])
    for file in files:
        try:
            grids += opened(documents[file], file)
        except DataError as error:
            if table is not None:
                raise
            broken[file] = str(error)
    tables = table_readings(grids, Finder(listing.images), len(listing.images), read_as)
    for file, why in broken.items():
        tables.leave(file, why, meant=suffix(file) in TABLES - {"json"})
    for file in sorted(file for file in listing.others if suffix(file) in FOREIGN)[:FEW]:
        tables.leave(file, f"{file} is of a kind that Thaw does not read: save it as CSV or JSON.")
    if single:
        tables.leave(
            single[0],
            f"{len(single):,} files such as '{single[0]}' belong to one image each, as boxes for detection do; Thaw "
            "learns one class an image.",
        )  # fmt: skip
    return tables


def _of_table(tables: Tables, table: str, read_as: ReadAs) -> Choice:
    if not tables.readings:
        why = next(iter(tables.unused.values()), f"{table.rpartition('/')[2]} holds no rows that name images.")
        raise DataError(f"{why} {EXPECTED}")
    meant = [replace(one, doubt="") if one.doubt.endswith(ANSWERED) else one for one in tables.readings]
    return choose(meant, read_as)


def _with_lists(folders: list[Reading], lists: list[Lines]) -> list[Reading]:
    """Readings of the folders, with the split that lists of images without labels say (`train.txt`, `test.txt`)."""
    sides: dict[str, Split] = {}
    twice: dict[str, None] = {}
    files: dict[str, str] = {}
    for one in lists:
        for image, side in zip(one.images, sides_of_rows(one), strict=True):
            if image and side:
                files[one.grid.file] = one.grid.name
                before = sides.setdefault(image, side)
                twice.update({image: None} if {before, side} == {"train", "test"} else {})
                sides[image] = max(before, side, key=_HELD_OUT.index)
    if not sides or "train" not in sides.values() or len(set(sides.values())) < 2:
        return folders
    return [_with_split(one, sides, files, list(twice)) for one in folders]


def _with_split(reading: Reading, sides: Mapping[str, Split], files: Mapping[str, str], twice: list[str]) -> Reading:
    """With these sides, when they are of nearly all its images. files: path -> name of the lists. twice: images listed
    for training and for the test."""
    placed = reading.layout.placed
    listed = tuple(replace(one, split=sides[one.given]) for one in placed if one.given in sides)
    if reading.split_from or len(listed) < NEARLY_ALL * len(placed):
        return reading
    names = list(files.values())
    out = [(one.given, f"is not listed in {' or '.join(names)}") for one in placed if one.given not in sides]
    notes = reading.layout.notes
    if twice:
        listed_twice = f"{counted(len(twice), 'image')} ('{twice[0]}'{' and others' if twice[1:] else ''})"
        notes = (*notes, f"{listed_twice} stood in the lists of both train and test, and now only in the test.")
    layout = replace(reading.layout, placed=listed, set_aside=(*reading.layout.set_aside, *out), notes=notes)
    return replace(reading, layout=layout, split_from=" and ".join(names), used=frozenset(files))


def _with_groups(reading: Reading, tables: list[Lines]) -> Reading:
    """With the groups that one other table says of nearly all its images, each image being in one."""
    if reading.groups:
        return reading
    labelled = reading.labels.keys()
    for one in tables:
        said = {(image, group) for image, group in zip(one.images, one.groups or (), strict=True) if image and group}
        groups = {image: group for image, group in said if image in labelled}
        clear = len(groups) == sum(image in labelled for image, _ in said)
        if clear and len(groups) >= NEARLY_ALL * len(labelled):
            where = f"column '{one.group_column}' of {one.grid.name}"
            return replace(reading, groups=groups, groups_from=where, groups_file=one.grid.file)
    return reading


def _with_other_side(readings: list[Reading]) -> list[Reading]:
    """The first reading, with the side that only a table has labels for: `train/cat`, and a list of `val/images`."""
    if not readings or readings[0].used or not readings[0].split_from:
        return readings[:1]
    folders = readings[0]
    there = {one.given for one in folders.layout.placed}
    for table in readings[1:]:
        sides = {split_side(one.given) or one.split for one in table.layout.placed}
        fits = set(table.classes) <= set(folders.classes) and there.isdisjoint(table.labels) and table.strength > 1
        if fits and len(sides) == 1 and "" not in sides:
            (side,) = sides
            index = {name: number for number, name in enumerate(folders.classes)}
            more = tuple(replace(one, label=index[table.classes[one.label]], split=side) for one in table.layout.placed)
            aside = tuple(one for one in folders.layout.set_aside if one[0] not in table.labels)
            layout = replace(folders.layout, placed=(*folders.layout.placed, *more), set_aside=aside)
            what = f"{folders.what} and {table.what.removeprefix('Classes from ')}"
            return [replace(folders, what=what, layout=layout, used=folders.used | table.used)]
    return [folders]


def _refuse(readings: list[Reading], tables: Tables, problem: DataError | None) -> None:
    """Raises DataError where nothing says what the images show: of a table that was meant to, what keeps it from it."""
    meant = [tables.unused[key] for key in sorted(tables.meant)]
    if meant:
        raise DataError(f"{meant[0]} {EXPECTED}", tuple(meant[1:]))
    told = " ".join(list(tables.unused.values())[:MOST_TOLD])
    if not readings:
        raise DataError(f"{problem} {told}".strip())
    one = next((one for one in readings if one.used), readings[0])
    if not one.used and len(one.classes) > 1:
        raise no_class_in(one.classes)
    if not one.used and tables.unused:
        raise DataError(f"All images lie in one folder, '{one.classes[0]}', and no table says their classes. {told}")
    if one.used:
        raise TooFewImages(f"{one.what}: there is only one class, '{one.classes[0]}'. At least two classes are needed.")


def _finished(choice: Choice, tables: Tables, listing: Listing) -> Choice:
    """With the images that nothing names set aside, and what was not used told."""
    reading = choice.reading
    if reading.used and not by_folders(reading.key):
        reading = unlisted(reading, listing.images)
    given = {one.split for one in reading.layout.placed}
    if reading.split_from and "train" not in given:
        named = ", ".join(sorted(given))
        raise DataError(f"The splits of {reading.read_from or KEY} are {named}: there is no 'train' to learn from.")
    if reading.split_from and "test" not in given:
        note = "No test images were given: a fifth of the training images will be held out for the test."
        if note not in reading.layout.notes:
            layout = replace(reading.layout, notes=(*reading.layout.notes, note))
            reading = replace(reading, layout=layout)
    notes = [why for key, why in tables.unused.items() if key.partition("#")[0] not in reading.files][:MOST_TOLD]
    offered = [one for one in choice.others if one.used]
    if offered:
        ways = "; ".join(f"--read-as '{one.key}': {one.line}" for one in offered[:MOST_TOLD])
        notes.append(f"Can be read otherwise: {ways}.")
    return Choice(reading, choice.others, tuple(notes))

"""Labels from a table: `path,label[,split]` as CSV, TSV or Parquet, beside the images or around them.

A table says where folders do not: images in one heap with a `labels.csv`, or `train.csv` and `test.csv`. Paths in a
table come from strangers; they are only ever looked up among the images that were found, never opened.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import DataError, Split
from core.names import is_image_name, printable, suffix
from dataset import OUTERMOST, SPLIT_NAMES, ClassFrom, Layout, Placed, find_layout, split_of

SUFFIXES = ("csv", "tsv", "parquet")
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "image_id",
             "img", "id"),
    "label": ("label", "class", "class_name", "category", "target", "species", "diagnosis"),
    "split": ("split", "set", "subset", "partition"),
    "group": ("group",),
}  # fmt: skip
"""What a column may be called, in any case; the first of a list that is there is taken."""
MOST_BYTES = 512 * 1024**2
"""A larger table is refused: at 50 bytes a row this is ten million images."""
EXPECTED = (
    "A table of labels has a column 'path' (relative to the table or to the folder) and a column 'label', and may have "
    "a column 'split' with train, val or test, and a column 'group' with what belongs together."
)


LISTED_SHARE = 0.8
"""Share of the images that tables must list for their labels to count rather than the folders' names."""


@dataclass(frozen=True)
class Line:
    """One row of a table."""

    path: str
    label: str
    split: str
    """As written; '' when the table has no such column."""
    group: str = ""
    """Likewise."""


def is_table_name(name: str) -> bool:
    return suffix(name) in SUFFIXES


def read_table(path: Path) -> list[Line]:
    """Every row of the table that names an image and a label. Raises DataError, naming the columns that are there."""
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"'{path.name}' is larger than {MOST_BYTES // 1024**2} MB, which no table of labels should be.")
    columns, rows = _parquet(path) if suffix(path.name) == "parquet" else _text(path)
    wanted = {role: _column(columns, names) for role, names in COLUMNS.items()}
    at_path, at_label, at_split, at_group = wanted["path"], wanted["label"], wanted["split"], wanted["group"]
    if at_path is None or at_label is None:
        there = ", ".join(f"'{printable(name)}'" for name in columns[:12]) or "none"
        raise DataError(f"'{path.name}' has no columns for paths and labels; its columns: {there}. {EXPECTED}")
    lines = []
    for row in rows:
        given, label = _cell(row, at_path).replace("\\", "/"), _cell(row, at_label)
        if given and label:
            split, group = (_cell(row, at) if at is not None else "" for at in (at_split, at_group))
            lines.append(Line(given, label, split, group))
    if not lines:
        raise DataError(f"'{path.name}' has no row with both a path and a label. {EXPECTED}")
    return lines


def table_layout(images: Sequence[str], tables: Mapping[str, Sequence[Line]]) -> Layout:
    """The layout that tables give. images: relative paths found. tables: relative path of each table -> its rows.

    A table called train, val or test gives its split to rows without one. Rows without an image and images without a
    row are set aside by name. Raises DataError when no row names an image, or rows contradict each other.
    """
    find = _Finder(images)
    labels: dict[str, tuple[str, Split | str, str]] = {}
    set_aside: list[tuple[str, str]] = []
    for table, lines in tables.items():
        folder, name = table.rpartition("/")[0], table.rpartition("/")[2]
        of_table = split_of(name.rpartition(".")[0]) or ""
        for line in lines:
            image = find(line.path, folder)
            if image is None:
                set_aside.append((printable(line.path), f"is listed in {name} and is not there"))
                continue
            said = (printable(line.label), _split(line, name) or of_table, printable(line.group))
            if labels.setdefault(image, said) != said:
                raise DataError(
                    f"'{image}' is listed twice with different labels, splits or groups ({_words(labels[image])} and "
                    f"{_words(said)}). Remove one of the rows from {name}, and import again."
                )
    listed = " and ".join(sorted(table.rpartition("/")[2] for table in tables))
    if not labels:
        raise DataError(
            f"None of the paths in {listed} is among the {len(images):,} images found; the first is "
            f"'{set_aside[0][0]}'. Paths are relative to the table or to the folder that was given."
        )
    given = {split for _, split, _ in labels.values()}
    if "" in given and len(given) > 1:
        raise DataError(f"Some rows of {listed} have a split and some have none. Fill in the column for all rows.")
    if given != {""} and "train" not in given:
        raise DataError(f"The splits in {listed} are {', '.join(sorted(given))}: there is no 'train' to learn from.")
    set_aside += [(image, f"is not listed in {listed}") for image in images if image not in labels]
    classes = tuple(sorted({label for label, _, _ in labels.values()}))
    index = {name: number for number, name in enumerate(classes)}
    placed = tuple(
        Placed(image, image, index[label], split, group) for image, (label, split, group) in sorted(labels.items())
    )
    notes = [f"Labels were read from {listed}."]
    if given != {""} and "test" not in given:
        notes.append("No test images were given: a fifth of the training images will be held out for the test.")
    grouped_by = "column 'group'" if any(one.group for one in placed) else ""
    return Layout(classes, placed, tuple(sorted(set_aside)), tuple(notes), grouped_by)


def lay_out(
    images: Sequence[str],
    folders: Iterable[str],
    tables: Mapping[str, Path],
    only: str | None = None,
    classes_from: ClassFrom = OUTERMOST,
) -> tuple[Layout, set[str]]:
    """(layout, the tables that it was read from). only: the table that holds the labels, whatever it lists; without it
    tables count that list nearly all images, else the folders do, read as `classes_from` says. Raises DataError.
    """
    if only is not None:
        return table_layout(images, {only: read_table(tables[only])}), {only}
    lines: dict[str, list[Line]] = {}
    for path, here in tables.items():
        with suppress(DataError):  # some other table: no labels in it
            lines[path] = read_table(here)
    problem: DataError | None = None
    if lines:
        try:
            layout = table_layout(images, lines)
        except DataError as error:
            problem = error
        else:
            if len(layout.placed) >= LISTED_SHARE * len(images):
                return layout, set(lines)
    try:
        return find_layout(images, folders, classes_from), set()
    except DataError as error:
        raise problem or error from error  # the folders say nothing, and this is why the table does not either


class _Finder:
    """Finds the image that a row means: by its path from the table or the root, else by the end of its path, else by
    its name without an ending; an end that fits several images fits none."""

    def __init__(self, images: Iterable[str]) -> None:
        self._exact = set(images)
        self._ends: dict[str, list[str]] = defaultdict(list)
        for image in self._exact:
            parts = image.split("/")
            for start in range(len(parts)):
                end = "/".join(parts[start:])
                self._ends[end].append(image)
                self._ends[end.rpartition(".")[0]].append(image)

    def __call__(self, path: str, folder: str) -> str | None:
        path = path.removeprefix("./").lstrip("/")
        for exact in (f"{folder}/{path}" if folder else path, path):
            if exact in self._exact:
                return exact
        found = self._ends.get(path) or (self._ends.get(path.rpartition("/")[2]) if is_image_name(path) else None)
        return found[0] if found and len(found) == 1 else None


def _split(line: Line, table: str) -> Split | None:
    if not line.split:
        return None
    split = SPLIT_NAMES.get(line.split.lower())
    if split is None:
        raise DataError(
            f"{table} has the split '{printable(line.split)[:60]}' for '{printable(line.path)[:200]}'; known are "
            f"{', '.join(SPLIT_NAMES)}."
        )
    return split


def _words(said: tuple[str, str, str]) -> str:
    label, split, group = said
    return f"'{label}'" + (f" in {split}" if split else "") + (f" of group '{group}'" if group else "")


def _column(columns: Sequence[str], names: Sequence[str]) -> int | None:
    lower = [column.strip().lower() for column in columns]
    return next((lower.index(name) for name in names if name in lower), None)


def _cell(row: Sequence[str], at: int) -> str:
    return row[at].strip() if at < len(row) else ""


def _text(path: Path) -> tuple[list[str], Iterable[list[str]]]:
    """(columns, rows) of a CSV: comma, semicolon or tab, whichever the header has most of."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"'{path.name}' is not UTF-8 text. Save it as 'CSV UTF-8' and import again.") from error
    delimiter = max((",", ";", "\t"), key=text.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"'{path.name}' is not a table that can be read: {error}.") from error
    return (rows[0] if rows else []), rows[1:]


def _parquet(path: Path) -> tuple[list[str], Iterable[list[str]]]:
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"'{path.name}' is not a Parquet file that can be read: {error}.") from error
    columns = [["" if cell is None else str(cell) for cell in column.to_pylist()] for column in table.columns]
    return list(table.column_names), (list(row) for row in zip(*columns, strict=True))

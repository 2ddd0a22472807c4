"""What every table, JSON file and text list becomes before it is read: columns and rows of text, within bounds.

A missing cell is '' and nothing else; a number is written as people write it (1, not 1.0); several values in one cell
are a JSON list of texts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from core import DataError

MOST_ROWS = 2_000_000
MOST_COLUMNS = 2_000
MOST_CELLS = 6_000_000
"""Rows times columns: a million images in six columns."""
MOST_CELL = 100_000
"""Characters of one cell; text longer than a label or a path is only seen to say what it is."""
MISSING = frozenset(("", "nan", "NaN", "NAN", "None", "null", "NULL", "N/A", "#N/A", "<NA>", "NaT"))
"""Cells that say nothing, as programs write them. 'NA' and 'none' are not among them: they may be classes."""


@dataclass(frozen=True)
class Grid:
    """One table as it lies in a file."""

    file: str
    """Relative path of the file that it is from."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Each as long as `columns`."""
    headed: bool = True
    """Whether `columns` are names; otherwise they are numbered, and the names may be the first row."""
    sheet: str = ""
    kind: Literal["table", "json", "list"] = "table"
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As people call it."""
        short = self.file.rpartition("/")[2]
        return f"{short} (sheet '{self.sheet}')" if self.sheet else short

    @property
    def key(self) -> str:
        return f"{self.file}#{self.sheet}" if self.sheet else self.file

    @property
    def folder(self) -> str:
        return self.file.rpartition("/")[0]

    def column(self, at: int) -> list[str]:
        return [row[at] for row in self.rows]

    def with_header(self, at: int) -> Grid:
        """The same with the row `at` as the names of columns; what stands above it is a title."""
        names = tuple(name.strip() or f"column {n}" for n, name in enumerate(self.rows[at], 1))
        return replace(self, columns=_distinct(names), rows=self.rows[at + 1 :], headed=True)


def of_rows(rows: Iterable[Sequence[str]], file: str, **more: Any) -> Grid:
    """A grid without names of columns, from rows of any length. Raises DataError above the bounds."""
    kept: list[tuple[str, ...]] = []
    width = cells = 0
    for row in rows:
        if not any(row):
            continue
        kept.append(tuple(row))
        width, cells = max(width, len(row)), cells + len(row)
        check_size(file, len(kept), width, cells)
    check_size(file, len(kept), width, len(kept) * width)
    full = tuple(row if len(row) == width else row + ("",) * (width - len(row)) for row in kept)
    return Grid(file, tuple(f"column {n}" for n in range(1, width + 1)), full, headed=False, **more)


def of_records(records: Iterable[dict[str, str]], file: str, **more: Any) -> Grid:
    """A grid whose columns are the keys of these records, in the order in which they appear."""
    kept: list[dict[str, str]] = []
    columns: dict[str, None] = {}
    for record in records:
        kept.append(record)
        columns.update(dict.fromkeys(record))
        check_size(file, len(kept), len(columns), len(kept) * len(columns))
    return Grid(file, tuple(columns), tuple(tuple(one.get(name, "") for name in columns) for one in kept), **more)


def check_size(file: str, rows: int, columns: int, cells: int) -> None:
    """Raises DataError for a table that is larger than a table of labels can be."""
    short = file.rpartition("/")[2]
    if rows > MOST_ROWS or columns > MOST_COLUMNS or cells > MOST_CELLS:
        raise DataError(
            f"'{short}' is larger than a table of labels should be: more than {MOST_ROWS:,} rows, {MOST_COLUMNS:,} "
            f"columns or {MOST_CELLS:,} cells. Keep only the columns for path, label and split, and import again."
        )


def cell(value: Any) -> str:
    """One value as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.strip()
        return "" if text in MISSING else text[:MOST_CELL]
    if isinstance(value, bytes):
        return cell(value[:MOST_CELL].decode("utf-8", "replace"))
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (list, tuple, set)):
        return several(cell(one) for one in value)
    return cell(str(value))


def several(values: Iterable[str]) -> str:
    """Several texts in one cell, each once; one of them stands for itself."""
    there = list(dict.fromkeys(value for value in values if value))
    return "" if not there else there[0] if len(there) == 1 else json.dumps(there, ensure_ascii=False)


def parts(text: str) -> list[str]:
    """The texts of a cell that `several` wrote, or that is a JSON list or a record of choices itself."""
    if not text.startswith(("[", "{")) or len(text) > MOST_CELL:
        return [text] if text else []
    try:
        found = json.loads(text if '"' in text else text.replace("'", '"'))
    except (ValueError, RecursionError):
        return [text]
    return list(dict.fromkeys(one for one in _scalars(found) if one))


def _scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        inner = value.get("choices", value.get("label", value.get("name")))
        yield from _scalars(inner if inner is not None else list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _scalars(one)
    else:
        yield cell(value)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(out)

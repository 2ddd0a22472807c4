"""The one place where a file that may say what images show is opened. Everything behind it works on grids of text."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from core import DataError
from core.names import suffix
from dataset.documents import binary_tables, json_grids, text_tables
from dataset.documents.grid import Grid

MOST_BYTES = 512 * 1024**2
MOST_DOCUMENTS = 64
"""Files of one kind that are opened; of more than these (a text beside each image) none is."""

FEW = 4
"""Texts named like images from which they are taken for notes to one image each."""

_READERS: dict[str, Callable[[Path, str], list[Grid]]] = {
    "csv": text_tables.separated,
    "tsv": text_tables.separated,
    "txt": text_tables.listed,
    "lst": text_tables.listed,
    "xlsx": binary_tables.workbook,
    "parquet": binary_tables.parquet,
    "json": json_grids.document,
    "jsonl": json_grids.lines,
    "ndjson": json_grids.lines,
    "manifest": json_grids.lines,
}
SUFFIXES = tuple(_READERS)
Open = Callable[[Path, str], list[Grid]]
"""`open_document`, or `guarded.open_guarded`, which does it in a process of its own."""


def is_document_name(name: str) -> bool:
    return suffix(name) in _READERS


def open_document(path: Path, file: str) -> list[Grid]:
    """The tables in a file. file: its relative path, as messages name it. Raises DataError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(
                f"'{path.name}' is larger than {MOST_BYTES // 1024**2} MB, which no table of labels should be."
            )
        return _READERS[suffix(file)](path, file)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"'{path.name}' cannot be read: {error.strerror or error}.") from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, csv.Error) as error:
        # Strangers' files nest and mix what no format foresees; what else is of use goes on.
        raise DataError(f"'{path.name}' is no table of labels that can be read ({_said(error)}).") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def worth_opening(documents: Mapping[str, Path], images: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """(those of a source that are opened, those further out first; those that belong to one image each)."""
    kinds = Counter(suffix(file) for file in documents)
    stems = {_stem(image) for image in images} if documents else set()
    single = sorted(file for file in documents if _stem(file) in stems)
    single = single if len(single) >= FEW else []
    few = {file for file in documents if kinds[suffix(file)] <= MOST_DOCUMENTS} - set(single)
    return sorted(few, key=lambda file: (file.count("/"), file)), single


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]

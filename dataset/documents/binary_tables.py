"""Tables that are no text: Excel workbooks and Parquet. Their sizes are checked before anything is unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import DataError
from dataset.documents.grid import MOST_CELLS, MOST_COLUMNS, Grid, cell, check_size, of_rows

MOST_UNPACKED = 256 * 1024**2
"""Bytes of a workbook's parts, or of a Parquet file's columns, unpacked."""
MOST_SHEETS = 8
MOST_PLACES = 4 * MOST_CELLS
"""Cells of a sheet, empty ones and gaps included."""
ROWS_AT_ONCE = 4096


def workbook(path: Path, file: str) -> list[Grid]:
    """Every sheet of an .xlsx that holds something. Raises DataError."""
    short = file.rpartition("/")[2]
    try:
        import openpyxl
    except ImportError as error:
        raise DataError(
            f"To read '{short}', install openpyxl (`pip install openpyxl`), or save the sheet as 'CSV UTF-8' beside it."
        ) from error
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_UNPACKED:
                raise DataError(
                    f"'{short}' unpacks to more than {MOST_UNPACKED // 1024**2} MB, which no table of labels should. "
                    "Save the sheet as 'CSV UTF-8' and import again."
                )
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            found = []
            for sheet in book.worksheets[:MOST_SHEETS]:
                sheet.reset_dimensions()  # what a sheet says of its size may be a million times what it holds
                grid = of_rows(_rows(sheet, short), file)
                if grid.rows:
                    found.append(Grid(file, grid.columns, grid.rows, headed=False, sheet=sheet.title))
        finally:
            book.close()
    except (DataError, MemoryError):
        raise
    except Exception as error:  # what a broken workbook makes the library raise is not listed anywhere
        raise DataError(f"'{short}' is not an Excel workbook that can be read: {error}.") from error
    return found if len(found) != 1 else [Grid(file, found[0].columns, found[0].rows, headed=False)]


def _rows(sheet: Any, short: str) -> Iterator[list[str]]:
    """The rows of a sheet without the empty cells at their ends, which are counted all the same. Raises DataError."""
    places = 0
    for row in sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS + 1):
        places += len(row) + 1
        if places > MOST_PLACES:
            raise DataError(
                f"A sheet of '{short}' has more than {MOST_PLACES:,} places, empty ones included. Save it as 'CSV "
                "UTF-8' and import again."
            )
        cells = [cell(one) for one in row]
        while cells and not cells[-1]:
            cells.pop()
        yield cells


def parquet(path: Path, file: str) -> list[Grid]:
    """The table of a Parquet file. Raises DataError."""
    import pyarrow
    import pyarrow.parquet

    short = file.rpartition("/")[2]
    try:
        with pyarrow.parquet.ParquetFile(path) as opened:
            about = opened.metadata
            if any("bytes: binary" in str(kind) for kind in opened.schema_arrow.types):
                raise DataError(f"'{short}' holds the images themselves: unpack them into files, and import these.")
            if sum(about.row_group(n).total_byte_size for n in range(about.num_row_groups)) > MOST_UNPACKED:
                raise DataError(
                    f"'{short}' unpacks to more than {MOST_UNPACKED // 1024**2} MB, which no table of labels should. "
                    "Keep only the columns for path, label and split, and import again."
                )
            check_size(file, about.num_rows, about.num_columns, about.num_rows * about.num_columns)
            texts = [field.name for field in opened.schema_arrow if _is_text(field.type)]
        # A text that a column has a million times lies in the file once, and is to be held once.
        with pyarrow.parquet.ParquetFile(path, read_dictionary=texts) as opened:
            names: tuple[str, ...] = ()
            rows: list[tuple[str, ...]] = []
            for batch in opened.iter_batches(ROWS_AT_ONCE):
                names, columns = _columns(pyarrow.Table.from_batches([batch]))
                rows += zip(*columns, strict=True)
                check_size(file, len(rows), len(names), len(rows) * len(names))
            return [Grid(file, names or tuple(opened.schema_arrow.names), tuple(rows))]
    except MemoryError:
        raise
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"'{short}' is not a Parquet file that can be read: {error}.") from error


def _columns(table: Any) -> tuple[tuple[str, ...], list[list[str]]]:
    """(names, cells of each column), those of records flattened."""
    import pyarrow

    while any(pyarrow.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return tuple(table.column_names), [_cells(column.combine_chunks()) for column in table.columns]


def _is_text(kind: Any) -> bool:
    import pyarrow

    kind = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    return bool(pyarrow.types.is_string(kind))


def _cells(column: Any) -> list[str]:
    import pyarrow

    if not pyarrow.types.is_dictionary(column.type):
        return [cell(value) for value in column.to_pylist()]
    different = [cell(value) for value in column.dictionary.to_pylist()]
    return ["" if at is None else different[at] for at in column.indices.to_pylist()]

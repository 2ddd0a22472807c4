"""Tables that are no text: Excel workbooks and Parquet. Their sizes are checked before anything is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from core import DataError
from dataset.documents.grid import Grid, cell, check_size, of_rows

MOST_UNPACKED = 256 * 1024**2
"""Bytes of a workbook's parts, or of a Parquet file's columns, unpacked."""
MOST_SHEETS = 8


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
                rows = ([cell(one) for one in row] for row in sheet.iter_rows(values_only=True))
                grid = of_rows((_trimmed(row) for row in rows), file)
                if grid.rows:
                    found.append(Grid(file, grid.columns, grid.rows, headed=False, sheet=sheet.title))
        finally:
            book.close()
    except DataError:
        raise
    except Exception as error:  # what a broken workbook makes the library raise is not listed anywhere
        raise DataError(f"'{short}' is not an Excel workbook that can be read: {error}.") from error
    return found if len(found) != 1 else [Grid(file, found[0].columns, found[0].rows, headed=False)]


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row


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
            table = opened.read()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"'{short}' is not a Parquet file that can be read: {error}.") from error
    while any(pyarrow.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    columns = [[cell(value) for value in column.to_pylist()] for column in table.columns]
    return [Grid(file, tuple(table.column_names), tuple(zip(*columns, strict=True)))]

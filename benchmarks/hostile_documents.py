"""Documents made to cost: each is refused by name, in how many seconds and with how much memory.

    python -m benchmarks.hostile_documents --table benchmarks/results/hostile_documents.md

Each lies beside two class folders of ten pictures, and is imported in a process of its own; its memory and that of the
processes that it starts is looked at every 20 ms. What is counted is the highest sum (resident, what they share counted
once for each). A folder with a small table of labels in place of the document is the control.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.machine import describe

MOST_SECONDS = 10.0
MOST_MB = 500
BIG = 10_000_000
"""Signs of a large cell."""
IMPORT = """
import json, sys
from pathlib import Path
from core import DataError
from dataset.ingest import import_path
try:
    ref = import_path(sys.argv[1], Path(sys.argv[2]))
    said = ["taken beside it", *ref.notes]
except DataError as error:
    said = ["refused", str(error)]
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Cost:
    """What one document cost and what was said of it."""

    name: str
    on_disk: int
    seconds: float
    mb: float
    said: str

    @property
    def good(self) -> bool:
        return Path(self.name).name.partition(" ")[0] in self.said and self.seconds <= MOST_SECONDS


def workbook(path: Path, sheet: Iterator[str]) -> None:
    """A workbook of one sheet of these pieces of XML."""
    import openpyxl

    openpyxl.Workbook().save(path)
    with zipfile.ZipFile(path) as box:
        parts = {name: box.read(name) for name in box.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as box:
        for name, data in parts.items():
            if name != "xl/worksheets/sheet1.xml":
                box.writestr(name, data)
        with box.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as out:
            for piece in sheet:
                out.write(piece.encode())


def in_a_sheet(rows: Iterator[str]) -> Iterator[str]:
    yield '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    yield from rows
    yield "</sheetData></worksheet>"


def parquet(path: Path, columns: Callable[[int], dict[str, Any]], batches: int) -> None:
    import pyarrow
    import pyarrow.parquet

    first = pyarrow.table(columns(0))
    with pyarrow.parquet.ParquetWriter(path, first.schema) as writer:
        for number in range(batches):
            writer.write_table(pyarrow.table(columns(number)))


def many_rows(path: Path) -> None:
    rows = np.arange(1_000_000)
    parquet(path, lambda number: {"path": [f"{one % 20}.png" for one in rows], "label": rows % 5}, 30)


def one_text_a_million_times(path: Path) -> None:
    import pyarrow

    one = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(50_000, "int32")), ["x" * 1_000_000])
    parquet(path, lambda _: {"path": one, "label": one}, 20)


def large_cells(path: Path) -> None:
    parquet(path, lambda number: {"path": [str(number) * BIG], "label": ["cat"]}, 40)


def nested_texts(path: Path) -> None:
    parquet(path, lambda number: {"a": [{"b": "z" * 1_000_000}] * 200}, 50)


def text(*pieces: tuple[str, int]) -> Callable[[Path], None]:
    """Writes these texts, each so many times."""

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as out:
            for piece, times in pieces:
                for start in range(0, times, 1000):
                    out.write(piece * min(1000, times - start))

    return write


def rows_of_blanks(path: Path) -> None:
    workbook(path, in_a_sheet(f'<row r="{n + 1}">{"<c/>" * 500}</row>' for n in range(100_000)))


def rows_of_texts(path: Path) -> None:
    workbook(path, in_a_sheet(f'<row><c t="inlineStr"><is><t>{n}.png</t></is></c></row>' for n in range(3_500_000)))


def large_texts_in_a_sheet(path: Path) -> None:
    workbook(path, in_a_sheet(f'<row><c t="inlineStr"><is><t>{"w" * BIG}</t></is></c></row>' for _ in range(24)))


def a_sheet_of_gigabytes(path: Path) -> None:
    workbook(path, in_a_sheet(" " * 1_000_000 for _ in range(3_000)))


KINDS: dict[str, Callable[[Path], None]] = {
    "deep.json (200,000 lists in one another)": text(("[", 200_000)),
    "deep.jsonl (a line of them)": text(("[", 200_000), ("\n", 1)),
    "objects.json (60,000 objects in one another)": text(('{"a":', 60_000), ("1", 1), ("}", 60_000)),
    "records.json (4 million small records)": text(("[", 1), ('{"p":"a.png","l":1},', 4_000_000), ('{"p":1}]', 1)),
    "keys.json (a record of a million keys)": text(
        ("[{", 1), *((f'"{n}":1,', 1) for n in range(1_000_000)), ('"z":1}]', 1)
    ),
    "cell.json (10 cells of 10 MB)": text(("[", 1), *[('{"path":"', 1), ("x", BIG), ('"},', 1)] * 10, ("{}]", 1)),
    "cells.jsonl (lines of 10 MB)": text(*[('{"path":"', 1), ("x", BIG), ('"}\n', 1)] * 10),
    "cells.csv (cells of 10 MB)": text(("path,label\n", 1), *[("x", BIG), (",cat\n", 1)] * 10),
    "quote.csv (a quotation that never ends)": text(("path,label\n", 1), ('"', 1), ("x,\n", 20_000_000)),
    "rows.csv (20 million rows)": text(("path,label\n", 1), ("a.png,cat\n", 20_000_000)),
    "columns.csv (a million columns)": text(("a,", 400_000), ("\n", 1)),
    "signs.txt (a line of 100 MB)": text(("x", 100_000_000)),
    "rows.parquet (30 million rows)": many_rows,
    "again.parquet (a text of 1 MB a million times)": one_text_a_million_times,
    "cells.parquet (40 cells of 10 MB)": large_cells,
    "nested.parquet (texts of 1 MB in records)": nested_texts,
    "blanks.xlsx (50 million empty cells)": rows_of_blanks,
    "rows.xlsx (3.5 million rows)": rows_of_texts,
    "cells.xlsx (24 cells of 10 MB)": large_texts_in_a_sheet,
    "zeros.xlsx (a sheet of 3 GB)": a_sheet_of_gigabytes,
}
CONTROL = "labels.csv (a small table)"


def measure(name: str, make: Callable[[Path], None]) -> Cost:
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "photos"
        for label, grey in (("ant", 60), ("bee", 160)):
            (source / label).mkdir(parents=True)
            for number in range(10):
                Image.new("L", (16, 16), grey + number).save(source / label / f"{label}{number}.png")
        document = source / name.partition(" ")[0]
        make(document)
        began, highest = time.monotonic(), 0
        import_ = subprocess.Popen(
            [sys.executable, "-c", IMPORT, str(source), f"{place}/home"], stdout=subprocess.PIPE, text=True
        )
        while import_.poll() is None:
            highest = max(highest, held(import_.pid))
            time.sleep(0.02)
        seconds = time.monotonic() - began
        out = import_.stdout.read() if import_.stdout else ""
        said = " ".join(json.loads(out)) if out.strip() else f"ended with code {import_.returncode}"
        return Cost(name, document.stat().st_size, seconds, highest / 1024**2, said)


def held(pid: int) -> int:
    """Resident bytes of a process and its children."""
    total = 0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for one in family:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def table(costs: list[Cost]) -> str:
    lines = [
        "# Documents made to cost",
        "",
        f"`python -m benchmarks.hostile_documents`; {describe()}.",
        f"Bounds: {MOST_SECONDS:.0f} s and {MOST_MB} MB, the import and the processes it starts together.",
        "",
        "| document | on disk, MB | s | MB | what became of it |",
        "|---|---|---|---|---|",
    ]
    for one in costs:
        said = one.said if len(one.said) < 240 else one.said[:240] + " ..."
        lines.append(f"| {one.name} | {one.on_disk / 1e6:.1f} | {one.seconds:.1f} | {one.mb:.0f} | {said} |")
    hostile = [one for one in costs if one.name != CONTROL]
    good = sum(one.good and one.mb <= MOST_MB for one in hostile)
    lines += ["", f"{good} of {len(hostile)} named, within both bounds."]
    return "\n".join(lines) + "\n"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--table", type=Path, help="also write the table here")
    asked.add_argument("--only", default="", help="only documents with this in their name")
    given = asked.parse_args()
    small = text(("path,label\n", 1), *((f"{k}/{k}{n}.png,{k}\n", 1) for k in ("ant", "bee") for n in range(10)))
    costs = []
    for name, make in {CONTROL: small, **KINDS}.items():
        if given.only in name:
            costs.append(measure(name, make))
            print(costs[-1], flush=True)
    print(table(costs))
    if given.table:
        given.table.write_text(table(costs), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Tables and lists that are text: CSV, TSV, semicolons, lists of `path label`; in UTF-8, UTF-16 or Windows-1252.

Read a line at a time, within bounds: neither a file without line breaks nor one of a hundred million rows is ever held.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from core import DataError
from dataset.documents.grid import Grid, cell, of_rows

LONGEST_LINE = 1_000_000
DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 50
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def separated(path: Path, file: str) -> list[Grid]:
    """The table of a CSV, whichever sign separates its cells. Raises DataError."""
    encoding, notes = _encoding(path, file)
    with _opened(path, encoding, file) as text:
        delimiter = _delimiter([line for line, _ in zip(_lines(text, file), range(_LOOKED_AT), strict=False)])
    with _opened(path, encoding, file) as text:
        lines = _lines(text, file)
        try:
            rows = ([cell(one) for one in row] for row in csv.reader(lines, delimiter=delimiter))
            return [of_rows((row for row in rows if row != ["sep=" + delimiter]), file, notes=notes)]
        except csv.Error as error:
            raise DataError(f"'{_short(file)}' is not a table that can be read: {error}.") from error


def listed(path: Path, file: str) -> list[Grid]:
    """A text list: `path label`, `path<tab>label`, or paths alone. Raises DataError."""
    encoding, notes = _encoding(path, file)
    with _opened(path, encoding, file) as text:
        first = [line for line, _ in zip(_lines(text, file), range(_LOOKED_AT), strict=False)]
    with _opened(path, encoding, file) as text:
        lines = (line.strip() for line in _lines(text, file))
        there = (line for line in lines if line and not line.startswith("#"))
        sign = _steady(first)
        words = {len(line.split()) for line in first if line.strip() and not line.startswith("#")}
        if not sign and len(words) == 1 and words.pop() > 2:
            rows = (line.split() for line in there)
        else:
            rows = (line.split(sign) if sign else _path_and_label(line) for line in there)
        return [of_rows(([cell(one) for one in row] for row in rows), file, kind="list", notes=notes)]


def _path_and_label(line: str) -> list[str]:
    """'my photo.jpg 3' -> the path may hold blanks, the label does not; 'synset a long name' stays two as well."""
    if found := re.fullmatch(r"(.*\.\w{2,5})\s+(\S.*)", line):
        return [found[1], found[2]]
    return line.split(None, 1)


def _steady(lines: list[str]) -> str:
    """The sign that every one of these lines has equally often; '' when blanks separate."""
    there = [line for line in lines if line.strip()]
    for sign in ("\t", ",", ";"):
        counts = {line.strip().count(sign) for line in there}
        if len(counts) == 1 and counts != {0}:
            return sign
    return ""


def _delimiter(lines: list[str]) -> str:
    """The sign that the lines agree on: as often in most of them, and most often then."""
    if lines and (found := re.fullmatch(r"(?i)\"?sep=(.)\"?\s*", lines[0])):
        return found[1]

    def agreed(sign: str) -> tuple[int, int]:
        usual = Counter(len(next(csv.reader([line], delimiter=sign), [])) - 1 for line in lines if line.strip())
        usual.pop(0, None)
        times, count = max(((times, count) for count, times in usual.items()), default=(0, 0))
        return times, count

    return max(DELIMITERS, key=agreed)


def _encoding(path: Path, file: str) -> tuple[str, tuple[str, ...]]:
    """(encoding, what is to be said of it)."""
    with open(path, "rb") as bytes_in:
        start = bytes_in.read(4096)
        for mark, name in _BOMS:
            if start.startswith(mark):
                return name, ()
        if b"\0" in start[:200]:
            even, odd = start[:200:2].count(0), start[1:200:2].count(0)
            if max(even, odd) > 50:
                return ("utf-16-le" if odd > even else "utf-16-be"), ()
            raise DataError(f"'{_short(file)}' is no text. Save it as 'CSV UTF-8' and import again.")
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while start:
                decoder.decode(start)
                start = bytes_in.read(1_000_000)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            odd_one = error.object[error.start : error.start + 1]
            try:
                odd_one.decode("cp1252")
            except UnicodeDecodeError:
                raise _no_text(file) from error
            note = f"{_short(file)} is not UTF-8; it was read as Windows-1252 (Western European)."
            return "cp1252", (note,)
    return "utf-8", ()


@contextmanager
def _opened(path: Path, encoding: str, file: str) -> Iterator[TextIO]:
    try:
        with open(path, encoding=encoding, newline="") as text:
            yield text
    except UnicodeError as error:
        raise _no_text(file) from error


def _lines(text: TextIO, file: str) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise DataError(f"'{_short(file)}' has a line of more than {LONGEST_LINE:,} signs: no table of labels has.")
        yield line.replace("\0", "")


def _no_text(file: str) -> DataError:
    return DataError(f"'{_short(file)}' is not UTF-8 text. Save it as 'CSV UTF-8' and import again.")


def _short(file: str) -> str:
    return file.rpartition("/")[2]

"""What a layout is: the files that are drawn, and what must become of them, stated before anything reads them.

Knows nothing of Thaw. A layout is a function that puts pictures and tables into a `Draft`; a picture is put there with
its true class, side and group, so that what is expected is what was drawn.
"""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

SIDE = 24
"""Pixels of a picture."""
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Read:
    """One reading explains every image: it must be taken, without a question."""

    labels: Mapping[str, str]
    """Path -> true class, of every labelled picture."""
    unlabelled: frozenset[str] = frozenset()
    """Pictures that nothing labels: in no class, but accounted for."""
    sides: Mapping[str, str] = field(default_factory=dict)
    """Path -> 'train', 'val', 'test', or 'val|test' where the word may mean either; empty: no split is given."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Path -> what it clearly belongs together with; empty: nothing is asked of groups."""
    folds: Mapping[str, str] = field(default_factory=dict)
    """Path -> part that must lie whole on one side, whichever that is."""
    aka: Mapping[str, str] = field(default_factory=dict)
    """Another good name of a class -> the class."""
    optional: frozenset[str] = frozenset()
    """Pictures that may as well be left out, if that is told: copies, variants, keys."""
    named: bool = True
    """Whether the names of the classes count, or only which images share one."""

    def __post_init__(self) -> None:
        if not set(self.sides) <= set(self.labels) or self.unlabelled & set(self.labels):
            raise ValueError("Sides belong to labelled pictures, and an unlabelled one has no label.")


@dataclass(frozen=True)
class Asked:
    """Several readings fit: they must be offered, and the one chosen by its key must be right."""

    options: tuple[Read, ...]
    every: bool = True
    """Whether each option must be among the readings, or one is enough."""


@dataclass(frozen=True)
class Refused:
    """Nothing fits: the sentence must hold these words, in any case."""

    words: tuple[str, ...]


Expected = Read | Asked | Refused


@dataclass(frozen=True)
class Case:
    """One layout and which of the three must become of it."""

    name: str
    source: str
    """The documentation or the set that the layout follows."""
    make: Callable[[Path], None]
    """Writes the layout into an empty folder."""
    expect: Expected
    also: tuple[Expected, ...] = ()
    """Other outcomes that are as careful."""


class Draft:
    """A layout under construction: pictures with the truth about them, and other files."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.sides: dict[str, str] = {}
        self.groups: dict[str, str] = {}
        self.unlabelled: set[str] = set()
        self._drawn: dict[str, tuple[str, int]] = {}
        self._files: dict[str, bytes] = {}

    def picture(
        self, path: str, label: str | None, side: str = "", group: str = "", like: str | None = None
    ) -> str:
        """A picture of its own, or a copy of the one at `like`; returns its path."""
        self._drawn[path] = self._drawn[like] if like else (label or "none", len(self._drawn))
        if label is None:
            self.unlabelled.add(path)
        else:
            self.labels[path] = label
            if side:
                self.sides[path] = side
            if group:
                self.groups[path] = group
        return path

    def file(self, path: str, text: str | bytes, encoding: str = "utf-8") -> None:
        self._files[path] = text if isinstance(text, bytes) else text.encode(encoding)

    def table(self, path: str, rows: Rows, encoding: str = "utf-8", delimiter: str = ",", end: str = "\n") -> None:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
        self.file(path, text.getvalue(), encoding)

    def json(self, path: str, what: object) -> None:
        self.file(path, json.dumps(what, indent=1, ensure_ascii=False))

    def lines(self, path: str, records: Iterable[object]) -> None:
        """One JSON text a line."""
        self.file(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))

    def parquet(self, path: str, columns: Mapping[str, Any]) -> None:
        """columns: pyarrow arrays, or lists that it understands."""
        import pyarrow
        import pyarrow.parquet

        out = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(pyarrow.table(dict(columns)), out)
        self.file(path, out.getvalue().to_pybytes())

    def workbook(self, path: str, rows: Rows) -> None:
        """An Excel workbook of one sheet: texts shared, as Excel writes them, numbers as numbers."""
        shared: dict[str, int] = {}
        lines = []
        for number, row in enumerate(rows, 1):
            cells = "".join(_cell(f"{chr(65 + at)}{number}", value, shared) for at, value in enumerate(row))
            lines.append(f'<row r="{number}">{cells}</row>')
        texts = "".join(f"<si><t>{escape(text)}</t></si>" for text in shared)
        self.file(path, _packed(_SHEET.format("".join(lines)), _SHARED.format(texts)))

    def read(self, **more: Any) -> Read:
        """What was drawn, as the reading that must be taken."""
        read = Read(dict(self.labels), frozenset(self.unlabelled), dict(self.sides), dict(self.groups))
        return replace(read, **more)

    def write(self, root: Path) -> None:
        for path, (label, number) in self._drawn.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            draw(label, number).save(root / path)
        for path, data in self._files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)


Said = Expected | tuple[Expected, ...]
"""What must become of a layout; of several, the first is expected, the others are as careful."""
Plan = Callable[[Draft], Said]
"""Fills a draft and says what must become of it."""


def layout(source: str) -> Callable[[Plan], Case]:
    """Makes a case, called like the function, of a plan."""

    def case(plan: Plan) -> Case:
        draft = Draft()
        said = plan(draft)
        first, *also = said if isinstance(said, tuple) else (said,)
        name = getattr(plan, "__name__", "").replace("_", " ").strip()
        return Case(name, source, draft.write, first, tuple(also))

    return case


def cases_in(module: object) -> tuple[Case, ...]:
    """The cases a module defines, in its order."""
    return tuple(one for one in vars(module).values() if isinstance(one, Case))


def draw(label: str, number: int) -> Image.Image:
    """A noisy square with a bar in the colour of its class; no two numbers look alike."""
    random_ = np.random.default_rng([zlib.crc32(label.encode()), number])
    coarse = np.kron(random_.integers(0, 150, (6, 6, 3)), np.ones((SIDE // 6, SIDE // 6, 1)))
    pixels = coarse + random_.integers(0, 50, (SIDE, SIDE, 3))
    hue = np.random.default_rng(zlib.crc32(label.encode())).integers(40, 256, 3)
    at = random_.integers(2, SIDE - 8)
    pixels[at : at + 6] = hue
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def mixed(classes: Sequence[str], each: int = 10, seed: int = 0) -> Iterator[tuple[int, str]]:
    """(running number, class) of `each` pictures a class, shuffled."""
    order = [name for name in classes for _ in range(each)]
    random.Random(seed).shuffle(order)
    return enumerate(order)


def sorted_out(classes: Sequence[str], each: int = 10) -> Iterator[tuple[str, int]]:
    """(class, number in the class), class after class."""
    return ((name, number) for name in classes for number in range(each))


def side_of(number: int, sides: Mapping[str, int]) -> str:
    """The side of the number-th picture, when a side's part of each round is as large as given."""
    at = number % sum(sides.values())
    for side, part in sides.items():
        if at < part:
            return side
        at -= part
    raise AssertionError("a round is as long as its parts")


def _cell(place: str, value: object, shared: dict[str, int]) -> str:
    if isinstance(value, (int, float)):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="s"><v>{shared.setdefault(str(value), len(shared))}</v></c>'


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = f'<worksheet xmlns="{_MAIN}"><sheetData>{{}}</sheetData></worksheet>'
_SHARED = f'<sst xmlns="{_MAIN}">{{}}</sst>'


def _packed(sheet: str, shared: str) -> bytes:
    """The parts of ECMA-376 that a workbook needs."""

    def related(*parts: tuple[str, str]) -> str:
        one = '<Relationship Id="rId{}" Type="{}/{}" Target="{}"/>'
        listed = "".join(one.format(at, _OFFICE, kind, target) for at, (kind, target) in enumerate(parts, 1))
        return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'

    parts = ("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"), ("sharedStrings", "sharedStrings")
    override = '<Override PartName="/xl/{}.xml" ContentType="{}.{}+xml"/>'
    types = "".join(override.format(part, _KIND, kind) for part, kind in parts)
    held = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
        "_rels/.rels": related(("officeDocument", "xl/workbook.xml")),
        "xl/_rels/workbook.xml.rels": related(
            ("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")
        ),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="Sheet1" sheetId="1" '
        'r:id="rId1"/></sheets></workbook>',
        "xl/worksheets/sheet1.xml": sheet,
        "xl/sharedStrings.xml": shared,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as box:
        for name, text in held.items():
            box.writestr(name, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + text)
    return out.getvalue()

"""Documents are opened within bounds: what is hostile or broken is refused by name, before it costs much."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from core import DataError
from dataset.documents import grid, open_document, worth_opening
from dataset.documents.grid import cell, parts


def opened(where: Path, name: str, content: str | bytes) -> list[grid.Grid]:
    path = where / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_document(path, name)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", "[" * 100_000, "'a.json' is nested too deeply to be a list of labels."),
        ("a.json", '{"images": [', "'a.json' is no JSON that can be read"),
        ("a.jsonl", '{"a": 1}\n{"a": ', "Line 2 of 'a.jsonl' is no JSON that can be read."),
        ("a.jsonl", '{"a": "' + "x" * 2_000_000, "Line 1 of 'a.jsonl' has more than 1,000,000 bytes"),
        ("a.csv", "path,label\n" + "x" * 2_000_000, "'a.csv' has a line of more than 1,000,000 signs"),
        ("a.csv", "path,label\n" + '"' + "x,\n" * 300_000, "'a.csv' is not a table that can be read: field larger"),
        ("a.csv", "a," * 5_000, "'a.csv' is larger than a table of labels should be"),
        ("a.csv", b"\x00\x01\x02" * 50, "'a.csv' is no text. Save it as 'CSV UTF-8'"),
        ("a.csv", b"path,label\n\x81\xff,x\n", "'a.csv' is not UTF-8 text. Save it as 'CSV UTF-8'"),
        ("a.parquet", b"PAR1 and then nothing", "'a.parquet' is not a Parquet file that can be read"),
        ("a.xlsx", b"PK\x03\x04 and then nothing", "'a.xlsx' is not an Excel workbook that can be read"),
    ],
)
def test_what_is_hostile_or_broken_is_refused_by_name(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    with pytest.raises(DataError) as refused:
        opened(tmp_path, name, content)
    assert str(refused.value).startswith(sentence) or sentence in str(refused.value)


@pytest.mark.parametrize(
    "document",
    [
        {"images": [{"id": [1], "file_name": "a.png"}], "annotations": [{"image_id": [1], "category_id": {}}]},
        {"images": [{"id": 1}], "annotations": [1, None, "x"], "categories": 7},
        {"images": [None], "annotations": [{"image_id": 1}], "categories": [{"id": [2], "name": None}]},
        {"items": [{"image": 3, "annotations": 5}], "categories": {"label": {"labels": 4}}},
        {"items": [[]], "categories": {"label": []}},
        {"labels": {"a.png": [0]}, "classes": [[1]]},
        {"train": [1, [2]], "test": {"a": None}},
        [[[[]]], {"a": [{"b": {"c": [None]}}]}, 3],
        {"0": {"0": 1}, "1": 2},
        7, None, "text", [], {},
    ],
)  # fmt: skip
def test_json_of_any_shape_is_read_or_refused_by_name(tmp_path: Path, document: object) -> None:
    found, said = [], ""
    try:
        found = opened(tmp_path, "odd.json", json.dumps(document))
    except DataError as refused:
        said = str(refused)
    assert all(len(row) == len(one.columns) for one in found for row in one.rows)
    assert not said or said.startswith("'odd.json' is no table of labels that can be read (")


def test_gaps_and_empty_cells_of_a_sheet_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for place, text in (("A1", "path"), ("B1", "label"), ("A2", "1.png"), ("B2", "cat"), ("A90", "2.png")):
        book.worksheets[0][place] = text
    book.save(tmp_path / "gaps.xlsx")
    (read,) = open_document(tmp_path / "gaps.xlsx", "gaps.xlsx")
    assert read.rows == (("path", "label"), ("1.png", "cat"), ("2.png", ""))
    monkeypatch.setattr("dataset.documents.binary_tables.MOST_PLACES", 80)
    with pytest.raises(DataError, match=r"A sheet of 'gaps\.xlsx' has more than 80 places, empty ones included"):
        open_document(tmp_path / "gaps.xlsx", "gaps.xlsx")


def test_a_parquet_says_what_pandas_says_of_it(tmp_path: Path) -> None:
    import pandas

    rows = 10_000
    table = pandas.DataFrame(
        {"path": [f"{n}.png" for n in range(rows)], "label": pandas.Categorical(["cat", None] * (rows // 2)),
         "age": [1.0, float("nan")] * (rows // 2), "tags": [["a", "b"], []] * (rows // 2)}
    )  # fmt: skip
    table.to_parquet(tmp_path / "t.parquet")
    (read,) = open_document(tmp_path / "t.parquet", "t.parquet")
    assert read.columns[:4] == ("path", "label", "age", "tags") and len(read.rows) == rows
    assert read.rows[0][:4] == ("0.png", "cat", "1", '["a", "b"]') and read.rows[-1][:4] == ("9999.png", "", "", "")


def test_a_workbook_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataset.documents.binary_tables.MOST_UNPACKED", 1_000_000)
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("xl/worksheets/sheet1.xml", b"0" * 2_000_000)
    with pytest.raises(DataError, match=r"'b.xlsx' unpacks to more than 0 MB.*Save the sheet as 'CSV UTF-8'"):
        open_document(tmp_path / "b.xlsx", "b.xlsx")


def test_a_table_above_the_bounds_is_refused_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "MOST_ROWS", 100)
    with pytest.raises(DataError, match="'l.csv' is larger than a table of labels should be: more than 100 rows"):
        opened(tmp_path, "l.csv", "a,b\n" * 101)
    with pytest.raises(DataError, match="'l.json' is larger than a table of labels should be"):
        opened(tmp_path, "l.json", json.dumps([{"a": 1}] * 101))


def test_a_parquet_of_pictures_says_so(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pictures = pyarrow.array([{"bytes": b"x", "path": "1.png"}], pyarrow.struct({"bytes": "binary", "path": "string"}))
    pyarrow.parquet.write_table(pyarrow.table({"image": pictures, "label": [1]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="'p.parquet' holds the images themselves: unpack them into files"):
        open_document(tmp_path / "p.parquet", "p.parquet")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (float("nan"), ""), (1.0, "1"), (1.5, "1.5"), (True, "True"), (b"cat", "cat"), ("NaN", ""),
     ("NA", "NA"), ([b"cat"], "cat"), (["cat", "dog"], '["cat", "dog"]')],
)  # fmt: skip
def test_cells_are_written_as_people_write_them(value: object, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    ("text", "labels"),
    [('{"choices": ["cat", "dog"]}', ["cat", "dog"]), ("['cat']", ["cat"]), ("[cat", ["[cat"]), ("a b", ["a b"]),
     ("", [])],
)  # fmt: skip
def test_a_cell_may_hold_several_labels(text: str, labels: list[str]) -> None:
    assert parts(text) == labels


def test_texts_that_belong_to_one_image_each_are_not_opened() -> None:
    images = [f"images/{n}.jpg" for n in range(9)]
    documents = {f"labels/{n}.txt": Path() for n in range(9)} | {"train.txt": Path(), "a/labels.csv": Path()}
    files, single = worth_opening(documents, images)
    assert files == ["train.txt", "a/labels.csv"] and len(single) == 9

"""Files are written whole or not at all, and a broken one is named."""

from __future__ import annotations

import csv
import io
import json
import threading
from pathlib import Path

import numpy as np
import pytest

from core.errors import BrokenFile
from core.files import (
    csv_text,
    find_array,
    find_arrays,
    find_json,
    raw_cell,
    read_json,
    write_json,
    write_whole,
    written_whole,
)
from core.portable.predict import cell


def test_what_was_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "notes" / "one.json"
    write_json(file, {"names": ["Frühling", "\udcff"], "share": 0.5})
    assert read_json(file) == {"names": ["Frühling", "\udcff"], "share": 0.5}
    write_whole(file, "{}")
    assert find_json(file) == {}
    assert [one.name for one in file.parent.iterdir()] == ["one.json"]


def test_what_fails_half_way_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    write_json(file, {"old": 1})

    def half() -> None:
        with written_whole(file) as part:
            part.write(b"{")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with pytest.raises(TypeError):
        write_json(file, {"new": object()})
    assert read_json(file) == {"old": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_writers_of_one_file_do_not_share_a_temporary_name(tmp_path: Path) -> None:
    file, together = tmp_path / "one.json", threading.Barrier(4)

    def write(number: int) -> None:
        with written_whole(file, lasting=False) as part:
            part.write(b"[")
            together.wait()  # all four are in the middle of it
            part.write(b"%d, %d]" % (number, number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = read_json(file)
    assert first == second
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (b'{"a": ', "is damaged or no JSON"), (b"\xff\xfe", "is damaged or no JSON")],
)
def test_a_broken_file_is_named_with_what_to_do(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "one.json"
    file.write_bytes(content)
    with pytest.raises(BrokenFile) as refused:
        read_json(file)
    assert str(refused.value) == f"The file {file} {why}. Remove it, or bring it back from a copy."
    assert find_json(file) is None


def test_a_missing_file_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match=r"The file .*none\.json is not there\."):
        read_json(tmp_path / "none.json")
    with pytest.raises(BrokenFile, match="cannot be read"):
        read_json(tmp_path)


def test_a_document_of_another_kind_is_not_found(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps([1, 2]))
    assert find_json(file) is None


@pytest.mark.parametrize("keep", [0, 1, 40, 200])
def test_arrays_that_are_cut_off_are_not_found(tmp_path: Path, keep: int) -> None:
    one, several = tmp_path / "one.npy", tmp_path / "several.npz"
    np.save(one, np.arange(100))
    np.savez(several, rows=np.arange(100))
    found, arrays = find_array(one), find_arrays(several)
    assert found is not None and arrays is not None and np.array_equal(arrays["rows"], found)
    for file in (one, several):
        file.write_bytes(file.read_bytes()[:keep])
    assert find_array(one) is None and find_array(one, mapped=True) is None
    assert find_arrays(several) is None and find_arrays(one) is None and find_array(tmp_path / "none") is None


def test_arrays_with_code_in_them_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.array([object()]), allow_pickle=True)
    assert find_array(tmp_path / "one.npy") is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('=HYPERLINK("http://x.test")', "'=HYPERLINK(\"http://x.test\")"), ("+49 30 1", "'+49 30 1"),
        ("-dog.png", "'-dog.png"), ("@SUM(A1)", "'@SUM(A1)"), ("\tcat", "'\tcat"), ("\r=1", "'\r=1"), ("-0.5", "-0.5"),
        ("+4.5e-2", "+4.5e-2"), ("-1+1", "'-1+1"), ("cat = dog", "cat = dog"), ("'tis", "'tis"), ("'=1", "''=1"),
        ("''-a", "'''-a"), ("", ""),
    ],
)  # fmt: skip
def test_no_cell_of_a_table_starts_a_formula_and_each_is_read_back(text: str, written: str) -> None:
    table = csv_text(("name", "number"), [(text, -0.5)])
    (_, (found, number)) = csv.reader(io.StringIO(table, newline=""))
    assert (found, number) == (written, "-0.5") and raw_cell(found) == text
    assert cell(text) == written, "the predict.py of an export writes the same"

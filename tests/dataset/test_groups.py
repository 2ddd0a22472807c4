"""What belongs together: the group of an image from its source to the manifest, and out again."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from core import DataError, DatasetRef
from dataset.cleaned_set import LABELS, items, write_table, zip_pieces
from dataset.edits import Edit
from dataset.folder import MANIFEST, Row, content_id, load_dataset, read_manifest, read_rows
from dataset.ingest.sources import import_path
from dataset.ingest.targets import attach
from dataset.revisions import revise


def grouped(folder: Path, image_folder: Callable[..., Path], name: str = "labels.csv", split: str = "") -> Path:
    """8 ants and 8 bees with a table beside them: two pictures in a row are of one lesion, 4 lesions a class."""
    image_folder(folder, per_class=8)
    lines = ["path,label,group" + (",split" if split else "")]
    for label in ("ants", "bees"):
        for number in range(8):
            lines.append(f"{label}/{number:03}.png,{label},{label[0]}{number // 2}{split and ',' + split}")
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def ref(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> DatasetRef:
    return import_path(grouped(tmp_path / "lesions", image_folder), home)


def test_a_column_called_group_comes_to_the_manifest(ref: DatasetRef, home: Path) -> None:
    assert (ref.groups, ref.grouped_by) == (8, "column 'group'")
    assert [row.group for row in read_rows(ref)][:4] == ["a0", "a0", "a1", "a1"]
    assert list(read_manifest(ref)["group"])[-2:] == ["b3", "b3"]
    assert load_dataset(home, ref.id) == ref


def test_groups_are_part_of_the_id_and_no_groups_leave_it_as_it_was() -> None:
    rows = [Row("a", 0, "", "d1", 1, 1), Row("b", 1, "", "d2", 1, 1)]
    plain = content_id(rows, ["x", "y"])
    assert plain == hashlib.sha256(b'["a", "x", "", "d1"]\n["b", "y", "", "d2"]\n').hexdigest()[:16]
    some = [rows[0]._replace(group="g"), rows[1]]
    told = hashlib.sha256(b'["a", "x", "", "d1", "g"]\n["b", "y", "", "d2", ""]\n').hexdigest()[:16]
    assert content_id(some, ["x", "y"]) == told != plain
    assert content_id([rows[0]._replace(group="h"), rows[1]], ["x", "y"]) != told


def test_a_manifest_without_the_column_is_read(ref: DatasetRef) -> None:
    path = Path(ref.root) / MANIFEST
    lines = list(csv.reader(path.open(encoding="utf-8", newline="")))
    for columns in (7, 6):
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(line[:columns] for line in lines)
        assert {row.group for row in read_rows(ref)} == {""}
        assert set(read_manifest(ref)["group"]) == {""}


def test_a_revision_keeps_the_groups(ref: DatasetRef, home: Path) -> None:
    edits = [Edit("exclude", ("ants/000.png", "ants/001.png")), Edit("relabel", ("bees/000.png",), "ants")]
    new = revise(home, ref, edits)
    assert [row.group for row in read_rows(new)] == [row.group for row in read_rows(ref)]
    assert (new.groups, new.grouped_by) == (7, "column 'group'")


def test_what_is_taken_away_says_the_groups(ref: DatasetRef, home: Path, tmp_path: Path) -> None:
    archive, table = tmp_path / "cleaned.zip", tmp_path / "lesions" / "cleaned.csv"
    archive.write_bytes(b"".join(zip_pieces(ref, items(ref))))
    with table.open("w", encoding="utf-8", newline="") as file:
        write_table(items(ref), file)
    assert table.read_text(encoding="utf-8").splitlines()[:2] == ["path,label,group", "ants/000.png,ants,a0"]
    assert LABELS in archive.read_bytes().decode("latin-1")
    assert import_path(archive, home).id == import_path(table, home).id == ref.id


def test_a_row_that_gives_an_image_two_groups_is_refused(tmp_path: Path, home: Path, image_folder) -> None:
    folder = grouped(tmp_path / "lesions", image_folder)
    with (folder / "labels.csv").open("a", encoding="utf-8") as file:
        file.write("ants/000.png,ants,b9\n")
    with pytest.raises(DataError, match="'ants' of group 'a0' and 'ants' of group 'b9'"):
        import_path(folder / "labels.csv", home)


def test_a_target_has_groups_too(ref: DatasetRef, home: Path, tmp_path: Path, image_folder) -> None:
    target = attach(home, ref, grouped(tmp_path / "there", image_folder))
    assert (target.groups, target.grouped_by) == (8, "column 'group'")

"""What belongs together: the group of an image from its source to the manifest, and out again."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import DataError, DatasetRef
from dataset.audit.report import audit
from dataset.cleaned_set import LABELS, items, write_table, zip_pieces
from dataset.edits import Edit
from dataset.folder import MANIFEST, Row, content_id, load_dataset, read_manifest, read_rows
from dataset.groups import torn
from dataset.ingest.sources import import_path
from dataset.ingest.targets import attach
from dataset.revisions import revise
from dataset.splits import sides


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
    with pytest.raises(DataError, match="is listed twice with different groups .'a0' and 'b9'"):
        import_path(folder / "labels.csv", home)


def test_a_target_has_groups_too(ref: DatasetRef, home: Path, tmp_path: Path, image_folder) -> None:
    target = attach(home, ref, grouped(tmp_path / "there", image_folder))
    assert (target.groups, target.grouped_by) == (8, "column 'group'")


# --- groups from names, at import -----------------------------------------------------------------------------


def named(folder: Path, template: str, groups: int = 10, images: int = 2, split: str = "") -> Path:
    """Small pictures, all different: every group of one of two classes."""
    rng = np.random.default_rng(0)
    for group in range(groups):
        for number in range(images):
            path = folder / split / f"class{group % 2}" / template.format(g=group, n=number)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(path)
    return folder


def test_a_pattern_in_the_names_is_taken_and_said(home: Path, tmp_path: Path) -> None:
    folder = named(tmp_path / "p", "patient{g}_{n}.png")
    ref = import_path(folder, home)
    assert (ref.groups, ref.grouped_by) == (10, "'patient' in the names")
    assert ref.notes == ("10 groups ('patient' in the names), kept on one side.",)
    assert torn(read_manifest(ref)["group"], sides(ref, 0)) == (0, 0)
    without = import_path(folder, home, groups="none")
    assert (without.groups, without.grouped_by, without.notes) == (0, "", ()) and without.id != ref.id


def test_a_likely_pattern_is_offered_and_taken_when_asked_for(home: Path, tmp_path: Path) -> None:
    folder = named(tmp_path / "p", "P{g}_{n}.png", groups=6, images=4)
    ref = import_path(folder, home)
    assert ref.groups == 0 and len(ref.notes) == 1
    assert ref.notes[0].startswith("The names may say what belongs together: 'P0_0.png' is of 'P0', 6 groups in all. ")
    assert ref.notes[0].endswith("import again with groups by name (--groups names).")
    taken = import_path(folder, home, groups="names")
    assert taken.groups == 6 and taken.notes[0].endswith("of names like 'P0_0'), kept on one side.")


def test_an_archive_is_read_anew_for_other_groups(home: Path, tmp_path: Path) -> None:
    folder = named(tmp_path / "p", "patient{g}_{n}.png")
    archive = shutil.make_archive(str(tmp_path / "p"), "zip", folder)
    found = [import_path(archive, home, groups=how) for how in ("auto", "none", "auto", "none")]
    assert [ref.groups for ref in found] == [10, 0, 10, 0] and len({ref.id for ref in found}) == 2


def test_a_given_split_is_kept_and_what_it_tears_is_told(home: Path, tmp_path: Path) -> None:
    folder = named(tmp_path / "p", "patient{g}_{n}.png", images=4, split="train")
    for group in (3, 4):
        moved = folder / "test" / f"class{group % 2}"
        moved.mkdir(parents=True)
        shutil.move(folder / "train" / f"class{group % 2}" / f"patient{group}_0.png", moved)
    ref = import_path(folder, home)
    assert ref.counts["test"] == (1, 1)
    assert ref.notes[-1] == (
        "10 groups ('patient' in the names); the given split tears 2 of them, and 2 images stand on another side than "
        "most of their group."
    )
    split = sides(ref, 0)
    groups = read_manifest(ref)["group"]
    assert (split == "test").sum() == 2 and torn(groups, np.where(split == "test", "", split)) == (2, 2)
    assert torn(groups[split != "test"], split[split != "test"]) == (0, 0), "what is drawn stays whole"
    found = {one.kind: one for one in audit(ref).findings}
    assert (found["torn_groups"].severity, found["torn_groups"].title) == ("bad", "The given split tears 2 groups")
    assert len(found["torn_groups"].shown) == 2 and len(found["torn_groups"].remedies[0].paths) == 6
    mended = revise(home, ref, [Edit("exclude", found["torn_groups"].remedies[0].paths)])
    told = {one.kind: one for one in audit(mended).findings}
    assert "torn_groups" not in told
    assert told["groups"].title == "10 groups ('patient' in the names), kept on one side"


def test_a_class_of_two_groups_is_told(home: Path, tmp_path: Path) -> None:
    found = {one.kind: one for one in audit(import_path(named(tmp_path / "p", "case{g}_{n}.png", 4, 5), home)).findings}
    assert found["few_groups"].title == "2 classes are shown by fewer than 3 groups"
    assert found["few_groups"].detail.startswith("'class0' (2 groups), 'class1' (2 groups). ")


def test_without_groups_nothing_is_said_of_them(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> None:
    ref = import_path(image_folder(tmp_path / "p", per_class=12), home)
    assert ref.notes == () and [one.kind for one in audit(ref).findings] == ["clean"]

"""Taking a dataset away: the zip and the table import again to the same content, whatever names it holds."""

from __future__ import annotations

import csv
import io
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DataError, NotFound
from core.types import DatasetRef
from dataset.cleaned_set import LABELS, PIECE, half_split, items, write_table, zip_pieces
from dataset.edits import Edit
from dataset.folder import live, read_manifest
from dataset.ingest.sources import import_path
from dataset.revisions import revise

Make = Callable[..., DatasetRef]


@pytest.fixture
def make(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> Make:
    def it(**options: object) -> DatasetRef:
        return import_path(image_folder(tmp_path / "photos", **options), home)

    return it


def content(ref: DatasetRef) -> list[tuple[str, str, str]]:
    """(class, split, digest) of every image that counts."""
    rows = live(read_manifest(ref)).itertuples()
    return sorted((ref.classes[row.label], row.split, row.digest) for row in rows)


def zipped(ref: DatasetRef, to: Path, sides: list[str] | None = None) -> Path:
    with to.open("wb") as file:
        for piece in zip_pieces(ref, items(ref, sides)):
            file.write(piece)
    return to


def table(ref: DatasetRef, to: Path, sides: list[str] | None = None) -> Path:
    with to.open("w", encoding="utf-8", newline="") as file:
        write_table(items(ref, sides), file)
    return to


EDITS = [
    Edit("relabel", ("ants/000.png", "ants/001.png"), "bees"),
    Edit("exclude", ("bees/003.png",)),
]


def test_a_zip_imports_again_to_the_same_content(make: Make, home: Path, tmp_path: Path) -> None:
    ref = revise(home, make(), EDITS)
    archive = zipped(ref, tmp_path / "cleaned.zip")
    names = zipfile.ZipFile(archive).namelist()
    assert len(names) == 11 and zipfile.ZipFile(archive).testzip() is None
    assert "bees/000-2.png" in names and "bees/000.png" in names, "a relabelled image replaces none of its new class"
    assert "bees/003.png" not in names and LABELS not in names
    again = import_path(archive, home)
    assert content(again) == content(ref) and again.classes == ref.classes and not again.set_aside


def test_a_table_beside_the_images_imports_again_to_the_same_content(make: Make, home: Path, tmp_path: Path) -> None:
    ref = revise(home, make(), EDITS)
    path = table(ref, tmp_path / "photos" / "cleaned.csv")
    assert path.read_text().splitlines()[:2] == ["path,label", "ants/000.png,bees"]
    again = import_path(path, home)
    assert content(again) == content(ref)
    assert [name for name, _ in again.set_aside] == ["bees/003.png"], "the excluded image is not listed"


def test_splits_come_along(make: Make, home: Path, tmp_path: Path) -> None:
    ref = make(split={"train": 4, "test": 3})
    ref = revise(home, ref, [Edit("split", ("train/ants/000.png",), "test"), Edit("exclude", ("test/bees/001.png",))])
    archive = zipped(ref, tmp_path / "cleaned.zip")
    assert "test/ants/000-2.png" in zipfile.ZipFile(archive).namelist()
    assert content(import_path(archive, home)) == content(ref)
    assert content(import_path(table(ref, tmp_path / "photos" / "cleaned.csv"), home)) == content(ref)


def test_half_a_split_is_not_taken_away_without_the_other_half(make: Make, home: Path, tmp_path: Path) -> None:
    ref = revise(home, make(), [Edit("split", ("ants/000.png",), "test")])
    assert half_split(ref)
    with pytest.raises(DataError, match="with the split that runs use"):
        items(ref)
    sides = ["test", "val", *["train"] * 4] * 2
    again = import_path(zipped(ref, tmp_path / "cleaned.zip", sides), home)
    assert again.counts == {"train": (4, 4), "val": (1, 1), "test": (1, 1)}


def test_the_split_that_runs_use_can_be_added(make: Make, home: Path, tmp_path: Path) -> None:
    ref = revise(home, make(), [Edit("exclude", ("ants/000.png",))])
    sides = ["excluded", "val", *["train"] * 4, "test", "val", *["train"] * 4]
    again = import_path(zipped(ref, tmp_path / "cleaned.zip", sides), home)
    assert again.counts == {"train": (4, 4), "val": (1, 1), "test": (0, 1)}


@pytest.mark.parametrize(
    "classes",
    [
        ("train", "car", "plane"),  # read as a split folder
        ("Ant", "ant"),  # one folder on some systems
        ("a/b", "a_b"),
        ("con.", "..", "ok"),
        (".hidden", "seen"),
        ("a,b", 'say "c"', "d;e"),
        ("شقائق", "日本", "ﬁn"),
    ],
)
def test_any_class_name_comes_back(
    classes: tuple[str, ...], home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    """A table can give any name to a class; where folders cannot, the zip holds a table as well."""
    folder = image_folder(tmp_path / "heap", classes=[f"c{number}" for number in range(len(classes))], per_class=3)
    with (folder / "names.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("path", "label"), *((f"c{n}/{i:03d}.png", name) for n, name in enumerate(classes) for i in range(3))]
        )
    ref = import_path(folder / "names.csv", home)
    assert ref.classes == tuple(sorted(classes))
    archive = zipped(ref, tmp_path / "cleaned.zip")
    assert all(not name.startswith((".", "/")) and ".." not in name for name in zipfile.ZipFile(archive).namelist())
    assert content(import_path(archive, home)) == content(ref)
    assert content(import_path(table(ref, folder / "again.csv"), home)) == content(ref)


def test_the_same_revision_gives_the_same_bytes(make: Make, tmp_path: Path) -> None:
    ref = make()
    assert zipped(ref, tmp_path / "a.zip").read_bytes() == zipped(ref, tmp_path / "b.zip").read_bytes()


def test_a_large_zip_is_never_held_whole(make: Make, home: Path) -> None:
    ref = make()
    for path in read_manifest(ref)["path"]:
        with (ref.images_root / path).open("r+b") as file:
            file.truncate(8 * PIECE)  # 96 MB in all
    tracemalloc.start()
    largest = total = 0
    for piece in zip_pieces(ref, items(ref)):
        largest, total = max(largest, len(piece)), total + len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 96 * PIECE and largest <= 2 * PIECE + 4096
    assert peak < 8 * PIECE


def test_an_image_that_is_gone_is_named(make: Make) -> None:
    ref = make()
    shutil.rmtree(ref.images_root / "ants")
    with pytest.raises(NotFound, match="'000.png' is not on disk any more"):
        list(zip_pieces(ref, items(ref)))


def test_the_table_of_a_set_without_splits_has_no_such_column(make: Make) -> None:
    out = io.StringIO()
    write_table(items(make()), out)
    assert out.getvalue().splitlines()[0] == "path,label"

"""Imports whose labels are in a table beside the images or around them, given alone or in an archive."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from core.errors import DataError, TooFewImages
from dataset.folder import read_manifest
from dataset.ingest.sources import import_path


def heap(where: Path, count: int = 8, folder: str = "images") -> Path:
    """One folder of images without classes: 0.png, 1.png, ..."""
    (where / folder).mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (16, 16), (30 * number, 40, 90)).save(where / folder / f"{number}.png")
    return where


def labels(path: Path, rows: list[str], header: str = "path,label") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


ROWS = [f"images/{n}.png,{'cat' if n % 2 else 'dog'}" for n in range(8)]


# --- whole imports -------------------------------------------------------------------------------------------


def test_a_heap_of_images_with_a_table_is_a_dataset(home: Path, tmp_path: Path) -> None:
    folder = heap(tmp_path / "pets")
    labels(folder / "labels.csv", ROWS)
    ref = import_path(folder, home)
    assert (ref.classes, ref.counts, ref.set_aside) == (("cat", "dog"), {"": (4, 4)}, ())
    assert ref.reading == "Classes from column 'label' of labels.csv; 8 of 8 images; split made by Thaw"
    manifest = read_manifest(ref)
    assert dict(zip(manifest["path"], manifest["label"], strict=True))["images/1.png"] == 0


def test_the_table_itself_can_be_given(home: Path, tmp_path: Path) -> None:
    folder = heap(tmp_path / "pets")
    table = labels(folder / "some.csv", ROWS[:4])  # half of the images: given by name, that is enough
    ref = import_path(table, home)
    assert ref.name == "pets" and ref.images == 4
    assert ("images/7.png", "is not listed in some.csv") in ref.set_aside


def test_a_zip_of_images_and_a_table(home: Path, tmp_path: Path) -> None:
    folder = heap(tmp_path / "pets")
    labels(folder / "labels.csv", ROWS)
    archive = tmp_path / "pets.zip"
    with zipfile.ZipFile(archive, "w") as box:
        for path in sorted(folder.rglob("*.*")):
            box.write(path, path.relative_to(tmp_path).as_posix())
    ref = import_path(archive, home)
    assert ref.classes == ("cat", "dog") and ref.images == 8


def test_train_and_test_tables_give_the_split(home: Path, tmp_path: Path) -> None:
    folder = heap(tmp_path / "pets", 12)
    rows = [f"{n}.png,{'cat' if n % 2 else 'dog'}" for n in range(12)]
    labels(folder / "train.csv", rows[:8])
    labels(folder / "test.csv", rows[8:])
    ref = import_path(folder, home)
    assert ref.counts == {"train": (4, 4), "test": (2, 2)}


def test_a_parquet_table(home: Path, tmp_path: Path) -> None:
    import pandas as pd

    folder = heap(tmp_path / "pets")
    rows = [row.split(",") for row in ROWS]
    table = {"image": [path for path, _ in rows], "class": [int(label == "cat") for _, label in rows]}
    pd.DataFrame(table).to_parquet(folder / "labels.parquet")
    assert import_path(folder, home).classes == ("0", "1")


def test_class_folders_win_over_a_table_about_something_else(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    folder = image_folder(tmp_path / "photos")
    labels(folder / "cameras.csv", ["1,Leica", "2,Rolleiflex"], "number,camera")
    ref = import_path(folder, home)
    assert ref.classes == ("ants", "bees")
    assert ref.set_aside == (("cameras.csv", "not an image file"),)


def test_a_table_of_one_class_is_too_few(home: Path, tmp_path: Path) -> None:
    folder = heap(tmp_path / "pets")
    labels(folder / "labels.csv", [row.replace("dog", "cat") for row in ROWS])
    with pytest.raises(TooFewImages, match="At least two classes are needed"):
        import_path(folder, home)


def test_when_folders_say_nothing_the_table_says_why(home: Path, tmp_path: Path) -> None:
    folder = heap(tmp_path / "pets", folder="train")
    labels(folder / "labels.csv", [f"missing/{row}" for row in ("a.png,x", "b.png,y")])
    sentence = r"None of the paths in column 'path' of labels.csv is among the 8 images.*'missing/a.png'"
    with pytest.raises(DataError, match=sentence):
        import_path(folder, home)

"""Labels from tables: found beside images or around them, looked up safely, contradictions told by name."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from core.errors import DataError, TooFewImages
from dataset.folder import read_manifest
from dataset.ingest.sources import import_path
from dataset.ingest.tables import Line, lay_out, read_table, table_layout


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
    assert "Labels were read from labels.csv." in ref.notes
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
    with pytest.raises(DataError, match=r"None of the paths in labels.csv is among the 8 images.*'missing/a.png'"):
        import_path(folder, home)


# --- the rows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("path,label", "images/3.png,cat"),
        ("Label;Path", "cat;images/3.png"),
        ("image_id\tclass", "3\tcat"),  # no folder and no ending
        ("filename,category", "./images/3.png,cat"),
        ("file,species", "/data/elsewhere/images/3.png,cat"),  # somebody else's absolute path
        ("path,label", "images\\3.png,cat"),  # written on Windows
        ('path,"label"', 'images/3.png,"cat"'),
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, header: str, row: str) -> None:
    lines = read_table(labels(tmp_path / "labels.csv", [row], header))
    layout = table_layout(["images/3.png", "images/4.png"], {"labels.csv": lines})
    assert [(one.path, layout.classes[one.label]) for one in layout.placed] == [("images/3.png", "cat")]


def test_a_byte_order_mark_and_line_breaks_in_cells_do_no_harm(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(b'\xef\xbb\xbfpath,note,label\r\na.png,"two\r\nlines",cat\r\n')
    assert read_table(table) == [Line("a.png", "cat", "")]


def test_paths_never_lead_out_of_the_folder() -> None:
    lines = [Line("../../etc/passwd", "x", ""), Line("a.png", "y", "")]
    layout = table_layout(["a.png"], {"labels.csv": lines})
    assert [one.path for one in layout.placed] == ["a.png"]
    assert layout.set_aside == (("../../etc/passwd", "is listed in labels.csv and is not there"),)


def test_a_name_that_fits_two_images_fits_none() -> None:
    lines = [Line("1.png", "x", ""), Line("2.png", "y", "")]
    layout = table_layout(["a/1.png", "b/1.png", "c/2.png"], {"t.csv": lines})
    assert [one.path for one in layout.placed] == ["c/2.png"]
    assert ("1.png", "is listed in t.csv and is not there") in layout.set_aside


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([Line("a.png", "x", ""), Line("a.png", "y", "")], "'a.png' is listed twice with different labels"),
        ([Line("a.png", "x", "train"), Line("b.png", "y", "")], "Some rows of t.csv have a split and some have none"),
        ([Line("a.png", "x", "holdout")], "t.csv has the split 'holdout' for 'a.png'; known are train, val"),
        ([Line("a.png", "x", "test"), Line("b.png", "x", "Validation")], "there is no 'train' to learn from"),
    ],
)
def test_contradictions_are_told_by_name(lines: list[Line], sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        table_layout(["a.png", "b.png"], {"t.csv": lines})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "has no columns for paths and labels; its columns: 'a', 'b'."),
        (b"", "its columns: none"),
        (b"path,label\n,\n", "has no row with both a path and a label"),
        (b"path,label\n\xff\xfe,x\n", "is not UTF-8 text"),
    ],
)
def test_what_is_no_table_of_labels_says_what_one_is(tmp_path: Path, content: bytes, sentence: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(table)
    assert sentence in str(caught.value)


def test_a_damaged_parquet_file_is_a_sentence(tmp_path: Path) -> None:
    table = tmp_path / "labels.parquet"
    table.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"'labels.parquet' is not a Parquet file that can be read"):
        read_table(table)


def test_a_table_that_lists_few_images_leaves_it_to_the_folders(tmp_path: Path) -> None:
    table = labels(tmp_path / "extra.csv", ["cat/1.png,tabby"])
    images = [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(4)]
    layout, used = lay_out(images, ["cat", "dog"], {"extra.csv": table})
    assert layout.classes == ("cat", "dog") and not used

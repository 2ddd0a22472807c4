"""Tables with a trap: what is missing, several labels, contradictions, columns that only look like classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from core import DataError, ReadingAsked
from dataset.readings import ReadAs
from tests.dataset.readings.sources import CLASSES, HEAP, LABELS, Document, names, read_source, rows, sides


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
        ("sep=;\npath;label", "images/3.png;cat"),
        ("My pictures\npath,label", "images/3.JPG,cat"),
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, header: str, row: str) -> None:
    images = ["images/3.png", "images/4.png"]
    choice = read_source(tmp_path, images, {"labels.csv": f"{header}\n{row}\n"}, table="labels.csv")
    assert choice.reading.labels == {"images/3.png": "cat"}
    assert ("images/4.png", "is not listed in labels.csv") in choice.reading.layout.set_aside


def test_paths_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    table = {"t.csv": "path,label\n../../etc/passwd,x\na.png,y\n"}
    layout = read_source(tmp_path, ["a.png"], table, table="t.csv").reading.layout
    assert [one.path for one in layout.placed] == ["a.png"]
    assert layout.set_aside == (("../../etc/passwd", "is listed in t.csv and is not there"),)


def test_a_name_that_fits_two_images_fits_none_unless_the_row_says_more(tmp_path: Path) -> None:
    images = ["a/1.png", "b/1.png", "c/2.png"]
    plain = read_source(tmp_path, images, {"t.csv": "path,label\n1.png,x\n2.png,y\n"}, table="t.csv").reading
    assert plain.labels == {"c/2.png": "y"}
    assert ("1.png", "is listed in t.csv and fits several images") in plain.layout.set_aside
    said = {"t.csv": "path,label,ward\n1.png,x,a\n1.png,y,b\n2.png,y,c\n"}
    assert read_source(tmp_path, images, said, table="t.csv").reading.labels == {
        "a/1.png": "x", "b/1.png": "y", "c/2.png": "y"}  # fmt: skip


def test_of_two_paths_that_could_mean_an_image_the_closer_one_does(tmp_path: Path) -> None:
    table = {"t.csv": "path,label\nx/1.png,wrong\nb/1.png,right\n"}
    assert read_source(tmp_path, ["b/1.png"], table, table="t.csv").reading.labels == {"b/1.png": "right"}


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "None", "<NA>", "NULL"])
def test_missing_is_missing(tmp_path: Path, empty: str) -> None:
    labels = [empty if n % 12 == 0 else f"{CLASSES.index(label)}.0" for n, label in enumerate(LABELS)]
    reading = read_source(tmp_path, HEAP, {"l.csv": rows(names(), labels, header=("file", "label"))}).reading
    assert reading.classes == ("0", "1", "2") and reading.named == 33
    assert ("images/IMG_000.jpg", "has no label in l.csv") in reading.layout.set_aside


@pytest.mark.parametrize(
    ("encoding", "note"),
    [("utf-8-sig", ""), ("utf-16", ""), ("utf-16-le", ""), ("cp1252", "is not UTF-8; it was read as Windows-1252")],
)
def test_encodings_of_spreadsheets(tmp_path: Path, encoding: str, note: str) -> None:
    german = [{"cat": "Kätzchen", "dog": "Hund", "fox": "Füchse"}[one] for one in LABELS]
    table = rows(names(), german, header=("file", "label"), sep=";").encode(encoding)
    choice = read_source(tmp_path, HEAP, {"l.csv": table})
    assert choice.reading.classes == ("Füchse", "Hund", "Kätzchen")
    assert note in " ".join(choice.reading.layout.notes)


def test_workbooks_and_parquet(tmp_path: Path) -> None:
    import openpyxl
    import pyarrow
    import pyarrow.parquet

    def workbook(path: Path) -> None:
        book = openpyxl.Workbook()
        for row in [["My pictures"], [], ["Image", "Class"], *zip(names(), LABELS, strict=True)]:
            book.active.append(list(row))
        book.save(path)

    def parquet(path: Path) -> None:
        cells = [None if n % 12 == 0 else label.encode() for n, label in enumerate(LABELS)]
        pyarrow.parquet.write_table(pyarrow.table({"image": names(), "label": cells}), path)

    assert read_source(tmp_path, HEAP, {"l.xlsx": workbook}).reading.labels == HEAP
    reading = read_source(tmp_path, HEAP, {"l.parquet": parquet}).reading
    assert reading.classes == CLASSES and reading.named == 33


@pytest.mark.parametrize(
    ("column", "words", "split"),
    [
        ("is_valid", ("False", "False", "True"), {"train": 24, "val": 12}),
        ("is_test", ("0", "0", "1"), {"train": 24, "test": 12}),
        ("phase", ("Train", "Dev", "Test"), {"train": 12, "val": 12, "test": 12}),
        ("Usage", ("Training", "PublicTest", "PrivateTest"), {"train": 12, "val": 12, "test": 12}),
        ("whatever", ("training", "training", "testing"), {"train": 24, "test": 12}),
        ("fold", ("0", "1", "2"), {"": 36}),
    ],
)
def test_columns_that_say_the_side(tmp_path: Path, column: str, words: tuple[str, ...], split: dict[str, int]) -> None:
    table = rows(names(), LABELS, words * 12, header=("file", "label", column))
    choice = read_source(tmp_path, HEAP, {"l.csv": table})
    assert sides(choice) == split and choice.reading.labels == HEAP
    if column == "fold":
        assert "Column 'fold' of l.csv was not read as a split: its values are 0, 1, 2." in choice.reading.layout.notes
        asked = read_source(tmp_path, HEAP, {"l.csv": table}, ReadAs(split_column="fold"))
        assert sides(asked) == {"train": 24, "test": 12}


TWO = [label if n % 3 else f"{label}|{CLASSES[n // 3 % 3]}" for n, label in enumerate(LABELS)]
ASKED: dict[str, tuple[Mapping[str, Document], str, str]] = {
    "two annotators": (
        {f"{who}.csv": rows(names(), (LABELS, LABELS[1:] + LABELS[:1])[who == "bob"], header=("file", "label"))
         for who in ("anna", "bob")}, "the first two differ on 3 images", "bob.csv:label"),
    "several labels a cell": (
        {"l.csv": rows(names(), TWO, header=("file", "Finding Labels"))},
        "several labels for one image in column 'Finding Labels' of l.csv", "l.csv:Finding Labels=dog"),
    "several rows an image": (
        {"l.csv": rows(names() * 2, LABELS + LABELS[6:] + LABELS[:6], header=("file", "tag"))},
        "several labels for one image in column 'tag' of l.csv", "l.csv:tag=cat"),
    "lists in cells": (
        {"l.json": json.dumps([{"file": name, "tags": ["cat", label]}
                               for name, label in zip(names(), LABELS, strict=True)])},
        "several labels for one image in column 'tags' of l.json", "l.json:tags=dog"),
    "several columns of ones": (
        {"l.csv": rows(names(), *[[int(n % k == 0) for n in range(36)] for k in (2, 3, 5)],
                       header=("file", "a", "b", "c"))},
        "several labels for one image in columns 'a' to 'c' of l.csv", "l.csv:a..c=b"),
    "a fine and a coarse label": (
        {"l.csv": rows(names(), LABELS, ["pet" if one != "fox" else "wild" for one in LABELS],
                       header=("file", "fine_label", "coarse_label"))},
        "more than one column may be the class", "l.csv:coarse_label"),
    "ages": (
        {"l.csv": rows(names(), [20 + n % 15 for n in range(36)], header=("file", "age"))},
        "column 'age' is all that may be the class, and its 15 numbers read like a measure", "l.csv:age"),
    "counts of something": (
        {"l.csv": rows(names(), [n // 3 for n in range(36)], header=("file", "petals"))},
        "column 'petals' is all that may be the class, and its 12 numbers read like a measure", "l.csv:petals"),
    "places and people": (
        {"l.csv": rows(names(), LABELS, ["Ann", "Bo"] * 18, header=("photo", "station", "observer"))},
        "nothing is named like a class: column 'station' may be it, column 'observer' too", "l.csv:station"),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED)
def test_what_is_not_clear_is_asked_and_taken_as_answered(case: str, tmp_path: Path) -> None:
    documents, why, key = ASKED[case]
    with pytest.raises(ReadingAsked) as asked:
        read_source(tmp_path, HEAP, documents)
    assert why in str(asked.value)
    (meant,) = [one for one in asked.value.readings if one.key == key]
    assert all(examples for examples in meant.examples.values())
    assert read_source(tmp_path, HEAP, documents, ReadAs(key)).reading.line == meant.line


@pytest.mark.parametrize(
    ("column", "labels"),
    [("code", [n % 10 for n in range(36)]), ("label", [n // 2 for n in range(36)]), ("station", LABELS)],
)
def test_codes_of_classes_are_taken(column: str, labels: Sequence[object], tmp_path: Path) -> None:
    choice = read_source(tmp_path, HEAP, {"l.csv": rows(names(), labels, header=("file", column))})
    assert choice.reading.classes == tuple(sorted({str(one) for one in labels}))


@pytest.mark.parametrize(("before", "after"), [("is_night", ""), ("", "is_night"), ("blurred", "is_night")])
def test_a_column_of_ones_beside_those_of_the_classes_is_none_of_them(before: str, after: str, tmp_path: Path) -> None:
    flags = {name: [int(n % 2 == 0) for n in range(36)] for name in (before, after) if name}
    hot = {name: [int(name == label) for label in LABELS] for name in CLASSES}
    shown = {name: (flags | hot)[name] for name in (before, *CLASSES, after) if name}
    choice = read_source(tmp_path, HEAP, {"l.csv": rows(names(), *shown.values(), header=("file", *shown))})
    assert choice.reading.labels == HEAP
    assert choice.reading.what == "Classes from columns 'cat' to 'fox' of l.csv"


def test_groups_of_a_second_table_about_the_same_images_are_used(tmp_path: Path) -> None:
    lesions = [f"L{n // 3}" for n in range(36)]
    labels = rows(names(), LABELS, header=("file", "label"))
    about = rows(names(), lesions, ["back", "face"] * 18, header=("file", "lesion_id", "site"))
    reading = read_source(tmp_path, HEAP, {"labels.csv": labels, "about.csv": about}).reading
    assert reading.groups == dict(zip(HEAP, lesions, strict=True)) and reading.labels == HEAP
    assert reading.groups_from == "column 'lesion_id' of about.csv"
    half = rows(names()[:20], lesions[:20], header=("file", "lesion_id"))
    assert not read_source(tmp_path, HEAP, {"labels.csv": labels, "about.csv": half}).reading.groups
    twice = rows([*names(), names()[0]], [*lesions, "L9"], header=("file", "lesion_id"))
    assert not read_source(tmp_path, HEAP, {"labels.csv": labels, "about.csv": twice}).reading.groups


def test_labels_that_differ_from_class_folders_are_asked_about(tmp_path: Path) -> None:
    images = {f"{label}/{n}.jpg": label for n, label in enumerate(LABELS)}
    mended = rows(images, ["dog", *LABELS[1:]], header=("path", "label"))
    with pytest.raises(ReadingAsked, match="the first two differ on 1 image"):
        read_source(tmp_path, images, {"labels.csv": mended})
    cameras = rows(images, ["leica", "rollei"] * 18, header=("path", "camera"))
    assert read_source(tmp_path, images, {"shots.csv": cameras}).reading.key == "folders"


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (rows(names(), [f"a photo of number {n} in a garden" for n in range(36)], header=("file_name", "text")),
         "l.csv gives no class: column 'text' holds texts ('a photo of number 0 in a garden'), not classes."),
        (rows(names(), [n * 0.137 for n in range(36)], header=("file", "target")),
         "l.csv gives no class: column 'target' holds measured numbers, not classes."),
        (rows(names(), header=("file",)), "l.csv gives no class: it has no column of classes; its columns: 'file'."),
        (rows([f"x{n}.jpg" for n in range(9)], LABELS[:9], header=("path", "label")),
         "None of the paths in column 'path' of l.csv is among the 36 images found; the first is 'x0.jpg'."),
        (rows([*names(), names()[0]], [*LABELS, "dog"], header=("file", "label")),
         "'images/IMG_000.jpg' is listed twice with different labels ('cat' and 'dog' in column 'label'). Remove the"),
        (rows([*names(), *names()[9:11]], [*LABELS, "fox", "fox"], [*range(38)], header=("file", "label", "serial")),
         "'images/IMG_009.jpg' is listed twice with different labels ('cat' and 'fox' in column 'label'), and 1 other "
         "image so. Remove the rows that are wrong from l.csv"),
        (rows(names() * 2, [*LABELS, *LABELS[:10], *LABELS[8:34]], [*"ab" * 36], header=("file", "choice", "user")),
         "in column 'choice'), and "),
        (rows(names(), LABELS, ["train", "gallery"] * 18, header=("file", "label", "split")),
         "Column 'split' of l.csv has the split 'gallery', which is no word for train, val or test."),
        (rows(names(), LABELS, ["train", "", "test"] * 12, header=("file", "label", "split")),
         "Some rows of l.csv have a split and some have none."),
        (rows(names(), LABELS, ["val", "test"] * 18, header=("file", "label", "split")),
         "there is no 'train' to learn from"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(table: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_source(tmp_path, HEAP, {"l.csv": table})
    assert not isinstance(refused.value, ReadingAsked) and sentence in str(refused.value)


def test_what_was_asked_for_and_is_not_there_is_refused_with_what_is(tmp_path: Path) -> None:
    table = {"l.csv": rows(names(), LABELS, header=("file", "label"))}
    with pytest.raises(DataError, match=r"no column 'dx' \(--label-column\); its columns: 'file', 'label'"):
        read_source(tmp_path, HEAP, table, ReadAs(label_column="dx"))
    with pytest.raises(DataError, match="no reading 'x' of these images; there are: 'folders', 'l.csv:label'"):
        read_source(tmp_path, HEAP, table, ReadAs("x"))


def test_an_id_of_what_is_pictured_is_no_kind_of_it(tmp_path: Path) -> None:
    images = [f"{number}.png" for number in range(12)]
    kinds, places = ("kite", "owl", "wren"), ("wood", "field")
    lines = [f"{name},{kinds[at % 3]},{places[at % 2]},B{at // 3}" for at, name in enumerate(images)]
    table = {"birds.csv": "\n".join(["image,species,habitat,bird_id", *lines])}
    reading = read_source(tmp_path, images, table).reading
    assert reading.classes == ("kite", "owl", "wren") and "column 'species'" in reading.line

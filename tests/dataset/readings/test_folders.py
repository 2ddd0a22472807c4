"""Folders as people pack them: sides in any words, wrapped or packed twice, in parts, in variants."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import DataError, ReadingAsked
from dataset.readings import ReadAs
from dataset.split_words import sides_of, split_in, split_of
from tests.dataset.readings.sources import csv, read_source, sides


def under(*tops: str, classes: tuple[str, ...] = ("cat", "dog"), inside: str = "") -> list[str]:
    return [f"{top}/{name}{inside}/{n}.png" for top in tops for name in classes for n in range(3)]


BOTH = {"train": 6, "test": 6}


@pytest.mark.parametrize(
    ("images", "split"),
    [
        (under("Training", "Testing"), BOTH),
        (under("training_set/training_set", "test_set/test_set"), BOTH),
        ([*under("seg_train/seg_train", "seg_test/seg_test"), "seg_pred/seg_pred/1.png"], BOTH),
        (under("asl_alphabet_train/asl", "asl_alphabet_test/asl"), BOTH),
        (under("set/TRAIN", "set/dev", "set/holdout"), {"train": 6, "val": 6, "test": 6}),
        (under("train", "test", "eval"), {"train": 6, "val": 6, "test": 6}),
        (under("训练集", "测试集"), BOTH),
        (under("train/images", "test/images"), BOTH),
        ([f"{name}/{side}/{n}.png" for name in ("cat", "dog") for side in ("train", "test") for n in range(3)], BOTH),
        ([f"{side}_{name}/{n}.png" for name in ("cat", "dog") for side in ("train", "test") for n in range(3)], BOTH),
        (under("images_part_1", "images_part_2"), {"": 12}),
        (under("fold_0", "fold_1", "fold_2"), {"": 18}),
        (under("cv1", "cv2", "cv3"), {"": 18}),
        (under("Round 1", "Round 2"), {"": 12}),
        (under("train/run1", "train/run2", "test/run1", "test/run2"), {"train": 12, "test": 12}),
        (under("color", "grayscale", "segmented"), {"": 6}),
        ([f"{name}/{kind}/{n}.png" for name in ("cat", "dog") for kind in ("images", "masks") for n in range(3)],
         {"": 6}),
        (under("fold_0/train", "fold_0/test", "fold_1/train", "fold_1/test"), BOTH),
        ([*under("x"), "x/unlabelled/1.png", "x/unlabelled/2.png"], {"": 6}),
    ],
)  # fmt: skip
def test_folders_are_read_whatever_is_around_them(images: list[str], split: dict[str, int], tmp_path: Path) -> None:
    choice = read_source(tmp_path, images)
    assert choice.reading.classes == ("cat", "dog") and sides(choice) == split
    assert choice.reading.line.startswith("Classes from the folders; ")


@pytest.mark.parametrize("inner", ["cells", "cells/cells"])
def test_what_was_packed_twice_counts_once(inner: str, tmp_path: Path) -> None:
    images = [*under("cells"), *under(f"{inner}/cells")]
    choice = read_source(tmp_path, images, same=lambda one, other: True)
    assert choice.reading.named == 6 and choice.reading.line.startswith("Classes from the folders; 6 of 6 images")
    copies = dict(choice.reading.layout.set_aside)
    assert copies[f"{inner}/cells/dog/0.png"] == "a copy of 'cells/dog/0.png': packed twice"
    different = read_source(tmp_path, under("a", "b"), same=lambda one, other: False)
    assert different.reading.named == 12, "the same names alone make no copies"


def test_folds_are_told_and_no_split(tmp_path: Path) -> None:
    layout = read_source(tmp_path, under("cv1", "cv2", "cv3")).reading.layout
    assert layout.notes == ("The folders 'cv1' to 'cv3' were joined.",)


def test_documents_beside_the_images_are_no_class(tmp_path: Path) -> None:
    images = [f"images/{name}/{n}.png" for name in ("cat", "dog") for n in range(3)]
    choice = read_source(tmp_path, images, {"annotations/about.txt": "hello"}, folders=["annotations"])
    assert choice.reading.classes == ("cat", "dog")


def test_a_heap_called_test_beside_class_folders_is_asked_about(tmp_path: Path) -> None:
    images = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "test/1.png"]
    with pytest.raises(ReadingAsked, match="'test' may be a class, or the images that are to be classified") as asked:
        read_source(tmp_path, images)
    assert [(one.key, one.classes) for one in asked.value.readings] == [
        ("folders", ("cat", "dog", "test")), ("folders-without-test", ("cat", "dog"))]  # fmt: skip
    assert read_source(tmp_path, images, read_as=ReadAs("folders-without-test")).reading.named == 4


def test_parts_alone_are_no_classes_unless_somebody_says_so(tmp_path: Path) -> None:
    images = [f"part_{n % 2}/{n}.png" for n in range(8)]
    with pytest.raises(DataError, match=r"named like parts of a whole.*--read-as folders"):
        read_source(tmp_path, images)
    assert read_source(tmp_path, images, read_as=ReadAs("folders")).reading.classes == ("part_0", "part_1")


@pytest.mark.parametrize("tops", [("grade1", "grade2"), ("oak", "elm"), ("oak1", "elm2")])
def test_what_lies_in_folders_that_are_no_parts_does_not_join_them(tops: tuple[str, ...], tmp_path: Path) -> None:
    choice = read_source(tmp_path, under(*tops, classes=("leaf", "bark")))
    assert choice.reading.classes == tuple(sorted(tops))


PAIRED = [("JPEGImages", "SegmentationClass"), ("images", "labels"), ("input", "ground_truth"), ("photos", "masks_of")]


@pytest.mark.parametrize(("pictures", "masks"), PAIRED)
def test_images_and_their_masks_are_no_two_classes(pictures: str, masks: str, tmp_path: Path) -> None:
    images = [f"{top}/{n:03d}.{ending}" for top, ending in ((pictures, "jpg"), (masks, "png")) for n in range(9)]
    with pytest.raises(DataError, match=rf"'{pictures}' and '{masks}' hold files of the same names, as images and"):
        read_source(tmp_path, images)
    assert read_source(tmp_path, images, read_as=ReadAs("folders")).reading.classes == tuple(sorted((pictures, masks)))
    shown = {"labels.csv": csv(("file", "label"), *((f"{pictures}/{n:03d}.jpg", "ab"[n % 2]) for n in range(9)))}
    assert read_source(tmp_path, images, shown).reading.classes == ("a", "b")


@pytest.mark.parametrize("tops", [("cat", "dog"), ("with_mask", "without_mask"), ("original", "edited")])
def test_counted_files_alone_make_no_masks(tops: tuple[str, str], tmp_path: Path) -> None:
    assert read_source(tmp_path, [f"{top}/{n}.jpg" for top in tops for n in range(9)]).reading.named == 18


NESTED = [f"{folder}/{n}.png" for folder in ("pet/cat", "pet/dog", "wild/fox") for n in range(3)]


def test_two_levels_that_may_both_be_the_classes_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(ReadingAsked, match="folders lie in folders, and those of either level may be") as asked:
        read_source(tmp_path, NESTED)
    assert [one.classes for one in asked.value.readings[:2]] == [("pet", "wild"), ("cat", "dog", "fox")]
    assert read_source(tmp_path, NESTED, read_as=ReadAs("folders")).reading.classes == ("pet", "wild")
    assert read_source(tmp_path, NESTED, read_as=ReadAs("folders:2")).reading.classes == ("cat", "dog", "fox")
    with pytest.raises(DataError, match="'x' names no class folder"):
        read_source(tmp_path, NESTED, read_as=ReadAs("folders:x"))


@pytest.mark.parametrize("inner", ["patient_{}", "2024-05-0{}", "day{}"])
def test_patients_and_days_in_class_folders_are_no_classes(inner: str, tmp_path: Path) -> None:
    images = [f"{name}/{inner.format(k)}/{n}.png" for name in ("cat", "dog") for k in (1, 2) for n in range(3)]
    choice = read_source(tmp_path, images)
    assert choice.reading.classes == ("cat", "dog")
    assert [one.key for one in choice.others] == ["folders:2", "folders:innermost", "folders:path"]


@pytest.mark.parametrize(
    ("name", "side"),
    [("train_images", "train"), ("TestSet", "test"), ("Train2014", "train"), ("validación", "val"),
     ("hold-out", "test"), ("fold_0", None), ("train_cats", None), ("images", None), ("контроль", None)],
)  # fmt: skip
def test_a_name_is_a_side_when_it_says_nothing_else(name: str, side: str | None) -> None:
    assert split_of(name) == side


def test_a_level_says_what_its_words_mean() -> None:
    assert sides_of(["Training", "PublicTest", "PrivateTest"]) == {
        "Training": "train", "PublicTest": "val", "PrivateTest": "test"}  # fmt: skip
    assert sides_of(["cub_train", "cub_test"]) == {"cub_train": "train", "cub_test": "test"}
    assert (split_in("cifar10_train.csv"), split_in("train_test.csv")) == ("train", None)

"""A target: attached to a dataset, found again, its labels where folders or a table name the dataset's classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.errors import DataError, TooFewImages
from core.types import DatasetRef
from dataset.folder import list_datasets, read_manifest, read_thumbnails
from dataset.ingest import targets
from dataset.ingest.sources import import_path
from tests.conftest import write_images


@pytest.fixture
def source(tmp_path: Path) -> DatasetRef:
    return import_path(write_images(tmp_path / "photos"), tmp_path / "home")


def test_a_heap_of_images_becomes_an_unlabelled_target(tmp_path: Path, source: DatasetRef) -> None:
    heap = write_images(tmp_path / "heap", classes=("x",), seed=1)
    target = targets.attach(tmp_path / "home", source, heap / "x")
    assert (target.images, target.unlabelled, target.classes) == (6, 6, source.classes)
    assert target.notes == ("6 of 6 images have no label.",)
    assert set(read_manifest(target)["label"]) == {-1}
    assert (targets.labels_in(target, source) == -1).all()
    thumbnails = read_thumbnails(target)
    assert thumbnails is not None and len(thumbnails) == 6


def test_it_is_found_again_and_stands_in_no_list(tmp_path: Path, source: DatasetRef) -> None:
    home = tmp_path / "home"
    assert targets.target_of(home, source) is None
    first = targets.attach(home, source, write_images(tmp_path / "one", seed=1))
    assert targets.target_of(home, source) == first
    assert [ref.id for ref in list_datasets(home)] == [source.id]
    second = targets.attach(home, source, write_images(tmp_path / "two", seed=2))
    assert targets.target_of(home, source) == second
    targets.detach(home, source)
    assert targets.target_of(home, source) is None
    assert Path(second.root).is_dir(), "runs may name it"


def test_folders_named_like_the_classes_give_labels_in_any_case(tmp_path: Path, source: DatasetRef) -> None:
    sketches = write_images(tmp_path / "sketches", classes=("ANTS", "Bees", "wasps"), per_class=3, seed=1)
    target = targets.attach(tmp_path / "home", source, shutil.make_archive(str(tmp_path / "s"), "zip", sketches))
    assert (target.counts, target.unlabelled) == ({"": (3, 3)}, 3)
    assert targets.labels_in(target, source).tolist() == [0] * 3 + [1] * 3 + [-1] * 3
    assert "3 of 9 images have no label." in target.notes
    assert "Not classes of the dataset, so their images count as unlabelled: 'wasps'." in target.notes


def test_the_same_archive_is_a_dataset_and_a_target(tmp_path: Path) -> None:
    home = tmp_path / "home"
    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", write_images(tmp_path / "photos"))
    ref = import_path(archive, home)
    target = targets.attach(home, ref, archive)
    assert target.id != ref.id and target.target and not ref.target
    assert target.counts == ref.counts


def test_a_table_labels_some_and_splits_stay(tmp_path: Path, source: DatasetRef) -> None:
    folder = write_images(tmp_path / "t", classes=("heap",), per_class=4, seed=1)
    (folder / "labels.csv").write_text("path,label,split\nheap/000.png,bees,test\nheap/001.png,ants,train\n")
    target = targets.attach(tmp_path / "home", source, folder / "labels.csv")
    assert target.counts == {"train": (1, 0), "test": (0, 1)}
    assert read_manifest(target)["split"].tolist() == ["test", "train", "train", "train"]
    assert target.unlabelled == 2


def test_labels_go_by_name_when_the_classes_have_changed(tmp_path: Path, source: DatasetRef) -> None:
    target = targets.attach(tmp_path / "home", source, write_images(tmp_path / "one", seed=1))
    other = DatasetRef("0" * 16, "", "", ("aphids", "bees", "insects"), {"": (1, 1, 1)}, "", 0.0)
    assert targets.labels_in(target, other).tolist() == [-1] * 6 + [1] * 6


def test_what_cannot_be_a_target_changes_nothing(tmp_path: Path, source: DatasetRef) -> None:
    home = tmp_path / "home"
    first = targets.attach(home, source, write_images(tmp_path / "one", seed=1))
    with pytest.raises(TooFewImages, match="A target needs at least 2 readable images; this one has 1"):
        targets.attach(home, source, write_images(tmp_path / "few", classes=("x",), per_class=1))
    with pytest.raises(DataError, match="There is no file or folder at"):
        targets.attach(home, source, tmp_path / "nowhere")
    assert targets.target_of(home, source) == first


def test_what_a_model_answered_labels_no_target(tmp_path: Path, source: DatasetRef) -> None:
    heap = write_images(tmp_path / "heap", classes=("x",), seed=1) / "x"
    rows = [f"{path.name},{source.classes[number % 2]},0.9" for number, path in enumerate(sorted(heap.iterdir()))]
    (heap / "predictions.csv").write_text("file,class,confidence\n" + "\n".join(rows), encoding="utf-8")
    assert targets.attach(tmp_path / "home", source, heap).unlabelled == 6
    given = targets.attach(tmp_path / "home", source, heap / "predictions.csv")
    assert given.unlabelled == 0

"""The reading of an import: said in one line, kept with the dataset, chosen by key; a question keeps what was sent."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core import DataError, ReadingAsked
from dataset import read_rows
from dataset.folder import load_dataset
from dataset.ingest import imports, uploads
from dataset.ingest.assembly import AsRead
from dataset.ingest.question import as_document
from dataset.ingest.sources import import_path, take_again
from dataset.readings import ReadAs


@pytest.fixture
def source(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    """Class folders, and a table with other classes for the same images."""
    folder = image_folder(tmp_path / "photos", per_class=3)
    lines = [f"{name}/00{n}.png,{'small' if n else 'large'},{n}" for name in ("ants", "bees") for n in range(3)]
    (folder / "labels.csv").write_text("path,label,nest\n" + "\n".join(lines), encoding="utf-8")
    return folder


def test_a_reading_is_kept_with_its_dataset(home: Path, source: Path) -> None:
    ref = import_path(source, home, read_as=ReadAs("labels.csv"))
    assert ref.reading == "Classes from column 'label' of labels.csv; 6 of 6 images; split made by Thaw"
    assert (ref.reading_key, ref.classes) == ("labels.csv:label", ("large", "small"))
    assert ("folders", "Classes from the folders; 6 of 6 images; split made by Thaw") in ref.other_readings
    assert load_dataset(home, ref.id) == ref
    other = import_path(source, home, read_as=ReadAs(label_column="nest"))
    assert other.classes == ("0", "1", "2")


def test_a_record_of_an_older_version_has_no_reading(home: Path, source: Path) -> None:
    ref = import_path(source, home, read_as=ReadAs("folders"))
    record = Path(ref.root) / "dataset.json"
    kept = json.loads(record.read_text("utf-8"))
    for field in ("reading", "reading_key", "other_readings"):
        del kept[field]
    record.write_text(json.dumps(kept), encoding="utf-8")
    assert load_dataset(home, ref.id).reading == ""


def test_the_same_archive_is_read_in_either_way(home: Path, source: Path) -> None:
    archive = shutil.make_archive(str(source), "zip", source)
    with pytest.raises(ReadingAsked, match="2 readings fit about as well, and the first two differ on 6 images"):
        import_path(archive, home)
    assert import_path(archive, home, read_as=ReadAs("folders")).classes == ("ants", "bees")
    assert import_path(archive, home, read_as=ReadAs("labels.csv")).classes == ("large", "small")


def test_a_question_shows_pictures_and_names_every_way(home: Path, source: Path) -> None:
    (source / "ants" / "000.png").write_bytes(b"no image")
    with pytest.raises(ReadingAsked) as asked:
        import_path(source, home)
    document = as_document(asked.value)
    assert [one["key"] for one in document["readings"]] == ["labels.csv:label", "folders"]
    assert document["readings"][1]["examples"]["bees"] == ["bees/000.png", "bees/001.png", "bees/002.png"]
    assert "bees/000.png" in document["pictures"] and "ants/000.png" not in document["pictures"]
    assert asked.value.problems[1].startswith("--read-as 'folders': Classes from the folders; 6 of 6")


def test_an_upload_stays_for_the_answer(home: Path, source: Path) -> None:
    upload = uploads.open_upload(home)
    for path in sorted(source.rglob("*.*")):
        with uploads.new_file(home, upload, path.relative_to(source).as_posix()) as file:
            file.write(path.read_bytes())
    order = imports.Order(f"upload:{upload}")
    with pytest.raises(ReadingAsked):
        imports.carry_out(order, home, lambda done, total: None)
    again = imports.Order(order.source, read_as=ReadAs("folders"))
    assert imports.carry_out(again, home, lambda done, total: None).classes == ("ants", "bees")
    assert not (home / "uploads" / upload).exists()


def uploaded(home: Path, folder: Path) -> str:
    upload = uploads.open_upload(home)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with uploads.new_file(home, upload, path.relative_to(folder).as_posix()) as file:
            file.write(path.read_bytes())
    return upload


@pytest.mark.parametrize("packed", [False, True])
def test_an_upload_can_be_read_otherwise_later_and_takes_no_more_room(home: Path, source: Path, packed: bool) -> None:
    (source / "labels.csv").write_text((source / "labels.csv").read_text("utf-8") + "ants/gone.png,small,1\n", "utf-8")
    (source / "ants" / "extra.png").write_bytes((source / "ants" / "000.png").read_bytes() + b" ")
    (source / "bees" / "broken.png").write_bytes(b"no image")
    if packed:
        (source.parent / "sent").mkdir()
        shutil.make_archive(str(source.parent / "sent" / "photos"), "zip", source)
    upload = uploaded(home, source.parent / "sent" if packed else source)
    taken = uploads.take_upload(upload, home, AsRead(ReadAs("labels.csv")))
    assert (taken.classes, taken.images) == (("large", "small"), 6) and not (home / "uploads" / upload).exists()
    kept = {path.relative_to(taken.source_kept).as_posix() for path in taken.source_kept.rglob("*.*")}
    assert kept == {"labels.csv", *(f"{name}/00{n}.png" for name in ("ants", "bees") for n in range(3)),
                    "ants/extra.png", "bees/broken.png"}  # fmt: skip
    image = "ants/000.png"
    assert os.path.samefile(taken.source_kept / image, taken.images_root / image)
    other = import_path(taken.source_kept, home, read_as=ReadAs("folders"))
    assert (other.classes, other.images) == (("ants", "bees"), 7)
    assert os.path.samefile(other.images_root / image, taken.images_root / image)
    back = import_path(other.source_kept, home, read_as=ReadAs("labels.csv"))
    assert back.id == taken.id, "from there back again"


def test_nothing_is_kept_of_what_reads_one_way_only(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    taken = uploads.take_upload(uploaded(home, image_folder(tmp_path / "photos")), home, AsRead())
    assert taken.images and not taken.source_kept.exists()


def with_patients(folder: Path) -> Path:
    """Nested class folders, and a table that says who is pictured."""
    rows = ["path,patient"]
    for name in ("ants", "bees"):
        for number, file in enumerate(sorted((folder / name).glob("*.png"))):
            inner = folder / name / ("left" if number % 2 else "right")
            inner.mkdir(exist_ok=True)
            file.rename(inner / file.name)
            rows.append(f"{(inner / file.name).relative_to(folder).as_posix()},{name}-{number // 3}")
    (folder / "patients.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize("key", ["", "folders", "folders:path"])
def test_patients_of_a_table_stay_whichever_folders_are_the_classes(
    key: str, home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    folder = with_patients(image_folder(tmp_path / "photos"))
    ref = import_path(folder, home, read_as=ReadAs(key, group_column="patient" if key else ""))
    assert ref.groups == 4 and ref.grouped_by == "column 'patient' of patients.csv"
    assert "patients.csv" not in dict(ref.set_aside)
    assert len(ref.classes) == (4 if key == "folders:path" else 2)


def test_folders_have_no_column_of_labels_and_a_group_column_that_no_table_has_is_refused(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    with pytest.raises(DataError, match="Folders have no columns: leave out --read-as folders, or the columns"):
        ReadAs("folders", label_column="species")
    folder = with_patients(image_folder(tmp_path / "photos"))
    with pytest.raises(DataError, match=r"'patients.csv' has no column 'donor' \(--group-column\)"):
        import_path(folder, home, read_as=ReadAs("folders", group_column="donor"))


def test_the_split_that_lists_say_stays_when_the_folders_are_asked_for(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    folder = image_folder(tmp_path / "photos")
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    for side, some in (("train", [one for one in files if "00" not in one[-6:]]), ("test", files[::6])):
        (folder / f"{side}.txt").write_text("\n".join(some), encoding="utf-8")
    split = {row.path: "test" if row.path in files[::6] else "train" for row in read_rows(import_path(folder, home))}
    asked = import_path(folder, home, read_as=ReadAs("folders"))
    assert {row.path: row.split for row in read_rows(asked)} == split


def test_other_readings_and_their_files_stay_when_only_groups_change(home: Path, source: Path) -> None:
    taken = uploads.take_upload(uploaded(home, source), home, AsRead(ReadAs("labels.csv", group_column="nest")))
    assert taken.groups == 3
    plain = take_again(taken, home, decoding=taken.decoding, groups="none")
    assert (plain.groups, plain.other_readings, plain.reading) == (0, taken.other_readings, taken.reading)
    assert (plain.source_kept / "labels.csv").is_file()
    assert import_path(plain.source_kept, home, read_as=ReadAs("folders")).classes == ("ants", "bees")

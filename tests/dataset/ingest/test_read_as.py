"""The reading of an import: said in one line, kept with the dataset, chosen by key; a question keeps what was sent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core import ReadingAsked
from dataset.folder import load_dataset
from dataset.ingest import imports, uploads
from dataset.ingest.question import as_document
from dataset.ingest.sources import import_path
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

"""The question how images are to be read, on the page: asked with pictures, answered by a click, kept over a reload."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from core import Decoding
from dataset.folder import list_datasets, load_dataset
from dataset.ingest import uploads
from dataset.ingest.assembly import AsRead
from dataset.ingest.sources import import_path
from dataset.readings import ReadAs
from tests.support.seeding import NoWorkers, button, param, picture_folder, words
from tests.ui.conftest import Open
from training.requests.imports import ImportImages
from training.requests.registry import submit
from training.store.store import Store


def two_readings(where: Path) -> Path:
    """Class folders, and a table that names two of the images otherwise."""
    folder = picture_folder(where, {"oak": 4, "elm": 4})
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    labels = [path.partition("/")[0] if number not in (0, 7) else "ash" for number, path in enumerate(paths)]
    lines = [f"{path},{label}" for path, label in zip(paths, labels, strict=True)]
    (folder / "labels.csv").write_text("\n".join(["path,label", *lines]), encoding="utf-8")
    return folder


def test_what_fits_two_ways_is_asked_and_read_as_answered(
    open_page: Open, tmp_path: Path, store: Store, executor: NoWorkers, home: Path
) -> None:
    executor.submit(submit(store, ImportImages(str(two_readings(tmp_path / "trees")))).id)
    at = open_page("data")
    for _ in range(2):
        text = words(at)
        assert "How are these images to be read?" in text and "the first two differ on 2 images" in text
        assert "Classes from column 'label' of labels.csv; 8 of 8 images; split made by Thaw" in text
        assert "Classes from the folders; 8 of 8 images; split made by Thaw" in text
        at.run()  # a reload asks again
    (job,) = store.jobs(kind="import")
    assert job.result is not None and job.result["pictures"]
    [one for one in at.button if one.label == "Read them so"][1].click().run()
    ref = load_dataset(home, param(at, "dataset"))
    assert ref.classes == ("elm", "oak") and ref.reading_key == "folders"
    assert store.jobs(kind="import") == []
    assert "Classes from the folders; 8 of 8 images; split made by Thaw." in words(at)


def test_an_answer_may_be_none_of_them(
    open_page: Open, tmp_path: Path, store: Store, executor: NoWorkers, home: Path
) -> None:
    executor.submit(submit(store, ImportImages(str(two_readings(tmp_path / "trees")))).id)
    at = open_page("data")
    button(at, "None of these").click().run()
    assert store.jobs(kind="import") == [] and list_datasets(home) == []


def test_another_reading_is_one_click_away(open_page: Open, tmp_path: Path, home: Path) -> None:
    folder = picture_folder(tmp_path / "trees", {"oak": 4, "elm": 4})
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    lines = [f"{path},{('leica', 'rollei')[number % 2]}" for number, path in enumerate(paths)]
    (folder / "shots.csv").write_text("\n".join(["path,camera", *lines]), encoding="utf-8")
    ref = import_path(folder, home)
    assert ref.classes == ("elm", "oak")
    at = open_page("data", dataset=ref.id)
    button(at, "Classes from column 'camera' of shots.csv").click().run()
    assert load_dataset(home, param(at, "dataset")).classes == ("leica", "rollei")


def test_another_reading_of_an_upload_is_one_click_away_too_and_back(
    open_page: Open, tmp_path: Path, home: Path
) -> None:
    folder = picture_folder(tmp_path / "trees", {"oak": 4, "elm": 4})
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    lines = [f"{path},{('leica', 'rollei')[number % 2]}" for number, path in enumerate(paths)]
    (folder / "shots.csv").write_text("\n".join(["path,camera", *lines]), encoding="utf-8")
    upload = uploads.open_upload(home)
    for path in sorted(folder.rglob("*.*")):
        with uploads.new_file(home, upload, path.relative_to(folder).as_posix()) as file:
            file.write(path.read_bytes())
    ref = uploads.take_upload(upload, home, AsRead())
    at = open_page("data", dataset=ref.id)
    button(at, "Classes from column 'camera' of shots.csv").click().run()
    other = load_dataset(home, param(at, "dataset"))
    assert (other.classes, other.source) == (("leica", "rollei"), "browser upload")
    button(at, "Classes from the folders").click().run()
    assert load_dataset(home, param(at, "dataset")).classes == ("elm", "oak")


def test_another_reading_keeps_range_and_the_choice_of_groups(open_page: Open, tmp_path: Path, home: Path) -> None:
    rows = ["path,finding"]
    for number in range(24):
        name = f"{('left', 'right')[number // 2 % 2]}/patient{number // 2}-{number % 2}.png"
        values = np.random.default_rng(number).integers(0, 4096, (20, 20)).astype(np.uint16)
        (tmp_path / "scans" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(tmp_path / "scans" / name)
        rows.append(f"{name},{('ill', 'well')[number // 2 % 3 == 0]}")
    (tmp_path / "scans" / "findings.csv").write_text("\n".join(rows), encoding="utf-8")
    reading = ReadAs("findings.csv")
    ref = import_path(tmp_path / "scans", home, read_as=reading, groups="none", decoding=Decoding((0, 2000)))
    assert import_path(tmp_path / "scans", home, read_as=reading).groups == 12 and ref.groups == 0
    at = open_page("data", dataset=ref.id)
    button(at, "Classes from the folders").click().run()
    other = load_dataset(home, param(at, "dataset"))
    assert (other.classes, other.groups, other.decoding) == (("left", "right"), 0, Decoding((0, 2000)))

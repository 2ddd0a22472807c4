"""`python -m training data`: edit, list, undo and export from a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import Decoding
from dataset.folder import read_manifest
from dataset.ingest.sources import import_path
from tests.support.seeding import picture_folder
from tests.support.terminal import say as say_all

Say = Callable[..., Any]


@pytest.fixture
def say(home: Path) -> Say:
    """say('history', ID): the JSON answer; with code=2 the sentence on standard error."""

    def it(*words: str, code: int = 0) -> Any:
        said = say_all("data", *words, "--json")
        assert said.code == code
        return said.json if code == 0 else said.err

    return it


def test_a_dataset_is_edited_listed_undone_and_taken_away(
    say: Say, home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    ref = import_path(image_folder(tmp_path / "photos", per_class=6), home, name="photos")
    first = say("revise", ref.id, "--relabel", "bees", "ants/000.png", "--exclude", "bees/00[01].png")
    assert first["edit"] == "Relabelled 'ants/000.png' from 'ants' to 'bees'. Excluded 2 images."
    assert (first["images"], first["excluded"], first["base"], first["parent"]) == (10, 2, ref.id, ref.id)
    second = say("revise", first["dataset_id"], "--merge", "insects", "ants", "--restore", "bees/000.png")
    assert second["classes"] == ["bees", "insects"]
    assert say("revise", second["dataset_id"], "--restore", "bees/000.png")["dataset_id"] == second["dataset_id"]
    family = say("history", ref.id)
    assert [one["dataset_id"] for one in family] == [second["dataset_id"], first["dataset_id"], ref.id]
    assert say("undo", second["dataset_id"])["dataset_id"] == first["dataset_id"]

    written = say("export", first["dataset_id"], str(tmp_path / "cleaned.zip"), "--with-split")
    assert written["images"] == 10 and written["bytes"] == (tmp_path / "cleaned.zip").stat().st_size
    again = import_path(tmp_path / "cleaned.zip", home)
    assert set(read_manifest(again)["split"]) == {"train", "val", "test"} and again.images == 10
    assert say("export", ref.id, str(tmp_path / "all.csv"))["images"] == 12
    assert (tmp_path / "all.csv").read_text().startswith("path,label\nants/000.png,ants\n")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "no temporary file is left"

    shown = say_all("data", "history", second["dataset_id"]).out
    assert f"*{second['dataset_id']}" in shown and "Renamed 'ants' to 'insects'." in shown and "As imported." in shown


def test_what_cannot_be_done_is_one_sentence(
    say: Say, home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    ref = import_path(image_folder(tmp_path / "photos"), home)
    assert "'ants/9.png' is not among the images" in say("revise", ref.id, "--exclude", "ants/9.png", code=2)
    assert "There is no class 'wasps'" in say("revise", ref.id, "--relabel", "wasps", "ants/000.png", code=2)
    assert "at least 2 images" in say("revise", ref.id, "--exclude", "ants/00[0-4].png", code=2)
    assert "Choose at least one image" in say("revise", ref.id, "--relabel", "bees", code=2)
    assert "Say what to edit" in say("revise", ref.id, code=2)
    assert "there is no edit to undo" in say("undo", ref.id, code=2)
    assert "must end in .zip or .csv" in say("export", ref.id, str(tmp_path / "cleaned.rar"), code=2)


@pytest.mark.parametrize(
    ("decoding", "flags"),
    [
        (Decoding(), "--value-range=0,4095"),
        (Decoding((-160, 239)), "--value-range=-160,239"),
        (Decoding((0, 99), (3,)), "--value-range=0,99 --page 3"),
        (Decoding((0, 99), (1, 2, 3)), "--value-range=0,99 --pages-as-channels"),
    ],
)
def test_an_export_says_how_to_read_it_as_it_was_read(
    say: Say, home: Path, tmp_path: Path, decoding: Decoding, flags: str
) -> None:
    folder = tmp_path / "scans"
    for number in range(24):
        pages = [
            Image.fromarray(np.random.default_rng([number, page]).integers(0, 4096, (20, 20)).astype(np.uint16))
            for page in range(3)
        ]
        path = folder / "ab"[number // 2 % 2] / f"patient{number // 2}-{number % 2}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        pages[0].save(path, save_all=True, append_images=pages[1:])
    ref = import_path(folder, home, decoding=decoding, groups="none")
    out = tmp_path / "cleaned.zip"
    said = say("export", ref.id, str(out))
    assert said["import_with"] == f"{flags} --groups none"
    again = say_all("check", str(out), "--quick", *said["import_with"].split())
    assert again.code == 0 and f"Dataset {ref.id}" in again.err


def test_an_export_of_plain_images_says_nothing_more(say: Say, home: Path, tmp_path: Path) -> None:
    ref = import_path(picture_folder(tmp_path / "pets", {"cat": 3, "dog": 3}), home)
    assert say("export", ref.id, str(tmp_path / "cleaned.zip"))["import_with"] == ""

"""The routes that serve images, called as a server calls them: what they answer and what they refuse."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.types import DatasetRef
from dataset.edits import Edit
from dataset.ingest.sources import import_path
from dataset.revisions import revise
from tests.ui.server.test_live import Client
from training.profile import maps
from ui.server import pictures as route_pictures

NAME = "efficientnet_lite0"


@pytest.fixture
def client(home: Path) -> Client:
    return Client(home)


@pytest.fixture
def pictures(home: Path, tmp_path: Path) -> DatasetRef:
    for label, colour in (("ants", 60), ("bees", 200)):
        for number in range(4):
            path = tmp_path / "in" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (2400, 300 + number), (colour, 9, number)).save(path)
    Image.fromarray(np.full((90, 60), 40_000, np.uint16)).save(tmp_path / "in" / "bees" / "deep.png")
    return import_path(tmp_path / "in", home, name="insects")


@pytest.fixture
def mapped(home: Path, pictures: DatasetRef) -> DatasetRef:
    """With features in which the images of a class lie on a line, two neighbours apart by one."""
    place = np.zeros((9, 4), np.float32)
    place[:, 0] = [0, 1, 2, 3, 10, 11, 12, 13, 14]
    maps.make_pca(home, pictures.id, NAME, lambda rows: place[rows], np.arange(9))
    return pictures


def test_a_large_picture_fits_the_screen(client: Client, pictures: DatasetRef) -> None:
    answer = client.get(f"/thaw/picture/{pictures.id}/0.jpg")
    shown = Image.open(io.BytesIO(answer.body))
    assert answer.status == 200 and shown.format == "JPEG"
    assert shown.size == (route_pictures.LARGE_PX, 200)


def test_a_16_bit_picture_is_neither_black_nor_white(client: Client, pictures: DatasetRef) -> None:
    paths = [client.get(f"/thaw/facts/{pictures.id}/{row}").json["path"] for row in range(9)]
    row = paths.index("bees/deep.png")
    for kind in ("thumb", "picture"):
        shown = Image.open(io.BytesIO(client.get(f"/thaw/{kind}/{pictures.id}/{row}.jpg").body)).convert("L")
        assert abs(shown.getpixel((20, 20)) - 40_000 // 256) < 4


def test_the_facts_of_an_image_are_told_in_words(client: Client, pictures: DatasetRef) -> None:
    facts = client.get(f"/thaw/facts/{pictures.id}/1").json
    assert facts["path"] == "ants/1.png" and facts["class"] == "ants" and facts["split"] == ""
    assert (facts["width"], facts["height"]) == (2400, 301) and facts["bytes"] > 0
    deep = client.get(f"/thaw/facts/{pictures.id}/8").json
    assert "of more than 8 bits, reduced to 8" in deep["traits"]


@pytest.mark.parametrize("kind", ["thumb/{}/9.jpg", "picture/{}/9.jpg", "facts/{}/9", "alike/{}/9"])
def test_a_row_that_is_not_there_is_a_sentence(client: Client, pictures: DatasetRef, kind: str) -> None:
    answer = client.get("/thaw/" + kind.format(pictures.id))
    assert answer.status == 404 and "there is no number 9" in answer.json["error"]


@pytest.mark.parametrize("kind", ["picture/{}/0.jpg", "facts/{}/0", "alike/{}/0", "map/{}/x/pca.bin"])
@pytest.mark.parametrize("name", ["0" * 16, "..%2f..%2fetc", "x"])
def test_no_other_place_can_be_named(client: Client, pictures: DatasetRef, kind: str, name: str) -> None:
    assert client.get("/thaw/" + kind.format(name)).status == 404


def test_the_points_of_a_map_come_with_their_classes(client: Client, mapped: DatasetRef) -> None:
    answer = client.get(f"/thaw/map/{mapped.id}/{NAME}/pca.bin")
    points = np.frombuffer(answer.body, "<f4").reshape(-1, 4)
    assert points[:, 0].tolist() == list(range(9))
    assert points[:, 3].tolist() == [0] * 4 + [1] * 5
    assert abs(abs(points[1, 1] - points[0, 1]) - 1) < 1e-4


@pytest.mark.parametrize("what", [f"{NAME}/tsne", f"{NAME}/..%2f..%2fthaw", "..%2f..%2fx/pca", "resnet50/pca"])
def test_a_map_that_was_not_drawn_is_a_404(client: Client, mapped: DatasetRef, what: str) -> None:
    assert client.get(f"/thaw/map/{mapped.id}/{what}.bin").status == 404


def test_the_images_most_alike_come_nearest_first(client: Client, mapped: DatasetRef) -> None:
    answer = client.get(f"/thaw/alike/{mapped.id}/8").json
    assert answer["class"] == "bees"
    assert answer["alike"][:5] == [[7, "bees"], [6, "bees"], [5, "bees"], [4, "bees"], [3, "ants"]]


def test_before_the_profile_nothing_is_alike(client: Client, pictures: DatasetRef) -> None:
    assert client.get(f"/thaw/alike/{pictures.id}/0").json == {"class": "ants", "alike": []}


def test_a_revision_shows_its_own_labels_over_the_imports_pictures(
    client: Client, home: Path, mapped: DatasetRef
) -> None:
    edits = [Edit("exclude", ("ants/0.png",)), Edit("relabel", ("ants/1.png",), "bees")]
    new = revise(home, mapped, edits)
    assert client.get(f"/thaw/facts/{new.id}/1").json["class"] == "bees"
    assert client.get(f"/thaw/facts/{new.id}/0").json["split"] == "excluded"
    assert client.get(f"/thaw/picture/{new.id}/0.jpg").status == 200
    points = np.frombuffer(client.get(f"/thaw/map/{new.id}/{NAME}/pca.bin").body, "<f4").reshape(-1, 4)
    assert points[:, 0].tolist() == list(range(1, 9)) and points[0, 3] == 1
    assert [0, "ants"] not in client.get(f"/thaw/alike/{new.id}/1").json["alike"]


def test_no_file_is_decoded_in_the_server(
    client: Client, pictures: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.portable.pictures.opened", None)
    assert client.get(f"/thaw/thumb/{pictures.id}/0.jpg").status == 200
    assert client.get(f"/thaw/picture/{pictures.id}/8.jpg").status == 200


def test_pictures_of_large_files_are_kept_on_disk_within_a_bound(
    client: Client, home: Path, pictures: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_pictures, "KEPT_PIXELS", 0)
    first = client.get(f"/thaw/picture/{pictures.id}/0.jpg").body
    kept = sorted(home.glob("cache/*/drawn/*.jpg"))
    assert len(kept) == 1 and kept[0].read_bytes() == first
    monkeypatch.setattr(route_pictures, "_drawers", None)
    assert client.get(f"/thaw/picture/{pictures.id}/0.jpg").body == first
    monkeypatch.undo()
    monkeypatch.setattr(route_pictures, "KEPT_PIXELS", 0)
    monkeypatch.setattr(route_pictures, "KEPT_BYTES", len(first) + 100)
    monkeypatch.setattr(route_pictures, "SWEPT_EVERY", 1)
    assert client.get(f"/thaw/picture/{pictures.id}/1.jpg").status == 200
    assert len(list(home.glob("cache/*/drawn/*.jpg"))) == 1

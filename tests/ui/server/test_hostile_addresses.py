"""No address of Thaw's own ends in an error of the server: numbers of any length, names of any kind, things unknown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from core.types import DatasetRef
from dataset.ingest.sources import import_path
from tests.conftest import write_images
from tests.support.seeding import finished_run
from tests.ui.server.test_live import Client
from training.store.store import Store
from ui.server import routes

VALUES = (
    "0", "-1", "9" * 20, "9" * 5000, "1e400", "inf", "nan", "0x10", "١", "", " ", "..", "../..", "%00", "\0",
    "a" * 3000, "[" * 2000, "'; drop table jobs", "💥", "%", "a/b", ".zip", "model.onnx",
)  # fmt: skip
QUERIES = ("after", "seen", "mark", "run", "split")


@pytest.fixture
def made(home: Path, tmp_path: Path) -> tuple[DatasetRef, str]:
    ref = import_path(write_images(tmp_path / "photos"), home)
    return ref, finished_run(Store(home), ref, "linear_probe").id


def addresses(ref: DatasetRef, run: str) -> list[str]:
    """Every GET route of the table, each of its parts in turn replaced by each value, the others as they should be."""
    good = {"run": run, "dataset": ref.id, "row": "0", "backbone": "efficientnet_lite0", "name": "pca", "ending": "zip"}
    found = []
    for route in routes.routes():
        if "GET" not in (route.methods or ()):
            continue
        parts = re.findall(r"{(\w+)(?::\w+)?}", route.path)
        plain = re.sub(r"{(\w+)(?::\w+)?}", r"{\1}", route.path)
        for part in parts:
            for value in VALUES:
                found.append(plain.format(**{**good, "rest": "x", part: quote(value, safe="")}))
        found += [f"{plain.format(**good, rest='x')}?run={run}&{name}={quote(value, safe='')}"
                  for name in QUERIES for value in VALUES]  # fmt: skip
    return found


def test_every_address_is_answered_or_refused_in_a_sentence(home: Path, made: tuple[DatasetRef, str]) -> None:
    client, tried = Client(home), addresses(*made)
    assert len(tried) > 500
    for url in tried:
        answer = client.get(url)
        assert answer.status in (200, 206, 307, 400, 404, 422), f"{url[:200]}: {answer.status}"
        if answer.status >= 400:
            assert json.loads(answer.body)["error"], url[:200]


@pytest.mark.parametrize("url", ["/thaw/", "/thaw/nothing", "/thaw/thumb", "/thaw/live/more", "/thaw/run/x"])
def test_what_is_unknown_is_not_streamlits_page(home: Path, url: str) -> None:
    answer = Client(home).get(url)
    assert answer.status == 404 and answer.json == {"error": "There is nothing of this name here."}


@pytest.mark.parametrize("number", ["1" + "0" * 20, "9" * 5000, "inf", "1.5", "", "-" * 3])
def test_rows_and_events_are_whole_numbers_that_can_be(home: Path, made: tuple[DatasetRef, str], number: str) -> None:
    for name in ("after", "seen"):
        answer = Client(home).get(f"/thaw/live?run={made[1]}&{name}={number}")
        assert (answer.status, answer.json["error"]) == (400, "'after' and 'seen' are whole numbers.")


def test_an_unusable_home_is_said_by_every_address(made: tuple[DatasetRef, str], tmp_path: Path) -> None:
    """A file in its place, a database that is none: 503 or 404 with a sentence, never an error of the server."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "thaw.db").write_bytes(b"no database at all" * 100)
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", broken, tmp_path / "gone" / "home"):
        client = Client(place)
        for url in addresses(*made)[::7]:
            answer = client.get(url)
            assert answer.status in (200, 206, 307, 400, 404, 422, 503), f"{place.name} {url[:200]}: {answer.status}"
            if answer.status not in (200, 307):
                assert json.loads(answer.body)["error"], url[:200]

"""What is made for one download is gone when that has ended, however it ended; the Data page's own address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dataset.ingest.sources import import_path
from tests.conftest import write_images
from tests.support.seeding import finished_run
from training.backbones import build, write_weights
from training.store.run_folder import RunFolder
from training.store.store import Store
from ui.server import routes


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes.routes(home))) as client:
        yield client


@pytest.fixture
def bundle(home: Path, tmp_path: Path) -> str:
    """The address of a run's bundle."""
    ref = import_path(write_images(tmp_path / "photos"), home)
    run = finished_run(Store(home), ref, "linear_probe")
    folder = RunFolder(home, run.id)
    write_weights(folder.weights, build("mlp", 2).state_dict())
    return f"/thaw/run/{run.id}/bundle.zip"


@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=10-1", "bytes=a-b", "bytes=999999999-", "lines=1-2", ""])
def test_no_zip_stays_whatever_part_of_it_is_asked_for(client: TestClient, home: Path, bundle: str, asked: str) -> None:
    answer = client.get(bundle, headers={"Range": asked})
    assert answer.status_code in (200, 206, 400, 416)
    assert list((home / "downloads").iterdir()) == []


def test_the_data_page_has_its_name_for_an_address_and_keeps_what_it_asks_for(client: TestClient) -> None:
    """Streamlit has it at the root alone, since it is the page that opens first."""
    answer = client.get("/data?dataset=0123456789abcdef&x=a%26b", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"] == "./?dataset=0123456789abcdef&x=a%26b"
    assert client.get("/data", follow_redirects=False).headers["location"] == "./"

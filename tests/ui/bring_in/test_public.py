"""Public sets on the Data page: size and licence before the click, progress after it, a plain sentence on failure."""

from __future__ import annotations

from pathlib import Path

from dataset.ingest.sources import import_path
from tests.support.seeding import NoWorkers, button, picture_folder, words
from tests.ui.conftest import Open
from training.store.store import Store


def test_size_and_licence_stand_before_the_click(open_page: Open, store: Store, executor: NoWorkers) -> None:
    at = open_page("data")
    at.selectbox(key="public_set").set_value("eurosat").run()
    text = words(at)
    assert "27,000 images · 10 classes · licence: MIT" in text and "Far from photographs" in text
    assert "nothing is sent" in text
    button(at, "Fetch EuroSAT").click().run()
    (job,) = store.jobs(kind="public")
    assert job.config == {"name": "eurosat"} and executor.submitted == [job.id]


def test_progress_can_be_cancelled(open_page: Open, store: Store) -> None:
    job = store.create_job("public", "", {"name": "dtd"})
    store.claim_next()
    store.beat(store.job(job.id), progress=0.35, doing="Downloading Describable Textures, 312 MB", eta_s=40.0)
    at = open_page("data")
    assert "Downloading Describable Textures, 312 MB, about 40 s left" in words(at)
    button(at, "Cancel").click().run()
    assert store.job(job.id).stop_requested


def test_without_a_network_the_page_says_so(open_page: Open, store: Store) -> None:
    job = store.create_job("public", "", {"name": "flowers102"})
    store.claim_next()
    why = "Flowers 102 cannot be downloaded: no route. Is this machine connected to the network?"
    store.fail(store.job(job.id), why)
    text = words(open_page("data"))
    assert "Flowers 102 was not fetched" in text and "Is this machine connected to the network?" in text


def test_what_was_fetched_can_be_opened(open_page: Open, store: Store, home: Path, tmp_path: Path) -> None:
    ref = import_path(picture_folder(tmp_path / "set", {"a": 3, "b": 3}), home)
    job = store.create_job("public", "", {"name": "dtd"})
    store.claim_next()
    store.finish(store.job(job.id), {"dataset_id": ref.id, "images": 6, "classes": 2})
    at = open_page("data")
    button(at, "set · 6 images").click().run()
    assert "6 images in 2 classes" in words(at)

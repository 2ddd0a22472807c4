"""The Map section as a user reads it; in place of the canvas stands what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.types import DatasetFacts, DatasetRef
from tests.support.seeding import NoWorkers, button, claim, param, words
from tests.ui.conftest import Open
from training.profile import maps
from training.store.store import Store
from ui.data import map as parts_map
from ui.data import selection

NAME = "efficientnet_lite0"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the map was told, run after run."""
    heard: list[dict[str, Any]] = []

    def mount(data: dict[str, Any], on_report: Callable[[], None]) -> None:
        heard.append(json.loads(json.dumps(data)))

    monkeypatch.setattr(parts_map, "mount", mount)
    return heard


@pytest.fixture
def drawn(home: Path, dataset: DatasetRef) -> None:
    features = np.random.default_rng(0).normal(size=(dataset.images, 16)).astype(np.float32)
    maps.make_pca(home, dataset.id, NAME, lambda rows: features[rows], np.arange(dataset.images))


def test_before_the_measuring_has_ended_it_says_when_the_map_comes(
    open_page: Open, dataset: DatasetRef, told: list[dict[str, Any]]
) -> None:
    text = words(open_page("data", dataset=dataset.id, view="map"))
    assert "The map comes with the measuring" in text and told == []


def test_the_map_of_a_measured_dataset_is_told_where_its_points_are(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, drawn: None, told: list[dict[str, Any]], home: Path
) -> None:
    text = words(open_page("data", dataset=dataset.id, view="map"))
    assert told[-1]["url"].startswith(f"/thaw/map/{dataset.id}/{NAME}/pca.bin")
    assert told[-1]["classes"] == list(dataset.classes) and told[-1]["picked"] == []
    share = maps.about(home, dataset.id, NAME).variance
    assert f"The two axes show {100 * share:.0f}% of how the features vary" in text


def test_what_an_older_version_measured_can_be_drawn(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, told: list[dict[str, Any]], store: Store,
    executor: NoWorkers,
) -> None:  # fmt: skip
    at = open_page("data", dataset=dataset.id, view="map")
    assert "No map yet" in words(at) and told == []
    button(at, "Draw the map").click().run()
    (job,) = store.jobs(kind="map")
    assert job.config == {"backbone": NAME, "name": "pca"} and executor.submitted == [job.id]
    assert "Waiting for the job before it to end" in words(at)
    claim(store, job)
    store.fail(store.job(job.id), "The disk is full.")
    assert "The map was not drawn" in words(at.run()) and "The disk is full" in words(at)


def test_tsne_is_asked_for_and_can_be_cancelled(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, drawn: None, told: list[dict[str, Any]], store: Store
) -> None:
    at = open_page("data", dataset=dataset.id, view="map")
    at.segmented_control(key="map_name").set_value("tsne").run()
    assert param(at, "map") == "tsne"
    assert "It takes all 19 images" in words(at)
    button(at, "Draw the map").click().run()
    (job,) = store.jobs(kind="map")
    claim(store, job)
    store.beat(store.job(job.id), progress=0.2, doing="Drawing the map, 200 of 1,000 steps")
    assert "Drawing the map, 200 of 1,000 steps" in words(at.run())
    button(at, "Cancel").click().run()
    assert store.job(job.id).stop_requested


def test_a_map_that_was_cut_short_says_so_and_can_be_drawn_anew(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, drawn: None, told: list[dict[str, Any]], store: Store,
    home: Path,
) -> None:  # fmt: skip
    def stop(done: float, doing: str, eta: float | None) -> None:
        if done > 0.1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        maps.make_tsne(home, dataset.id, NAME, np.zeros(dataset.images, np.int64), stop)
    at = open_page("data", dataset=dataset.id, view="map", map="tsne")
    assert told[-1]["url"].endswith("/tsne.bin?v=100")
    assert "Drawn after 100 of 1,000 steps" in words(at)
    assert "distances between groups do not" in words(at)
    button(at, "Draw it anew").click().run()
    assert len(store.jobs(kind="map")) == 1


def test_what_is_selected_on_the_map_stands_under_it(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, drawn: None, told: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(selection, "selected", lambda dataset_id: {4, 2})
    text = words(open_page("data", dataset=dataset.id, view="map"))
    assert "2 images selected" in text and told[-1]["picked"] == [2, 4]
    assert "Select all" not in text, "the map has no list that 'all' could mean"


def test_a_sample_is_said_to_be_one() -> None:
    some = parts_map.caption("tsne", maps.About(tsne=(1000, 1000), sample=5000), "EfficientNet-Lite0", 50_000)
    assert "A sample of 5,000 of 50,000 images." in some and "steps" not in some

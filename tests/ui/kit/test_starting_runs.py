"""Every button that starts a run: its batch fits into memory, and its forecast lies beside it before it can begin."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from advisor.planning.costs import Sizes
from advisor.planning.memory import forecast_bytes
from advisor.planning.strategies import PLANNED
from core.plans import ADAPTING, RunConfig
from core.types import DatasetRef, MemoryFacts
from core.zoo.catalog import backbone
from dataset.edits import Edit
from dataset.folder import read_rows
from dataset.ingest.targets import attach
from dataset.revisions import revise
from tests.support.seeding import NoWorkers, button, facts_of, finished_run, picture_folder, words
from tests.ui.conftest import Open
from training.machine import memory
from training.record import tally
from training.store.store import Store
from ui.kit import jobs

GB = 10**9


@pytest.fixture(autouse=True)
def little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """6 GB are free; a training step of the 12 images of these tests takes 15 GB in one batch."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8 * GB, available=6 * GB))
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "none")


def measured(store: Store, ref: DatasetRef, train_bytes: int = GB) -> None:
    facts = facts_of(ref)
    costs = tuple(replace(cost, train_bytes=train_bytes, eval_bytes=1000) for cost in facts.costs)
    store.save_facts(replace(facts, costs=costs, memory=MemoryFacts(10**8, 10**6, 10**6)))


def fits(store: Store, config: RunConfig) -> bool:
    facts, card = store.facts(config.dataset_id, "efficientnet_lite0"), backbone("efficientnet_lite0")
    if facts is None:
        return False
    sizes = Sizes.measured(facts, config.per_class)
    return (forecast_bytes(config.strategy, card, sizes, facts) or 0) < 0.8 * 6 * GB


Click = Callable[[Open, Store, DatasetRef], AppTest]


def click(label: str, **params: str) -> Click:
    def on_advice(open_page: Open, store: Store, ref: DatasetRef) -> AppTest:
        return button(open_page("advice", dataset=ref.id, **params), label).click().run()

    return on_advice


def retrain(open_page: Open, store: Store, ref: DatasetRef) -> AppTest:
    run = finished_run(store, ref, "partial")
    now = revise(store.home, ref, [Edit("exclude", (read_rows(ref)[0].path,))])
    measured(store, now)
    jobs.start_again(run, now)
    return open_page("data")


@pytest.mark.parametrize(
    ("way", "runs"),
    [
        pytest.param(click("Train this"), 1, id="the recommendation"),
        pytest.param(click("Train: Full fine-tuning"), 1, id="a card"),
        pytest.param(click("Compare all strategies"), len(PLANNED), id="compare all"),
        pytest.param(click("Train this plan"), 1, id="by hand"),
        pytest.param(click("Run pilots first", minutes="60"), 3, id="pilots"),
        pytest.param(click("Train all three"), len(ADAPTING), id="two domains"),
        pytest.param(click("5 labels a class instead"), 1, id="a few labels"),
        pytest.param(retrain, 1, id="on corrected images"),
    ],
)
def test_a_run_fits_into_memory_and_its_forecast_is_there_before_it_can_begin(
    way: Click, runs: int, open_page: Open, dataset: DatasetRef, home: Path, store: Store, executor: NoWorkers,
    tmp_path: Path,
) -> None:  # fmt: skip
    target = attach(home, dataset, picture_folder(tmp_path / "drawn", dict.fromkeys(dataset.classes, 5)))
    measured(store, dataset)
    way(open_page, store, dataset)
    assert len(executor.submitted) == runs
    for run_id in executor.submitted:
        config = store.job(run_id).plan
        if config.dataset_id != target.id:
            assert fits(store, config), config.strategy
        said = json.loads((home / "runs" / run_id / "foreseen.json").read_text())
        assert said.get("reason") or said["memory_bytes"] < 0.8 * 6 * GB  # of just this plan


def test_what_memory_is_too_small_for_is_left_out_of_compare_all_and_refused_alone(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(store, dataset, train_bytes=8 * GB)
    at = open_page("advice", dataset=dataset.id)
    descending = "partial fine-tuning, gradual unfreezing, probe, then fine-tune, full fine-tuning and from scratch"
    assert f"Left out, as memory is too small: {descending}." in words(at)
    button(at, "Train: Full fine-tuning").click().run()
    assert "This run cannot be started" in words(at)
    needs = r"needs about 10\.\d+ GB of memory in batches of 1 image, and 6 GB are there: free some"
    assert re.search(needs, words(at))
    assert store.jobs() == []
    click("Compare all strategies")(open_page, store, dataset)
    assert [store.job(run).config["strategy"]["kind"] for run in executor.submitted] == ["prototype", "linear_probe"]


def test_a_batch_set_by_hand_stays_and_is_refused_where_it_cannot_fit(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers
) -> None:
    measured(store, dataset, train_bytes=GB * 11 // 10)
    at = open_page("advice", dataset=dataset.id)
    at.number_input(key="hand_batch").set_value(4).run()
    assert "It needs about" in words(at) and "it may run out" in words(at)
    button(at, "Train this plan").click().run()
    assert store.job(executor.submitted[0]).config["strategy"]["batch_size"] == 4
    at = open_page("advice", dataset=dataset.id)
    at.number_input(key="hand_batch").set_value(32).run()
    button(at, "Train this plan").click().run()
    assert "in batches of 32 images, and 6 GB are there: choose batches of" in words(at)
    assert len(executor.submitted) == 1


def test_a_click_too_many_starts_no_second_run(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers
) -> None:
    measured(store, dataset)
    for _ in range(2):
        click("Train this")(open_page, store, dataset)
    assert len(store.jobs(kind="train")) == 1


def test_the_advice_of_compare_all_is_kept_before_its_first_run_can_begin(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(store, dataset)
    kept: list[int] = []
    create = Store.create_job

    def watched(self: Store, *what: object, **how: object) -> object:
        kept.append(len(tally.read(store.home)))
        return create(self, *what, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "create_job", watched)
    click("Compare all strategies")(open_page, store, dataset)
    assert kept == [1] * len(PLANNED)
    assert tally.read(store.home)[0].group == store.job(executor.submitted[0]).group

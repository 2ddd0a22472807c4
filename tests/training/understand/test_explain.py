"""A run looked into, through a real worker: what is written, what it says, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.errors import NotFound, StateError
from core.plans import RunConfig, to_json
from core.zoo import catalog
from dataset.ingest.sources import import_path
from tests.conftest import write_images
from training.jobs.executor import executor
from training.store.records import Job
from training.store.store import Store
from training.understand import findings
from training.understand.explaining import explain
from training.understand.open_run import OpenRun
from training.understand.source_set import imagenet_classes

CLASSES = ("round", "square", "pointed")


def nothing(done: float, doing: str, left: float | None) -> None: ...


@pytest.fixture(scope="module")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with a small MLP trained on 60 pictures, in this process; and the run's id."""
    from training.jobs.worker import main

    place = tmp_path_factory.mktemp("explain")
    home = place / "home"
    home.mkdir()
    data = import_path(write_images(place / "shapes", classes=CLASSES, per_class=20), home)
    what = plan("scratch", catalog.backbone("mlp"), train_images=48, classes=3, options=Options(epochs=8))
    store = Store(home)
    job = store.create_job("train", data.id, to_json(RunConfig(data.id, what)))
    assert store.claim_next() is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THAW_SPARE", "0")
        patch.setattr("signal.signal", lambda *_: None)
        patch.setattr("os.nice", lambda _: 0)
        main([job.id, "--home", str(home)])
    done = store.job(job.id)
    assert done.state == "finished", done.error
    store.close()
    return home, job.id


@pytest.fixture
def run(home: Path, trained_home: tuple[Path, str]) -> Job:
    """The trained run in a home of this test's own."""
    shutil.copytree(trained_home[0], home, dirs_exist_ok=True)
    return Store(home).job(trained_home[1])


def test_a_look_writes_losses_neighbours_movement_and_calibration(home: Path, run: Job) -> None:
    said = explain(run, home, nothing)
    found = findings.read(home, run.id)
    assert found is not None
    assert said["run"] == run.id
    assert run.result is not None
    assert len(found.rows) == run.result["test_total"] == 12
    right = sum(a == b for a, b in zip(found.truth, found.predicted, strict=True))
    assert right == run.result["test_correct"]
    assert all(0 <= p <= 1 for p in (*found.confidence, *found.truth_probability, *found.calibrated))
    worst = int(np.argmax(found.losses()))
    assert found.truth_probability[worst] == min(found.truth_probability)
    assert found.stages == ("hidden 1", "hidden 2")
    assert all(0.001 < moved < 20 for moved in found.moved)
    near = found.neighbours[found.rows[0]]
    assert len(near) == 5
    assert [cosine for _, cosine in near] == sorted((cosine for _, cosine in near), reverse=True)
    split = OpenRun(run, home).data.rows
    assert {row for row, _ in near} <= set(split["train"].tolist())
    assert (found.map_kind, found.maps, found.agreement) == ("", (), None)  # an MLP has no plane and no old task


def test_a_look_through_the_queue_ends_like_any_job(home: Path, run: Job) -> None:
    import time

    store = Store(home)
    job = store.create_job("explain", run.dataset_id, {"run": run.id, "source": ""})
    executor(home).submit(job.id)
    deadline = time.monotonic() + 90
    while store.job(job.id).active and time.monotonic() < deadline:
        time.sleep(0.1)
        executor(home).pump()
    ended = store.job(job.id)
    assert ended.state == "finished", ended.error
    assert ended.result is not None and ended.result["run"] == run.id
    assert findings.read(home, run.id) is not None


def test_what_cannot_be_looked_into_is_refused_in_a_sentence(home: Path, run: Job) -> None:
    store = Store(home)
    waiting = store.create_job("train", run.dataset_id, run.config)
    with pytest.raises(StateError, match="has no kept weights to look into: queued"):
        explain(waiting, home, nothing)
    (home / "runs" / run.id / "best.safetensors").unlink()
    with pytest.raises(NotFound, match="weights of run .* are gone"):
        explain(run, home, nothing)


def test_a_record_of_another_version_is_no_record(home: Path, run: Job) -> None:
    explain(run, home, nothing)
    record = findings.folder_of(home, run.id) / findings.RECORD
    data = json.loads(record.read_text())
    record.write_text(json.dumps({**data, "version": 0}))
    assert findings.read(home, run.id) is None
    record.write_text("{")
    assert findings.read(home, run.id) is None
    assert findings.read(home, "nothere1") is None


def test_weights_that_did_not_move_keep_every_prediction(home: Path, run: Job) -> None:
    trained = OpenRun(run, home)
    rows = trained.data.rows["test"]
    layer = nn.Linear(trained.backbone.width, 7)
    after = trained.bench.features(rows)
    trained.to_original()
    before = trained.bench.features(rows)
    assert not torch.equal(before, after)
    trained.to_original()
    assert torch.equal(layer(before).argmax(1), layer(trained.bench.features(rows)).argmax(1))


def test_class_names_are_matched_to_imagenet_by_synset_word_and_plural() -> None:
    found = imagenet_classes(["n01440764", "tench", "ants", "goldfish", "no such thing", "crane"])
    assert found[0] == found[1] == 0
    assert found[3] == 1
    assert found[2] == 310
    assert found[4] is None and found[5] is None

"""The worker as a real process: it trains, is stopped, killed with -9 and resumed, and says what went wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.errors import StateError
from core.files import named_within
from core.plans import RunConfig, Strategy, to_json
from core.types import DatasetRef
from core.zoo import catalog
from dataset.folder import read_manifest
from dataset.ingest.sources import import_path
from training.jobs import worker
from training.jobs.context import StoreContext
from training.jobs.executor import executor
from training.profile import maps
from training.store.records import Job
from training.store.store import Store

ROOT = Path(__file__).resolve().parents[3]
CLASSES = ("round", "square", "pointed")
DEADLINE_S = 90.0
FINAL = ("finished", "failed", "stopped", "lost")


@pytest.fixture
def data(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> DatasetRef:
    folder = image_folder(tmp_path / "shapes", classes=("round", "square", "pointed"), per_class=20)
    return import_path(folder, home)


def strategy(epochs: int, kind: str = "scratch") -> Strategy:
    return plan(kind, catalog.backbone("mlp"), train_images=48, classes=3, options=Options(epochs=epochs))  # type: ignore[arg-type]


def queue(home: Path, data: DatasetRef, what: Strategy) -> Job:
    job = Store(home).create_job("train", data.id, to_json(RunConfig(data.id, what)))
    return executor(home).submit(job.id)


def wait(home: Path, job: Job, until: Callable[[Job], bool]) -> Job:
    """Fails when nothing has moved for `DEADLINE_S`: a worker steps back for everybody, and other tests may compute."""
    moved, deadline = "", time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        now = executor(home).status(job.id)
        if until(now):
            return now
        if moved != (moved := f"{now.state} {now.doing} {now.progress}"):
            deadline = time.monotonic() + DEADLINE_S
        time.sleep(0.05)
    raise AssertionError(f"{now.state} {now.doing}: " + (home / "logs" / f"{job.id}.log").read_text())


def ended(job: Job) -> bool:
    return job.state in FINAL


def test_a_queue_of_runs_drains_by_itself_and_leaves_results(home: Path, data: DatasetRef) -> None:
    """Nobody pumps after the submission: the first worker starts the second."""
    first, second = queue(home, data, strategy(12)), queue(home, data, strategy(5, "linear_probe"))
    store = Store(home)
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and store.job(second.id).state not in FINAL:
        assert len(store.jobs(states=("running",))) <= 1
        time.sleep(0.05)
    for job in (store.job(first.id), store.job(second.id)):
        assert job.state == "finished", job.error
        assert job.result is not None
        assert job.result["test_total"] == 12
        assert job.result["test_correct"] == round(job.result["test_accuracy"] * 12)
        assert (home / job.result["weights"]).exists()
        lines = (home / job.result["predictions"]).read_text().splitlines()
        assert lines[0] == "path,label,predicted,confidence" and len(lines) == 13
        assert store.metrics(job.id)[-1]["val_accuracy"] is not None
    assert not (home / "runs" / first.id / "checkpoint.pt").exists()


@pytest.mark.fault
def test_kill_9_is_seen_and_the_resumed_run_ends_with_the_same_bits(home: Path, data: DatasetRef) -> None:
    what = strategy(900)
    undisturbed = wait(home, queue(home, data, what), ended)
    assert undisturbed.state == "finished", undisturbed.error
    victim = queue(home, data, what)
    store = Store(home)
    checkpoint = home / "runs" / victim.id / "checkpoint.pt"
    running = wait(home, victim, lambda job: checkpoint.exists() or ended(job))
    assert running.state == "running" and running.pid
    os.kill(running.pid, signal.SIGKILL)
    lost = wait(home, victim, ended)
    assert lost.state == "lost" and "resume" in (lost.error or "").lower()
    seen = store.metrics(victim.id)
    store.requeue(victim.id)
    resumed = wait(home, executor(home).submit(victim.id), ended)
    assert resumed.state == "finished" and resumed.attempt == 2
    assert resumed.result is not None and undisturbed.result is not None
    for field in ("weights_sha256", "test_accuracy", "val_accuracy", "val_loss", "best_epoch"):
        assert resumed.result[field] == undisturbed.result[field]
    assert epoch_rows(store, victim) == epoch_rows(store, undisturbed)
    assert len(seen) > 0 and any(event["kind"] == "resumed" for event in store.events(victim.id))


def epoch_rows(store: Store, job: Job) -> list[tuple[float, ...]]:
    names = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return [tuple(row[n] for n in names) for row in store.metrics(job.id) if row["val_loss"] is not None]


def test_a_stop_keeps_the_best_and_can_be_resumed(home: Path, data: DatasetRef) -> None:
    job = queue(home, data, strategy(4000))
    store = Store(home)
    wait(home, job, lambda now: len(store.metrics(job.id)) >= 3 or ended(now))
    executor(home).stop(job.id)
    stopped = wait(home, job, ended)
    assert stopped.state == "stopped" and stopped.result is not None
    assert stopped.result["stopped_early"] and 0 < stopped.result["epochs"] < 4000
    assert stopped.result["test_accuracy"] is not None and (home / stopped.result["weights"]).exists()
    assert (home / "runs" / job.id / "checkpoint.pt").exists()
    store.requeue(job.id)
    rows = len(store.metrics(job.id))
    executor(home).submit(job.id)
    wait(home, job, lambda now: len(store.metrics(job.id)) > rows or ended(now))
    executor(home).stop(job.id)
    assert wait(home, job, ended).state == "stopped"


def test_a_profile_measures_and_saves_facts(home: Path, data: DatasetRef) -> None:
    store = Store(home)
    job = store.create_job("profile", data.id, {"backbone": "mlp", "seed": 0})
    done = wait(home, executor(home).submit(job.id), ended)
    assert done.state == "finished", done.error
    facts = store.facts(data.id, "mlp")
    assert facts is not None
    assert facts.train_images == 48 and facts.test_images == 12 and sum(facts.per_class) == 48
    assert facts.chance == pytest.approx(1 / 3)
    assert facts.ready_made is not None
    assert 0 <= facts.ready_made.low <= facts.ready_made.value <= facts.ready_made.high <= 1
    assert [cost.boundary for cost in facts.costs] == [0, 1, 2]
    assert all(cost.train_s > 0 and cost.eval_s > 0 for cost in facts.costs)
    assert facts.forward_images_per_s and facts.hardware is not None


def test_a_map_is_drawn_though_nothing_was_measured_before(home: Path, data: DatasetRef) -> None:
    """Colour and shape tell the classes apart, so that an image's nearest neighbour on the map is mostly of its own."""
    job = Store(home).create_job("map", data.id, {"backbone": "mlp", "name": "tsne"})
    done = wait(home, executor(home).submit(job.id), ended)
    assert done.state == "finished", done.error
    about = maps.about(home, data.id, "mlp")
    assert about.tsne == (1000, 1000) and about.sample == 60 and about.variance is not None and 0 < about.variance <= 1
    assert maps.load(home, data.id, "mlp", "pca") is not None
    points = maps.load(home, data.id, "mlp", "tsne")
    assert points is not None and points[:, 0].tolist() == list(range(60)) and np.isfinite(points).all()
    apart = np.square(points[:, None, 1:] - points[None, :, 1:]).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    labels = read_manifest(data)["label"].to_numpy()
    assert (labels[apart.argmin(axis=1)] == labels).mean() > 0.6


def test_what_goes_wrong_is_said_in_words(home: Path, data: DatasetRef) -> None:
    broken = replace(strategy(3), backbone="no_such_backbone")
    failed = wait(home, queue(home, data, broken), ended)
    assert failed.state == "failed"
    assert "There is no backbone called 'no_such_backbone'" in (failed.error or "")


def test_a_run_without_an_image_to_validate_on_is_refused(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    folder = image_folder(tmp_path / "frames", classes=CLASSES, per_class=1)
    for name in CLASSES:
        for number in range(1, 6):
            shutil.copyfile(folder / name / "000.png", folder / name / f"{number:03d}.png")
    ref = import_path(folder, home)
    failed = wait(home, queue(home, ref, strategy(3)), ended)
    assert failed.state == "failed" and "No image is left to validate on" in (failed.error or "")
    assert "import these again without groups" in (failed.error or "")


def test_the_terminal_trains_for_real(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> None:
    folder = image_folder(tmp_path / "shapes", classes=("round", "square"), per_class=12, split=("train", "test"))
    command = [sys.executable, "-m", "training", "fit", str(folder), "--strategy", "full", "--backbone", "mlp"]
    done = subprocess.run(
        [*command, "--epochs", "3", "--json", "--home", str(home)], cwd=ROOT, capture_output=True, text=True,
        timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout.splitlines()[-1])
    assert document["state"] == "finished" and 0 <= document["test_accuracy"] <= 1
    assert document["test_total"] == 24 and len(document["weights_sha256"]) == 64


def test_what_a_run_takes_is_counted_from_the_moment_it_leaves_the_queue(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading included, and the seconds of earlier attempts; waiting in the queue is not."""
    store, now = Store(home), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    store.create_job("train", "d", {})
    now[0] += 50  # in the queue
    first = store.claim_next()
    assert first is not None
    now[0] += 4  # loading
    context = StoreContext(store, first)
    now[0] += 10
    assert context.seconds == 14
    context.progress(0.5, "Epoch 1 of 2")
    context.close()
    store.lose(first, "The worker ended without finishing.")
    now[0] += 50
    store.requeue(first.id)
    second = store.claim_next()
    assert second is not None
    now[0] += 4
    again = StoreContext(store, second)
    again.close()
    assert again.seconds == 18


def test_a_run_that_was_planned_too_small_grows_into_its_budget(home: Path, data: DatasetRef) -> None:
    """Its steps are too quick to wait a second for their pace."""
    import training.engine.fit  # noqa: F401  # else loading torch takes most of the budget

    small = strategy(8)
    what = replace(small, phases=(replace(small.phases[0], most_epochs=1_000_000),))
    store = Store(home)
    store.create_job("train", data.id, to_json(RunConfig(data.id, what, minutes=0.1)))
    job = store.claim_next()
    assert job is not None
    done = worker.perform(StoreContext(store, job))
    assert done.state == "finished" and done.result is not None and not done.result["stopped_early"]
    assert done.started is not None and done.finished is not None and done.result["epochs"] > 10
    assert 2 < done.result["seconds"] <= done.finished - done.started + 0.1 < 9.1
    texts = [event["text"] for event in store.events(job.id)]
    assert texts[0] == "Planned to end within 6 s: 8 epochs instead of 1000000, or more as far as time is left."
    assert any(text.startswith("At this machine's pace the budget of 6 s leaves time for") for text in texts)
    assert store.metrics(job.id)[-1]["lrs"][0] < 1e-2 * max(row["lrs"][0] for row in store.metrics(job.id))


def test_a_worker_whose_job_was_given_to_another_writes_nothing_more(home: Path) -> None:
    """As when a machine slept: declared lost, resumed elsewhere, and then the first worker wakes."""
    store = Store(home)
    job = store.create_job("train", "d", {})
    first = store.claim_next()
    assert first is not None
    context = StoreContext(store, first)
    context.close()  # no pulse: it would end this process
    store.lose(first, "The worker ended without finishing.")
    store.requeue(job.id)
    second = store.claim_next()
    for write in (
        lambda: context.row({"row": 0, "epoch": 1.0}),
        lambda: context.event("info", "phase", "Phase 1 begins."),
        lambda: context.progress(0.9, "Epoch 9"),
        lambda: context.save({"epoch": 9}),
        lambda: context.note("gradients", {}),
    ):
        again = pytest.raises(StateError, match=r"has been started again since \(attempt 2\)")
        with named_within(context.held), again:  # as `worker.perform` has it
            write()
    assert store.job(job.id) == second
    assert store.metrics(job.id) == store.events(job.id) == []
    assert not list((home / "runs" / job.id).iterdir())

"""Workers started ahead of their job: real processes that are taken, raced for, killed and sent home."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core import processes
from core.plans import RunConfig, to_json
from core.zoo import catalog
from dataset.ingest.sources import import_path
from training.jobs import spares
from training.jobs.local import LocalExecutor
from training.store.records import Job

WAITING = (sys.executable, "-c", "import time; time.sleep(60)")
"""A spare that never looks for its job."""


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch, no_spare_workers: None) -> None:
    monkeypatch.setenv(spares.SWITCH, "1")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A home; whatever spare is left at the end is ended."""
    (tmp_path / "home").mkdir()
    yield tmp_path / "home"
    for file in (tmp_path / "home" / "spares").glob("*.*.*"):
        pid = int(file.name.split("-")[0])
        if pid != os.getpid() and processes.alive(pid, None):
            os.kill(pid, signal.SIGKILL)


def wait(condition: Callable[[], object], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_spare_does_the_job_and_the_run_is_like_any_other(
    place: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    data = import_path(image_folder(tmp_path / "shapes", classes=("round", "square"), per_class=12), place)
    run = LocalExecutor(place)
    run.prepare()
    (file,) = (place / "spares").glob("*.free")
    strategy = plan("full", catalog.backbone("mlp"), train_images=19, classes=2, options=Options(epochs=2))
    job = run.store.create_job("train", data.id, to_json(RunConfig(data.id, strategy)))
    started = run.submit(job.id)
    assert started.pid == int(file.name.split("-")[0])
    wait(lambda: run.status(job.id).state == "finished")
    assert run.store.metrics(job.id)
    assert not list((place / "spares").glob("*.free"))
    wait(lambda: run.check() == [] and not psutil.pid_exists(started.pid))  # reaped: no zombie


def test_one_spare_is_enough(place: Path) -> None:
    first = spares.ensure(place, WAITING)
    assert first is not None
    assert spares.ensure(place, WAITING) is None
    assert spares.take(place, WAITING, "job") == (first.pid, processes.started(first.pid))
    assert spares.take(place, WAITING, "another") is None
    first.kill()
    first.wait()


def test_a_dead_spare_is_not_taken(place: Path) -> None:
    child = spares.ensure(place, WAITING)
    assert child is not None
    child.kill()
    child.wait()
    assert spares.take(place, WAITING, "job") is None
    assert not list((place / "spares").iterdir())


def test_a_spare_with_other_settings_is_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = spares.ensure(place, WAITING)
    assert child is not None
    monkeypatch.setenv("THAW_DEVICE", "cpu")
    assert spares.take(place, WAITING, "job") is None
    monkeypatch.delenv("THAW_DEVICE")
    assert spares.take(place, WAITING, "job") is not None
    child.kill()
    child.wait()


@pytest.mark.fault
def test_a_spare_that_is_lost_after_it_was_taken_is_noticed(place: Path) -> None:
    run = LocalExecutor(place, command=WAITING)
    run.prepare()
    job: Job = run.submit(run.store.create_job("train", "d", {}).id)
    assert job.pid is not None
    os.kill(job.pid, signal.SIGKILL)
    wait(lambda: run.status(job.id).state == "lost")
    assert "killed by signal 9" in str(run.store.job(job.id).error)


def own_file(place: Path, ending: str) -> Path:
    (place / "spares").mkdir()
    file = place / "spares" / f"{processes.tag()}.key.{ending}"
    file.write_text("")
    return file


def test_a_spare_is_told_its_job(place: Path) -> None:
    own_file(place, "abc123")
    assert spares.wait(place) == "abc123"
    assert not list((place / "spares").iterdir())


def test_a_spare_nobody_wants_ends(place: Path) -> None:
    own_file(place, "free")
    assert spares.wait(place, idle_s=0.1) is None
    assert not list((place / "spares").iterdir())


def test_a_dismissed_spare_ends(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = own_file(place, "free")
    monkeypatch.setattr(spares.time, "sleep", lambda _: file.unlink(missing_ok=True))
    assert spares.wait(place) is None


def test_none_is_started_where_memory_is_short_or_it_is_switched_off(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spares, "available_bytes", lambda: 10**9)
    assert spares.ensure(place, WAITING) is None
    monkeypatch.setattr(spares, "available_bytes", lambda: 10**10)
    monkeypatch.setenv(spares.SWITCH, "0")
    assert spares.ensure(place, WAITING) is None

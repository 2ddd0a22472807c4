"""Workers that hang, and such as wake again: real processes, stopped by signals, stuck, declared lost too early."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from core import processes
from core.errors import StateError
from tests.support import fake_worker, late_worker
from training.jobs import local
from training.jobs.context import TAKEN_AWAY
from training.jobs.local import LocalExecutor
from training.store.records import Job

MINUTES = 0.02
"""The limit of these tests, 1.2 s."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalExecutor]:
    """An executor of late workers under a short limit; whatever still works at the end is ended."""
    monkeypatch.setenv("THAW_HANG_MINUTES", str(MINUTES))
    monkeypatch.setattr(local, "GRACE_S", 0.3, raising=False)
    made = LocalExecutor(tmp_path / "home", command=late_worker.COMMAND)
    yield made
    for job in made.store.queue():
        with suppress(StateError):
            made.store.request_stop(job.id)
    for job in made.store.queue():
        if job.pid is not None and processes.alive(job.pid, job.pid_started):
            os.kill(job.pid, signal.SIGKILL)
    made.check()


def train(run: LocalExecutor) -> Job:
    return run.store.create_job("train", "d", {})


def wait(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def pid_of(run: LocalExecutor, job: Job) -> int:
    pid = run.store.job(job.id).pid
    assert pid is not None
    return pid


def is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


@pytest.mark.xfail(strict=True, reason="A worker that hangs keeps its lane for good.")
@pytest.mark.parametrize("how", ["stuck", "stopped"])
def test_a_worker_that_hangs_is_ended_and_the_queue_goes_on(
    run: LocalExecutor, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("LATE_WORKER", "stuck")
    hung, waiting = train(run), train(run)
    run.submit(hung.id)
    wait(lambda: run.store.events(hung.id))
    pid = pid_of(run, hung)
    wait(lambda: psutil.Process(pid).children())
    (child,) = psutil.Process(pid).children()
    if how == "stopped":
        os.kill(pid, signal.SIGSTOP)
    monkeypatch.setenv("LATE_WORKER", "work")
    wait(lambda: run.pump() or run.store.job(waiting.id).state != "queued", 10)
    lost = run.store.job(hung.id)
    assert lost.state == "lost"
    assert lost.error is not None
    assert lost.error.startswith("The worker was ended: no step forward for ")
    assert "last seen at 'Working (stuck)'" in lost.error
    assert "What it saved is safe: resume the run" in lost.error
    assert not psutil.pid_exists(pid)
    assert not child.is_running()
    wait(lambda: run.status(waiting.id).state == "finished")


@pytest.mark.xfail(strict=True, reason="A file of an attempt that was declared lost replaces that of the next one.")
@pytest.mark.parametrize("what", ["file"])
def test_one_that_wakes_again_changes_nothing(run: LocalExecutor, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Stopped just before its file takes its name, declared lost, resumed: then the first one goes on."""
    monkeypatch.setenv("LATE_WORKER", what)
    monkeypatch.setenv("THAW_HANG_MINUTES", "10")
    job = train(run)
    run.submit(job.id)
    pid = pid_of(run, job)
    wait(lambda: is_stopped(pid))
    run.store.lose(run.store.job(job.id), "It was parted from this machine.")
    run.store.requeue(job.id)
    run.submit(job.id)
    wait(lambda: run.status(job.id).state == "finished")

    def kept() -> dict[str, str]:
        files = (path for path in run.home.glob("runs/**/*") if path.is_file() and f".{pid}" not in str(path))
        return {str(path.relative_to(run.home)): path.read_text() for path in files}

    before, ended = kept(), run.store.job(job.id)
    assert list(before.values()) == ["attempt 2"]
    os.kill(pid, signal.SIGCONT)
    wait(lambda: not processes.alive(pid, None))
    assert kept() == before
    assert run.store.job(job.id) == ended
    assert local._exit_code(pid) == TAKEN_AWAY
    assert not list(run.home.glob(f"runs/**/*{pid}*"))  # nor does it leave anything lying about


def test_what_works_is_left_alone(run: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow is not stuck: rows that come are steps, whatever the limit's length."""
    monkeypatch.setenv("FAKE_WORKER", "hang")
    busy = LocalExecutor(run.home, command=fake_worker.COMMAND)
    job = train(run)
    busy.submit(job.id)
    until = time.monotonic() + 3 * 60 * MINUTES
    while time.monotonic() < until:
        assert run.status(job.id).state == "running"
        time.sleep(0.05)
    run.stop(job.id)
    wait(lambda: run.status(job.id).state == "stopped")

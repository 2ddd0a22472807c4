"""Workers that hang, and such as wake again: real processes, stopped by signals, stuck, declared lost too early."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from core import processes
from core.errors import PlanError, StateError
from tests.support import fake_worker, late_worker
from tests.support.terminal import say
from training.cli.commands import runs as commands
from training.cli.follow import follow
from training.jobs import hanging, local
from training.jobs.context import TAKEN_AWAY
from training.jobs.local import LocalExecutor
from training.store.records import Job

SHORT = "0.02"
"""Minutes, 1.2 s: the limit once a worker has begun, which takes longer on a busy machine."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalExecutor]:
    """An executor of late workers; whatever still works at the end is ended."""
    monkeypatch.setenv("THAW_HANG_MINUTES", "10")
    monkeypatch.setattr(hanging, "GRACE_S", 0.3)
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


@pytest.mark.fault
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
    monkeypatch.setenv("THAW_HANG_MINUTES", SHORT)
    wait(lambda: run.pump() or run.store.job(waiting.id).state != "queued")
    monkeypatch.setenv("THAW_HANG_MINUTES", "10")
    lost = run.store.job(hung.id)
    assert lost.state == "lost"
    assert lost.error is not None
    assert lost.error.startswith("The worker was ended: no step forward for ")
    assert "last seen at 'Working (stuck)'" in lost.error
    assert "What it saved is safe: resume the run" in lost.error
    assert not psutil.pid_exists(pid)
    assert not processes.alive(child.pid, None)
    wait(lambda: run.status(waiting.id).state == "finished")


@pytest.mark.fault
@pytest.mark.parametrize("what", ["file", "folder", "facts"])
def test_one_that_wakes_again_changes_nothing(run: LocalExecutor, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Stopped just before its file takes its name, declared lost, resumed: then the first one goes on."""
    monkeypatch.setenv("LATE_WORKER", what)
    job = train(run)
    run.submit(job.id)
    pid = pid_of(run, job)
    wait(lambda: is_stopped(pid))
    run.store.lose(run.store.job(job.id), "It was parted from this machine.")
    run.store.requeue(job.id)
    run.submit(job.id)
    wait(lambda: run.status(job.id).state == "finished")

    def kept() -> dict[str, str]:
        there = {str(path.relative_to(run.home)): path.read_text() for path in run.home.glob("runs/**/*")
                 if path.is_file() and f".{pid}" not in str(path)}  # fmt: skip
        facts = run.store.facts("d", "mlp")
        return there | ({"facts": f"attempt {facts.train_images}"} if facts else {})

    before, ended = kept(), run.store.job(job.id)
    assert list(before.values()) == ["attempt 2"]
    os.kill(pid, signal.SIGCONT)
    wait(lambda: not processes.alive(pid, None))
    assert kept() == before
    assert run.store.job(job.id) == ended
    assert local._exit_code(pid) == TAKEN_AWAY
    assert not list(run.home.glob(f"runs/**/*{pid}*"))  # nor does it leave anything lying about


def test_what_works_is_left_alone(run: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that come are steps, however much longer than the limit it takes."""
    monkeypatch.setenv("FAKE_WORKER", "hang")
    busy = LocalExecutor(run.home, command=fake_worker.COMMAND)
    job = train(run)
    busy.submit(job.id)
    wait(lambda: run.store.metrics(job.id))
    monkeypatch.setenv("THAW_HANG_MINUTES", SHORT)
    until = time.monotonic() + 3 * 60 * float(SHORT)
    while time.monotonic() < until:
        assert run.status(job.id).state == "running"
        time.sleep(0.05)
    run.stop(job.id)
    wait(lambda: run.status(job.id).state == "stopped")


# -- the clock, by hand --------------------------------------------------------


class Clock:
    """`processes.steady`, to be set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(processes, "steady", clock)
    return clock


@pytest.fixture
def working(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LocalExecutor, Job]]:
    """A run that a sleeping process works on, which is looked at under the usual limit."""
    run = LocalExecutor(tmp_path / "home", command=late_worker.COMMAND)
    child = psutil.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    job = train(run)
    run.store.claim_next()
    run.store.set_pid(run.store.job(job.id), child.pid, processes.started(child.pid))
    yield run, run.store.job(job.id)
    child.kill()
    child.wait()


def beat(run: LocalExecutor, job: Job, stepped: float) -> None:
    run.store.beat(job, progress=0.4, doing="Epoch 2 of 9", stepped=stepped)


def test_setting_the_time_of_day_ends_nobody(
    working: tuple[LocalExecutor, Job], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, job = working
    true = time.time
    for hours in (-24, 24, -24 * 365):
        monkeypatch.setattr(time, "time", lambda hours=hours: true() + 3600 * hours)
        for _ in range(3):
            clock.now += hanging.GRACE_S + 1
            beat(run, job, clock.now)
            assert run.check() == []
            assert hanging.trouble(run.store.job(job.id)) == ""


def test_a_machine_that_slept_ends_nobody(working: tuple[LocalExecutor, Job], clock: Clock) -> None:
    """Where the clock counts sleep, or a container was paused: worker and page wake together, the page looks first."""
    run, job = working
    beat(run, job, clock.now)
    assert run.check() == []
    clock.now += 8 * 3600
    assert run.check() == []
    clock.now += 1
    beat(run, job, clock.now)
    for _ in range(5):
        clock.now += hanging.GRACE_S
        assert run.check() == []
    clock.now += 8 * 3600  # and once more, with the first nap still in mind
    assert run.check() == []
    assert run.store.job(job.id).state == "running"


def test_one_without_a_step_is_given_up_after_the_limit_and_a_second_look(
    working: tuple[LocalExecutor, Job], clock: Clock
) -> None:
    run, job = working
    beat(run, job, clock.now)
    for minute in range(1, 11):
        clock.now += 60
        beat(run, job, 1000.0)  # a sign of life is no step
        assert run.check() == []
        assert f"No step forward for {minute} min" in hanging.trouble(run.store.job(job.id)) or minute < 2
    clock.now += 1
    assert run.check() == []
    clock.now += hanging.GRACE_S
    (lost,) = run.check()
    assert lost.error == (
        "The worker was ended: no step forward for 10 min, last seen at 'Epoch 2 of 9'. What it saved is safe:"
        " resume the run to go on from there."
    )
    assert not processes.alive(job.pid or 0, job.pid_started)


def test_what_is_said_of_a_worker_that_does_not_move(
    working: tuple[LocalExecutor, Job], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, job = working
    beat(run, job, clock.now)
    clock.now += 45
    assert hanging.trouble(run.store.job(job.id)) == (
        "No sign of life for 45 s, last seen at 'Epoch 2 of 9': its process is stopped, or this machine is too busy."
        " It is ended by itself after 10 min without a step."
    )
    clock.now += 155
    beat(run, job, 1000.0)
    assert hanging.trouble(run.store.job(job.id)) == (
        "No step forward for 3 min, last seen at 'Epoch 2 of 9'. It is ended by itself after 10 min without a step."
    )
    monkeypatch.setenv("THAW_HANG_MINUTES", "0")
    assert hanging.trouble(run.store.job(job.id)) == "No step forward for 3 min, last seen at 'Epoch 2 of 9'."
    for _ in range(3):
        clock.now += 3600
        assert run.check() == []
    monkeypatch.setenv("THAW_HANG_MINUTES", "ten")
    with pytest.raises(PlanError, match="THAW_HANG_MINUTES is 'ten', which is not a number of minutes from 0 up"):
        run.check()


def test_a_job_claimed_before_the_machine_was_started_anew_is_lost(
    run: LocalExecutor, clock: Clock
) -> None:
    job = train(run)
    run.store.claim_next()  # ... and the power fails
    clock.now = 40.0
    assert [lost.id for lost in run.check()] == [job.id]
    assert "never started" in str(run.store.job(job.id).error)


# -- ended on request ----------------------------------------------------------


@pytest.mark.fault
@pytest.mark.parametrize("how", ["stuck", "stopped"])
def test_stop_ends_by_force_what_does_not_answer(
    run: LocalExecutor, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("LATE_WORKER", "stuck")
    monkeypatch.setattr(commands, "STOP_SECONDS", 1.0)
    monkeypatch.setattr(hanging, "SILENT_S", 0.8)
    monkeypatch.setattr(hanging, "STILL_S", 0.8)
    job = train(run)
    run.submit(job.id)
    wait(lambda: run.store.events(job.id))
    pid = pid_of(run, job)
    if how == "stopped":
        os.kill(pid, signal.SIGSTOP)
    said = say("stop", job.id, "--home", str(run.home), "--json")
    assert (said.code, said.json["state"]) == (1, "lost")
    assert "was lost: The worker was ended by hand: it did not answer. What it saved is safe" in said.err
    assert not processes.alive(pid, None)


def test_following_and_listing_say_that_nothing_moves(
    run: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATE_WORKER", "stuck")
    monkeypatch.setattr(hanging, "STILL_S", 0.5)
    job = train(run)
    run.submit(job.id)
    wait(lambda: hanging.still_s(run.store.job(job.id)) > 0.6)
    row = next(line for line in say("runs", "--home", str(run.home)).out.splitlines() if job.id in line)
    assert "running 50%, no step for " in row
    said: list[str] = []
    monkeypatch.setenv("THAW_HANG_MINUTES", SHORT)
    follow(run.store, run, job.id, said.append)
    warning = next(line for line in said if line.startswith("caution: "))
    assert "No step forward for" in warning and f"`python -m training stop {job.id}` ends it now." in warning

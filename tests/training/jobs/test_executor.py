import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from core import processes
from core.errors import PlanError, StateError
from tests.support import fake_worker
from training.jobs import local
from training.jobs.executor import executor
from training.jobs.local import LocalExecutor
from training.store.records import Job

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[LocalExecutor]:
    """An executor of fake workers; whatever waits or works at the end is ended."""
    made = LocalExecutor(tmp_path / "home", command=fake_worker.COMMAND)
    yield made
    for job in made.store.queue():  # queued ones too: a worker's last act would start them
        with suppress(StateError):
            made.store.request_stop(job.id)
    for job in made.store.queue():
        if job.pid is not None and job.pid != os.getpid() and processes.alive(job.pid, job.pid_started):
            os.kill(job.pid, signal.SIGKILL)
    made.check()


def train(run: LocalExecutor) -> Job:
    return run.store.create_job("train", "d", {})


def wait(condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# -- processes -----------------------------------------------------------------


def test_a_process_is_known_by_pid_and_start() -> None:
    mine = processes.started(os.getpid())
    assert mine is not None
    assert mine == processes.started(os.getpid())
    assert processes.alive(os.getpid(), mine)
    assert not processes.alive(os.getpid(), "17.25")
    assert not processes.alive(10**12, None)


def test_a_zombie_counts_as_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert processes.started(child.pid) is not None
    child.kill()
    wait(lambda: processes.started(child.pid) is None)  # not reaped yet: nobody has polled
    child.communicate()
    assert processes.started(child.pid) is None


def test_setting_the_clock_makes_no_process_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux says when the machine was started in the time of its clock, which somebody sets an hour on."""
    mine, boot = processes.started(os.getpid()), psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: boot + 3600)
    assert psutil.boot_time() == boot + 3600
    assert processes.alive(os.getpid(), mine)


# -- one worker ----------------------------------------------------------------


def test_a_submitted_job_is_worked_on_and_the_queue_drains_by_itself(run: LocalExecutor) -> None:
    jobs = [train(run) for _ in range(3)]
    assert run.submit(jobs[0].id).state == "running"
    wait(lambda: not run.store.queue())  # nobody pumps here: each worker starts the next
    assert [run.store.job(job.id).state for job in jobs] == ["finished"] * 3
    assert not (run.home / "overlap").exists()
    assert run.log_path(jobs[2].id).read_text().startswith("--- attempt 1")


def test_only_one_runs_at_a_time(run: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "hang")
    first, second = train(run), train(run)
    (started,) = run.pump()
    assert started.id == first.id
    assert started.pid is not None
    assert run.pump() == []
    assert run.submit(second.id).state == "queued"
    run.stop(second.id)  # else the first one's worker starts it
    run.stop(first.id)
    wait(lambda: run.status(first.id).state == "stopped")
    stopped = run.store.job(first.id)
    assert stopped.result is not None
    assert stopped.result["stopped_early"] is not None


def test_a_job_of_another_lane_does_not_wait_for_training(
    run: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "hang")
    training = train(run)
    run.submit(training.id)
    monkeypatch.setenv("FAKE_WORKER", "work")
    beside = [run.store.create_job("map", "d", {}, lane="side") for _ in range(2)]
    assert [run.submit(job.id).state for job in beside] == ["running", "queued"]
    wait(lambda: all(run.status(job.id).state == "finished" for job in beside))
    assert run.status(training.id).state == "running"
    run.stop(training.id)
    wait(lambda: run.status(training.id).state == "stopped")


@pytest.mark.fault
def test_a_killed_worker_is_lost_and_can_be_resumed(
    run: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "hang")
    job = train(run)
    run.submit(job.id)
    wait(lambda: run.store.metrics(job.id))
    pid = run.store.job(job.id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait(lambda: run.status(job.id).state == "lost")
    lost = run.store.job(job.id)
    assert lost.error is not None
    assert "killed by signal 9" in lost.error
    assert "resume the run" in lost.error
    assert not psutil.pid_exists(pid)  # reaped, no zombie left
    before = len(run.store.metrics(job.id))
    (run.home / "working").unlink()
    monkeypatch.setenv("FAKE_WORKER", "work")
    run.store.requeue(job.id)
    run.submit(job.id)
    wait(lambda: run.status(job.id).state == "finished")
    assert len(run.store.metrics(job.id)) >= before
    assert run.store.job(job.id).attempt == 2


def test_a_crashed_worker_is_lost_with_the_last_line_of_its_log(
    run: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "crash")
    job = train(run)
    run.submit(job.id)
    wait(lambda: run.status(job.id).state == "lost")
    assert run.store.job(job.id).error == (
        "The worker ended without finishing (exit code 3). What it saved is safe: resume the run to go on"
        " from there. The last line of its log: RuntimeError: the fake worker was told to crash"
    )


def test_what_keeps_nothing_is_not_said_to_be_resumed(run: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "crash")
    job = run.store.create_job("map", "d", {}, lane="side", noun="Map")
    run.submit(job.id)
    wait(lambda: run.status(job.id).state == "lost")
    assert "(exit code 3). Nothing of it was kept: start it again." in str(run.store.job(job.id).error)


def test_a_reused_pid_is_not_the_worker(run: LocalExecutor) -> None:
    job = train(run)
    run.store.claim_next()
    run.store.set_pid(run.store.job(job.id), os.getpid(), "another boot:1")
    assert [lost.id for lost in run.check()] == [job.id]
    assert run.store.job(job.id).state == "lost"


def test_a_live_worker_is_left_alone_however_old_its_heartbeat(run: LocalExecutor) -> None:
    job = train(run)
    run.store.claim_next()
    run.store.set_pid(run.store.job(job.id), os.getpid(), processes.started(os.getpid()))
    with run.store._write() as db:
        db.execute("UPDATE jobs SET heartbeat = heartbeat - 3600")
    assert run.check() == []
    assert run.store.job(job.id).state == "running"
    run.store.finish(run.store.job(job.id), {})


def test_a_job_whose_worker_never_started_is_lost_after_a_while(
    run: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = train(run)
    run.store.claim_next()  # ... and whoever claimed it dies here
    assert run.check() == []
    monkeypatch.setattr(local, "START_SECONDS", -1.0)
    assert [lost.id for lost in run.check()] == [job.id]
    assert "never started; see its log" in str(run.store.job(job.id).error)


def test_a_worker_that_cannot_be_started_fails_its_job(tmp_path: Path) -> None:
    broken = LocalExecutor(tmp_path, command=("/no/such/python",))
    job = broken.store.create_job("train", "d", {})
    assert broken.submit(job.id).state == "failed"
    assert "could not be started" in str(broken.store.job(job.id).error)


def test_stop_of_a_job_that_is_over_says_so(run: LocalExecutor) -> None:
    job = train(run)
    assert run.stop(job.id).state == "stopped"
    with pytest.raises(StateError, match="is stopped and cannot be stopped"):
        run.stop(job.id)


def test_the_executor_is_chosen_by_one_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THAW_EXECUTOR", raising=False)
    assert isinstance(executor(tmp_path), LocalExecutor)
    monkeypatch.setenv("THAW_EXECUTOR", "ray")
    with pytest.raises(
        PlanError, match="THAW_EXECUTOR is 'ray', but this version of Thaw knows only 'local'"
    ):
        executor(tmp_path)


# -- several pumps -------------------------------------------------------------


def test_racing_pumps_never_start_two_workers(run: LocalExecutor) -> None:
    jobs = [train(run) for _ in range(6)]
    code = (
        "import sys, time; from training.jobs.local import LocalExecutor\n"
        "run = LocalExecutor(sys.argv[1], command=tuple(sys.argv[2:])); print('ready', flush=True)\n"
        "while run.store.queue(): run.pump()"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", code, str(run.home), *fake_worker.COMMAND], cwd=PROJECT)
        for _ in range(2)
    ]
    assert [racer.wait(timeout=30) for racer in racers] == [0, 0]
    ended = [run.store.job(job.id) for job in jobs]
    assert [(job.state, job.attempt) for job in ended] == [("finished", 1)] * 6
    assert not (run.home / "overlap").exists()
    assert all(len(run.store.metrics(job.id)) == fake_worker.ROWS for job in jobs)

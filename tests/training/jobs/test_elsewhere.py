"""Two containers on one volume: neither buries the other's runs, and what one that is gone left behind is found.

A pid means something in its own pid namespace alone; there is no other way to see a worker elsewhere than its signs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import processes
from core.errors import StateError
from dataset.ingest.sources import import_path
from tests.support import fake_worker
from training.caches import pixels
from training.jobs import hanging, leftovers, spares
from training.jobs.local import LocalExecutor
from training.store.records import Job

pytestmark = pytest.mark.skipif(not processes.NAMESPACE.exists(), reason="this system knows no pid namespaces")
PROJECT = Path(__file__).resolve().parents[3]
OTHER = "other-container/{start}/4026539999"


@pytest.fixture
def run(tmp_path: Path) -> LocalExecutor:
    return LocalExecutor(tmp_path / "home", command=fake_worker.COMMAND)


@pytest.fixture(autouse=True)
def looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hanging, "SECOND_LOOK_S", 0.3)


def silent_for(run: LocalExecutor, seconds: float) -> None:
    """The last sign of life of every job was so long ago."""
    with run.store._write() as db:
        db.execute("UPDATE jobs SET heartbeat = ?", (processes.steady() - seconds,))


def elsewhere(run: LocalExecutor, host: str) -> Job:
    """A job that a worker there was given, with a pid that is this very process's here."""
    job = run.store.create_job("train", "d", {})
    run.store.claim_next()
    run.store.set_pid(run.store.job(job.id), os.getpid(), processes.started(os.getpid()))
    with run.store._write() as db:
        db.execute("UPDATE jobs SET host = ?, pid_started = 'of another place' WHERE id = ?", (host, job.id))
    return run.store.job(job.id)


def same_start() -> str:
    return OTHER.format(start=processes.host().split("/")[1])


def test_a_place_has_a_name_a_start_and_a_namespace() -> None:
    name, start, space = processes.host().split("/")
    assert name and processes.name_of(processes.host()) == name
    assert processes.is_here(processes.host()) and processes.same_clock(processes.host())
    assert processes.is_here(f"renamed/{start}/{space}"), "a laptop in another network"
    assert not processes.is_here(f"{name}/{start}/17") and processes.same_clock(f"{name}/{start}/17")
    assert not processes.is_here(f"{name}/another start/{space}")
    assert not processes.same_clock(f"{name}/another start/{space}")
    assert not processes.is_here("other//") and processes.made_here(processes.tag().split("-")[1])
    assert processes.made_here("0a1b2c3d"), "as earlier versions wrote it"
    assert not processes.made_here("0a1b2c") and not processes.made_here("0a1b2c9f3c01ab")


def test_a_run_says_where_it_was_started(run: LocalExecutor) -> None:
    job = run.store.create_job("train", "d", {})
    assert job.host is None and job.here
    claimed = run.store.claim_next()
    assert claimed is not None and claimed.host == processes.host() and claimed.here


def test_signs_of_life_keep_a_job_whose_process_cannot_be_looked_up(run: LocalExecutor) -> None:
    job = elsewhere(run, same_start())
    silent_for(run, hanging.LEASE_S - 5)
    assert run.check() == [] and run.store.job(job.id).state == "running"


def test_without_one_for_a_minute_it_is_lost_and_says_where(run: LocalExecutor) -> None:
    job = elsewhere(run, same_start())
    silent_for(run, hanging.LEASE_S + 1)
    assert [lost.id for lost in run.check()] == [job.id]
    assert run.store.job(job.id).error == (
        "Its worker gave no sign of life for a minute: the container or machine called 'other-container' is gone, or "
        "paused. What it saved is safe: resume the run to go on from there."
    )


def test_one_that_wakes_as_it_is_looked_at_keeps_its_job(run: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both were paused, or their machine slept: the page looks first."""
    job = elsewhere(run, same_start())
    silent_for(run, 3600)
    monkeypatch.setattr(hanging, "SECOND_LOOK_S", 2.0)
    waking = threading.Timer(0.1, lambda: run.store.beat(job))
    waking.start()
    assert run.check() == []
    waking.join()
    assert run.store.job(job.id).state == "running"


def test_after_a_start_of_the_machine_it_is_lost_whatever_its_clock_said(run: LocalExecutor) -> None:
    name, _, space = processes.host().split("/")
    job = elsewhere(run, f"{name}/another start/{space}")
    assert [lost.id for lost in run.check()] == [job.id]
    assert str(run.store.job(job.id).error).startswith("The machine was started anew while the worker ran. What it s")


def test_with_a_clock_of_its_own_only_changes_tell_and_nobody_waits(
    run: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some containers have a start of their own as well: its clock says nothing here."""
    job, now = elsewhere(run, OTHER.format(start="another start")), 1000.0
    monkeypatch.setattr(processes, "steady", lambda: now)
    monkeypatch.setattr(hanging, "SECOND_LOOK_S", 3600.0)
    for beat in (True, False):
        for _ in range(3):
            now += hanging.LEASE_S - 5 if beat else 19
            if beat:
                run.store.beat(job)
            assert run.check() == []
    now += 10
    assert [lost.id for lost in run.check()] == [job.id]


def test_a_row_of_an_earlier_version_is_judged_by_its_process(run: LocalExecutor) -> None:
    job = elsewhere(run, same_start())
    with run.store._write() as db:
        db.execute("UPDATE jobs SET host = NULL")
    assert [lost.id for lost in run.check()] == [job.id], "no process of that number started then"


@pytest.mark.parametrize(
    "name",
    [
        "datasets/.staging-{pid}-{place}12345678", "cache/d/pixels-64.{pid}-{place}.tmp",
        "runs/x/export.{pid}-{place}.tmp",
    ],
)  # fmt: skip
def test_what_another_container_is_making_stays_for_a_day(
    run: LocalExecutor, name: str, image_folder: Callable[..., Path]
) -> None:
    """Its process cannot be found here, and is no dead one for that."""
    dead = 10**7
    theirs, ours = (run.home / name.format(pid=dead, place=place) for place in ("0a1b2c", processes.place()))
    for folder in (theirs, ours):
        folder.mkdir(parents=True)
        (folder / "pixels.npy").touch()
        for path in (folder / "pixels.npy", folder):
            os.utime(path, (time.time() - 2 * leftovers.EVERY_S,) * 2)
    import_path(image_folder(run.home.parent / "shapes", per_class=4), run.home)  # sweeps as it begins
    pixels._remove_leftovers(theirs.parent)
    leftovers.sweep(run.store)
    assert theirs.exists() and not ours.exists()
    for path in (theirs / "pixels.npy", theirs):
        os.utime(path, (time.time() - processes.ELSEWHERE_S - 60,) * 2)
    leftovers.sweep(run.store)
    assert not theirs.exists()


def test_it_is_asked_to_stop_and_never_killed_by_its_number(run: LocalExecutor) -> None:
    """The number is this test's own process."""
    job = elsewhere(run, same_start())
    with pytest.raises(StateError, match="on another machine, 'other-container': end it by force there"):
        run.end(job.id)
    assert run.stop(job.id).stop_requested and run.store.job(job.id).state == "running"
    assert hanging.trouble(run.store.job(job.id)) == ""


def test_a_spare_of_another_container_is_neither_taken_nor_sent_home(run: LocalExecutor) -> None:
    folder = run.home / "spares"
    folder.mkdir(parents=True)
    theirs = folder / f"{os.getpid()}-0a1b2c.{spares._key(run.command)}.free"
    theirs.write_text(processes.started(os.getpid()) or "")
    assert spares.take(run.home, run.command, "job") is None and theirs.exists()
    os.utime(theirs, (0, 0))
    assert spares.take(run.home, run.command, "job") is None and not theirs.exists(), "it ended long ago"


# -- a pid namespace of its own, as a container has ------------------------------------------------------------------


def container(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not here")
    command = ["unshare", "-pf", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        command.insert(1, "-Ur")
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no pid namespace can be made here: {tried.stderr.strip()}")
    return subprocess.Popen(
        [*command, sys.executable, "-c", textwrap.dedent(script), *arguments], cwd=PROJECT,
        env={**os.environ, "FAKE_WORKER": "hang"}, start_new_session=True,
    )  # fmt: skip


@pytest.fixture
def other(run: LocalExecutor) -> Iterator[subprocess.Popen[bytes]]:
    """A container on the same volume, whose executor starts what waits."""
    run.store.create_job("train", "d", {})
    made = container(
        """
        import sys, time
        from training.jobs.local import LocalExecutor
        run = LocalExecutor(sys.argv[1], command=sys.argv[2:])
        run.pump()
        time.sleep(60)
        """,
        str(run.home), *run.command,
    )  # fmt: skip
    yield made
    if made.poll() is None:
        os.killpg(made.pid, signal.SIGKILL)
    made.wait()


def wait(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.fault
def test_two_containers_on_one_volume_do_not_bury_each_others_runs(
    run: LocalExecutor, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = run.store.jobs()
    wait(lambda: len(run.store.metrics(job.id)) > 2)
    working = run.store.job(job.id)
    assert not working.here and not processes.alive(working.pid or 0, working.pid_started), "nobody of that number here"
    assert run.check() == [] and run.store.job(job.id).state == "running"
    monkeypatch.setattr(hanging, "LEASE_S", 5.0)
    rows = len(run.store.metrics(job.id))
    until = time.monotonic() + 4.0
    while time.monotonic() < until:
        assert run.check() == []
        time.sleep(0.2)
    assert len(run.store.metrics(job.id)) > rows, "it works on"
    os.killpg(other.pid, signal.SIGKILL)  # the container is gone, and with it all of its processes
    wait(lambda: [lost.id for lost in run.check()] == [job.id])
    assert "gave no sign of life for a minute" in str(run.store.job(job.id).error)
    (run.home / "working").unlink()
    monkeypatch.setenv("FAKE_WORKER", "work")
    run.store.requeue(job.id)
    run.submit(job.id)
    wait(lambda: run.status(job.id).state == "finished")
    assert run.store.job(job.id).here and run.store.job(job.id).attempt == 2

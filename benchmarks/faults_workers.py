"""Workers that hang, and such as wake again after they were given up: their rows in the table of `faults_survived`.

The first row is a real run under a real server with no page open; the others are workers of `tests.support.late_worker`
under an executor, as in `tests/training/jobs/test_hanging.py`. About three minutes.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from benchmarks.browser import served
from core import processes
from core.plans import Kind, RunConfig
from core.zoo import catalog
from dataset.ingest.samples import import_sample
from tests.support import late_worker
from training.jobs import hanging, local
from training.jobs.executor import Executor, executor
from training.jobs.local import LocalExecutor
from training.requests import NotForeseen, Train, submit
from training.store.records import Job
from training.store.store import Store

LIMIT = "0.1"
"""Minutes without a step in this benchmark; 10 as a rule."""
HANGS_S = 180.0


class Row(NamedTuple):
    fault: str
    injected: str
    seen: str
    lost: str


def stopped_under_a_server(home: Path) -> Row:
    """A training run is stopped by a signal while no page is open; the next run waits. Then it is resumed."""
    os.environ["THAW_SPARE"] = "0"
    ref, store, run = import_sample("shapes", home), Store(home), executor(home)

    def queue(kind: Kind, epochs: int) -> Job:
        options = Options(epochs=epochs, views=0)
        made = plan(kind, catalog.backbone("mlp"), train_images=192, classes=len(ref.classes), options=options)
        return submit(store, Train(RunConfig(ref.id, made, seed=0), NotForeseen("It is stopped.")))

    whole = ended(run, run.submit(queue("scratch", 100).id))
    victim, waiting = queue("scratch", 100), queue("linear_probe", 5)
    run.submit(victim.id)
    wait(lambda: (home / "runs" / victim.id / "checkpoint.pt").exists())
    os.kill(pid_of(store, victim), signal.SIGSTOP)
    began = time.monotonic()
    with served(home, THAW_HANG_MINUTES=LIMIT, THAW_SPARE="0"):  # from here on this process only reads
        wait(lambda: store.job(victim.id).state != "running")
        took = time.monotonic() - began
        wait(lambda: not store.job(waiting.id).active)
    lost = store.job(victim.id)
    store.requeue(victim.id)
    resumed = ended(run, run.submit(victim.id))
    same = (resumed.result or {}).get("weights_sha256") == (whole.result or {}).get("weights_sha256")
    seen = f"after {took:.0f} s: \"{lost.error}\" The next run {store.job(waiting.id).state}; resumed: {resumed.state}"
    return Row(
        "a run hangs, no page open", f"SIGSTOP; limit {float(LIMIT) * 60:.0f} s", seen,
        "nothing" if same and lost.state == "lost" else "the resumed run ended with other weights",
    )  # fmt: skip


def stuck(how: str) -> Row:
    """A worker whose pulse goes on while its work does not, and one that is stopped: both deaf to being asked."""
    with looking(stuck.__name__) as run:
        os.environ["LATE_WORKER"] = "stuck"
        hung, waiting = job_of(run), job_of(run)
        run.submit(hung.id)
        wait(lambda: run.store.events(hung.id))
        pid = pid_of(run.store, hung)
        if how == "stopped":
            os.kill(pid, signal.SIGSTOP)
        os.environ |= {"LATE_WORKER": "work", hanging.LIMIT: LIMIT}
        wait(lambda: run.pump() or run.store.job(waiting.id).state != "queued")
        os.environ.pop(hanging.LIMIT)
        error, gone = run.store.job(hung.id).error, not processes.alive(pid, None)
        after = ended(run, waiting)
    good = gone and after.state == "finished"
    return Row(
        f"a worker is {how}", f"limit {float(LIMIT) * 60:.0f} s", f'"{error}" The next job {after.state}',
        "nothing" if good else "its process lives, or the queue stands",
    )  # fmt: skip


WOKEN = {"file": "a checkpoint", "folder": "an export", "facts": "what was measured"}


def woken(what: str) -> Row:
    """Stopped just before its file takes its name, declared lost, resumed and finished: then the first one goes on."""
    with looking(what) as run:
        os.environ["LATE_WORKER"] = what
        job = job_of(run)
        run.submit(job.id)
        pid = pid_of(run.store, job)
        wait(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        run.store.lose(run.store.job(job.id), "Its machine was out of reach.")
        run.store.requeue(job.id)
        before = ended(run, run.submit(job.id)), kept(run)
        os.kill(pid, signal.SIGCONT)
        wait(lambda: not processes.alive(pid, None))
        same = before == (run.store.job(job.id), kept(run))
        code = local._exit_code(pid)
    return Row(
        f"an attempt that was given up wakes, with {WOKEN[what]} to write", "SIGCONT after the next one finished",
        f"nothing: it ended itself (exit code {code})", "nothing" if same else f"{WOKEN[what]} of the second attempt",
    )  # fmt: skip


@contextmanager
def looking(name: str) -> Iterator[LocalExecutor]:
    """An executor of late workers in a home of its own, whose second look comes at once."""
    before, hanging.GRACE_S = hanging.GRACE_S, 1.0
    with tempfile.TemporaryDirectory(prefix=f"thaw-hang-{name}-") as home:
        yield LocalExecutor(home, command=late_worker.COMMAND)
    hanging.GRACE_S = before


def job_of(run: LocalExecutor) -> Job:
    return late_worker.job_of(run)


def pid_of(store: Store, job: Job) -> int:
    pid = store.job(job.id).pid
    assert pid is not None
    return pid


def ended(run: Executor, job: Job) -> Job:
    wait(lambda: not run.status(job.id).active)
    return run.status(job.id)


def kept(run: LocalExecutor) -> dict[str, bytes]:
    """What lies in the folders of runs under its final name."""
    found = (path for path in run.home.glob("runs/*/*") if not path.name.endswith((".part", ".tmp")))
    inner = (file for path in found for file in ([path] if path.is_file() else path.rglob("*")))
    facts = run.store.facts("d", "mlp")
    return {str(file): file.read_bytes() for file in inner} | {"facts": repr(facts).encode()}


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + HANGS_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("Waited in vain.")
        time.sleep(0.05)


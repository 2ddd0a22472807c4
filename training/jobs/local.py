"""Workers as processes of this machine, a few a lane at a time, each in a session of its own: they outlive their page.

Any number of processes may pump one home at once, of several containers on one volume too: the store gives each job to
exactly one of them, and only where it works is its process looked up.
The worker's output goes to `home/logs/<job>.log`. No torch, no streamlit.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from core import NotFound, StateError, processes, signals
from training.jobs import hanging, spares
from training.store import KEEPING, LANES, Job, Lane, Store

PROJECT = Path(__file__).resolve().parents[2]
WORKER = (sys.executable, "-m", "training.jobs.worker")
CAPACITY: dict[Lane, int] = {"train": 1, "side": 1, "import": 3, "fetch": 2}
"""How many jobs of a lane this machine works on at a time."""
SPARED: Lane = "train"
"""The lane whose next worker may be loaded ahead of its job."""
START_SECONDS = 30.0
"""A claimed job without a process after this long was dropped by whoever claimed it."""
GONE_S = 2.0
"""Within this a killed worker lets go of what it held."""
ATTEMPT = "--- attempt"
"""Starts the log line that separates one attempt's output from the next."""
KEPT = "What it saved is safe: resume the {what} to go on from there."
NOT_KEPT = "Nothing of it was kept: start it again."
BY_HAND = "The worker was ended by hand: it did not answer."
QUIET = "Its worker gave no sign of life for a minute: the container or machine called '{host}' is gone, or paused."
STARTED_ANEW = "The machine was started anew while the worker ran."
UNKILLABLE = " Its process {pid} cannot be ended; whatever it still writes is refused."

# Children of this whole process (pages make an executor on each rerun): polled, so that none stays a zombie.
_children: dict[int, subprocess.Popen[bytes]] = {}
_exits: dict[int, int] = {}
"""Exit codes of the children that have ended."""
_children_lock = threading.Lock()


class LocalExecutor:
    """Starts `command + (job id, '--home', home)` for what waits in the lanes of `home`, as far as each has room."""

    def __init__(self, home: Path | str, command: Sequence[str] = WORKER) -> None:
        self.store = Store(home)
        self.home = self.store.home
        self.command = tuple(command)

    def submit(self, job_id: str) -> Job:
        """Raises NotFound. Starts the job at once if it is its turn, else leaves it queued."""
        self.store.job(job_id)
        self.pump()
        return self.store.job(job_id)

    def pump(self) -> list[Job]:
        """Declare dead workers lost, then start what waits in each lane that has room. Returns what it started."""
        self.check()
        waiting = {job.lane for job in self.store.jobs(states=("queued",))}
        started = [job for lane in LANES if lane in waiting for job in self._next(lane)]
        if any(job.lane == SPARED for job in started) and self._waits(SPARED):
            self.prepare()  # the next one loads while this one works
        return started

    def prepare(self, *, light: bool = False) -> None:
        """Have a worker load ahead of the next job (`spares`)."""
        if (child := spares.ensure(self.home, self.command, light=light)) is not None:
            _keep(child)

    def dismiss(self) -> None:
        """No job will come after all: let a worker that was prepared end."""
        spares.dismiss(self.home, self.command)

    def check(self) -> list[Job]:
        """End workers that hang and declare dead ones lost, start nothing. Returns the jobs that were lost."""
        _reap()
        lost = []
        for job in self.store.jobs(states=("running",)):
            why = self._death(job)
            if why is None:
                continue
            try:
                lost.append(self.store.lose(job, why, unless_beaten=not job.here))
            except (StateError, NotFound):
                continue  # it ended properly, or another process saw its death, since it was read
        return lost

    def stop(self, job_id: str) -> Job:
        """Raises NotFound, and StateError when the job is neither queued nor running."""
        self.check()
        return self.store.request_stop(job_id)

    def end(self, job_id: str) -> Job:
        """Raises NotFound, and StateError when the job is neither queued nor running, or its worker is elsewhere."""
        job = self.store.job(job_id)
        if job.state != "running" or job.pid is None:
            return self.store.request_stop(job_id)
        if not job.here:
            raise StateError(_elsewhere(job))
        why = f"{BY_HAND}{_kill(job.pid, job.pid_started)} {_kept(job)}"
        try:
            return self.store.lose(job, why)
        except StateError:  # another process saw its end first
            return self.store.job(job_id)

    def status(self, job_id: str) -> Job:
        """Raises NotFound."""
        self.check()
        return self.store.job(job_id)

    def log_path(self, job_id: str) -> Path:
        return self.home / "logs" / f"{job_id}.log"

    def _waits(self, lane: Lane) -> bool:
        return any(job.state == "queued" for job in self.store.queue(lane))

    def _next(self, lane: Lane) -> list[Job]:
        """Start what this lane has room for."""
        room = CAPACITY[lane]
        claimed = (self.store.claim_next(lane, capacity=room) for _ in range(room))
        return [self._start(job) for job in claimed if job is not None]

    def _start(self, job: Job) -> Job:
        path = self.log_path(job.id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab", buffering=0) as log:
                log.write(f"{ATTEMPT} {job.attempt}\n".encode())
                spare = spares.take(self.home, self.command, job.id) if job.lane == SPARED else None
                pid, started = spare or self._spawn(job, log)
        except OSError as error:
            return self.store.fail(job, f"The worker could not be started: {error}.")
        with contextlib.suppress(StateError):  # a quick worker has already ended the job
            self.store.set_pid(job, pid, started)
        return self.store.job(job.id)

    def _spawn(self, job: Job, log: IO[bytes]) -> tuple[int, str | None]:
        """A new process for this job: its pid, and when it started."""
        child = subprocess.Popen(
            [*self.command, job.id, "--home", str(self.home)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        _keep(child)
        return child.pid, processes.started(child.pid)

    def _death(self, job: Job) -> str | None:
        """Why a running job has no worker any more; None while it has one."""
        if not job.here:
            return self._gone_elsewhere(job)
        if job.pid is None:
            if processes.since(job.heartbeat or 0.0) < START_SECONDS:
                return None
            again = f"Resume the {job.noun.lower()}" if job.kind in KEEPING else "Start it again"
            return f"The worker never started; see its log {self.log_path(job.id)}. {again} to try once more."
        if processes.alive(job.pid, job.pid_started):
            return self._hung(job, job.pid)
        code = _exit_code(job.pid)
        if code is None and job.pid in _children:
            return None  # killed, while threads of it still end: what it holds is not free yet
        if hanging.was_late(self.home, job):
            return f"{hanging.why_ended(job)} {_kept(job)}"
        last = "" if code is not None and code < 0 else _last_line(self.log_path(job.id))
        said = f" The last line of its log: {last}" if last else ""
        return f"The worker ended without finishing{signals.how_it_ended(code)}. {_kept(job)}{said}"

    def _gone_elsewhere(self, job: Job) -> str | None:
        assert job.host is not None
        same, name = processes.same_clock(job.host), processes.name_of(job.host)
        anew = not same and name == processes.name_of(processes.host())
        if same and processes.since(job.heartbeat or 0.0) < hanging.LEASE_S:
            return None
        if same or anew:
            time.sleep(hanging.SECOND_LOOK_S)  # where both slept, or were paused, its next sign comes at once
        elif not hanging.gone_quiet(self.home, job):  # a clock of its own: only changes tell
            return None
        said = STARTED_ANEW if anew else QUIET.format(host=name)
        return f"{said} {_kept(job)}"

    def _hung(self, job: Job, pid: int) -> str | None:
        """End a worker that is beyond the limit: why, once it is gone; None for one that works.

        Killed first, without the store: a worker that is stopped in the middle of a write keeps the store locked.
        """
        if not hanging.overdue(self.home, job):
            return None
        return f"{hanging.why_ended(job)}{_kill(pid, job.pid_started)} {_kept(job)}"


def _kill(pid: int, pid_started: str | None) -> str:
    """End a worker by force, and wait until what it holds is free; what is to be said where it cannot be ended."""
    if not processes.end(pid, pid_started):
        return UNKILLABLE.format(pid=pid)
    until = time.monotonic() + GONE_S
    while _exit_code(pid) is None and pid in _children and time.monotonic() < until:
        time.sleep(0.01)  # its threads end after it
    return ""


def _elsewhere(job: Job) -> str:
    where = processes.name_of(job.host or "")
    return (
        f"{job.noun} '{job.id}' is worked on in another container or on another machine, '{where}': end it by force "
        "there. Asked to stop it ends by itself; where its worker is gone it is found to be lost after a minute."
    )


def _kept(job: Job) -> str:
    return KEPT.format(what=job.noun.lower()) if job.kind in KEEPING else NOT_KEPT


def _keep(child: subprocess.Popen[bytes]) -> None:
    """Poll it from now on."""
    with _children_lock:
        _children[child.pid] = child
        _exits.pop(child.pid, None)


def _exit_code(pid: int) -> int | None:
    """Of a child of this process that has ended, whoever noticed it first; else None."""
    _reap()
    return _exits.get(pid)


def _reap() -> None:
    """Collect this process's ended children, so that none becomes a zombie."""
    with _children_lock:
        for pid, child in list(_children.items()):
            if (code := child.poll()) is not None:
                _exits[pid] = code
                del _children[pid]


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    last = next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
    return "" if last.startswith(ATTEMPT) else last

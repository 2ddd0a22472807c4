"""The truth on disk: jobs, their states, metrics, events and facts, in `THAW_HOME/thaw.db` (SQLite, WAL).

Every screen, terminal and worker reads and writes through `Store`; only this file changes a job's state, and
only along `schema.TRANSITIONS`. What a worker writes names its attempt, by the `Job` that was claimed: one that was
declared lost is refused (StateError). Safe from several processes and threads: each write is one transaction.
It starts no process, loads no model and knows no screen. No torch, no streamlit.
"""

from __future__ import annotations

import secrets
import sqlite3
import string
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import StateError, processes
from core.zoo import catalog
from training.store import database
from training.store.database import BUSY_SECONDS, LANES, STATES, Lane, State
from training.store.measurements import Measurements, insert_history
from training.store.records import (
    METRICS,
    Job,
    Label,
    at_work,
    attempted,
    dump,
    find_job,
    find_row,
    finite,
    readable,
    remains,
)
from training.store.run_folder import RunFolder

__all__ = ["LANES", "METRICS", "STATES", "Job", "Label", "Lane", "Store"]

ALPHABET = string.ascii_lowercase + string.digits
IN_TURN = "kind NOT IN ('train', 'race') DESC, position"
"""Of a lane's queue: what measures goes before what trains."""


class Store(Measurements):
    """The database of one home. Opens on first use; cheap to create, shared between threads at will."""

    def __init__(self, home: Path | str, patience: float = BUSY_SECONDS) -> None:
        super().__init__(home, patience)
        catalog.load_cards(self.home)  # runs name backbones that only this home may know

    # -- jobs: reading ------------------------------------------------------------------------------

    def job(self, job_id: str) -> Job:
        """Raises NotFound, SetAside for one that cannot be read."""
        with self._read() as db:
            return find_job(db, job_id)

    def jobs(
        self,
        kind: str | None = None,
        dataset_id: str | None = None,
        states: Iterable[str] | None = None,
        group: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        """Newest first; each argument that is given narrows the list. What cannot be read is left out (`set_aside`).
        limit: the newest ones alone, so many at most."""
        where, values = ["1"], []
        for column, wanted in (("kind", kind), ("dataset_id", dataset_id), ('"group"', group)):
            if wanted is not None:
                where.append(f"{column} = ?")
                values.append(wanted)
        if states is not None:
            chosen = list(states)
            where.append(f"state IN ({','.join('?' * len(chosen))})")
            values.extend(chosen)
        with self._read() as db:
            rows = db.execute(
                f"SELECT * FROM jobs WHERE {' AND '.join(where)} ORDER BY created DESC, rowid DESC LIMIT ?",
                (*values, -1 if limit is None else limit),
            ).fetchall()
        return readable(rows)[0]

    def sets(self) -> dict[str, list[tuple[str, State]]]:
        """Group -> ids and states of its runs, of all that were queued together."""
        with self._read() as db:
            rows = db.execute(
                """SELECT "group", id, state FROM jobs WHERE kind = 'train' AND "group" <> ''"""
            ).fetchall()
        found: dict[str, list[tuple[str, State]]] = {}
        for row in rows:
            found.setdefault(row["group"], []).append((row["id"], row["state"]))
        return found

    def set_aside(self, dataset_id: str | None = None) -> list[str]:
        """What no list holds because its row cannot be read: a sentence each, naming job and field."""
        with self._read() as db:
            rows = db.execute("SELECT * FROM jobs WHERE dataset_id = COALESCE(?, dataset_id)", (dataset_id,)).fetchall()
        return readable(rows)[1]

    def remains(self, job_id: str) -> Job:
        """A job that is to be deleted, even one that cannot be read whole. Raises NotFound."""
        with self._read() as db:
            return remains(find_row(db, job_id))

    def queue(self, lane: Lane | None = None) -> list[Job]:
        """What runs, then what waits, in the order in which it will start; of one lane, or of all."""
        with self._read() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE state IN ('running', 'queued') AND lane = COALESCE(?, lane)"
                f" ORDER BY state = 'running' DESC, {IN_TURN}",
                (lane,),
            ).fetchall()
        return readable(rows)[0]

    # -- jobs: state changes ------------------------------------------------------------------------

    def create_job(
        self, kind: str, dataset_id: str, config: Mapping[str, Any], *, group: str = "", lane: Lane = "train",
        noun: str = "Run", queued_by: str = "", joins: Callable[[Job], bool] | None = None,
        prepare: Callable[[RunFolder], None] | None = None,
    ) -> Job:  # fmt: skip
        """A new job at the end of its lane's queue; or the one on its way for the same, where `joins` says so.

        joins: asked about each waiting or running job of this kind on this dataset that nobody has stopped. prepare:
        writes what has to lie in the new job's folder before a worker may take it.
        """
        if lane not in LANES:
            raise StateError(f"There is no lane called '{lane}'; choose one of {', '.join(LANES)}.")
        with self._write() as db:
            on_its_way = db.execute(
                "SELECT * FROM jobs WHERE kind = ? AND dataset_id = ? AND state IN ('queued', 'running')"
                " AND NOT stop_requested ORDER BY position",
                (kind, dataset_id),
            ).fetchall()
            for job in readable(on_its_way)[0]:
                if joins and joins(job):
                    return job
            job_id = _new_id(db)
            if prepare:
                prepare(RunFolder(self.home, job_id))
            row = (job_id, kind, dataset_id, dump(dict(config)), time.time(), group)
            return _queued(db, (*row, _last_position(db), lane, noun, queued_by))

    def claim_next(self, lane: Lane = "train", *, capacity: int = 1) -> Job | None:
        """If fewer than `capacity` jobs of this lane run, its first queued one becomes 'running' (attempt + 1)."""
        with self._write() as db:
            running = db.execute("SELECT COUNT(*) FROM jobs WHERE state = 'running' AND lane = ?", (lane,))
            if running.fetchone()[0] >= capacity:
                return None
            waiting = db.execute(
                f"SELECT * FROM jobs WHERE state = 'queued' AND lane = ? ORDER BY {IN_TURN}",
                (lane,),
            ).fetchall()
            jobs, _ = readable(waiting)  # one that cannot be read keeps nobody waiting
            if not jobs:
                return None
            return _started(db, jobs[0])

    def begin_within(
        self, parent: Job, dataset_id: str, config: Mapping[str, Any], *, group: str,
        prepare: Callable[[RunFolder], None] | None = None,
    ) -> Job:  # fmt: skip
        """A run that the worker of `parent` carries out itself, as a part of it: it waits in no queue. Raises
        StateError when the parent was taken away."""
        with self._read() as db:
            job_id = _new_id(db)
        if prepare:  # before the transaction: a worker's files take their names in one of their own (`held`)
            prepare(RunFolder(self.home, job_id))
        with self._write() as db:
            parent = at_work(db, parent)
            row = (job_id, "train", dataset_id, dump(dict(config)), time.time(), group)
            return _taken(db, parent, _queued(db, (*row, _last_position(db), parent.lane, "Run", parent.queued_by)))

    def resume_within(self, parent: Job, job_id: str) -> Job:
        """A run that did not end goes on within `parent`. Raises StateError when it cannot, or the parent was taken
        away."""
        with self._write() as db:
            parent, job = at_work(db, parent), find_job(db, job_id)
            return _taken(db, parent, job if job.state == "queued" else _requeued(db, job_id))

    def add_test(self, job_id: str, result: Mapping[str, Any]) -> Job:
        """The result of a run that ended untested, with what its test images came to. Raises StateError for one that
        has not ended, or was tested already: test images are looked at once."""
        with self._write() as db:
            job = find_job(db, job_id)
            if job.active or job.result is None:
                said = f"is {job.state} and has no model to be judged: wait or resume it."
                raise StateError(f"{job.noun} '{job.id}' {said}")
            if job.result.get("test_total") is not None:
                said = "was judged on its test images already; they are looked at once."
                raise StateError(f"{job.noun} '{job.id}' {said}")
            db.execute("UPDATE jobs SET result = ? WHERE id = ?", (dump(dict(result)), job_id))
            return find_job(db, job_id)

    def set_pid(self, job: Job, pid: int, pid_started: str | None) -> None:
        """Name the one process that works on a running job. Raises StateError when another one holds it."""
        with self._write() as db:
            job = at_work(db, job)
            if job.pid is not None and (job.pid, job.pid_started) != (pid, pid_started):
                raise StateError(f"{job.noun} '{job.id}' is already being worked on by process {job.pid}.")
            now = processes.steady()
            db.execute(
                "UPDATE jobs SET pid = ?, pid_started = ?, heartbeat = ?, stepped = ? WHERE id = ?",
                (pid, pid_started, now, now, job.id),
            )

    def beat(
        self,
        job: Job,
        *,
        progress: float | None = None,
        doing: str | None = None,
        eta_s: float | None = None,
        seconds: float | None = None,
        stepped: float | None = None,
    ) -> bool:
        """The worker's sign of life; what is not given stays as it was. Returns whether a stop was requested.

        stepped: when the work last moved, by `core.processes.steady`. Raises StateError when the job no longer runs (it
        was declared lost): the worker must then end.
        """
        share = finite(progress)
        with self._write() as db:
            stop = at_work(db, job).stop_requested
            db.execute(
                "UPDATE jobs SET heartbeat = ?, progress = COALESCE(?, progress), doing = COALESCE(?, doing),"
                " eta_s = COALESCE(?, eta_s), seconds = COALESCE(?, seconds), stepped = COALESCE(?, stepped)"
                " WHERE id = ?",
                (
                    processes.steady(),
                    None if share is None else min(max(share, 0.0), 1.0),
                    doing, finite(eta_s), finite(seconds), stepped, job.id,
                ),
            )  # fmt: skip
            return stop

    @contextmanager
    def held(self, job: Job) -> Iterator[None]:
        """Within, this attempt stays the one at work: nobody can declare it lost meanwhile, so a file that takes its
        name here replaces none of a later attempt's. For moments: everybody's writes wait. Raises StateError when the
        job was taken away from it."""
        with self._write() as db:
            at_work(db, job)
            yield

    def finish(self, job: Job, result: Mapping[str, Any]) -> Job:
        return self._end(job, "finished", result=dump(dict(result)), progress=1.0)

    def fail(self, job: Job, error: str) -> Job:
        return self._end(job, "failed", error=error)

    def stopped(self, job: Job, result: Mapping[str, Any] | None) -> Job:
        """The worker obeyed a stop; `result` describes the best checkpoint, None when there is none yet."""
        return self._end(job, "stopped", result=None if result is None else dump(dict(result)))

    def lose(self, job: Job, why: str, *, unless_beaten: bool = False) -> Job:
        """The worker of this attempt is gone. unless_beaten: raises StateError where it has given a sign of life since
        `job` was read."""
        with self._write() as db:
            now = attempted(db, job)
            if unless_beaten and now.heartbeat != job.heartbeat:
                raise StateError(f"{now.noun} '{now.id}' has given a sign of life since.")
            return _move(db, now.id, "lost", error=why)

    def _end(self, job: Job, to: State, **changes: Any) -> Job:
        with self._write() as db:
            return _move(db, attempted(db, job).id, to, **changes)

    def request_stop(self, job_id: str) -> Job:
        """A queued job is stopped at once; a running one is asked to save its best and end."""
        with self._write() as db:
            job = find_job(db, job_id)
            if job.state != "running":
                return _move(db, job_id, "stopped")
            db.execute("UPDATE jobs SET stop_requested = 1 WHERE id = ?", (job_id,))
            return find_job(db, job_id)

    def requeue(self, job_id: str) -> Job:
        """Back into the queue, at its end, to be resumed. Metrics, progress and result so far are kept."""
        with self._write() as db:
            return _requeued(db, job_id)

    def describe(self, job_id: str, label: Label) -> Job:
        """Call a job so from now on, in every list. Raises NotFound."""
        with self._write() as db:
            find_job(db, job_id)
            _call(db, job_id, label)
            return find_job(db, job_id)

    def adopt(
        self,
        run: Mapping[str, Any],
        rows: Iterable[Mapping[str, Any]],
        events: Iterable[Mapping[str, Any]],
        place: Callable[[str], Mapping[str, Any]],
    ) -> Job:
        """A run that ended in another home becomes part of this one, with its rows and events, in one transaction.

        run: id (None: a new one), dataset_id, config, state (finished or stopped), created, started, finished,
        seconds, group, label (a `Label`). place: puts its files where they belong and returns its result, given the id
        it has here.
        """
        if run["state"] not in ("finished", "stopped"):
            raise StateError(f"Only a run that has ended can come from another home; this one is {run['state']}.")
        with self._write() as db:
            job_id = str(run["id"]) if run["id"] else _new_id(db)
            if not (job_id.isascii() and job_id.isalnum() and 4 <= len(job_id) <= 32):
                raise StateError(f"'{job_id[:40]}' cannot be the id of a run.")
            db.execute(
                'INSERT INTO jobs (id, kind, dataset_id, config, state, created, started, finished, attempt, seconds,'
                ' progress, "group", position) VALUES (?, \'train\', ?, ?, ?, ?, ?, ?, 1, ?, 1, ?, ?)',
                (
                    job_id, str(run["dataset_id"]), dump(dict(run["config"])), run["state"], float(run["created"]),
                    finite(run["started"]), finite(run["finished"]), float(run["seconds"]), str(run["group"]),
                    _last_position(db),
                ),
            )  # fmt: skip
            insert_history(db, job_id, rows, events)
            _call(db, job_id, run["label"])
            db.execute("UPDATE jobs SET result = ? WHERE id = ?", (dump(dict(place(job_id))), job_id))
            return find_job(db, job_id)

    def delete(self, job_ids: Iterable[str], dataset_ids: Iterable[str] = ()) -> None:
        """Forget these jobs, with their metrics and events, and what was measured of these datasets; all or nothing.
        Their files are `deleting`'s. Raises NotFound, and StateError for a job that is active."""
        with self._write() as db:
            for job_id in job_ids:
                job = remains(find_row(db, job_id))
                if job.active:
                    raise StateError(f"{job.noun} '{job.id}' is {job.state} and cannot be deleted: stop it first.")
                db.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
            for dataset_id in dataset_ids:
                db.execute("DELETE FROM facts WHERE dataset_id = ?", (dataset_id,))


def _call(db: sqlite3.Connection, job_id: str, label: Label) -> None:
    values = (label.name, dump(list(label.tags)), label.note, job_id)
    db.execute("UPDATE jobs SET name = ?, tags = ?, note = ? WHERE id = ?", values)


def _queued(db: sqlite3.Connection, row: tuple[Any, ...]) -> Job:
    """A new job. row: id, kind, dataset, config, created, group, position, lane, noun, by whom."""
    db.execute(
        'INSERT INTO jobs (id, kind, dataset_id, config, created, "group", position, lane, noun, queued_by, state)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued')",
        row,
    )
    return find_job(db, str(row[0]))


def _started(db: sqlite3.Connection, job: Job) -> Job:
    now = processes.steady()
    return _move(
        db, job.id, "running", attempt=job.attempt + 1, started=job.started or time.time(), heartbeat=now,
        stepped=now, stop_requested=0, finished=None, result=None, error=None, doing="Starting",
        host=processes.host(),
    )  # fmt: skip


def _taken(db: sqlite3.Connection, parent: Job, job: Job) -> Job:
    """Started by the process that works on `parent`."""
    job = _started(db, job)
    db.execute("UPDATE jobs SET pid = ?, pid_started = ? WHERE id = ?", (parent.pid, parent.pid_started, job.id))
    return find_job(db, job.id)


def _requeued(db: sqlite3.Connection, job_id: str) -> Job:
    return _move(db, job_id, "queued", stop_requested=0, error=None, finished=None, position=_last_position(db))


def _move(db: sqlite3.Connection, job_id: str, to: State, **changes: Any) -> Job:
    """The one place where a state changes."""
    job = find_job(db, job_id)
    if to not in database.TRANSITIONS[job.state]:
        raise StateError(
            f"{job.noun} '{job.id}' is {job.state} and cannot be {database.ATTEMPTED[to]}:"
            f" {database.NEXT_STEP[job.state]}."
        )
    changes = {"doing": "", **changes, "state": to, "eta_s": None, "pid": None, "pid_started": None}
    if to not in ("queued", "running"):
        changes["finished"] = time.time()
    assignments = ", ".join(f"{column} = ?" for column in changes)
    db.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", (*changes.values(), job_id))
    return find_job(db, job_id)


def _new_id(db: sqlite3.Connection) -> str:
    while True:
        job_id = "".join(secrets.choice(ALPHABET) for _ in range(8))
        if db.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone() is None:
            return job_id


def _last_position(db: sqlite3.Connection) -> float:
    return float(db.execute("SELECT COALESCE(MAX(position), 0) + 1 FROM jobs").fetchone()[0])

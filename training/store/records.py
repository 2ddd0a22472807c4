"""What the store hands out and takes in: the `Job` snapshot, and the cleaning of metrics and results.

Pure conversions between rows, JSON and Python values; nothing here touches the database file.
No torch, no streamlit.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from core import (
    NotFound,
    PlanError,
    RunConfig,
    SetAside,
    StateError,
    Unreadable,
    decode_text,
    processes,
    run_config_from_json,
)
from core.decode import check_counts, check_moments, decode
from training.store.asked import Asked, known
from training.store.database import TRANSITIONS, Lane, State
from training.store.run_result import RunResult

METRICS: tuple[str, ...] = (
    "phase", "epoch", "step", "seconds", "images", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
    "lrs", "boundary", "align_loss", "domain_accuracy", "target_accuracy",
)  # fmt: skip
"""What a metrics row may hold, besides its number; absent is NULL."""
WHOLE_NUMBERS = frozenset({"phase", "step", "images", "boundary"})


KEEPING = ("train", "race")
"""Kinds of job that keep what they have come to: they go on from there when they are resumed, and stop with their best.
"""
MOST_NAME, MOST_TAG, MOST_TAGS, MOST_NOTE = 60, 24, 8, 2000
"""Characters of a name, a tag and a note; tags of one run."""


@dataclass(frozen=True)
class Label:
    """What a person calls a run. Raises PlanError for a name or a tag that no list could show."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        texts = [("A name", self.name, MOST_NAME), ("A note", self.note.replace("\n", " "), MOST_NOTE)]
        for what, text, most in [*texts, *((f"The tag '{tag[:40]}'", tag, MOST_TAG) for tag in self.tags)]:
            if len(text) > most:
                raise PlanError(f"{what} may have {most:,} characters; this one has {len(text):,}. Shorten it.")
            if text and not text.isprintable():
                raise PlanError(f"{what} holds a character that cannot be shown, as a tab. Remove it.")
        if len(self.tags) > MOST_TAGS:
            raise PlanError(f"A run may have {MOST_TAGS} tags; these are {len(self.tags)}. Leave some out.")
        if any(not tag or tag != tag.strip() or "," in tag for tag in self.tags):
            raise PlanError("A tag is a word or a few, without a comma, and not empty.")

    @classmethod
    def of(cls, name: str, tags: str, note: str) -> Label:
        """From what is typed: tags with commas between; blanks around and repeated tags are dropped."""
        parts = [" ".join(tag.split()) for tag in tags.split(",")]
        return cls(" ".join(name.split()), tuple(dict.fromkeys(tag for tag in parts if tag)), note.strip())


@dataclass(frozen=True)
class Job:
    """One piece of background work as the store holds it; a snapshot, never updated in place."""

    id: str
    """8 characters a-z, 0-9."""
    kind: str
    """What the work is; a 'train' job is what pages call a run. Kinds are written down in
    `training.requests.submit`."""
    dataset_id: str
    """Empty for what is about no dataset yet."""
    config: dict[str, Any]
    """What was asked for, as `Request.config` writes it."""
    state: State
    created: float
    """Unix time, as are `started` (of the first attempt) and `finished`."""
    started: float | None
    finished: float | None
    attempt: int
    """How many times a worker was given this job; 0 = never."""
    pid: int | None
    """The worker's process while running, else None."""
    pid_started: str | None
    """When that process started (`core.processes.started`): a reused pid does not match."""
    heartbeat: float | None
    """The worker's last sign of life, by `core.processes.steady`; without a process yet: when it was claimed."""
    stepped: float | None
    """Its last step forward, by the same clock: a row, an event, progress. A sign of life alone is none."""
    stop_requested: bool
    seconds: float
    """Seconds worked, over all attempts, each from when it left the queue."""
    progress: float
    """0 to 1."""
    doing: str
    eta_s: float | None
    result: dict[str, Any] | None
    error: str | None
    group: str
    position: float
    """Order in the queue of its lane: smaller is earlier (profile jobs always go before runs and races)."""
    lane: Lane
    """Which queue it waits in; lanes never wait for each other."""
    noun: str
    """How sentences call it: 'Run', 'Map'."""
    name: str
    """What a person calls it, "" = nothing; so are `tags` and `note` (`Label`)."""
    tags: tuple[str, ...]
    note: str
    queued_by: str
    """Who asked for it, of those who sign in with a name; "" at the server's own computer."""
    cuts: int
    """How often metrics rows were taken back; a reader who sees it change reads them again from the start."""
    host: str | None = None
    """Where it was started last (`core.processes.host`): there alone its pid means something. None = by a version that
    did not say, or never."""

    def __post_init__(self) -> None:
        if not (self.id.isascii() and self.id.isalnum()):
            raise StateError(f"'{self.id[:40]}' cannot be the id of a job.")
        check_moments(created=self.created, started=self.started, finished=self.finished)
        check_counts(
            attempt=self.attempt, heartbeat=self.heartbeat, stepped=self.stepped, seconds=self.seconds,
            progress=self.progress, eta_s=self.eta_s, cuts=self.cuts,
        )  # fmt: skip
        if self.progress > 1:
            raise StateError(f"progress goes from 0 to 1, not to {self.progress:g}.")
        Label(self.name, self.tags, self.note)

    @property
    def plan(self) -> RunConfig:
        """Of a run. Raises PlanError, naming run and field, for one that this version cannot read."""
        return run_config_from_json(self.config, f"The plan of run '{self.id}'")

    @property
    def here(self) -> bool:
        """Whether its worker, if it has one, is a process of this machine or container."""
        return self.host is None or processes.is_here(self.host)

    @property
    def label(self) -> Label:
        return Label(self.name, self.tags, self.note)

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def resumable(self) -> bool:
        return "queued" in TRANSITIONS[self.state]


EMPTY: dict[str, Any] = {"config": {}, "result": None, "tags": []}
"""The columns that hold JSON, and what they hold of a job that says nothing."""
COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Job))


def to_job(row: sqlite3.Row) -> Job:
    """Raises SetAside, naming job and field, for a row that is damaged or of another version."""
    try:
        job = decode(_values(row, _document), Job, _called(row), _remedy(row))
        if job.kind == "train":
            RunResult.of(job)
            decode(known(job.config), Asked, f"{_called(row)}, its config,", _remedy(row))
    except Unreadable as error:
        raise SetAside(str(error)) from error
    return job


REMAINS = Job(
    id="gone", kind="", dataset_id="", config={}, state="lost", created=0.0, started=None, finished=None, attempt=0,
    pid=None, pid_started=None, heartbeat=None, stepped=None, stop_requested=False, seconds=0.0, progress=0.0,
    doing="", eta_s=None, result=None, error=None, group="", position=0.0, lane="train", noun="Run", name="", tags=(),
    note="", queued_by="", cuts=0,
)  # fmt: skip
"""What is known of a job of which nothing can be read."""


def remains(row: sqlite3.Row) -> Job:
    """A job that is to go: of one that cannot be read, only what it is called and of what."""
    try:
        return to_job(row)
    except SetAside:
        texts = {name: row[name] for name in ("id", "dataset_id", "kind", "noun") if isinstance(row[name], str)}
        state = row["state"] if row["state"] in TRANSITIONS else REMAINS.state
        return replace(REMAINS, state=state, **texts)


def readable(rows: Iterable[sqlite3.Row]) -> tuple[list[Job], list[str]]:
    """The jobs of these rows; and of those that cannot be read, a sentence each."""
    jobs, broken = [], []
    for row in rows:
        try:
            jobs.append(to_job(row))
        except SetAside as error:
            broken.append(str(error))
    return jobs, broken


def _values(row: sqlite3.Row, document: Callable[[sqlite3.Row, str], Any]) -> dict[str, Any]:
    values = {name: row[name] for name in COLUMNS}
    values |= {name: document(row, name) for name in EMPTY}
    return {**values, "stop_requested": bool(row["stop_requested"])}


def _document(row: sqlite3.Row, name: str) -> Any:
    """What one column holds as JSON text."""
    if row[name] is None:
        return None
    return decode_text(row[name], Any, f"{_called(row)}, its {name},", _remedy(row))


def _called(row: sqlite3.Row) -> str:
    return f"{row['noun']} '{row['id']}' in the database"


def _remedy(row: sqlite3.Row) -> str:
    return f"Update Thaw where a newer one wrote it, or delete it: python -m training delete {row['id']}"


def find_row(db: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    """Raises NotFound."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise NotFound(
            f"There is no run '{job_id}' in this home: `python -m training runs` lists those that exist."
        )
    return row


def find_job(db: sqlite3.Connection, job_id: str) -> Job:
    """Raises NotFound, SetAside for a row that cannot be read."""
    return to_job(find_row(db, job_id))


def attempted(db: sqlite3.Connection, job: Job) -> Job:
    """The job as it is now, for a write by the attempt that `job` shows. StateError once a newer one has begun."""
    now = find_job(db, job.id)
    if now.attempt != job.attempt:
        raise StateError(f"{now.noun} '{now.id}' has been started again since (attempt {now.attempt}).")
    return now


def at_work(db: sqlite3.Connection, job: Job) -> Job:
    """`attempted`, for what only a worker at work may write: raises StateError also when the job does not run."""
    now = attempted(db, job)
    if now.state != "running":
        raise StateError(f"{now.noun} '{now.id}' is {now.state}, not running: its worker has to end.")
    return now


def finite(value: Any) -> float | None:
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) else None


def clean_metrics(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Every column as SQLite takes it (any number type will do), and the names of those not finite."""
    clean: dict[str, Any] = dict.fromkeys(METRICS)
    broken: list[str] = []
    for name, value in values.items():
        if value is None:
            continue
        parts = [finite(part) for part in value] if name == "lrs" else [finite(value)]
        if None in parts:
            broken.append(name)
        if name == "lrs":
            clean[name] = json.dumps(parts)
        elif parts[0] is not None:
            clean[name] = int(parts[0]) if name in WHOLE_NUMBERS else parts[0]
    return clean, broken


def dump(value: Any) -> str:
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    """JSON has no NaN and knows no numpy: non-finite numbers become null, other number types plain ones."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a numpy or torch scalar
        return _plain(value.item())
    return finite(value) if isinstance(value, float) else value

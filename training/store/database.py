"""The store's ground floor: the database file, its schema, and the legal state changes of a job.

Nothing here decides when a job changes state (`store` does); this file only says which changes exist.
Schema changes are appended to `MIGRATIONS`, never edited: `PRAGMA user_version` counts how many were applied.
No torch, no streamlit.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

from core import HomeError, disk

Lane = Literal["train", "side", "import", "fetch"]
LANES: tuple[Lane, ...] = get_args(Lane)
"""Queues that never wait for each other. 'train': what needs the whole machine (training, profiles); 'side': what
computes beside it (maps, explanations, exports, the gap of two domains, added classes); 'import': bringing images in;
'fetch': downloads. How many jobs of a lane run at a time is the executor's affair."""
State = Literal["queued", "running", "finished", "failed", "stopped", "lost"]
STATES: tuple[State, ...] = get_args(State)

TRANSITIONS: dict[State, tuple[State, ...]] = {
    "queued": ("running", "stopped"),
    "running": ("finished", "failed", "stopped", "lost"),
    "finished": (),
    "failed": ("queued",),
    "stopped": ("queued",),
    "lost": ("queued",),
}
"""From each state, the states that may follow. A way back to 'queued' is a resume."""

ATTEMPTED: dict[State, str] = {
    "queued": "resumed",
    "running": "started",
    "finished": "marked as finished",
    "failed": "marked as failed",
    "stopped": "stopped",
    "lost": "marked as lost",
}
"""What a refused change tried to do, for the sentence in its StateError."""

NEXT_STEP: dict[State, str] = {
    "queued": "it starts by itself when its turn comes",
    "running": "stop it first, or wait until it ends",
    "finished": "start a new run instead",
    "failed": "resume it, or start a new run",
    "stopped": "resume it, or start a new run",
    "lost": "resume it, or start a new run",
}
"""What the user can do about a job in each state."""

BUSY_SECONDS, PATIENT_SECONDS = 5.0, 120.0
"""How long a page or a terminal waits for a lock that another process holds, and how long a worker does, which nobody
looks at and whose hours must not end in one."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, dataset_id TEXT NOT NULL, config TEXT NOT NULL,
            state TEXT NOT NULL, created REAL NOT NULL, started REAL, finished REAL,
            attempt INTEGER NOT NULL DEFAULT 0, pid INTEGER, pid_started TEXT, heartbeat REAL,
            stop_requested INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0,
            progress REAL NOT NULL DEFAULT 0, doing TEXT NOT NULL DEFAULT '', eta_s REAL,
            result TEXT, error TEXT,
            "group" TEXT NOT NULL DEFAULT '', position REAL NOT NULL, cuts INTEGER NOT NULL DEFAULT 0)""",
        "CREATE INDEX jobs_by_state ON jobs (state, position)",
        """CREATE TABLE metrics (
            job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, "row" INTEGER NOT NULL,
            written REAL NOT NULL,
            phase INTEGER, epoch REAL, step INTEGER, seconds REAL, images INTEGER, train_loss REAL,
            train_accuracy REAL, val_loss REAL, val_accuracy REAL, lrs TEXT, boundary INTEGER,
            PRIMARY KEY (job, "row")) WITHOUT ROWID""",
        # AUTOINCREMENT: readers ask for "events after id N", so an id must never come back.
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            time REAL NOT NULL, level TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
            seconds REAL, epoch REAL)""",
        "CREATE INDEX events_by_job ON events (job, id)",
        """CREATE TABLE facts (
            dataset_id TEXT NOT NULL, backbone TEXT NOT NULL, saved REAL NOT NULL, facts TEXT NOT NULL,
            PRIMARY KEY (dataset_id, backbone)) WITHOUT ROWID""",
    ),
    (
        "ALTER TABLE metrics ADD COLUMN align_loss REAL",
        "ALTER TABLE metrics ADD COLUMN domain_accuracy REAL",
        "ALTER TABLE metrics ADD COLUMN target_accuracy REAL",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'train'",
        """UPDATE jobs SET lane = CASE WHEN kind IN ('map', 'explain', 'export') THEN 'side'
            WHEN kind IN ('backbone', 'public') THEN 'fetch' ELSE 'train' END""",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN noun TEXT NOT NULL DEFAULT 'Run'",
        """UPDATE jobs SET noun = CASE kind WHEN 'train' THEN 'Run' WHEN 'profile' THEN 'Profile job'
            WHEN 'map' THEN 'Map' WHEN 'explain' THEN 'Explanation' WHEN 'export' THEN 'Export' ELSE 'Download' END""",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN name TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE jobs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE jobs ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    ),
    ("ALTER TABLE jobs ADD COLUMN queued_by TEXT NOT NULL DEFAULT ''",),
    # By the machine's own clock from now on (`core.processes`), as what is new here; it was the time of day.
    ("ALTER TABLE jobs ADD COLUMN stepped REAL", "UPDATE jobs SET heartbeat = NULL"),
    ("ALTER TABLE jobs ADD COLUMN host TEXT",),
)


class Database:
    """One connection per thread to `home/thaw.db`, opened on first use, and the two ways to use it."""

    def __init__(self, home: Path | str, patience: float = BUSY_SECONDS) -> None:
        """patience: seconds to wait for a lock."""
        self.home = Path(home).expanduser().resolve()
        self.path = self.home / "thaw.db"
        self._local = threading.local()
        self._patience = patience
        self._made = False
        """Whether it was opened: then it is not made anew when it is gone."""

    def close(self) -> None:
        """Close this thread's connection; the next use opens a new one."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _connection(self) -> sqlite3.Connection:
        local = self._local
        if self._made and not self.path.exists():
            raise _gone(self.path)
        if getattr(local, "connection", None) is None or local.pid != os.getpid():
            # After a fork the parent's connection must be neither used nor closed here: keep it, unused.
            local.inherited = getattr(local, "connection", None)
            local.connection, local.pid = connect(self.path, self._patience), os.getpid()
        self._made = True
        connection: sqlite3.Connection = local.connection
        return connection

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connection()
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its first statement: what it reads stays true."""
        db = self._connection()
        try:
            with _transaction(db):
                yield db
        except sqlite3.Error as error:
            raise explain(error, self.path) from error


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def connect(path: Path, patience: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open the database at `path`, creating or upgrading it; rows come as `sqlite3.Row`, autocommit is on.

    Raises HomeError when the file is not a Thaw database, is newer than this code, or cannot be opened; and when it is
    empty beside what a home holds, which would else seem to be a new one.
    """
    _not_emptied(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # check_same_thread=False only lets the garbage collector close a dead thread's connection elsewhere.
        connection = sqlite3.connect(
            path, timeout=patience, isolation_level=None, check_same_thread=False
        )
    except OSError as error:
        raise disk.in_words(error, path.parent) or HomeError(
            f"Thaw cannot open its database {path}: {error}. See to that, or {disk.ELSEWHERE}."
        ) from error
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.text_factory = _text
        _enter_wal(connection, patience)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        if _version(connection) != len(MIGRATIONS):
            _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except HomeError:
        connection.close()
        raise
    return connection


def _text(cell: bytes) -> str:
    return cell.decode(errors="replace")  # one damaged text must not take the rows beside it away


LOST = (
    "bring it back from a copy, or move it away to start anew: datasets and the files of runs stay, the list of runs "
    "with their curves and what was measured does not"
)
EMPTY_FOR_S = 2.0
"""How long a database of 0 bytes may be one that another process is making."""


def _not_emptied(path: Path) -> None:
    """Raises HomeError for a database of 0 bytes in a home that holds datasets or runs."""
    deadline = time.monotonic() + EMPTY_FOR_S
    while path.is_file() and not path.stat().st_size and (_filled(path, "datasets") or _filled(path, "runs")):
        if time.monotonic() > deadline:
            raise HomeError(f"The database {path} is empty, and beside it lie datasets or runs: {LOST}.")
        time.sleep(0.05)


def _filled(path: Path, name: str) -> bool:
    folder = path.with_name(name)
    return folder.is_dir() and any(folder.iterdir())


def _gone(path: Path) -> HomeError:
    if not path.parent.is_dir():
        return disk.gone(path.parent)
    return HomeError(f"The database {path} is gone since it was opened (is its disk mounted?): {LOST}.")


def explain(error: sqlite3.Error, path: Path) -> HomeError:
    """A database error as a sentence that says what to do."""
    text, home = str(error), path.parent
    if "full" in text:
        return disk.full(home)
    if not home.is_dir():
        return disk.gone(home)
    if "readonly" in text or "unable to open" in text:
        return disk.read_only(home, f"its database {path.name} cannot be opened for writing")
    if "disk I/O" in text:
        return disk.failing(home, f"{text} in {path.name}")
    if "locked" in text or "busy" in text:
        why = "another process keeps it locked. Wait until that ends, or end it; keep the home on a local disk."
    elif "not a database" in text or "malformed" in text:
        why = f"the file is damaged or is no database: {LOST}."
    else:
        why = f"{text}."
    return HomeError(f"Thaw cannot use its database {path}: {why}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _enter_wal(connection: sqlite3.Connection, patience: float) -> None:
    # Several processes may create the file at once, and SQLite does not wait for this one switch.
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    with _transaction(connection):
        version = _version(connection)  # again: another process may have been faster
        if version > len(MIGRATIONS):
            raise HomeError(
                f"The database {path} was written by a newer Thaw (version {version}, this one reads up to"
                f" {len(MIGRATIONS)}): update Thaw, or choose another --home."
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")

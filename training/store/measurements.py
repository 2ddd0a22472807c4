"""What work leaves behind: metrics rows, events and dataset facts. `Store` adds the jobs they belong to.

Each write is one transaction. One for a job names its attempt, by the `Job` that was claimed, and is refused
(StateError) when that attempt is not at work any more: one that was declared lost changes nothing.
Nothing here changes a job's state. No torch, no streamlit.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Any

from core import DatasetFacts, StateError, Unreadable, decode_text, to_json
from core.decode import LAST_MOMENT
from training.store.database import Database
from training.store.records import METRICS, Job, at_work, clean_metrics, dump, finite


class Measurements(Database):
    """Metrics, events and facts of one home; the base of `store.Store`."""

    def add_metrics(self, job: Job, row: int, values: Mapping[str, Any]) -> None:
        """One row, one transaction. Numbers rise by 1 from 0; non-finite values become NULL and an event."""
        unknown = sorted(set(values) - set(METRICS))
        if unknown:
            raise StateError(f"A metrics row has no column called {', '.join(unknown)}.")
        clean, broken = clean_metrics(values)
        with self._write() as db:
            at_work(db, job)
            last = db.execute('SELECT MAX("row") FROM metrics WHERE job = ?', (job.id,)).fetchone()[0]
            expected = 0 if last is None else last + 1
            if row != expected:
                raise StateError(f"{job.noun} '{job.id}' expects metrics row {expected} next, not {row}.")
            db.execute(
                f'INSERT INTO metrics (job, "row", written, {", ".join(METRICS)})'
                f" VALUES (?, ?, ?{', ?' * len(METRICS)})",
                (job.id, row, time.time(), *(clean[name] for name in METRICS)),
            )
            if broken:
                text = f"Not a finite number at row {row}: {', '.join(broken)}."
                _insert_event(db, job.id, "bad", "non_finite", text, clean["seconds"], clean["epoch"])

    def cut_metrics(self, job: Job, first_row: int) -> int:
        """A resumed worker takes back the rows from `first_row` on; returns how many went."""
        with self._write() as db:
            at_work(db, job)
            gone = db.execute('DELETE FROM metrics WHERE job = ? AND "row" >= ?', (job.id, first_row)).rowcount
            if gone:
                db.execute("UPDATE jobs SET cuts = cuts + 1 WHERE id = ?", (job.id,))
            return gone

    def metrics(self, job_id: str, after: int = -1) -> list[dict[str, Any]]:
        """Rows numbered above `after`, in order: 'row', 'written' (Unix time) and the columns of METRICS."""
        with self._read() as db:
            rows = db.execute(
                f'SELECT "row", {_ROW} FROM metrics WHERE job = ? AND "row" > ? ORDER BY "row"', (job_id, after)
            ).fetchall()
        return [{**dict(row), "lrs": _rates(row["lrs"])} for row in rows]

    def validated(self, job_id: str) -> list[dict[str, Any]]:
        """What a comparison reads of the rows with a validation accuracy, in order: 'epoch', 'seconds',
        'train_accuracy' and 'val_accuracy'."""
        with self._read() as db:
            rows = db.execute(
                "SELECT epoch, seconds, train_accuracy, val_accuracy FROM metrics"
                ' WHERE job = ? AND val_accuracy IS NOT NULL ORDER BY "row"',
                (job_id,),
            ).fetchall()
        return [dict(row) for row in rows]

    def add_event(
        self,
        job: Job,
        *,
        level: str,
        kind: str,
        text: str,
        seconds: float | None = None,
        epoch: float | None = None,
    ) -> None:
        """level: 'info', 'caution' or 'bad'; seconds, epoch: where on the curves it belongs."""
        with self._write() as db:
            at_work(db, job)
            _insert_event(db, job.id, level, kind, text, finite(seconds), finite(epoch))

    def events(self, job_id: str, after: int = 0) -> list[dict[str, Any]]:
        """Events with an 'id' above `after`, in order: id, time (Unix), level, kind, text, seconds, epoch. One that is
        damaged is left out."""
        with self._read() as db:
            rows = db.execute(f"SELECT {_EVENT} AND job = ? AND id > ? ORDER BY id", (job_id, after)).fetchall()
        return [dict(row) for row in rows]

    def save_facts(self, facts: DatasetFacts, job: Job | None = None) -> None:
        """job: the attempt that measured them, which may be refused (StateError); None: nobody's."""
        with self._write() as db:
            if job is not None:
                at_work(db, job)
            db.execute(
                "INSERT OR REPLACE INTO facts (dataset_id, backbone, saved, facts) VALUES (?, ?, ?, ?)",
                (facts.dataset_id, facts.backbone, time.time(), dump(to_json(facts))),
            )

    def facts(self, dataset_id: str, backbone: str) -> DatasetFacts | None:
        """None when not measured, or when what was kept is damaged or of another version: it can be measured again."""
        with self._read() as db:
            row = db.execute(
                "SELECT facts FROM facts WHERE dataset_id = ? AND backbone = ?", (dataset_id, backbone)
            ).fetchone()
        try:
            found = None if row is None else decode_text(row["facts"], DatasetFacts, "What was measured")
        except Unreadable:
            return None
        return found if found and (found.dataset_id, found.backbone) == (dataset_id, backbone) else None


def _number(column: str) -> str:
    """SQL: the value where it is a finite number, else NULL. Columns of SQLite hold whatever was written into them."""
    return f'CASE WHEN "{column}" BETWEEN -1e300 AND 1e300 THEN "{column}" END AS "{column}"'


_ROW = ", ".join(name if name == "lrs" else _number(name) for name in ("written", *METRICS))
_EVENT = (
    f"id, time, level, kind, text, {_number('seconds')}, {_number('epoch')} FROM events"
    f" WHERE time BETWEEN 0 AND {LAST_MOMENT} AND level IN ('info', 'caution', 'bad')"
    " AND typeof(kind) = 'text' AND typeof(text) = 'text'"
)


def _rates(text: str | None) -> list[float | None]:
    """Learning rates per stage; none where the row is damaged."""
    try:
        return decode_text(text or "[]", list[float | None], "The learning rates")
    except Unreadable:
        return []


def insert_history(
    db: sqlite3.Connection, job_id: str, rows: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]
) -> None:
    """All metrics and events of a run that was measured elsewhere, within the caller's transaction."""
    for number, row in enumerate(rows):
        clean, _ = clean_metrics({name: row[name] for name in METRICS})
        db.execute(
            f'INSERT INTO metrics (job, "row", written, {", ".join(METRICS)}) VALUES (?, ?, ?{", ?" * len(METRICS)})',
            (job_id, number, float(row["written"]), *(clean[name] for name in METRICS)),
        )
    for event in events:
        _insert_event(
            db, job_id, str(event["level"]), str(event["kind"]), str(event["text"]), finite(event["seconds"]),
            finite(event["epoch"]),
        )  # fmt: skip


def _insert_event(
    db: sqlite3.Connection,
    job_id: str,
    level: str,
    kind: str,
    text: str,
    seconds: float | None,
    epoch: float | None,
) -> None:
    db.execute(
        "INSERT INTO events (job, time, level, kind, text, seconds, epoch) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job_id, time.time(), level, kind, text, seconds, epoch),
    )

"""A lock that another program holds on the database delays what a worker writes; it fails nothing."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import HomeError
from core.processes import steady
from training.jobs.context import StoreContext
from training.store.store import Store

HELD_S = 1.5


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """The write lock, held by a connection that is no store's."""
    taken = threading.Event()

    def hold() -> None:
        db = sqlite3.connect(home / "thaw.db", isolation_level=None)
        db.execute("BEGIN EXCLUSIVE")
        taken.set()
        time.sleep(HELD_S)
        db.execute("COMMIT")
        db.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(5)
    yield
    holder.join()


def test_rows_and_beats_wait_for_the_lock(home: Path) -> None:
    store = Store(home, patience=30.0)
    store.create_job("train", "d", {})
    job = store.claim_next()
    assert job is not None
    context = StoreContext(store, job)
    with locked(home):
        began = time.monotonic()
        context.row({"row": 0, "epoch": 1.0})
        context.progress(0.5, "Epoch 1")
        assert 0.5 < time.monotonic() - began < 10
    time.sleep(0.6)  # the next sign of life
    context.close()
    now = store.job(job.id)
    assert now.state == "running" and now.heartbeat and steady() - now.heartbeat < 5
    assert len(store.metrics(job.id)) == 1
    assert store.finish(job, {}).state == "finished"


def test_a_page_reads_on_and_says_what_keeps_it_from_writing(home: Path) -> None:
    store = Store(home, patience=0.2)
    store.create_job("train", "d", {})
    with locked(home):
        assert len(store.jobs()) == 1
        with pytest.raises(HomeError, match=r"another process keeps it locked\. Wait until that ends, or end it"):
            store.create_job("train", "d", {})
    assert len(store.jobs()) == 1

"""Pages go on without what cannot be read, and say what that is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.types import DatasetRef
from dataset.folder import RECORD
from tests.support.seeding import finished_run, words
from tests.ui.conftest import Open
from training.store.store import Store


def folds(at: AppTest) -> list[str]:
    return [fold.label for fold in at.expander]


def test_runs_that_cannot_be_read_are_named_where_runs_are_listed(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    kept, broken = finished_run(store, dataset, "partial"), finished_run(store, dataset, "full")
    with sqlite3.connect(store.home / "thaw.db") as db:
        db.execute("""UPDATE jobs SET result = '{"seconds": "8"}' WHERE id = ?""", (broken.id,))
    for name in ("train", "compare"):
        at = open_page(name, dataset=dataset.id)
        assert "Set aside: 1 that cannot be read" in folds(at)
        assert f"The result of run '{broken.id}' is not what this version of Thaw can read at 'seconds'" in words(at)
    at = open_page("train", dataset=dataset.id, run=broken.id)
    assert "This run cannot be read" in words(at) and "at 'seconds'" in words(at)
    at = open_page("train", dataset=dataset.id, run=kept.id)
    assert not at.exception and "Test accuracy 90.0%" in words(at)


def test_nothing_is_said_where_all_can_be_read(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    finished_run(store, dataset, "partial")
    assert not any(fold.startswith("Set aside") for fold in folds(open_page("train", dataset=dataset.id)))


def test_a_dataset_that_cannot_be_read_is_named_among_earlier_imports(open_page: Open, dataset: DatasetRef) -> None:
    (Path(dataset.root) / RECORD).write_bytes(b"")
    at = open_page("data")
    assert "Set aside: 1 that cannot be read" in folds(at)
    assert f"{RECORD} is empty. Import its images again" in words(at)

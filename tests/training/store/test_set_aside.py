"""A run or dataset that cannot be read is left out of every list by name; the others, and the queue, go on."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from core.errors import SetAside
from dataset import folder
from dataset.ingest.sources import import_path
from dataset.revisions import list_current
from tests.conftest import write_images
from tests.support.terminal import say
from training.jobs import deleting
from training.store.records import Job
from training.store.store import Store

RESULT = {"test_accuracy": 0.5, "test_correct": 1, "test_total": 2}


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


def finished(store: Store) -> Job:
    job = store.create_job("train", "d", {"strategy": {"kind": "partial"}})
    claimed = store.claim_next()
    assert claimed is not None
    return store.finish(store.job(job.id), RESULT)


def damage(store: Store, job: Job, column: str, text: str) -> None:
    db = sqlite3.connect(store.home / "thaw.db")
    db.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (text, job.id))
    db.commit()
    db.close()


OLD = "It was damaged or written by another version: train it again."
GONE = "Update Thaw where a newer one wrote it, or delete it: python -m training delete ID"
NOT = "is not what this version of Thaw can read"
DAMAGES = [
    ("result", '{"test_correct": "1"}',
     f"The result of run 'ID' {NOT} at 'test_correct': expected int | null, got str. {OLD}"),
    ("result", '{"test_accuracy": 0.9, "test_correct": 1, "test_total": 2}',
     f"The result of run 'ID' {NOT}: test_accuracy is 0.9, but 1 of 2 were right. {OLD}"),
    ("result", '{"test_corr', f"Run 'ID' in the database, its result, {NOT}: it is damaged or no JSON. {GONE}"),
    ("config", "[]", f"Run 'ID' in the database {NOT} at 'config': expected object, got array. {GONE}"),
    ("config", '{"strategy": "partial"}',
     f"Run 'ID' in the database, its config, {NOT} at 'strategy': expected object, got str. {GONE}"),
    ("created", "1e18", f"Run 'ID' in the database {NOT}: created is 1e+18 seconds after 1970, which no calendar has. "
     f"{GONE}"),
    ("seconds", "x", f"Run 'ID' in the database {NOT} at 'seconds': expected float, got str. {GONE}"),
    ("result", '{"weights": "../up"}', f"The result of run 'ID' {NOT}: weights is '../up', which does not lie in the "
     f"home. {OLD}"),
    ("tags", '{"a": 1}', f"Run 'ID' in the database {NOT} at 'tags': expected array, got object. {GONE}"),
    ("state", "sleeping", f"Run 'ID' in the database {NOT} at 'state': invalid enum value 'sleeping'. {GONE}"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "text", "said"), DAMAGES)
def test_a_run_that_cannot_be_read_is_left_out_by_name(
    store: Store, column: str, text: str, said: str
) -> None:
    kept, broken = finished(store), finished(store)
    damage(store, broken, column, text)
    said = said.replace("ID", broken.id)
    assert [job.id for job in store.jobs()] == [kept.id]
    assert store.set_aside() == store.set_aside("d") == [said] and store.set_aside("other") == []
    with pytest.raises(SetAside) as refused:
        store.job(broken.id)
    assert str(refused.value) == said
    out = say("--home", store.home, "runs").out
    assert kept.id in out and f"! Set aside: {said}" in out


@pytest.mark.parametrize(("column", "text"), [(column, text) for column, text, _ in DAMAGES])
def test_what_cannot_be_read_can_be_deleted(store: Store, column: str, text: str) -> None:
    kept, broken = finished(store), finished(store)
    damage(store, broken, column, text)
    deleting.delete(store, deleting.of_run(store, broken.id))
    assert [job.id for job in store.jobs()] == [kept.id] and store.set_aside() == []


def test_one_that_cannot_be_read_keeps_nobody_waiting(store: Store) -> None:
    first, second = (store.create_job("train", "d", {}) for _ in range(2))
    damage(store, first, "config", "[]")
    claimed = store.claim_next()
    assert claimed is not None and claimed.id == second.id
    assert [job.id for job in store.queue()] == [second.id]


def test_measurements_that_cannot_be_read_are_none(store: Store) -> None:
    job = store.create_job("train", "d", {})
    store.claim_next()
    store.add_metrics(store.job(job.id), 0, {"epoch": 1, "lrs": [0.1]})
    db = sqlite3.connect(store.home / "thaw.db")
    db.execute("UPDATE metrics SET lrs = '[0.'")
    db.execute("INSERT INTO facts (dataset_id, backbone, saved, facts) VALUES ('d', 'b', 0, '{\"dataset_id\": 1}')")
    db.commit()
    db.close()
    assert store.metrics(job.id)[0]["lrs"] == []
    assert store.facts("d", "b") is None


def test_a_dataset_that_cannot_be_read_is_left_out_by_name(home: Path, tmp_path: Path) -> None:
    source = write_images(tmp_path / "broken", per_class=3, px=16, seed=1)
    kept = import_path(write_images(tmp_path / "kept", per_class=3, px=16), home)
    broken = import_path(source, home)
    record = Path(broken.root) / folder.RECORD
    record.write_text(json.dumps(json.loads(record.read_text()) | {"classes": "ants"}))
    said = (
        f"The file {record} {NOT} at 'classes': expected array, got str. Import its images again: that mends it."
    )
    assert [ref.id for ref in folder.list_datasets(home)] == [ref.id for ref in list_current(home)] == [kept.id]
    assert folder.set_aside(home) == [said]
    with pytest.raises(SetAside, match="at 'classes'"):
        folder.load_dataset(home, broken.id)
    assert f"! Set aside: {said}" in say("--home", home, "datasets").out
    import_path(source, home)  # what the sentence says to do
    assert folder.set_aside(home) == [] and len(folder.list_datasets(home)) == 2

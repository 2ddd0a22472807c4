"""Deleting a run or a dataset: all that hangs on it goes, nothing else, and never while something needs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import NotFound, StateError
from core.types import DatasetFacts, DatasetRef
from dataset.edits import Edit
from dataset.folder import list_datasets, load_dataset, read_rows
from dataset.ingest.sources import import_path
from dataset.ingest.targets import attach, link, target_of
from dataset.revisions import revise
from training.caches import budget
from training.jobs.deleting import delete, of_dataset, of_run
from training.store.records import Job
from training.store.store import Store


@pytest.fixture
def data(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> DatasetRef:
    return import_path(image_folder(tmp_path / "pets", classes=("cat", "dog"), per_class=8), home)


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


def run_of(store: Store, ref: DatasetRef, *, ended: bool = True, **config: str) -> Job:
    """A run with files as a worker leaves them."""
    job = store.create_job("train", ref.id, config)
    for path in (store.home / "runs" / job.id / "best.safetensors", store.home / "logs" / f"{job.id}.log"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 50_000)
    return store.request_stop(job.id) if ended else job


def left(home: Path) -> set[str]:
    """Files of a home besides the database, without the folders' own names."""
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and "thaw.db" not in path.name}


def test_a_run_goes_with_its_files_and_what_looked_into_it(store: Store, data: DatasetRef) -> None:
    before = left(store.home)
    kept, gone = run_of(store, data), run_of(store, data)
    look = store.create_job("explain", data.id, {"run": gone.id, "source": ""}, lane="side")
    store.request_stop(look.id)
    doomed = of_run(store, gone.id)
    assert doomed.sentence.startswith(f"Run '{gone.id}': ") and doomed.sentence.endswith("This cannot be undone.")
    assert delete(store, doomed) >= 100_000
    assert [job.id for job in store.jobs()] == [kept.id]
    assert left(store.home) - before == {f"runs/{kept.id}/best.safetensors", f"logs/{kept.id}.log"}


@pytest.mark.parametrize("needs", ["run", "from_run", "repeats"])
def test_a_run_stays_while_a_job_needs_it(store: Store, data: DatasetRef, needs: str) -> None:
    run = run_of(store, data)
    waiting = store.create_job("train", data.id, {needs: run.id})
    with pytest.raises(StateError, match=f"Run '{run.id}' is used by run '{waiting.id}', which is queued: stop that"):
        of_run(store, run.id)
    store.request_stop(waiting.id)
    doomed = of_run(store, run.id)
    later = store.create_job("train", data.id, {needs: run.id})
    with pytest.raises(StateError, match=later.id):
        delete(store, doomed)
    assert store.job(run.id) == run


def test_a_dataset_goes_with_revisions_target_runs_measurements_and_caches(
    store: Store, data: DatasetRef, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    home = store.home
    other = import_path(image_folder(tmp_path / "other", classes=("a", "b"), per_class=6), home)
    kept = run_of(store, other)
    before = left(home)
    attach(home, data, image_folder(tmp_path / "sketches", classes=("cat", "dog"), per_class=3))
    revised = revise(home, data, [Edit("exclude", (read_rows(data)[0].path,))])
    runs = [run_of(store, one) for one in (data, revised)]
    store.save_facts(
        DatasetFacts(data.id, "mlp", data.classes, train_images=12, test_images=4, per_class=(6, 6), chance=0.5)
    )
    cached = budget.folder_of(home, data.images_id) / "prefix-x" / "boundary1-view0.npy"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"y" * 70_000)
    (home / "advised").mkdir()
    (home / "advised" / "set-1.json").write_text(json.dumps({"dataset_id": data.id}))
    (home / "advised" / "set-2.json").write_text("")
    doomed = of_dataset(store, revised.id)
    assert "with 1 revision and 2 runs: " in doomed.sentence and f"Dataset '{data.name}'" in doomed.sentence
    assert delete(store, doomed) > 170_000
    assert [one.id for one in list_datasets(home)] == [other.id]
    assert [job.id for job in store.jobs()] == [kept.id] and all(not (home / "runs" / one.id).exists() for one in runs)
    assert store.facts(data.id, "mlp") is None
    assert target_of(home, data) is None
    with pytest.raises(NotFound):
        load_dataset(home, data.id)
    extra = {path for path in left(home) - before if not path.startswith("sources/")}
    assert extra <= {"advised/set-2.json", "cache/.lock"}, extra


def test_a_dataset_stays_while_a_job_uses_it_also_as_a_target(store: Store, data: DatasetRef) -> None:
    waiting = store.create_job("train", "0" * 16, {"target_id": data.id})
    with pytest.raises(StateError, match=f"Dataset '{data.name}' is used by run '{waiting.id}'"):
        of_dataset(store, data.id)


def test_a_target_that_is_a_dataset_of_its_own_stays(
    store: Store, data: DatasetRef, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    other = import_path(image_folder(tmp_path / "drawn", classes=("cat", "dog"), per_class=4), store.home)
    link(store.home, data, other)
    delete(store, of_dataset(store, data.id))
    assert load_dataset(store.home, other.id) == other

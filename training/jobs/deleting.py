"""Deleting a run, or a dataset with all that hangs on it: what would go is said first, then it goes, or nothing does.

Nothing goes while a job that is queued or running needs it. Files are removed after the rows that name them, so that a
process killed in between leaves files that nobody misses, never a run without its files. No torch.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import DatasetRef, StateError, find_json
from core.words import counted, size
from dataset import everything, history, load_dataset, remove
from dataset.ingest import target_of
from training.caches import budget
from training.store import Job, RunFolder, Store


@dataclass(frozen=True)
class Doomed:
    """What goes together, before anything has gone."""

    what: str
    """'Run 'ab12cd34'' or 'Dataset 'pets''."""
    jobs: tuple[str, ...]
    """Ids: runs, and the jobs that looked into them, measured or exported."""
    runs: int
    datasets: tuple[str, ...]
    """Ids of imports, revisions and targets."""
    revisions: int
    files: tuple[Path, ...]
    """Folders and files of the home besides the datasets' own."""
    bytes: int
    """On disk, of all of it."""

    @property
    def sentence(self) -> str:
        """'Dataset 'pets' with 2 revisions, 5 runs and their weights: 1.2 GB. This cannot be undone.'"""
        parts = []
        if self.revisions:
            parts.append(counted(self.revisions, "revision"))
        if self.datasets and self.runs:
            parts.append(counted(self.runs, "run"))
        also = f" with {' and '.join(parts)}" if parts else ""
        return f"{self.what}{also}: {size(self.bytes)} on this disk. This cannot be undone."


def of_run(store: Store, run_id: str) -> Doomed:
    """What goes with a run. Raises NotFound, and StateError while it or a job that needs it is queued or running."""
    run = store.remains(run_id)
    what = f"{run.noun} '{run.id}'"
    jobs = [run, *(job for job in store.jobs(dataset_id=run.dataset_id) if job.config.get("run") == run.id)]
    _refuse_while_used(store, what, {job.id for job in jobs}, set())
    files = tuple(_files_of(store.home, jobs))
    return Doomed(what, tuple(job.id for job in jobs), 1, (), 0, files, sum(map(_bytes, files)))


def of_dataset(store: Store, dataset_id: str) -> Doomed:
    """What goes with an import: its revisions, its target where no other dataset has it, their runs, measurements and
    caches. `dataset_id` may be a revision's. Raises NotFound, and StateError while a job that needs it is queued or
    running."""
    home = store.home
    ref = load_dataset(home, dataset_id)
    family = history(home, ref) if not ref.target else [ref]
    target = target_of(home, ref)
    own_target = target is not None and target.target and not _others_target(home, ref, target)
    ids = tuple(one.id for one in family) + ((target.id,) if own_target and target else ())
    what = f"Dataset '{ref.name}'"
    jobs = [job for job in store.jobs() if job.dataset_id in ids]
    _refuse_while_used(store, what, {job.id for job in jobs}, set(ids))
    files = tuple(_files_of(home, jobs)) + tuple(_around(home, ids, ref.images_id))
    folders = [home / "datasets" / one for one in ids]
    runs = sum(job.kind == "train" for job in jobs)
    taken = sum(map(_bytes, [*files, *folders]))
    return Doomed(what, tuple(job.id for job in jobs), runs, ids, len(family) - 1, files, taken)


def delete(store: Store, doomed: Doomed) -> int:
    """Let it go; returns the bytes that this gave back. Raises StateError when a job has begun to need it since."""
    _refuse_while_used(store, doomed.what, set(doomed.jobs), set(doomed.datasets))
    store.delete(doomed.jobs, doomed.datasets)
    for dataset_id in doomed.datasets:
        remove(store.home, dataset_id)
    for path in doomed.files:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return doomed.bytes


def forget(store: Store, job: Job) -> None:
    """An ended job that nobody needs any more goes, with its log; what it made stays. Raises NotFound, StateError."""
    store.delete([job.id])
    (store.home / "logs" / f"{job.id}.log").unlink(missing_ok=True)


def _refuse_while_used(store: Store, what: str, jobs: set[str], datasets: set[str]) -> None:
    for job in store.queue():
        needs = {job.config.get(name) for name in ("run", "from_run", "repeats", "target_id", "source", "target")}
        if job.id in jobs or job.dataset_id in datasets or needs & (jobs | datasets):
            raise StateError(f"{what} is used by {job.noun.lower()} '{job.id}', which is {job.state}: stop that first.")


def _files_of(home: Path, jobs: Iterable[Job]) -> Iterator[Path]:
    for job in jobs:
        yield from (path for path in (RunFolder(home, job.id).path, home / "logs" / f"{job.id}.log") if path.exists())


def _around(home: Path, ids: tuple[str, ...], images_id: str) -> Iterator[Path]:
    """What other folders hold about these datasets."""
    for one in ids:
        yield from (path for path in (budget.folder_of(home, one),) if path.exists())
        yield from (home / "targets").glob(f"gap-*{one}*.json")
    noted = (home / "current" / images_id, home / "targets" / f"{images_id}.json")
    yield from (path for path in noted if path.exists())
    for path in (home / "advised").glob("*.json"):
        if (find_json(path) or {}).get("dataset_id") in ids:  # a broken one is nobody's
            yield from (one for one in (path, path.with_suffix(".outcome")) if one.exists())


def _others_target(home: Path, ref: DatasetRef, target: DatasetRef) -> bool:
    for other in everything(home):
        if other.images_id != ref.images_id:
            found = target_of(home, other)
            if found is not None and found.id == target.id:
                return True
    return False


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    once = {}  # a file of two names takes its room once
    for file in files:
        with suppress(FileNotFoundError):  # removed since it was listed
            once[file.stat().st_dev, file.stat().st_ino] = file
    return sum(map(budget.on_disk, once.values()))

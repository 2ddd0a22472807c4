"""The fold on the Data page that shows a dataset's caches and clears them."""

from __future__ import annotations

from pathlib import Path

from core.types import DatasetRef
from tests.support.seeding import button, claim, queue_run, words
from tests.ui.conftest import Open
from training.store.store import Store


def cached(home: Path, ref: DatasetRef) -> Path:
    """212 kB of decoded images and 480 kB of frozen features."""
    folder = home / "cache" / ref.id
    for name, size in (("pixels-224/pixels.npy", 212_000), ("prefix-w-fp32/boundary8-view0.npy", 480_000)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\1" * size)
    return folder


def labels(at: object) -> str:
    return " ".join(fold.label for fold in at.expander)  # type: ignore[attr-defined]


def test_a_dataset_without_caches_has_no_fold(open_page: Open, dataset: DatasetRef) -> None:
    assert "Caches" not in labels(open_page("data", dataset=dataset.id, view="numbers"))


def test_the_caches_are_named_with_their_sizes_and_cleared(open_page: Open, home: Path, dataset: DatasetRef) -> None:
    folder = cached(home, dataset)
    at = open_page("data", dataset=dataset.id, view="numbers")
    # on disk, so in whole blocks of the file system
    assert "Caches of this dataset: 213 kB decoded images, 483 kB frozen features" in labels(at)
    button(at, "Clear").click()
    at.run()
    assert not folder.exists() and "Caches" not in labels(at)
    assert not at.exception


def test_a_running_job_keeps_them_and_the_page_says_which(
    open_page: Open, home: Path, store: Store, dataset: DatasetRef
) -> None:
    folder = cached(home, dataset)
    job = claim(store, queue_run(store, dataset, "partial"))
    at = open_page("data", dataset=dataset.id, view="numbers")
    button(at, "Clear").click()
    at.run()
    assert folder.exists()
    assert job.id in words(at) and "The caches were not cleared" in words(at)

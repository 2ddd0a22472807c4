"""What the page tests share: small datasets, runs seeded into a store, an executor that starts nothing."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from streamlit.testing.v1 import AppTest

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.plans import Kind, RunConfig, to_json
from core.types import DatasetFacts, DatasetRef, Estimate, HardwareFacts, StageCost
from core.zoo.catalog import backbone
from training.jobs import worker
from training.jobs.context import StoreContext
from training.store.records import Job
from training.store.store import Store
from ui.kit import state

LONG = "Rhododendron ponticum with a name of exactly sixty characters"[:60]
RTL = "شقائق النعمان"
TEST_IMAGES = 40


class NoWorkers:
    """An executor that starts nothing: what a page queues stays queued, and can be looked at. Imports, which a page
    follows to their end, are done here and now."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.submitted: list[str] = []
        self.pumped = 0
        self.prepared = 0

    def submit(self, job_id: str) -> Job:
        self.submitted.append(job_id)
        imported = self.store.claim_next("import")
        return worker.perform(StoreContext(self.store, imported)) if imported else self.store.job(job_id)

    def pump(self) -> list[Job]:
        self.pumped += 1
        return []

    def check(self) -> list[Job]:
        return []

    def prepare(self) -> None:
        self.prepared += 1

    def stop(self, job_id: str) -> Job:
        return self.store.request_stop(job_id)

    def end(self, job_id: str) -> Job:
        return self.store.lose(self.store.job(job_id), "The worker was ended by hand: it did not answer.")


def picture_folder(place: Path, classes: Mapping[str, int], *, size: int = 16) -> Path:
    """Class folders with small pictures, no two alike."""
    for number, (name, images) in enumerate(classes.items()):
        (place / name).mkdir(parents=True)
        for index in range(images):
            colour = (40 * number % 256, 7 * index % 256, (index * 31 + number * 53) % 256)
            Image.new("RGB", (size, size), colour).save(place / name / f"{index:03d}.png")
    return place


def facts_of(ref: DatasetRef, name: str = "efficientnet_lite0") -> DatasetFacts:
    """Facts as a profile job would save them."""
    counted = state.counts_only(ref, name)
    costs = tuple(StageCost(b, 0.004 + 0.0005 * b, 0.05 - 0.005 * b, 0.01 - 0.001 * b) for b in range(9))
    return DatasetFacts(
        dataset_id=ref.id,
        backbone=name,
        classes=ref.classes,
        train_images=counted.train_images,
        test_images=counted.test_images,
        per_class=counted.per_class,
        ready_made=Estimate(0.81, 0.7, 0.89, "5-fold cross-validation, 15 images"),
        chance=1 / len(ref.classes),
        costs=costs,
        decode_s=0.002,
        forward_images_per_s=120.0,
        train_images_per_s=18.0,
        hardware=HardwareFacts("cpu", "CPU, 2 cores", 2, 8 << 30),
        seconds=12.0,
    )


def queue_run(
    store: Store, ref: DatasetRef, kind: Kind, *, group: str = "", split_seed: int = 0, seed: int = 0
) -> Job:
    card = backbone("efficientnet_lite0")
    strategy = plan(kind, card, train_images=15, classes=len(ref.classes), options=Options(epochs=4))
    config = RunConfig(ref.id, strategy, seed=seed, minutes=10.0, split_seed=split_seed, group=group)
    return store.create_job("train", ref.id, to_json(config), group=group)


def claim(store: Store, job: Job) -> Job:
    """Make this job the running one, whatever else waits."""
    claimed = store.claim_next(job.lane)
    assert claimed is not None and claimed.id == job.id, "seed one running job at a time"
    return claimed


def write_rows(store: Store, job: Job, rows: int = 4, best: float = 0.9) -> None:
    for row in range(rows):
        share = (row + 1) / rows
        store.add_metrics(
            store.job(job.id),
            row,
            {
                "phase": 0, "epoch": float(row + 1), "step": row, "seconds": 2.0 * (row + 1), "images": 15 * (row + 1),
                "train_loss": 1.2 - share, "train_accuracy": 0.5 + 0.48 * share, "val_loss": 1.3 - 0.9 * share,
                "val_accuracy": 0.4 + (best - 0.4) * share, "lrs": [0.0] * 8 + [0.001], "boundary": 8,
            },
        )  # fmt: skip


def result_of(store: Store, job: Job, correct: int) -> dict[str, object]:
    """A result as the worker writes it, with the answers for each test image on disk."""
    folder = store.home / "runs" / job.id
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "test_predictions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "predicted", "confidence"])
        for index in range(TEST_IMAGES):
            writer.writerow([f"{index}.png", "daisy", "daisy" if index < correct else "other", 0.9])
    return {
        "test_accuracy": correct / TEST_IMAGES, "test_correct": correct, "test_total": TEST_IMAGES,
        "val_accuracy": 0.9, "val_loss": 0.4, "train_accuracy": 0.98, "best_epoch": 4, "epochs": 4, "seconds": 8.0,
        "cache_seconds": 2.0, "trainable_params": 12810, "total_params": 3383818, "weights_sha256": "0" * 64,
        "weights": f"runs/{job.id}/best.safetensors", "predictions": f"runs/{job.id}/test_predictions.csv",
        "stopped_early": False, "peak_memory_bytes": 512_000_000, "device": "cpu", "precision": "float32", "note": "",
    }  # fmt: skip


def finished_run(store: Store, ref: DatasetRef, kind: Kind, correct: int = 36, **config: object) -> Job:
    job = queue_run(store, ref, kind, **config)  # type: ignore[arg-type]
    claim(store, job)
    write_rows(store, job)
    store.beat(store.job(job.id), seconds=8.0)
    return store.finish(store.job(job.id), result_of(store, job, correct))


def words(at: AppTest) -> str:
    """All text of the page as a reader sees it: no tags, no Markdown escapes."""
    parts = []
    for kind in (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "text",
        "code",
        "error",
        "warning",
        "info",
    ):
        parts += [str(element.value) for element in at.get(kind)]
    parts += [str(element.label) for element in at.button]
    parts += [str(element.proto.text) for element in at.get("progress")]
    text = html.unescape(re.sub(r"<[^>]+>", " ", " ".join(parts)))
    return re.sub(r"\s+", " ", re.sub(r"\\([\\`*_\[\]<>$~|#:.)\-+])", r"\1", text)).replace(" ,", ",")


def button(at: AppTest, label: str) -> Any:
    found = [one for one in at.button if label in one.label]
    assert found, f"no button '{label}'; there are: {[one.label for one in at.button]}"
    return found[0]


def param(at: AppTest, name: str) -> str:
    """One query parameter: AppTest gives a string or a list, depending on who set it."""
    value = at.query_params[name]
    return value if isinstance(value, str) else value[0]

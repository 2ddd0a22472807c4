"""A run as one zip: its split, settings, versions, metrics, report, weights and images, and how to repeat it.

Written from the store and the run's files; `reading` reads it back into another home, where the run is shown as if
it had been made there and can be trained again. No torch.
"""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from core import DatasetRef, NotFound, csv_text, written_whole
from dataset import MANIFEST, RECORD, Row, load_dataset, read_rows, sides
from training.bundles.contents import FORMAT, INDEX, BundledEvent, BundledRun, Contents
from training.report import html_page, metrics_files
from training.requests import exportable
from training.store import Job, RunFolder, Store

WITH_IMAGES_BYTES = 500 * 10**6
"""Up to this size the images come along unless they are left out by hand."""
READ_ME = """This is a run of Thaw. Nothing in it is executed when it is read.

bundle.json            the run: settings, result, versions, events, machine
split.csv              which image was for training, validation and test
metrics.csv            every measured row
test_predictions.csv   the answer for each test image
best.safetensors       the weights
runtime.json           the arithmetic and threads it was trained in
lineage.json           only of a run that started from another one: the chain that led to it
start.safetensors      and the weights that it started from
report.html            one page to read and print
datasets/              list of images{images}

Show it in another Thaw:      python -m training unbundle {name}
Train it again and compare:   python -m training reproduce {name}
"""

def write(store: Store, run_id: str, target: Path, *, images: bool | None = None) -> bool:
    """Write the bundle of a run; returns whether its images are in it (default: up to WITH_IMAGES_BYTES).

    Raises NotFound, StateError for a run without weights.
    """
    run = store.job(run_id)
    exportable(run)
    ref = load_dataset(store.home, run.dataset_id)
    family = [load_dataset(store.home, ref.base), ref] if ref.base else [ref]
    rows = read_rows(ref)
    files = [ref.images_root / row.path for row in rows]
    if images is None:
        images = sum(file.stat().st_size for file in files if file.is_file()) <= WITH_IMAGES_BYTES
    contents = Contents(
        format=FORMAT, made=time.time(), with_images=images, datasets=tuple(one.id for one in family),
        dataset=ref.name, reproduce=f"python -m training reproduce {target.name}",
        run=BundledRun(**{one.name: getattr(run, one.name) for one in fields(BundledRun)}),
        events=tuple(BundledEvent(**event) for event in store.events(run_id)),
    )  # fmt: skip
    metrics = metrics_files.as_csv(metrics_files.table(store, [run_id]))
    try:
        with (
            written_whole(target) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            said = " and the images themselves" if images else "; the images themselves are not in it"
            archive.writestr("README.txt", READ_ME.format(images=said, name=target.name))
            archive.writestr(INDEX, json.dumps(asdict(contents), ensure_ascii=False, indent=1))
            archive.writestr("split.csv", _split_table(ref, rows, run))
            archive.writestr("metrics.csv", metrics)
            archive.writestr("rows.json", json.dumps(store.metrics(run_id)))
            archive.writestr("report.html", html_page.run_report(store, run_id))
            for path in files_of(RunFolder(store.home, run.id)):
                if path.is_file():
                    archive.write(path, path.name, zipfile.ZIP_STORED if path.suffix == ".safetensors" else None)
            for one in family:
                for name in (MANIFEST, RECORD):
                    archive.write(Path(one.root) / name, f"datasets/{one.id}/{name}")
            for image, row in zip(files, rows, strict=True) if images else ():
                archive.write(image, f"images/{row.path}", zipfile.ZIP_STORED)
    except FileNotFoundError as error:
        raise NotFound(f"{error.filename} of run '{run.id}' is not on disk any more: it cannot be bundled.") from error
    return images


def files_of(folder: RunFolder) -> dict[Path, str]:
    """What of a run's folder goes along; where a result names its path, under which key."""
    return {
        folder.weights: "weights", folder.test_predictions: "predictions", folder.runtime: "",
        folder.target_predictions: "target_predictions", folder.lineage: "", folder.start_weights: "",
        folder.out_of_fold: "",
    }  # fmt: skip


def _split_table(ref: DatasetRef, rows: Sequence[Row], run: Job) -> str:
    placed = zip(rows, sides(ref, run.plan.split_seed, run.plan.split_rules), strict=True)
    return csv_text(
        ("path", "digest", "label", "split"),
        ((row.path, row.digest, ref.classes[row.label] if row.label >= 0 else "", side) for row, side in placed),
    )

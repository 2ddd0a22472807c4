"""Taking a run's model along: what the worker does for a job of kind 'export'.

Writes ONNX, safetensors for timm, `predict.py`, a model card and the run's metrics into one folder, which appears only
when it is whole and onnxruntime answered as torch does. Everything here runs on the CPU, in fp32: what is downloaded
must not depend on the arithmetic that this machine happened to train in.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from core import DatasetRef, Tell, ThawError, processes, to_json, write_json, write_whole
from core.disk import flush
from core.files import take_place
from core.names import IMAGE_SUFFIXES
from core.portable import predict
from training.caches import Bench, ImageData, Rows
from training.engine import proportional
from training.evaluation import calibration
from training.evaluation.unseen import unseen
from training.export import contents, model_card, onnx_graph, timm_folder
from training.machine import Parts
from training.report import html_page, metrics_files
from training.requests import exportable
from training.store import Job, RunResult, Store

VERIFIED = 50
"""Images on which onnxruntime is held against torch before anything is offered."""
MOST_CALIBRATED, MOST_NEIGHBOURS, TIMED = 2000, 5000, 20
BATCH = 16
PORTABLE = ("predict.py", "pictures.py", "reasons.py", "dicom.py")
"""What leaves of `core.portable`; there they find one another beside themselves."""

"""(fraction done, what is being done, seconds left); may raise to stop."""


def load(run: Job, home: Path) -> Bench:
    """The run as it ended, on the CPU, in eval mode. Raises ThawError when its data or weights are not here."""
    exportable(run)
    weights = home / str(RunResult.of(run).weights)
    bench = Bench.of_run(run.id, run.plan, home, weights=weights, device=torch.device("cpu"))
    bench.backbone.eval()
    return bench


def export(job: Job, store: Store, home: Path, tell: Tell) -> dict[str, Any]:
    """Export the run that `job.config` names; returns `ExportFacts` as JSON. Raises ThawError, and as `tell` does."""
    tell(0.0, "Loading the run", None)
    run = store.job(job.config["run"])
    bench = load(run, home)
    final = contents.folder_of(home, run.id)
    stage = final.with_name(f"export.{processes.tag()}.tmp")  # a folder: it takes its name whole, as files do
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        facts = _write(run, bench, stage, tell)
        if job.config.get("int8"):
            facts = replace(facts, int8=_quantise(bench.data, stage, tell))
        _papers(run, bench.ref, store, stage, facts)
        flush(stage)  # on the disk before it has its name
        take_place(stage, final)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return to_json(facts)


def _write(run: Job, bench: Bench, stage: Path, tell: Tell) -> contents.ExportFacts:
    """The model and its helpers, verified."""
    config, data, backbone, decoding = run.plan, bench.data, bench.backbone, bench.ref.decoding
    labels = data.labels
    learned = data.rows["train"]
    tell(0.05, "Calibrating", None)
    folds = unseen(run, bench.home, len(bench.ref.classes))
    if folds:
        learned = folds[0]
        calibrated_on = _some(learned, data, MOST_CALIBRATED)
        logits = folds[1][np.searchsorted(learned, calibrated_on)].astype(np.float64)
    else:
        val = data.rows["val"] if len(data.rows["val"]) else data.rows["train"]
        calibrated_on = _some(val, data, MOST_CALIBRATED)
        logits = _logits(bench, calibrated_on, lambda done: tell(0.05 + 0.3 * done, "Calibrating", None))
    near = _some(learned, data, MOST_NEIGHBOURS)
    temperature = calibration.temperature(logits, labels[calibrated_on])
    tell(0.35, "Writing ONNX", None)
    model = onnx_graph.Portable(backbone, data.prep, data.side, temperature)
    about = {
        "labels": json.dumps(bench.ref.classes, ensure_ascii=False), "side": str(data.side), "crop": str(model.crop),
        "interpolation": data.prep.interpolation, "temperature": f"{temperature:.6g}",
        "threshold": "0", "least_similarity": "-1",
        "preprocessing": model_card.preprocessing(data.side, data.prep, decoding),
        "run": run.id, "dataset": bench.ref.id, "strategy": config.strategy.kind,
        "endings": json.dumps(IMAGE_SUFFIXES),
        "backbone": config.strategy.backbone, "licence": model_card.licence(config),
        "value_range": json.dumps(decoding.value_range), "pages": json.dumps(decoding.pages),
    }  # fmt: skip
    onnx_graph.write(model, data.side, stage / contents.MODEL, about)
    _keep_features(stage, np.zeros((0, backbone.last_width), np.float16), data, near[:0])
    portable = predict.Model(stage)
    features = _answers(
        portable, data, near, lambda done: tell(0.4 + 0.3 * done, "Features of the training images", None)
    )["features"]
    _keep_features(stage, features.astype(np.float16), data, near)
    answers = _answers(
        portable, data, calibrated_on, lambda done: tell(0.7 + 0.15 * done, "Answers by onnxruntime", None)
    )
    similarity = _nearest(answers["features"], features, data.groups[calibrated_on], data.groups[near])
    probabilities = softmax(logits / temperature, axis=1) if folds else answers["probabilities"]
    limits = calibration.limits(probabilities, similarity, labels[calibrated_on])
    about |= {"threshold": f"{limits.threshold:.6g}", "least_similarity": f"{limits.least_similarity:.6g}"}
    onnx_graph.annotate(stage / contents.MODEL, about)
    tell(0.85, f"Holding ONNX against torch on {VERIFIED} images", None)
    verified, difference = verify(bench, stage, temperature)
    right = probabilities.argmax(1) == labels[calibrated_on]
    portable = predict.Model(stage)
    tell(0.9, "Weights for timm", None)
    extra = {"temperature": temperature, "run": run.id, "dataset": bench.ref.id, "head": config.strategy.head}
    loads = timm_folder.write(backbone, bench.ref.classes, stage, extra, data.batch(calibrated_on[:2], 0))
    return contents.ExportFacts(
        run=run.id, weights_sha256=str(RunResult.of(run).weights_sha256), made=time.time(),
        labels=bench.ref.classes, side=data.side, temperature=temperature, threshold=limits.threshold,
        least_similarity=limits.least_similarity, calibrated_on=limits.images, right_kept=limits.right_kept,
        wrong_flagged=limits.wrong_flagged, verified_on=verified, largest_difference=difference,
        accuracy=float(right.mean()), ms=_milliseconds(portable, data, calibrated_on), threads=torch.get_num_threads(),
        bytes=(stage / contents.MODEL).stat().st_size, timm=loads, maps=model.mapped, neighbours=len(near),
        folds=folds is not None,
    )  # fmt: skip


def verify(bench: Bench, folder: Path, temperature: float, rows: Rows | None = None) -> tuple[int, float]:
    """Hold the ONNX file against torch, each from the image file on: (images, largest difference of a probability).

    rows: default some of validation and training. Raises ThawError where an answer or a probability differs.
    """
    data, portable = bench.data, predict.Model(folder, threads=torch.get_num_threads())
    if rows is None:
        rows = _some(np.concatenate([data.rows["val"], data.rows["train"]]), data, VERIFIED)
    largest, other = 0.0, 0
    for start in range(0, len(rows), BATCH):
        chunk = rows[start : start + BATCH]
        with torch.inference_mode():
            wanted = (bench.backbone(data.batch(chunk, 0)) / temperature).softmax(1).numpy()
        squares = [portable.square(bench.ref.images_root / data.paths[row]) for row in chunk]
        given = portable(np.stack(squares))["probabilities"]
        largest = max(largest, float(np.abs(wanted - given).max()))
        other += int((wanted.argmax(1) != given.argmax(1)).sum())
    if other or not largest <= onnx_graph.TOLERANCE:
        raise ThawError(
            f"The exported model does not answer as the trained one: of {len(rows)} images {other} get another answer, "
            f"and a probability differs by {largest:.2g}. It is not offered; please report this backbone."
        )
    return len(rows), largest


def _quantise(data: ImageData, stage: Path, tell: Tell) -> contents.Quantised:
    """8-bit weights and activations, ranges from training images; the cost is measured on the validation images."""
    from training.export.quantisation import quantise

    tell(0.92, "Quantising to 8-bit integers", None)
    rows = _some(data.rows["train"], data, 100)
    quantise(
        stage / contents.MODEL, stage / contents.INT8, [data.squares(rows[i : i + 4]) for i in range(0, len(rows), 4)]
    )
    calibrated_on = _some(data.rows["val"] if len(data.rows["val"]) else data.rows["train"], data, MOST_CALIBRATED)
    full, small = predict.Model(stage), predict.Model(stage, contents.INT8)
    tell(0.95, "Measuring what 8 bits cost", None)
    ours = _answers(full, data, calibrated_on, lambda done: None)["probabilities"].argmax(1)
    theirs = _answers(small, data, calibrated_on, lambda done: None)["probabilities"].argmax(1)
    return contents.Quantised(
        accuracy=float((theirs == data.labels[calibrated_on]).mean()), agreement=float((theirs == ours).mean()),
        ms=_milliseconds(small, data, calibrated_on), bytes=(stage / contents.INT8).stat().st_size,
    )  # fmt: skip


def _papers(run: Job, ref: DatasetRef, store: Store, stage: Path, facts: contents.ExportFacts) -> None:
    """What is to be read, not run."""
    for module in PORTABLE:
        script = Path(predict.__file__).with_name(module).read_text(encoding="utf-8")
        write_whole(stage / module, script.replace("from core.portable.", "from "))
    card = model_card.text(run, run.plan, ref, facts, store.home)
    write_whole(stage / "README.md", card)
    write_whole(stage / "report.html", html_page.run_report(store, run.id))
    metrics_files.write_tables(store, [run.id], stage)
    write_json(stage / contents.FACTS, to_json(facts), indent=1)


def _some(rows: Rows, data: ImageData, most: int) -> Rows:
    return proportional(rows, data.labels, most) if len(rows) > most else rows


def _logits(bench: Bench, rows: Rows, done: Callable[[float], None]) -> NDArray[np.float64]:
    found: list[NDArray[np.float64]] = []
    parts = Parts("the answers of the network")

    def answers(images: torch.Tensor) -> NDArray[np.float64]:
        logits: NDArray[np.float64] = bench.backbone(images).double().numpy()
        return logits

    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            found += parts.run(answers, bench.data.batch(rows[start : start + BATCH], 0))
            done(start / len(rows))
    return np.concatenate(found)


def _answers(
    portable: predict.Model, data: ImageData, rows: Rows, done: Callable[[float], None]
) -> dict[str, NDArray[np.float32]]:
    """Probabilities [N, classes] and features [N, width] of cached squares."""
    found: list[dict[str, NDArray[np.float32]]] = []
    parts = Parts("the answers of the exported model")
    for start in range(0, len(rows), BATCH):
        found += parts.run(portable, data.squares(rows[start : start + BATCH]))
        done(start / len(rows))
    return {name: np.concatenate([part[name] for part in found]) for name in ("probabilities", "features")}


def _keep_features(stage: Path, features: NDArray[np.float16], data: ImageData, rows: Rows) -> None:
    paths = np.array([data.paths[row] for row in rows], dtype=np.str_)
    np.savez(
        stage / "neighbours.npz", features=features, paths=paths, rows=rows.astype(np.int64),
        labels=data.labels[rows],
    )  # fmt: skip


def _nearest(features: NDArray[np.float32], training: NDArray[np.float32], own: Rows, of: Rows) -> NDArray[np.float32]:
    """Cosine to the nearest training image, not counting those that an image belongs to. own, of: groups of both."""
    cosines = features @ training.astype(np.float16).astype(np.float32).T
    cosines[own[:, None] == of[None, :]] = -1.0
    nearest: NDArray[np.float32] = cosines.max(1)
    return nearest


def _milliseconds(portable: predict.Model, data: ImageData, rows: Rows) -> float:
    """Median of single images, the first one not counted."""
    times = []
    for row in np.resize(rows, TIMED + 1):
        squares = data.squares(np.array([row]))
        began = time.perf_counter()
        portable(squares)
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times[1:]))

"""A training job from configuration to result: what the worker does for a job of kind 'train'."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from advisor.planning import augmentation_remarks, check_domains
from core import DataError, DatasetRef, RunConfig, csv_text, to_json, write_whole
from core.files import naming
from dataset import load_dataset
from dataset.ingest import labels_in
from training.backbones import Backbone, read_checkpoint, write_weights
from training.caches import Arithmetic, Bench, ImageData, Rows, choose_training
from training.caches.prefix import Tick
from training.engine import Fit, Fitted, Target
from training.jobs import starting
from training.machine import devices
from training.machine.versions import versions
from training.profile import few_shot as shots
from training.store import FewShot, RunFolder, RunResult

if TYPE_CHECKING:
    from training.jobs.context import StoreContext
    from training.store import Job, Store


def train(job: Job, context: StoreContext, store: Store, home: Path) -> tuple[RunResult, bool]:
    """Train, judge once on the test images, write weights and predictions; returns (result, stopped early by hand)."""
    config = job.plan
    folder = RunFolder(home, job.id)
    chain = starting.begin(config, job.id, store, home) if config.from_run else ()

    def reading(what: str) -> Tick:
        return lambda done, total: context.progress(0.0, f"Reading {what}, {done:,} of {total:,}")

    bench = Bench.of_run(job.id, config, home, reading("images"), trains=True)
    backbone, data, device, runtime = bench.backbone, bench.data, bench.device, bench.runtime
    if not len(data.rows["val"]):
        raise DataError(
            "No image is left to validate on: in every class all images are copies of one, look alike or belong to one "
            "group, and such images stay on one side. Add different images, or import these again without groups."
        )
    # Sums in another number of threads round otherwise: a run resumed on a machine with other cores keeps its number.
    torch.set_num_threads(int(runtime.keep("threads", lambda: str(torch.get_num_threads()))))

    def choose(number: int, inputs: Tensor) -> Arithmetic:
        phase, classes = config.strategy.phases[number], len(data.classes)
        measured = lambda: choose_training(backbone, phase, inputs, classes, device, home).code  # noqa: E731
        return Arithmetic.named(runtime.keep(f"phase {number}", measured))

    target = None
    if config.target_id:
        other = bench.beside(load_dataset(home, config.target_id), reading("the target's images"))
        target = _target(config, bench.ref, other)
    resume = read_checkpoint(folder.checkpoint) if job.attempt > 1 else None
    store.cut_metrics(job, resume["position"]["rows"] if resume else 0)
    if job.attempt > 1:
        where = f"at {resume['position']['seconds']:.0f} s" if resume else "from the beginning (no checkpoint yet)"
        context.event("info", "resumed", f"Resumed {where} (attempt {job.attempt}).")
    for level, remark in augmentation_remarks(config.strategy, data.classes):
        context.event(level, "augmentation", remark)
    budget_s = config.minutes * 60 if config.minutes else None
    fit = Fit(
        config.strategy, backbone, data, context,
        seed=config.seed, device=device, prefix=bench.prefix, budget_s=budget_s, resume=resume, choose=choose,
        target=target,
    )  # fmt: skip
    fitted = fit.run()
    result = _finish(config, fit, fitted, data, backbone, folder, context)
    on_target = _judge_target(target, fit, folder) if target and fitted.best.val_accuracy >= 0 else {}
    return replace(
        result, **on_target, device=devices.hardware(device).name, arithmetic=runtime.known, versions=versions(),
        finished_at=time.time(), peak_memory_bytes=context.memory.bytes(), lineage=chain,
    ), fitted.stopped  # fmt: skip


def few_shot(fit: Fit, data: ImageData, backbone: Backbone, seed: int) -> dict[str, Any]:
    """What fewer images a class would have given, judged on validation images: the test images are for the end."""
    train, val = (
        (fit.inputs.features(backbone.head_index, rows).cpu(), data.labels[torch.from_numpy(rows)])
        for rows in (data.rows["train"], data.rows["val"])
    )
    return dict(to_json(FewShot(tuple(shots.curve(train, val, len(data.classes), seed=seed)))))


def _target(config: RunConfig, source: DatasetRef, bench: Bench) -> Target:
    """The second domain of a run, its labels in the source's numbering. Where an image has none it cannot be judged by,
    so it is aligned, whatever side of the split it is on."""
    check_domains(source, bench.ref)
    data = bench.data
    data.labels, data.classes = torch.from_numpy(labels_in(bench.ref, source)), source.classes
    known = data.labels.numpy() >= 0
    train, val, test = (data.rows[side] for side in ("train", "val", "test"))
    aligned = np.sort(np.concatenate([train, val[~known[val]], test[~known[test]]]))
    data.rows = {"train": aligned, "val": val[known[val]], "test": test[known[test]]}
    labelled = bool(known.any())
    return Target.of(
        config.strategy, bench.backbone, data, bench.prefix, config.seed, bench.device, labelled=labelled
    )


def write_predictions(path: Path, data: ImageData, rows: Rows, probabilities: Tensor) -> None:
    """One line an image: path, label, predicted, confidence."""
    predicted, truth = probabilities.argmax(1), data.labels[torch.from_numpy(rows)]
    lines = (
        (data.paths[row], int(truth[i]), int(predicted[i]), round(float(probabilities[i].max()), 6))
        for i, row in enumerate(rows)
    )
    write_whole(path, csv_text(("path", "label", "predicted", "confidence"), lines))


def _judge_target(target: Target, fit: Fit, folder: RunFolder) -> dict[str, Any]:
    """The target's test images, judged once: the accuracy that adaptation is for. Empty where nothing is labelled."""
    rows = target.data.rows["test"]
    if not target.labelled or not len(rows):
        return {}
    assert isinstance(target.data, ImageData)
    probabilities = target.judge.predict(fit.best.boundary, rows)
    truth = target.data.labels[torch.from_numpy(rows)]
    correct = int((probabilities.argmax(1) == truth).sum())
    write_predictions(folder.target_predictions, target.data, rows, probabilities)
    return {
        "target_accuracy": correct / len(rows), "target_correct": correct, "target_total": len(rows),
        "target_predictions": folder.in_home(folder.target_predictions),
    }  # fmt: skip


def _finish(
    config: RunConfig,
    fit: Fit,
    fitted: Fitted,
    data: ImageData,
    backbone: Backbone,
    folder: RunFolder,
    context: StoreContext,
) -> RunResult:
    """Without what `train` knows; test figures are None when there is no best yet or no test image."""
    best, strategy = fitted.best, config.strategy
    lowest = min(phase.boundary for phase in strategy.phases)
    trainable = max(backbone.promised_params(phase) for phase in strategy.phases)
    result = RunResult(
        train_accuracy=best.train_accuracy, best_epoch=best.epoch, epochs=fitted.epochs,
        cache_seconds=fitted.position.cache_seconds, overhead_seconds=fitted.position.overhead_s,
        rollbacks=fitted.position.rollbacks, stopped_early=fitted.stopped or fitted.finished_early,
        trainable_params=trainable, total_params=sum(p.numel() for p in backbone.parameters()),
    )  # fmt: skip
    if best.val_accuracy < 0:
        nothing = (
            "No epoch ended with a validation loss that is a finite number: there are no weights to keep. Train at a "
            "lower learning rate, or with larger batches."
            if fitted.epochs >= 1
            else "Stopped before the first epoch ended: there are no weights to keep."
        )
        return replace(result, seconds=context.seconds, note=nothing)
    note = None
    if best.boundary == backbone.head_index > lowest:
        which, so = ("solved head's", "this result is a linear probe's")
        if strategy.head == "hidden":
            which, so = "head's alone", "the stages below it are as they came"
        note = (
            f"The weights kept are the {which}: what was trained after it did not beat it on validation, "
            f"so {so}. More epochs or a lower rate may change that."
        )
        context.event("caution", "probe_best", note, epoch=best.epoch)
    if strategy.kind == "prototype":
        context.note("few_shot", few_shot(fit, data, backbone, config.seed))
    context.progress(1.0, "Judging once on the test images")
    rows = data.rows["test"]
    probabilities = fit.predict(rows)
    predicted = probabilities.argmax(1)
    truth = data.labels[rows]
    correct = int((predicted == truth).sum())
    write_predictions(folder.test_predictions, data, rows, probabilities)
    digest = write_weights(folder.weights, backbone.state_dict())
    if not fitted.stopped:
        with naming():
            folder.checkpoint.unlink(missing_ok=True)
    return replace(
        result, val_accuracy=best.val_accuracy, val_loss=best.val_loss, note=note,
        test_accuracy=correct / len(rows) if len(rows) else None, test_correct=correct, test_total=len(rows),
        weights_sha256=digest, weights=folder.in_home(folder.weights),
        predictions=folder.in_home(folder.test_predictions), seconds=context.seconds,
    )  # fmt: skip

"""A training job from configuration to result: what the worker does for a job of kind 'train'."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from advisor import catalog
from advisor.adaptation import check_domains
from advisor.files import find_as, write_json, write_whole
from advisor.ingest import load_dataset
from advisor.plans import RunConfig, run_config_from_json
from advisor.targets import labels_in
from training import caches, devices, frozen, shots, starting
from training.adaptation import Target
from training.arithmetic import Arithmetic, choose_training
from training.backbones import Backbone, Preprocessing, build
from training.checkpoint import read_checkpoint, write_weights
from training.data import Rows
from training.engine import Fit
from training.images import ImageData
from training.prefix import PrefixCache
from training.progress import Fitted
from training.run_folder import RunFolder
from training.run_result import RunResult
from training.versions import versions

if TYPE_CHECKING:
    from training.job_context import StoreContext
    from training.store import Job, Store


def train(job: Job, context: StoreContext, store: Store, home: Path) -> tuple[RunResult, bool]:
    """Train, judge once on the test images, write weights and predictions; returns (result, stopped early by hand)."""
    config = run_config_from_json(job.config)
    folder = RunFolder(home, job.id)
    device = devices.pick()
    ref = load_dataset(home, config.dataset_id)
    backbone = build(
        config.strategy.backbone, len(ref.classes), pretrained=config.strategy.pretrained, seed=config.seed,
        image_px=config.strategy.image_px, home=home,
    ).to(device)
    if backbone.weights_id == "random":
        backbone.weights_id = f"random-{config.seed}"
    assert backbone.preprocessing is not None
    chain = starting.begin(config, job.id, backbone, store, home) if config.from_run else ()
    cache = caches.folder_of(home, ref.images_id)

    def reading(done: int, total: int) -> None:
        context.progress(0.0, f"Reading images, {done:,} of {total:,}")

    native = backbone.preprocessing.at(catalog.backbone(config.strategy.backbone).image_px)
    data = ImageData(
        ref, cache, native, config.split_seed, reading,
        image_px=config.strategy.image_px, device=device, split_rules=config.split_rules,
    )  # fmt: skip
    repeated = RunFolder(home, config.repeats) if config.repeats else folder
    runtime = Runtime(folder.runtime, repeated.runtime)
    if config.per_class:
        data.rows["train"] = fewer(data.rows["train"], data.labels, config.per_class, config.seed)
    # Sums in another number of threads round otherwise: a run resumed on a machine with other cores keeps its number.
    torch.set_num_threads(int(runtime.keep("threads", lambda: str(torch.get_num_threads()))))
    example = data.batch(np.resize(data.rows["train"], frozen.pass_batch(device)), 0)
    precision = runtime.keep("frozen", lambda: frozen.choose(backbone, device, example, home))
    prefix = PrefixCache(backbone, data, device, precision, cache)

    def choose(number: int, inputs: Tensor) -> Arithmetic:
        phase, classes = config.strategy.phases[number], len(ref.classes)
        measured = lambda: choose_training(backbone, phase, inputs, classes, device, home).code  # noqa: E731
        return Arithmetic.named(runtime.keep(f"phase {number}", measured))

    target = _target(config, backbone, native, precision, device, context, home) if config.target_id else None
    resume = read_checkpoint(folder.checkpoint) if job.attempt > 1 else None
    store.cut_metrics(job, resume["position"]["rows"] if resume else 0)
    if job.attempt > 1:
        where = f"at {resume['position']['seconds']:.0f} s" if resume else "from the beginning (no checkpoint yet)"
        context.event("info", "resumed", f"Resumed {where} (attempt {job.attempt}).")
    budget_s = config.minutes * 60 if config.minutes else None
    fit = Fit(
        config.strategy, backbone, data, context,
        seed=config.seed, device=device, prefix=prefix, budget_s=budget_s, resume=resume, choose=choose,
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
    return shots.as_note(shots.curve(train, val, len(data.classes), seed=seed))


def fewer(rows: Rows, labels: Tensor, per_class: int, seed: int) -> Rows:
    """At most `per_class` of `rows` from each class, ascending, drawn by `seed`."""
    own = labels[torch.from_numpy(rows)].numpy()
    draw = np.random.default_rng(devices.derive_seed("per class", seed))
    chosen: Rows = np.sort(
        np.concatenate([draw.permutation(rows[own == label])[:per_class] for label in np.unique(own)])
    )
    return chosen


def _target(
    config: RunConfig,
    backbone: Backbone,
    native: Preprocessing,
    precision: str,
    device: torch.device,
    context: StoreContext,
    home: Path,
) -> Target:
    """The second domain of a run, its labels in the source's numbering. Where an image has none it cannot be judged by,
    so it is aligned, whatever side of the split it is on."""
    source, ref = load_dataset(home, config.dataset_id), load_dataset(home, config.target_id)
    check_domains(source, ref)
    cache = caches.folder_of(home, ref.images_id)
    data = ImageData(
        ref, cache, native, config.split_seed,
        lambda done, total: context.progress(0.0, f"Reading the target's images, {done:,} of {total:,}"),
        image_px=config.strategy.image_px, device=device, split_rules=config.split_rules,
    )  # fmt: skip
    data.labels, data.classes = torch.from_numpy(labels_in(ref, source)), source.classes
    known = data.labels.numpy() >= 0
    train, val, test = (data.rows[side] for side in ("train", "val", "test"))
    aligned = np.sort(np.concatenate([train, val[~known[val]], test[~known[test]]]))
    data.rows = {"train": aligned, "val": val[known[val]], "test": test[known[test]]}
    prefix = PrefixCache(backbone, data, device, precision, cache)
    return Target.of(config.strategy, backbone, data, prefix, config.seed, device, labelled=bool(known.any()))


def write_predictions(path: Path, data: ImageData, rows: Rows, probabilities: Tensor) -> None:
    """One line an image: path, label, predicted, confidence."""
    predicted, truth = probabilities.argmax(1), data.labels[torch.from_numpy(rows)]
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["path", "label", "predicted", "confidence"])
    for i, row in enumerate(rows):
        writer.writerow([data.paths[row], int(truth[i]), int(predicted[i]), round(float(probabilities[i].max()), 6)])
    write_whole(path, table.getvalue())


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


class Runtime:
    """What a run chose by measuring on this machine, written down so that a resumed run computes as it began."""

    def __init__(self, path: Path, begin_as: Path) -> None:
        """begin_as: the choices to begin with when this run has none yet: those of the run that it repeats."""
        self._path = path
        self.known: dict[str, str] = find_as(path, dict[str, str]) or find_as(begin_as, dict[str, str]) or {}

    def keep(self, name: str, measure: Callable[[], str]) -> str:
        if name not in self.known:
            self.known[name] = measure()
            write_json(self._path, self.known)
        return self.known[name]


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
        nothing = "Stopped before the first epoch ended: there are no weights to keep."
        return replace(result, seconds=context.seconds, note=nothing)
    note = None
    if best.boundary == backbone.head_index > lowest:
        note = (
            "The weights kept are the solved head's: what was trained after it did not beat it on validation, "
            "so this result is a linear probe's. More epochs or a lower rate may change that."
        )
        context.event("caution", "probe_best", note, epoch=best.epoch)
    if strategy.kind == "prototype":
        context.note("few_shot", few_shot(fit, data, backbone, config.seed))
    context.progress(1.0, "Judging once on the test images")
    context.hold()
    rows = data.rows["test"]
    probabilities = fit.predict(rows)
    predicted = probabilities.argmax(1)
    truth = data.labels[rows]
    correct = int((predicted == truth).sum())
    write_predictions(folder.test_predictions, data, rows, probabilities)
    digest = write_weights(folder.weights, backbone.state_dict())
    folder.checkpoint.unlink(missing_ok=True) if not fitted.stopped else None
    return replace(
        result, val_accuracy=best.val_accuracy, val_loss=best.val_loss, note=note,
        test_accuracy=correct / len(rows) if len(rows) else None, test_correct=correct, test_total=len(rows),
        weights_sha256=digest, weights=folder.in_home(folder.weights),
        predictions=folder.in_home(folder.test_predictions), seconds=context.seconds,
    )  # fmt: skip

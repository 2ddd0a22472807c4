"""A training job from configuration to result: what the worker does for a job of kind 'train'.

A run that only solves its head on features of the backbone's own weights needs no torch, and loads none where an
inference engine has the backbone's graph; every other one does.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import DataError, RunConfig, csv_text, to_json, write_whole
from core.files import naming
from training.caches import Bench, ImageData, Rows
from training.caches.prefix import Tick
from training.engine.probe import Probe
from training.machine import cpu, versions
from training.profile import few_shot as shots
from training.store import FewShot, RunFolder, RunResult

if TYPE_CHECKING:
    from core import DatasetRef
    from training.engine import Fit, Fitted, Target
    from training.jobs.context import StoreContext
    from training.store import Job, Store


def train(job: Job, context: StoreContext, store: Store, home: Path) -> tuple[RunResult, bool]:
    """Train, judge once on the test images, write weights and predictions; returns (result, stopped early by hand)."""

    def reading(what: str) -> Tick:
        return lambda done, total: context.progress(0.0, f"Reading {what}, {done:,} of {total:,}")

    bench = Bench.of_probe(job.id, job.plan, home, reading("images"))
    if bench and not job.plan.tested:
        _leave_tests(bench.data)
    return _probe(job, context, store, bench) if bench else _network(job, context, store, home, reading)


def load_ahead() -> None:
    """What a probe needs beside this module."""
    import threadpoolctl  # noqa: F401


def _probe(job: Job, context: StoreContext, store: Store, bench: Bench) -> tuple[RunResult, bool]:
    """A head solved on features of a graph, without torch."""
    config, folder, graph = job.plan, RunFolder(bench.home, job.id), bench.graph
    assert graph is not None
    _can_be_judged(bench.data)
    store.cut_metrics(job, 0)
    if job.attempt > 1:
        context.event("info", "resumed", f"Begun again (attempt {job.attempt}): a head is solved in one go.")
    run = Probe(config.strategy, graph, bench.data, context, prefix=bench.prefix, budget_s=_budget_s(config),
                spent_s=context.seconds)  # fmt: skip
    fitted = run.run()
    if config.strategy.kind == "prototype" and fitted.best.weights:
        context.note("few_shot", few_shot(partial(run.features, graph.head_index), bench.data, config.seed))
    result = _finish(
        fitted, bench.data, folder, context, run, lambda: graph.with_head(fitted.best.weights), tested=config.tested
    )
    head = len(bench.data.classes) * (graph.width + 1)
    result = replace(
        result, trainable_params=head, total_params=graph.facts.params + head, device=cpu.hardware().name,
        arithmetic=bench.runtime.known, versions=versions.versions(), finished_at=time.time(),
        peak_memory_bytes=context.memory.bytes(),
    )  # fmt: skip
    return result, fitted.stopped


def _leave_tests(data: ImageData) -> None:
    """Nothing of this run reads the test images."""
    data.rows = {**data.rows, "test": data.rows["test"][:0]}


def _budget_s(config: RunConfig) -> float | None:
    return config.minutes * 60 if config.minutes else None


def _can_be_judged(data: ImageData) -> None:
    if not len(data.rows["val"]):
        raise DataError(
            "No image is left to validate on: in every class all images are copies of one, look alike or belong to one "
            "group, and such images stay on one side. Add different images, or import these again without groups."
        )


def _network(
    job: Job, context: StoreContext, store: Store, home: Path, reading: Callable[[str], Tick]
) -> tuple[RunResult, bool]:
    """A run of the network itself, by torch."""
    import torch

    from advisor.planning import augmentation_remarks, phase_seconds
    from dataset import load_dataset
    from training.backbones import read_checkpoint
    from training.backbones.weight_files import as_safetensors
    from training.caches import Arithmetic, choose_training
    from training.engine import Fit
    from training.graphs import resuming
    from training.jobs import starting
    from training.machine import devices

    config = job.plan
    folder = RunFolder(home, job.id)
    chain = starting.begin(config, job.id, store, home) if config.from_run else ()
    bench = Bench.of_run(job.id, config, home, reading("images"), trains=True)
    backbone, data, device, runtime = bench.backbone, bench.data, bench.device, bench.runtime
    if not config.tested:
        _leave_tests(data)
    _can_be_judged(data)
    # Sums in another number of threads round otherwise: a run resumed on a machine with other cores keeps its number.
    torch.set_num_threads(int(runtime.keep("threads", lambda: str(torch.get_num_threads()))))

    def choose(number: int, inputs: torch.Tensor) -> Arithmetic:
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
    prefix = bench.prefix
    if before := runtime.known.get(resuming.BEFORE):
        said = f"Frozen features are computed by {prefix.precision} from here on; the run began with {before}, "
        context.event("caution", "other_engine", f"{said}which is not on this machine: they round otherwise.")
    for why in bench.no_graph:
        context.event("info", "no_graph", why)
    for level, remark in augmentation_remarks(config.strategy, data.classes):
        context.event(level, "augmentation", remark)
    facts = store.facts(config.dataset_id, config.strategy.backbone)
    fit = Fit(
        config.strategy, backbone, data, context,
        seed=config.seed, device=device, prefix=prefix, budget_s=_budget_s(config), spent_s=context.seconds,
        runtime=runtime, work=phase_seconds(config.strategy, facts, config.per_class) if facts else (),
        resume=resume, choose=choose, target=target,
    )  # fmt: skip
    fitted = fit.run()
    best, head = fitted.best, backbone.head_index
    note = None
    if best.val_accuracy >= 0 and best.boundary == head > min(phase.boundary for phase in config.strategy.phases):
        which, so = "solved head's", "this result is a linear probe's"
        if config.strategy.head == "hidden":
            which, so = "head's alone", "the stages below it are as they came"
        note = (
            f"The weights kept are the {which}: what was trained after it did not beat it on validation, or not in its "
            f"last epoch, so {so}. More epochs or a lower rate may change that."
        )
        context.event("caution", "probe_best", note, epoch=best.epoch)
    if config.strategy.kind == "prototype" and best.weights:
        context.note("few_shot", few_shot(partial(fit.features, head), data, config.seed))
    result = _finish(
        fitted, data, folder, context, fit, lambda: as_safetensors(backbone.state_dict()), tested=config.tested
    )
    on_target = _judge_target(target, fit, folder) if target and best.val_accuracy >= 0 else {}
    return replace(
        result, **on_target, note=result.note or note,
        trainable_params=max(backbone.promised_params(phase) for phase in config.strategy.phases),
        total_params=sum(p.numel() for p in backbone.parameters()), device=devices.hardware(device).name,
        arithmetic=runtime.known, versions=versions.versions(), finished_at=time.time(),
        peak_memory_bytes=context.memory.bytes(), lineage=chain,
    ), fitted.stopped  # fmt: skip


def few_shot(features: Callable[[Rows], NDArray[np.float32]], data: ImageData, seed: int) -> dict[str, Any]:
    """What fewer images a class would have given, judged on validation images: the test images are for the end.

    features: of rows, at the head.
    """
    train, val = ((features(data.rows[side]), data.labels[data.rows[side]]) for side in ("train", "val"))
    return dict(to_json(FewShot(tuple(shots.curve(train, val, len(data.classes), seed=seed)))))


def _target(config: RunConfig, source: DatasetRef, bench: Bench) -> Target:
    """The second domain of a run, its labels in the source's numbering. Where an image has none it cannot be judged by,
    so it is aligned, whatever side of the split it is on."""
    from advisor.planning import check_domains
    from dataset.ingest import labels_in
    from training.engine import Target

    check_domains(source, bench.ref)
    data = bench.data
    data.labels, data.classes = labels_in(bench.ref, source), source.classes
    known = data.labels >= 0
    train, val, test = (data.rows[side] for side in ("train", "val", "test"))
    aligned = np.sort(np.concatenate([train, val[~known[val]], test[~known[test]]]))
    data.rows = {"train": aligned, "val": val[known[val]], "test": test[known[test]]}
    labelled = bool(known.any())
    return Target.of(
        config.strategy, bench.backbone, data, bench.prefix, config.seed, bench.device, labelled=labelled
    )


def write_predictions(path: Path, data: ImageData, rows: Rows, probabilities: NDArray[np.float32]) -> int:
    """One line an image: path, label, predicted, confidence. Returns how many are right."""
    predicted, truth = probabilities.argmax(axis=1), data.labels[rows]
    lines = (
        (data.paths[row], int(truth[i]), int(predicted[i]), round(float(probabilities[i].max()), 6))
        for i, row in enumerate(rows)
    )
    write_whole(path, csv_text(("path", "label", "predicted", "confidence"), lines))
    return int((predicted == truth).sum())


def _npy(values: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def _judge_target(target: Target, fit: Fit, folder: RunFolder) -> dict[str, Any]:
    """The target's test images, judged once: the accuracy that adaptation is for. Empty where nothing is labelled."""
    rows = target.data.rows["test"]
    if not target.labelled or not len(rows):
        return {}
    assert isinstance(target.data, ImageData)
    probabilities = target.judge.predict(fit.best.boundary, rows)
    correct = write_predictions(folder.target_predictions, target.data, rows, probabilities)
    return {
        "target_accuracy": correct / len(rows), "target_correct": correct, "target_total": len(rows),
        "target_predictions": folder.in_home(folder.target_predictions),
    }  # fmt: skip


def _finish(
    fitted: Fitted, data: ImageData, folder: RunFolder, context: StoreContext, run: Probe,
    weights: Callable[[], bytes], *, tested: bool,
) -> RunResult:  # fmt: skip
    """Without what its callers know; test figures are None when there is no best yet or no test image.

    weights: the best, as the bytes of a safetensors file.
    """
    best, at = fitted.best, fitted.position
    result = RunResult(
        train_accuracy=best.train_accuracy, best_epoch=best.epoch, epochs=fitted.epochs,
        cache_seconds=at.cache_seconds, overhead_seconds=at.overhead_s, rollbacks=at.rollbacks,
        stopped_early=fitted.stopped or fitted.finished_early,
    )  # fmt: skip
    if best.val_accuracy < 0:
        nothing = (
            "No epoch ended with a validation loss that is a finite number: there are no weights to keep. Train at a "
            "lower learning rate, or with larger batches."
            if fitted.epochs >= 1
            else "Stopped before the first epoch ended: there are no weights to keep."
        )
        return replace(result, seconds=context.seconds, note=nothing)
    kept = weights()
    write_whole(folder.weights, kept)
    if tested:
        context.progress(1.0, "Judging once on the test images")
        result = replace(result, **test(data, folder, run.predict(data.rows["test"])))
    if again := run.refitted:
        result = replace(result, refitted_on=len(again.rows))
        write_whole(folder.out_of_fold, _npy(np.column_stack([again.rows, again.out_of_fold]).astype(np.float32)))
    if not fitted.stopped:
        with naming():
            folder.checkpoint.unlink(missing_ok=True)
    return replace(
        result, val_accuracy=best.val_accuracy, val_loss=best.val_loss,
        weights_sha256=hashlib.sha256(kept).hexdigest(), weights=folder.in_home(folder.weights),
        seconds=context.seconds,
    )


def test(data: ImageData, folder: RunFolder, probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """What a result says of the test images, whose answers are written down. probabilities: [test images, classes]."""
    rows = data.rows["test"]
    correct = write_predictions(folder.test_predictions, data, rows, probabilities)
    return {
        "test_accuracy": correct / len(rows) if len(rows) else None, "test_correct": correct, "test_total": len(rows),
        "predictions": folder.in_home(folder.test_predictions),
    }  # fmt: skip

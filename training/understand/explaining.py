"""The job that looks into one run: losses, calibration, activation maps, nearest training images, what moved, what was
forgotten. It trains nothing; what it finds is read by pages through `findings`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from core import Estimate, Tell, processes, write_json
from core.disk import flush
from core.files import take_place
from training.backbones import Backbone
from training.caches import Rows, telling
from training.engine import proportional
from training.evaluation import temperature, wilson
from training.evaluation.unseen import unseen
from training.machine import Parts
from training.store import Job
from training.understand import activation_maps, findings
from training.understand.findings import Explained, Source
from training.understand.open_run import OpenRun

MOST_MAPS = 120
"""Activation maps of one run: the highest losses first, then the answers it was least sure of."""
LEAST_SURE = 24
MOST_SEARCHED = 4000
"""Training images among which the nearest are looked for: more would take minutes for a small network."""
NEAREST = 5
MAP_BATCH = 8
JPEG_QUALITY = 82

"""(fraction done, what is being done, seconds left); may raise to stop."""


def explain(job: Job, home: Path, tell: Tell, source_id: str = "") -> dict[str, Any]:
    """Look into the run `job` and write `runs/<id>/explained/`; returns a summary for the job's result.

    source_id: a dataset whose classes are ImageNet's, on which the original ability is measured as well.
    Raises StateError or NotFound when the run has no weights.
    """
    started = time.perf_counter()
    tell(0.0, "Loading the run", None)
    run = OpenRun(job, home, telling(tell, 0.0, 0.05, "Reading images"))
    rows = run.data.rows
    test, val = rows["test"], rows["val"]
    train = rows["train"]
    if len(train) > MOST_SEARCHED:
        train = proportional(train, run.data.labels, MOST_SEARCHED)
    parts = {}
    for share, (name, of) in enumerate((("test", test), ("validation", val), ("training", train))):
        parts[name] = run.bench.features(of, telling(tell, 0.05 + 0.2 * share, 0.2, f"Features of the {name} images"))
    sure, held = run.probabilities(parts["test"]), run.probabilities(parts["validation"])
    parts = {name: run.backbone.of_last_stage(features) for name, features in parts.items()}
    truth = torch.from_numpy(run.data.labels[test])
    folds = unseen(job, home, len(run.data.classes))
    if folds:
        heat = temperature(folds[1].astype(np.float64), run.data.labels[folds[0]])
    else:
        heat = temperature(_logits(held), run.data.labels[val]) if len(val) else 1.0
    chosen = _chosen(sure, truth)
    folder = _staging(home, job.id)
    try:
        kind = _write_maps(
            run, test[chosen], sure[chosen].argmax(1), folder, telling(tell, 0.65, 0.2, "Activation maps")
        )
        tell(0.85, "What was forgotten", None)
        agreement, source = _forgetting(run, parts["test"], test, source_id, home)
        found = Explained(
            rows=_ints(test), truth=_ints(truth), predicted=_ints(sure.argmax(1)),
            confidence=_floats(sure.max(1).values),
            truth_probability=_floats(sure.gather(1, truth[:, None])[:, 0]),
            calibrated=_floats((sure.clamp_min(1e-12).log() / heat).softmax(1).max(1).values),
            temperature=heat, validation_images=len(folds[0]) if folds else len(val), folds=folds is not None,
            map_kind=kind, maps=_ints(test[chosen]) if kind else (),
            neighbours=_neighbours(parts["test"], test, parts["training"], train), searched=len(train),
            stages=run.backbone.stage_names[:-1], moved=moved(run), agreement=agreement, source=source,
            seconds=time.perf_counter() - started,
        )  # fmt: skip
        write_json(folder / findings.RECORD, findings.to_record(found))
        flush(folder)  # on the disk before it has its name
        take_place(folder, findings.folder_of(home, job.id))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"run": job.id, "seconds": found.seconds, "maps": len(found.maps)}


def moved(run: OpenRun) -> tuple[float, ...]:
    """Per stage |w - w0| / |w0| over its weights; BatchNorm's running statistics are no weights."""
    names = {id(parameter): name for name, parameter in run.backbone.named_parameters()}
    found = []
    for stage in run.backbone.stage_modules()[:-1]:
        own = [names[id(parameter)] for parameter in stage.parameters()]
        before = sum(float(run.original[name].float().square().sum()) for name in own)
        apart = sum(
            float((run.weights[name].to(run.bench.device) - run.original[name]).float().square().sum()) for name in own
        )
        found.append((apart / before) ** 0.5 if before else 0.0)
    return tuple(found)


def _chosen(sure: Tensor, truth: Tensor) -> NDArray[np.int64]:
    """Places of the test images that get a map: every mistake by its loss, then the least confident answers."""
    loss = -sure.gather(1, truth[:, None])[:, 0]
    by_loss = torch.argsort(loss, descending=True, stable=True).tolist()
    mistakes = int((sure.argmax(1) != truth).sum())
    unsure = torch.argsort(sure.max(1).values, stable=True)[:LEAST_SURE].tolist()
    first = by_loss[: max(LEAST_SURE, min(mistakes, MOST_MAPS - LEAST_SURE))]
    return np.array(list(dict.fromkeys([*first, *unsure]))[:MOST_MAPS], dtype=np.int64)


def _write_maps(run: OpenRun, rows: Rows, classes: Tensor, folder: Path, tick: Callable[[int, int], None]) -> str:
    """One JPEG per row; returns the kind of map, '' where this backbone has none."""
    example = run.data.batch(rows[:2], 0).to(run.bench.device)
    if not len(rows) or example.dim() != 4:
        return ""
    plane = activation_maps.plane_of(run.backbone, example)
    if plane is None:
        return ""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (run.data.prep.mean, run.data.prep.std))
    parts = Parts("the activation maps")
    for start in range(0, len(rows), MAP_BATCH):
        chunk = rows[start : start + MAP_BATCH]
        inputs = run.data.batch(chunk, 0).to(run.bench.device)
        answers = classes[start : start + MAP_BATCH].to(run.bench.device)
        of_images = partial(_maps_of, run.backbone, plane, inputs, answers)
        heat = torch.cat(parts.run(of_images, torch.arange(len(chunk), device=inputs.device)))
        squares = ((inputs.cpu() * std + mean).clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()
        for row, square, one in zip(chunk, squares, heat.numpy(), strict=True):
            Image.fromarray(activation_maps.painted(square, one)).save(folder / f"{row}.jpg", quality=JPEG_QUALITY)
        tick(min(start + MAP_BATCH, len(rows)), len(rows))
    return f"{plane.kind} (of the last stage alone)" if run.backbone.reads_all else plane.kind


def _maps_of(
    backbone: Backbone, plane: activation_maps.Plane, inputs: Tensor, answers: Tensor, which: Tensor
) -> Tensor:
    return activation_maps.maps(backbone, plane, inputs[which], answers[which])


def _neighbours(
    features: Tensor, rows: Rows, training: Tensor, training_rows: Rows
) -> dict[int, tuple[tuple[int, float], ...]]:
    """Per test row its nearest training rows by cosine."""
    if not len(training_rows) or not len(rows):
        return {}
    known = F.normalize(training, dim=1)
    found: dict[int, tuple[tuple[int, float], ...]] = {}
    for start in range(0, len(rows), 512):
        near = F.normalize(features[start : start + 512], dim=1) @ known.T
        values, places = near.topk(min(NEAREST, near.shape[1]), dim=1)
        for row, cosines, at in zip(rows[start : start + 512], values, places, strict=True):
            pairs = zip(training_rows[at.numpy()], cosines.tolist(), strict=True)
            found[int(row)] = tuple((int(other), round(cosine, 4)) for other, cosine in pairs)
    return found


def _forgetting(
    run: OpenRun, features: Tensor, rows: Rows, source_id: str, home: Path
) -> tuple[Estimate | None, Source | None]:
    """Share of the test images that keep the backbone's original prediction, and the accuracy on a source set."""
    classifier = run.backbone.classifier() if run.config.strategy.pretrained else None
    if classifier is None or not len(rows):
        return None, None
    untrained = run.to_untrained()
    before = predicted(classifier, untrained.backbone.of_last_stage(untrained.features(rows)))
    after = predicted(classifier, features)
    run.to_trained()
    same = int((before == after).sum())
    source = None
    if source_id:
        from training.understand.source_set import measure

        source = measure(run, classifier, source_id, home)
    return wilson(same, len(rows)), source


@torch.no_grad()
def predicted(classifier: nn.Linear, features: Tensor) -> Tensor:
    """The original classifier's answers [images]."""
    answers: Tensor = classifier(features).argmax(1)
    return answers


def _logits(probabilities: Tensor) -> NDArray[np.float64]:
    """Logits up to a constant per image, which is all that a temperature needs."""
    found: NDArray[np.float64] = probabilities.double().clamp_min(1e-12).log().numpy()
    return found


def _staging(home: Path, run_id: str) -> Path:
    final = findings.folder_of(home, run_id)
    folder = final.with_name(f"{final.name}.{processes.tag()}.tmp")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _ints(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _floats(values: Tensor) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)

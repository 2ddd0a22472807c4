"""A new class for a finished prototype model: its mean feature becomes one more row of the head. Nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import PlanError, read_as, to_json, write_json
from dataset import load_dataset
from dataset.ingest import OfClasses, take_in
from training.backbones import read_weights, write_weights
from training.profile import with_class
from training.store import AddedClass, Extended, RunFolder, RunResult, Store
from training.understand.open_run import Trained


def extend(home: Path, run_id: str, name: str, folder: Path) -> dict[str, Any]:
    """Add class `name`, shown by the images in `folder`, to run `run_id`; a second call adds to what the first made.

    {'classes', 'added', 'images', 'weights', 'before', 'after'}: the last two are the accuracy on the run's own test
    images, some of which may now be taken for the new class. Raises PlanError, DataError, NotFound.
    """
    store = Store(home)
    job = store.job(run_id)
    config = job.plan
    if config.strategy.kind != "prototype" or not RunResult.of(job).weights:
        raise PlanError(
            f"Run '{run_id}' is no finished prototype model. Only there is a class one row of the head; train one with "
            "--strategy prototype, or import the new class with the others and train again."
        )
    ref, run_folder = load_dataset(home, config.dataset_id), RunFolder(home, run_id)
    made = read_as(run_folder.extended, Extended) if run_folder.extended.exists() else Extended()
    known = [*ref.classes, *made.added]
    if not name.strip() or name in known:
        raise PlanError(f"'{name}' is a class of this model already, or no name: give the new class another one.")
    images = take_in(folder, home, OfClasses((name,)), name=name)
    weights = read_weights(run_folder.extended_weights if made.added else run_folder.weights)
    run = Trained(job, home)
    rows = run.data.rows["test"]
    test, truth = run.features(rows), run.data.labels[torch.from_numpy(rows)]
    new = run.bench.beside(images).features(np.arange(images.images))

    def accuracy(head: torch.Tensor, bias: torch.Tensor) -> float | None:
        if not len(truth):
            return None
        return float(((test @ head.T + bias).argmax(1) == truth).float().mean())

    head, bias = weights["head.weight"], weights["head.bias"]
    longer, biases = with_class(head, new), torch.cat([bias, bias.new_zeros(1)])
    write_weights(run_folder.extended_weights, {**weights, "head.weight": longer, "head.bias": biases})
    extended = Extended(
        classes=(*known, name), added={**made.added, name: AddedClass(images.images, images.id)}, images=images.images,
        weights=run_folder.in_home(run_folder.extended_weights), before=accuracy(head, bias),
        after=accuracy(longer, biases),
    )  # fmt: skip
    document: dict[str, Any] = to_json(extended)
    write_json(run_folder.extended, document)
    return document

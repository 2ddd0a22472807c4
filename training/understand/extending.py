"""A new class for a finished prototype model: its mean feature becomes one more row of the head. Nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import Tell, read_as, to_json, write_json
from dataset import load_dataset
from dataset.ingest import OfClasses, take_in
from training.backbones import read_weights, write_weights
from training.caches import telling
from training.profile import with_class
from training.store import AddedClass, Extended, Job, RunFolder
from training.understand.open_run import OpenRun


def extend(home: Path, run: Job, name: str, folder: Path, tell: Tell) -> dict[str, Any]:
    """Add class `name`, shown by the images in `folder`, to a finished prototype model; a second call adds to what the
    first made.

    {'classes', 'added', 'images', 'weights', 'before', 'after'}: the last two are the accuracy on the run's own test
    images, some of which may now be taken for the new class. Raises DataError, NotFound, and as `tell` does.
    """
    run_folder = RunFolder(home, run.id)
    made = read_as(run_folder.extended, Extended) if run_folder.extended.exists() else Extended()
    images = take_in(
        folder, home, OfClasses((name,)), name=name, progress=telling(tell, 0.0, 0.3, "Checking files"),
        decoding=load_dataset(home, run.dataset_id).decoding,
    )  # fmt: skip
    weights = read_weights(run_folder.extended_weights if made.added else run_folder.weights)
    tell(0.3, "Loading the run", None)
    model = OpenRun(run, home, telling(tell, 0.3, 0.1, "Reading images"))
    rows = model.data.rows["test"]
    test = model.bench.features(rows, telling(tell, 0.4, 0.3, "Features of the test images"))
    truth = torch.from_numpy(model.data.labels[rows])
    new = model.bench.beside(images).features(
        np.arange(images.images), telling(tell, 0.7, 0.3, "Features of the new images")
    )

    def accuracy(head: torch.Tensor, bias: torch.Tensor) -> float | None:
        if not len(truth):
            return None
        return float(((test @ head.T + bias).argmax(1) == truth).float().mean())

    head, bias = weights["head.weight"], weights["head.bias"]
    longer, biases = torch.from_numpy(with_class(head.numpy(), new.numpy())), torch.cat([bias, bias.new_zeros(1)])
    write_weights(run_folder.extended_weights, {**weights, "head.weight": longer, "head.bias": biases})
    extended = Extended(
        classes=(*model.bench.ref.classes, *made.added, name),
        added={**made.added, name: AddedClass(images.images, images.id)}, images=images.images,
        weights=run_folder.in_home(run_folder.extended_weights), before=accuracy(head, bias),
        after=accuracy(longer, biases),
    )  # fmt: skip
    document: dict[str, Any] = to_json(extended)
    write_json(run_folder.extended, document)
    return document

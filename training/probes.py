"""From one pass of cached features to facts: ready-made accuracy, and what each boundary costs on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from torch import Tensor
from torch.nn import functional as F

from advisor.costs import PROFILED_STAGES
from advisor.ingest import read_manifest
from advisor.types import DatasetFacts, DatasetRef, Estimate, StageCost
from training import devices, frozen, head_solver
from training.backbones import Backbone, build
from training.data import Rows
from training.images import ImageData
from training.prefix import PrefixCache

FOLDS = 5
PATH_STEPS = 30
MOST_PROBED = 4000
"""Cross-validation looks at no more images than this: the interval is narrow enough by then."""
COST_BATCH = 16

Tell = Callable[[float, str, float | None], None]
"""(fraction done, what is being done, seconds left); may raise to stop."""


def profile(ref: DatasetRef, backbone_name: str, home: Path, tell: Tell) -> DatasetFacts:
    """Decode once, run the backbone once, and measure. Fills the pixel and prefix caches that training reads."""
    started = time.perf_counter()
    device = devices.pick()
    cache = home / "cache" / ref.id
    backbone = build(backbone_name, len(ref.classes)).to(device)
    assert backbone.preprocessing is not None
    data = ImageData(
        ref, cache, backbone.preprocessing,
        progress=lambda done, total: tell(0.3 * done / total, f"Reading images, {done:,} of {total:,}", None),
    )
    tell(0.3, "Choosing the arithmetic for this machine", None)
    everything = np.arange(len(data.labels))
    example = data.batch(np.resize(everything, frozen.BATCH), 0)
    precision = frozen.choose_precision(backbone, device, example, home)
    prefix = PrefixCache(backbone, data, device, precision, cache)
    forward_s = _feature_pass(prefix, backbone, everything, tell)
    tell(0.85, "Measuring training speed at each boundary", None)
    costs = stage_costs(backbone, data, device, precision, forward_s)
    tell(0.95, "Cross-validating a linear probe", None)
    fit_rows = np.concatenate([data.rows["train"], data.rows["val"]])
    features = prefix.read(backbone.head_index, fit_rows, 0)
    ready_made = cross_validated_probe(features, data.labels[torch.from_numpy(fit_rows)], len(ref.classes))
    manifest = read_manifest(ref)
    counts = np.bincount(data.labels.numpy()[fit_rows], minlength=len(ref.classes))
    return DatasetFacts(
        dataset_id=ref.id,
        backbone=backbone_name,
        classes=ref.classes,
        train_images=len(fit_rows),
        test_images=len(data.rows["test"]),
        per_class=tuple(int(n) for n in counts),
        width_px=_spread(manifest["width"]),
        height_px=_spread(manifest["height"]),
        ready_made=ready_made,
        chance=1 / len(ref.classes),
        costs=costs,
        decode_s=data.decode_s,
        forward_images_per_s=1 / costs[-1].below_s,
        train_images_per_s=1 / costs[0].train_s,
        hardware=devices.hardware(device),
        seconds=time.perf_counter() - started,
    )


def _feature_pass(prefix: PrefixCache, backbone: Backbone, rows: Rows, tell: Tell) -> float | None:
    """Fill the cache with what the first runs will read; seconds per image, None when most of it was there."""
    boundaries = [b for b in (backbone.head_index - stages for stages in PROFILED_STAGES) if b > 0]
    room = prefix.room()
    boundaries = [b for b in boundaries if prefix.bytes_per_image(b) * len(rows) < room]
    started = time.perf_counter()

    def tick(done: int, total: int) -> None:
        spent = time.perf_counter() - started
        left = spent / done * (total - done)
        tell(0.3 + 0.55 * done / total, f"Running the backbone, {done:,} of {total:,} images", left)

    done = prefix.fill(boundaries, rows, 0, tick)
    return (time.perf_counter() - started) / done if done >= 4 * frozen.BATCH else None


def stage_costs(
    backbone: Backbone, data: ImageData, device: torch.device, precision: str, forward_s: float | None
) -> tuple[StageCost, ...]:
    """Seconds per image below and above the boundaries that strategies use, from one real step at each.

    forward_s: seconds per image of a frozen pass when it was just measured; else it is timed here.
    """
    rows = np.resize(np.arange(len(data.labels)), frozen.BATCH)
    inputs = data.batch(rows, 0)
    head = backbone.head_index
    if forward_s is None:
        run = frozen.taps(backbone, [head], precision, device, inputs)
        forward_s = _timed(lambda: run(inputs), device) / frozen.BATCH
    shares = _forward_shares(backbone, inputs[:COST_BATCH].to(device), device)
    labels = data.labels[torch.from_numpy(rows[:COST_BATCH])].to(device)
    costs = []
    for boundary in sorted({0, *range(max(0, head - 4), head + 1)}):
        with torch.no_grad():
            backbone.eval()
            x = backbone.below(inputs[:COST_BATCH].to(device), boundary)
        evaluation = _timed(lambda x=x, b=boundary: backbone.above(x, b), device, no_grad=True)  # type: ignore[misc]
        training = _train_step_seconds(backbone, x, labels, boundary, device)
        if boundary == 0:  # live images are augmented every time they are seen
            training += _timed(lambda: data.batch(rows[:COST_BATCH], "cost"), device)
        costs.append(
            StageCost(boundary, forward_s * shares[boundary], training / COST_BATCH, evaluation / COST_BATCH)
        )
    backbone.set_boundary(head)
    return tuple(costs)


def _forward_shares(backbone: Backbone, x: Tensor, device: torch.device) -> list[float]:
    """Share of a whole forward pass that lies below each boundary 0..head."""
    backbone.eval()
    seconds = [0.0]
    with torch.no_grad():
        for index in range(backbone.head_index):
            stage_in = x
            seconds.append(_timed(lambda i=index, h=stage_in: backbone.below(h, i + 1, start=i), device))  # type: ignore[misc]
            x = backbone.below(x, index + 1, start=index)
    total = np.cumsum(seconds)
    return [float(value) for value in total / total[-1]]


def _train_step_seconds(
    backbone: Backbone, x: Tensor, labels: Tensor, boundary: int, device: torch.device
) -> float:
    backbone.set_boundary(boundary)
    parameters = [p for p in backbone.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.0)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(backbone.above(x, boundary), labels).backward()
        optimizer.step()

    return _timed(step, device)


def _timed(work: Callable[[], object], device: torch.device, *, no_grad: bool = False) -> float:
    """Seconds of the second of two calls (the first warms caches and kernels)."""
    with torch.set_grad_enabled(not no_grad and torch.is_grad_enabled()):
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
    return time.perf_counter() - started


def cross_validated_probe(features: Tensor, labels: Tensor, classes: int, seed: int = 0) -> Estimate | None:
    """Balanced accuracy of logistic regression on features [N, width], 5-fold, with a 95 % bootstrap interval.

    None when some class has a single image. The regularisation is the one with the lowest mean out-of-fold loss.
    """
    keep = _subsample(labels.numpy(), MOST_PROBED, seed)
    features, labels = features[keep], labels[keep]
    smallest = int(np.bincount(labels.numpy(), minlength=classes).min())
    if smallest < 2:
        return None
    folds = StratifiedKFold(min(FOLDS, smallest), shuffle=True, random_state=seed)
    losses = np.zeros(PATH_STEPS)
    answers = np.zeros((PATH_STEPS, len(labels)), dtype=np.int64)
    for train, held in folds.split(np.zeros(len(labels)), labels.numpy()):
        x_train, x_held = features[train], features[held]

        def publish(step: head_solver.ProbeStep, held: NDArray[np.int64] = held, x_held: Tensor = x_held) -> None:
            losses[step.step - 1] += step.val_loss * len(held)
            answers[step.step - 1, held] = (x_held @ step.weight.T + step.bias).argmax(1).numpy()

        head_solver.solve((x_train, labels[train]), (x_held, labels[held]), classes, PATH_STEPS, publish)
    best = answers[int(losses.argmin())]
    value, low, high = _balanced_interval(labels.numpy(), best, seed)
    how = f"{folds.get_n_splits()}-fold cross-validated linear probe, {len(labels):,} images"
    return Estimate(value, low, high, how)


def _balanced_interval(truth: NDArray[np.int64], answers: NDArray[np.int64], seed: int) -> tuple[float, float, float]:
    source = np.random.default_rng(seed)
    hits = (truth == answers).astype(float)
    draws = np.zeros((300, 0))
    for label in np.unique(truth):
        own = hits[truth == label]
        # resampling hits of one class = a binomial draw
        draws = np.column_stack([draws, source.binomial(len(own), own.mean(), 300) / len(own)])
    low, high = np.quantile(draws.mean(axis=1), [0.025, 0.975])
    return float(balanced_accuracy_score(truth, answers)), float(low), float(high)


def _subsample(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of at most about `most` examples, every class in proportion and with at least two."""
    if len(labels) <= most:
        return np.arange(len(labels))
    source = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        chosen.append(source.permutation(own)[: max(2, round(most * len(own) / len(labels)))])
    return np.sort(np.concatenate(chosen))


def _spread(values: pd.Series) -> tuple[int, int, int]:
    return int(values.min()), int(values.median()), int(values.max())

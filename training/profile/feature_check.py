"""The data seen through a profile's features: labels that a probe doubts, and a test set unlike the training set."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core import DatasetRef
from core.zoo import catalog
from dataset import read_manifest
from dataset.audit import FeatureCheck, Shift
from training.engine.head_solver import Floats
from training.evaluation import wilson
from training.profile.cross_validation import cross_validate
from training.profile.out_of_fold import Opinions

MOST_SHIFT, LEAST_SHIFT = 1000, 40
"""Images on each side of the two-sample test: no more are needed, and fewer say nothing."""

Ints = NDArray[np.int64]


def feature_check(
    ref: DatasetRef, backbone: str, judged: Opinions | None, features: Floats, rows: Ints, groups: Ints
) -> FeatureCheck:
    """What was judged of every label, and the given test images compared with the others.

    judged: of `rows`, those of the manifest, ascending, that count; None when a class has a single image: the labels
    stay unjudged. features: float32 [len(rows), width]. groups: [len(rows)], as `splits.same_pictures` numbers them.
    """
    manifest = read_manifest(ref)
    labels, given = manifest["label"].to_numpy()[rows], manifest["split"].to_numpy(dtype=str)[rows]
    shift = data_shift(features, labels, given == "test", groups)
    whole = {name: np.full(len(manifest), -1) for name in ("labels", "favoured")}
    parts = {name: np.full(len(manifest), np.nan, np.float32) for name in ("own", "favoured_p")}
    how = ""
    if judged is not None:
        how = f"{judged.judged.how}, on {catalog.backbone(backbone).title}'s features"
        whole["labels"][rows], whole["favoured"][rows] = labels, judged.favoured
        parts["own"][rows], parts["favoured_p"][rows] = judged.own, judged.favoured_p
    return FeatureCheck(ref.id, backbone, how=how, shift=shift, **whole, **parts)


def data_shift(features: Floats, labels: Ints, test: NDArray[np.bool_], groups: Ints, seed: int = 0) -> Shift | None:
    """A classifier two-sample test (Lopez-Paz & Oquab 2017): can a linear probe tell the given test images from the
    others? Every class has as many images on both sides, so that other shares of the classes are not the answer; of
    images that belong together (groups: int [N], as `same_pictures`) one counts a side, as their answers are one.

    None when no test images were given (test: bool [N]) or fewer than LEAST_SHIFT can be paired. How often it cries
    where there is nothing, `python -m benchmarks.shift_alarms` prints.
    """
    source = np.random.default_rng(seed)
    chosen: list[Ints] = []
    counts = np.zeros(len(test), bool)
    counts[np.unique(2 * groups + test, return_index=True)[1]] = True
    most = {label: min(int((counts & test & (labels == label)).sum()), int((counts & ~test & (labels == label)).sum()))
            for label in np.unique(labels)}  # fmt: skip
    share = min(1.0, MOST_SHIFT / max(1, sum(most.values())))
    for label, count in most.items():
        for side in (test, ~test):
            own = np.flatnonzero(counts & side & (labels == label))
            chosen.append(source.permutation(own)[: round(share * count)])
    rows = np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
    if len(rows) < 2 * LEAST_SHIFT:
        return None
    sides = test[rows].astype(np.int64)
    judged = cross_validate(features[rows], sides, 2, seed, groups=groups[rows])
    if judged is None:
        return None
    right, total = int(judged.right.sum()), len(rows)
    alike = 1 + judged.folds / (judged.folds - 1)
    interval = wilson(round(right / alike), round(total / alike))
    accuracy = replace(interval, value=right / total, how=judged.how)
    return Shift(accuracy, _chance(right, total, alike), total // 2)


def _chance(right: int, total: int, alike: float) -> float:
    """One-sided p-value of so many right answers where a coin would do as well.

    alike: how many times larger the variance is than that of `total` coins. Probes of several folds share most of what
    they were fitted on, so their answers vary together: 1 + folds / (folds - 1), by Nadeau & Bengio (2003).
    """
    spread = 0.5 * (alike / total) ** 0.5
    return 0.5 * math.erfc((right / total - 0.5) / spread / 2**0.5)

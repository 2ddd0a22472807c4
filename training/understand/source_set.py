"""The backbone's old task: how accurate its original classifier still is on a set whose classes are ImageNet's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core import DataError
from dataset import load_dataset
from training.engine import proportional
from training.evaluation import wilson
from training.understand.findings import Source
from training.understand.open_run import OpenRun

IMAGENET = 1000
MOST_IMAGES = 500


def measure(run: OpenRun, classifier: nn.Linear, dataset_id: str, home: Path) -> Source:
    """Top-1 accuracy among ImageNet's 1,000 classes before and after fine-tuning, on at most MOST_IMAGES images.

    Both at the run's own image side: before it, by the backbone's own weights, whatever run it started from. Raises
    DataError when no class of the set is one of ImageNet's, or the classifier is another one. Leaves the run's own
    weights in the backbone.
    """
    ref = load_dataset(home, dataset_id)
    if classifier.out_features != IMAGENET:
        raise DataError(
            f"{run.backbone.name} was trained on {classifier.out_features:,} classes, not ImageNet's 1,000."
        )
    indices = imagenet_classes(ref.classes)
    known = {label: index for label, index in enumerate(indices) if index is not None}
    if not known:
        raise DataError(
            f"No class of '{ref.name}' is one of ImageNet's: name its folders by synset (n01440764) or by ImageNet's "
            "English word (tench)."
        )
    bench = run.bench.beside(ref)
    rows = bench.everything[np.isin(bench.data.labels[bench.everything], list(known))]
    if len(rows) > MOST_IMAGES:
        rows = proportional(rows, bench.data.labels, MOST_IMAGES)
    truth = torch.tensor([known[int(label)] for label in bench.data.labels[rows]])

    @torch.no_grad()
    def right(features: Tensor) -> int:
        return int((classifier(run.backbone.of_last_stage(features)).argmax(1) == truth).sum())

    before = right(run.to_untrained().beside(ref).features(rows))
    run.to_trained()
    after = right(bench.features(rows))
    return Source(ref.id, ref.name, wilson(before, len(rows)), wilson(after, len(rows)), len(known))


def imagenet_classes(names: Sequence[str]) -> list[int | None]:
    """ImageNet's index for each class name: its synset id, or a word of its synset; None where there is none.

    A word that several synsets share ('crane') means none of them.
    """
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    by_name: dict[str, set[int]] = {}
    for index in range(IMAGENET):
        by_name.setdefault(info.index_to_label_name(index).lower(), set()).add(index)
        for word in info.index_to_description(index).split(","):
            by_name.setdefault(_plain(word), set()).add(index)
    found = (by_name.get(_plain(name)) or by_name.get(_plain(name).removesuffix("s")) or set() for name in names)
    return [next(iter(indices)) if len(indices) == 1 else None for indices in found]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().lower()

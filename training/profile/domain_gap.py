"""How far apart two domains are for a backbone as it is, measured on a few hundred images of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import Tell
from dataset import load_dataset
from dataset.ingest import labels_in
from training.caches import Bench, telling
from training.engine import SHOWN, plane, told_apart


def measure(home: Path, dataset_id: str, target_id: str, backbone_name: str, tell: Tell) -> dict[str, Any]:
    """{'told_apart': share of held-out images whose domain a linear classifier names, 0.5 = alike; 'source', 'target':
    points [x, y, class or None] on the plane of the two largest principal components; 'shown': its share of the
    variance; 'images': of each domain}. Training images only: neither side's test images are looked at. Whatever
    `tell` raises stops it."""
    tell(0.0, "Loading the backbone", None)
    source, target = load_dataset(home, dataset_id), load_dataset(home, target_id)
    bench = Bench.of(source, backbone_name, home, telling(tell, 0.0, 0.2, "Reading images"))
    head = bench.backbone.head_index
    features, points, groups = [], [], []
    both = (bench, bench.beside(target, telling(tell, 0.5, 0.2, "Reading the target's images")))
    for first, one in zip((0.2, 0.7), both, strict=True):
        rows = np.sort(np.random.default_rng(0).permutation(one.data.rows["train"])[:SHOWN])
        one.prefix.fill([head], rows, 0, telling(tell, first, 0.3, "Running the backbone"))
        features.append(one.prefix.read(head, rows, 0).cpu())
        groups.append(one.data.groups[rows])
        labels = labels_in(one.ref, source)[rows]
        points.append([None if label < 0 else int(label) for label in labels])
    on_source, on_target, share = plane(features[0], features[1])

    def with_labels(xy: torch.Tensor, labels: list[int | None]) -> list[list[Any]]:
        return [[round(x, 4), round(y, 4), label] for (x, y), label in zip(xy.tolist(), labels, strict=True)]

    return {
        "told_apart": told_apart(features[0], features[1], (groups[0], groups[1])),
        "source": with_labels(on_source, points[0]), "target": with_labels(on_target, points[1]),
        "shown": share, "classes": list(source.classes), "images": [len(x) for x in features],
    }  # fmt: skip

"""The lessons' two domains: synthetic vectors of the same classes, the second one moved, aligned by the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from core import Kind, Phase, Strategy
from training.backbones import build
from training.caches import PrefixCache, VectorData
from training.engine import Fit, Target
from training.machine import derive_seed
from training.playground.experiment import CPU, Quiet, he_normal

CLASSES, FEATURES, NOISE = 3, 10, 1.0
TRAIN, VAL, TEST = 240, 150, 300
SHOWN = 120
EPOCHS = 20


class Noting(Quiet):
    """Keeps the notes as well: the maps before and after."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[str, Any] = {}

    def note(self, name: str, content: dict[str, Any]) -> None:
        self.notes[name] = content


def plan(way: Kind) -> Strategy:
    """Everything trained on the source at one rate, with or without an alignment."""
    phase = Phase(0, EPOCHS, 5e-3, 5e-3, schedule="constant")
    align: Any = "none" if way == "source_only" else way
    return Strategy(way, "mlp", (phase,), batch_size=32, views=0, align=align)


def domains(shift: float, unequal: bool, seed: int) -> tuple[VectorData, VectorData]:
    """Source and target: the same class centres, the target's moved by `shift` in a random direction and turned a
    little. unequal: the target holds the classes 8 : 1 : 1."""
    draw = np.random.default_rng(derive_seed("domains", seed))
    centres = draw.normal(size=(CLASSES, FEATURES)) * 1.5
    step = draw.normal(size=FEATURES)
    step *= 1.5 * shift / np.linalg.norm(step) * 2
    mixing = np.eye(FEATURES) + 0.1 * shift * draw.normal(size=(FEATURES, FEATURES))
    total = TRAIN + VAL + TEST

    def side(moved: bool) -> VectorData:
        shares = [0.8, 0.1, 0.1] if moved and unequal else None
        labels = draw.choice(CLASSES, size=total, p=shares)
        inputs = centres[labels] + draw.normal(size=(total, FEATURES)) * NOISE
        if moved:
            inputs = inputs @ mixing + step
        edges = np.split(np.arange(total), [TRAIN, TRAIN + VAL])
        rows = dict(zip(("train", "val", "test"), edges, strict=True))
        data = torch.from_numpy(inputs.astype(np.float32))
        key = "target" if moved else "source"
        return VectorData(data, labels, tuple("abc"), rows, key)  # type: ignore[arg-type]

    return side(False), side(True)


def adapt(way: Kind, shift: float, unequal: bool, seed: int) -> dict[str, Any]:
    """{'target': accuracy on its test samples, whose labels nothing else reads; 'curve': by epoch on its validation
    samples; 'before', 'after': both domains' features on a plane, and how well they are told apart}."""
    source, target = domains(shift, unequal, seed)
    backbone = build("mlp", CLASSES, inputs=FEATURES, seed=seed)
    he_normal(backbone, derive_seed("domains", seed))
    strategy, context = plan(way), Noting()
    first, other = (PrefixCache(backbone, data, CPU, "fp32", None) for data in (source, target))
    second = Target.of(strategy, backbone, target, other, seed, CPU, labelled=True)
    fit = Fit(strategy, backbone, source, context, seed=seed, device=CPU, prefix=first, target=second)
    fit.run()
    rows = target.rows["test"]
    answers = second.judge.predict(fit.best.boundary, rows).argmax(1)
    right = (answers == target.labels[rows]).mean()
    return {
        "target": float(right),
        "curve": [row["target_accuracy"] for row in context.epochs],
        "before": _few(context.notes["map_before"]),
        "after": _few(context.notes["map_after"]),
    }


def _few(shown: dict[str, Any]) -> dict[str, Any]:
    return {**shown, "source": shown["source"][:SHOWN], "target": shown["target"][:SHOWN]}

"""The Playground's experiment: synthetic source and target tasks, through the ordinary engine on the small MLP.

Nothing here touches a home: vectors lie in memory, and what is learned is returned as plain numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core import Strategy
from training.backbones import Backbone, build
from training.caches import PrefixCache, VectorData
from training.engine import Fit
from training.machine import derive_seed, generator
from training.playground.settings import HELD, Arm, Settings, pretraining, strategy

MIXED = 0.1
"""Most of the random linear map I + MIXED * N(0, 1): the notebook's."""
FINE = 0.5
"""Spread of unrelated class centres: as the preset's noise, so that the source had to learn to ignore it."""
CPU = torch.device("cpu")
Array = NDArray[np.float64]


class Quiet:
    """An `engine.Context` that keeps the rows that end an epoch, and nothing else."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, Any]] = []
        self.events: list[tuple[str, str]] = []

    def row(self, values: dict[str, Any]) -> None:
        if "val_loss" in values:
            self.epochs.append(values)

    def event(self, level: str, kind: str, text: str, epoch: float | None = None) -> None:
        self.events.append((kind, text))

    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None: ...

    def stop_requested(self) -> bool:
        return False

    def save(self, state: dict[str, Any]) -> None: ...

    def note(self, name: str, content: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Tasks:
    """Where the classes of both tasks lie, for one seed: centres [classes, features] and the target's linear map."""

    source: Array
    target: Array
    map: Array

    @classmethod
    def of(cls, settings: Settings, seed: int) -> Tasks:
        """The source does not depend on the shift, so that a sweep of the shift keeps it."""
        shape = (settings.classes, settings.features)
        first, second = (np.random.default_rng(derive_seed("playground", part, seed)) for part in ("source", "target"))
        source, fresh = first.normal(size=shape) * 2, second.normal(size=shape)
        mixing = np.eye(settings.features) + min(settings.shift, MIXED) * second.normal(size=2 * shape[1:])
        if settings.redrawn:
            return cls(source, 2 * fresh, mixing)
        # Inside the source's first class: what sets these apart was noise to the source.
        inside = source[0] + FINE * fresh
        turn = np.pi / 2 * settings.shift
        return cls(source, np.cos(turn) * source + np.sin(turn) * inside, mixing)

    def draw(self, side: str, samples: int, noise: float, seed: int, scale: float = 1.0) -> VectorData:
        """`samples` to train on, HELD more to judge by, classes in turn."""
        draw = np.random.default_rng(derive_seed("playground samples", side, seed))
        centres = self.source if side == "source" else self.target
        labels = np.concatenate([draw.permutation(np.arange(count) % len(centres)) for count in (samples, HELD)])
        inputs = centres[labels] + draw.normal(size=(len(labels), centres.shape[1])) * noise
        if side == "target":
            inputs = inputs @ self.map * scale
        rows = {"train": np.arange(samples), "val": np.arange(samples, samples + HELD), "test": np.arange(0)}
        classes = tuple(str(label) for label in range(len(centres)))
        return VectorData(torch.from_numpy(inputs.astype(np.float32)), labels, classes, rows)  # type: ignore[arg-type]


def he_normal(backbone: Backbone, seed: int, *, head_only: bool = False) -> None:
    """The notebook's initialisation: weights from N(0, 2 / inputs), biases 0."""
    source = generator("he", seed)
    with torch.no_grad():
        for stage in [backbone.head] if head_only else [*backbone.stage_modules()]:
            for layer in stage.modules():
                if isinstance(layer, nn.Linear):
                    layer.weight.normal_(0, (2 / layer.in_features) ** 0.5, generator=source)
                    layer.bias.zero_()


def fit(plan: Strategy, backbone: Backbone, data: VectorData, seed: int) -> Quiet:
    """Run a plan; the backbone ends with its best weights, the rows say how it went."""
    context = Quiet()
    prefix = PrefixCache(backbone, data, CPU, "fp32", None)
    Fit(plan, backbone, data, context, seed=seed, device=CPU, prefix=prefix).run()
    return context


@lru_cache(maxsize=64)
def _pretrained(noise: float, features: int, classes: int, source: int, seed: int) -> dict[str, Tensor]:
    settings = Settings(noise=noise, features=features, classes=classes, source=source)
    backbone = build("mlp", classes, inputs=features, seed=seed)
    he_normal(backbone, derive_seed("source", seed))
    data = Tasks.of(settings, seed).draw("source", source, noise, seed)
    fit(pretraining(), backbone, data, seed)
    return {name: tensor.clone() for name, tensor in backbone.state_dict().items()}


def pretrained(settings: Settings, seed: int) -> dict[str, Tensor]:
    """Weights of the network trained on the source task; computed once a process and settings of the source."""
    return _pretrained(**settings.about_source, seed=seed)


def run_arm(
    settings: Settings, arm: Arm, seed: int, source: dict[str, Tensor] | None = None, scale: float = 1.0
) -> dict[str, Any]:
    """One strategy on the target task: curves by epoch, and what it still knows of the source task.

    source: the pre-trained weights, learned here when left out. scale: of the target's inputs, 1 = as in pre-training.

    {'loss', 'train', 'held': a list by epoch each; 'source': accuracy on the source with its old head before and after;
    'rollbacks': how often the engine had to save it}.
    """
    tasks = Tasks.of(settings, seed)
    data = tasks.draw("target", settings.target, settings.noise, seed, scale)
    backbone = build("mlp", settings.classes, inputs=settings.features, seed=seed)
    he_normal(backbone, derive_seed("target", seed))
    before = None
    if arm != "scratch":
        weights = source or pretrained(settings, seed)
        fresh = {name: tensor for name, tensor in backbone.state_dict().items() if name.startswith("head.")}
        backbone.load_state_dict({**weights, **fresh})
        before = weights
        old_head = nn.Linear(backbone.width, settings.classes)
        old_head.load_state_dict({name: weights[f"head.{name}"] for name in ("weight", "bias")})
        backbone.came_with(old_head)
    context = fit(strategy(arm, settings), backbone, data, seed)
    answer: dict[str, Any] = {
        "loss": [row["train_loss"] for row in context.epochs],
        "train": [row["train_accuracy"] for row in context.epochs],
        "held": [row["val_accuracy"] for row in context.epochs],
        "rollbacks": sum(kind == "rollback" for kind, _ in context.events),
    }
    if before is not None:
        old = tasks.draw("source", settings.source, settings.noise, seed)
        answer["source"] = [_accuracy(before, before, old), _accuracy(backbone.state_dict(), before, old)]
    return answer


@torch.no_grad()
def _accuracy(body: dict[str, Tensor], head: dict[str, Tensor], data: VectorData) -> float:
    """Of one network's stages under another's head, on a task's held-out samples."""
    rows = data.rows["val"]
    x = data.batch(rows, 0)
    net = build("mlp", len(data.classes), inputs=x.shape[1])
    net.load_state_dict({name: (head if name.startswith("head.") else body)[name] for name in body})
    answers = net.eval()(x).argmax(1).numpy()
    return float((answers == data.labels[rows]).mean())


SEEN = 150
"""Samples of each task on the picture."""


def seen(settings: Settings, seed: int) -> dict[str, Any]:
    """Samples of both tasks, [x, y, class] each, on the plane where the source's centres lie furthest apart."""
    tasks = Tasks.of(settings, seed)
    _, _, axes = np.linalg.svd(tasks.source - tasks.source.mean(0), full_matrices=False)
    sides = {}
    for side, samples in (("source", settings.source), ("target", settings.target)):
        data = tasks.draw(side, samples, settings.noise, seed)
        rows = np.arange(min(SEEN, samples))
        points = (data.batch(rows, 0).numpy() - tasks.source.mean(0)) @ axes[:2].T
        pairs = zip(points, data.labels[: len(rows)].tolist(), strict=True)
        sides[side] = [[float(x), float(y), label] for (x, y), label in pairs]
    return sides

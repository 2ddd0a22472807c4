"""Tiny, seeded stand-ins: a task of vectors, the small MLP, and a context that remembers what was published."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.plans import Phase, Strategy
from training.backbones.backbone import Backbone, build
from training.caches.examples import VectorData
from training.caches.prefix import PrefixCache
from training.engine.fit import Fit
from training.engine.progress import Fitted

HEAD = 2  # the MLP's stages: 0 'hidden 1', 1 'hidden 2', 2 'head'

STRATEGIES: dict[str, Strategy] = {
    "prototype": Strategy("prototype", "mlp", (Phase(HEAD, 1, 0.0, optimizer="class_means"),), views=0),
    "linear_probe": Strategy("linear_probe", "mlp", (Phase(HEAD, 30, 0.0, optimizer="lbfgs"),), views=0),
    "partial": Strategy("partial", "mlp", (Phase(1, 5, 1e-2, 1e-3),)),
    "gradual": Strategy(
        "gradual", "mlp", (Phase(2, 3, 1e-2, 1e-3), Phase(1, 3, 1e-2, 1e-3), Phase(0, 3, 1e-2, 1e-3))
    ),
    "lp_ft": Strategy(
        "lp_ft", "mlp", (Phase(HEAD, 30, 0.0, optimizer="lbfgs"), Phase(0, 5, 1e-3, 1e-3, schedule="cosine"))
    ),
    "full": Strategy("full", "mlp", (Phase(0, 6, 1e-2, 1e-2, decay=0.5),)),
    "scratch": Strategy("scratch", "mlp", (Phase(0, 20, 1e-2, 1e-2),), pretrained=False),
}

HIDDEN = Strategy(
    "lp_ft", "mlp", (Phase(HEAD, 4, 1e-2, plain=True), Phase(0, 5, 1e-3, 1e-3, schedule="cosine")), head="hidden"
)
"""A head with a hidden layer, trained alone before everything is."""


class Recorder:
    """An `engine.Context` in memory. `stop_after`: how many times `stop_requested` may be asked before it says yes."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.doing: list[str] = []
        self.saved: dict[str, Any] | None = None
        self.notes: dict[str, Any] = {}
        self.asked = 0
        self._stop_after = stop_after

    def row(self, values: dict[str, Any]) -> None:
        self.rows.append(values)

    def event(self, level: str, kind: str, text: str, epoch: float | None = None) -> None:
        self.events.append(text)

    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None:
        assert 0 <= fraction <= 1
        self.doing.append(doing)

    def stop_requested(self) -> bool:
        self.asked += 1
        return self._stop_after is not None and self.asked >= self._stop_after

    def note(self, name: str, content: dict[str, Any]) -> None:
        self.notes[name] = content

    def save(self, state: dict[str, Any]) -> None:
        self.saved = copy.deepcopy(state)

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The rows that end an epoch, without clock times."""
        return [{k: v for k, v in row.items() if k not in ("seconds", "row")} for row in self.rows if "val_loss" in row]


def synthetic_task(
    *, samples: int, features: int = 10, noise: float = 0.5, shift: float = 0.0, seed: int = 0
) -> tuple[torch.Tensor, np.ndarray]:
    """Gaussian blobs of 5 classes: inputs [samples, features] and labels [samples].

    Class centres, always the same, are drawn from N(0, 2^2), samples around them with spread `noise`; `shift` mixes in
    a random linear map (0 = same domain).
    """
    fixed = np.random.default_rng(0)
    centres = fixed.normal(size=(5, features)) * 2
    mix = np.eye(features) + fixed.normal(size=(features, features)) * shift
    source = np.random.default_rng(seed)
    labels = np.arange(samples) % 5
    source.shuffle(labels)
    inputs = (centres[labels] + source.normal(size=(samples, features)) * noise) @ mix
    return torch.from_numpy(inputs.astype(np.float32)), labels


def task(noise: float = 2.0) -> VectorData:
    """300 vectors of 5 classes: 180 train, 60 validation, 60 test."""
    inputs, labels = synthetic_task(samples=300, noise=noise)
    rows = {"train": np.arange(180), "val": np.arange(180, 240), "test": np.arange(240, 300)}
    return VectorData(inputs, labels, tuple("abcde"), rows)  # type: ignore[arg-type]


def fit(
    strategy: Strategy,
    context: Recorder,
    *,
    seed: int = 3,
    resume: dict[str, Any] | None = None,
    data: VectorData | None = None,
    folder: Path | None = None,
    **options: Any,
) -> tuple[Fit, Fitted, Backbone]:
    data, device = data or task(), torch.device("cpu")
    backbone = build("mlp", 5, inputs=10, seed=1, head=strategy.head)
    prefix = PrefixCache(backbone, data, device, "fp32", folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on vectors this small, threads would only wait for each other
    try:
        job = Fit(strategy, backbone, data, context, seed=seed, device=device, prefix=prefix, resume=resume, **options)
        return job, job.run(), backbone
    finally:
        torch.set_num_threads(threads)


def weights(backbone: Backbone) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in backbone.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)

"""What `server` can be asked: small experiments on synthetic vectors, each a function from JSON to JSON.

Every answer is computed when it is asked for, by the engine that trains on images; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from core import Kind
from training.playground import domains, experiment
from training.playground.settings import Arm, Settings

Experiment = Callable[..., dict[str, Any]]


Weights = dict[str, list[Any]]


def source(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """The network that learned the source task: {'weights': nested lists by name}. settings: `about_source`."""
    weights = experiment.pretrained(Settings(**settings), seed)
    return {"weights": {name: tensor.tolist() for name, tensor in weights.items()}}


def arm(
    settings: dict[str, Any], arm: Arm, seed: int, weights: Weights | None = None, scale: float = 1.0
) -> dict[str, Any]:
    """See `playground.run_arm`; `weights` are those of `source` (learned here when left out)."""
    given = None if weights is None else {name: torch.tensor(values) for name, values in weights.items()}
    return experiment.run_arm(Settings(**settings), arm, seed, given, scale)


def adapt(way: Kind, shift: float, unequal: bool, seed: int) -> dict[str, Any]:
    """See `playground_domains.adapt`."""
    return domains.adapt(way, shift, unequal, seed)


def tasks(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """See `playground.seen`."""
    return experiment.seen(Settings(**settings), seed)


EXPERIMENTS: dict[str, Experiment] = {"source": source, "arm": arm, "tasks": tasks, "adapt": adapt}

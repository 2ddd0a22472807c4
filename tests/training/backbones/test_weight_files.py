"""Checkpoints and weights are written whole, and a damaged one is named in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.errors import WeightsError
from training.backbones.weight_files import read_checkpoint, read_weights, write_checkpoint, write_weights


@pytest.mark.parametrize("damage", [lambda _: b"", lambda whole: whole[:100], lambda _: b"[1]", lambda _: b"\x80\x02c"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "run" / "checkpoint.pt"
    assert read_checkpoint(file) is None
    write_checkpoint(file, {"weights": torch.ones(3), "epoch": 2})
    found = read_checkpoint(file)
    assert found is not None and found["epoch"] == 2 and [one.name for one in file.parent.iterdir()] == [file.name]
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(WeightsError, match=f"The checkpoint {file} cannot be read, it may be damaged: start the run"):
        read_checkpoint(file)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    file = tmp_path / "best.safetensors"
    digest = write_weights(file, {"b": torch.zeros(2), "a": torch.ones(2)})
    assert digest == write_weights(file, {"a": torch.ones(2), "b": torch.zeros(2)}), "equal weights, equal files"
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(WeightsError, match=f"The weights {file} cannot be read"):
        read_weights(file)

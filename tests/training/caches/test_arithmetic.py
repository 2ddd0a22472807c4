"""The arithmetic is measured once, kept, checked against fp32, and leaves the weights as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from core.plans import Phase
from tests.support.toys import equal, weights
from training.backbones.backbone import Backbone, build
from training.caches import arithmetic
from training.caches.arithmetic import PLAIN, Arithmetic, choose_training, remembered, within_tolerance
from training.caches.steps import Step

CPU = torch.device("cpu")
PHASE = Phase(0, 1, 1e-3, 1e-3, batch_norm="train")
WAYS = [PLAIN, Arithmetic("fp32", True), Arithmetic("bf16", False), Arithmetic("bf16", True)]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build("efficientnet_lite0", 3, pretrained=False)


@pytest.fixture(autouse=True)
def every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """All ways are candidates, also on a machine without fast bf16: it computes bf16 all the same."""
    monkeypatch.setattr(arithmetic, "candidates", lambda device, four_d: WAYS if four_d else WAYS[::2])


@pytest.mark.parametrize("way", WAYS)
def test_a_code_names_one_way(way: Arithmetic) -> None:
    assert Arithmetic.named(way.code) == way


def test_choosing_changes_no_weight_and_no_statistic(backbone: Backbone) -> None:
    before = weights(backbone)
    chosen = choose_training(backbone, PHASE, torch.randn(4, 3, 32, 32), 3, CPU, None)
    assert chosen in WAYS and equal(before, weights(backbone))


def test_what_was_measured_is_kept_for_the_next_run(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = torch.randn(4, 3, 32, 32)
    chosen = choose_training(backbone, PHASE, inputs, 3, CPU, tmp_path)
    (key, code), = json.loads((tmp_path / "machine.json").read_text()).items()
    assert code == chosen.code and "efficientnet_lite0/0/3x32x32/cpu" in key
    monkeypatch.setattr(arithmetic, "_fastest", None)  # a second measurement would fail
    assert choose_training(backbone, PHASE, inputs, 3, CPU, tmp_path) == chosen


def test_a_way_that_answers_wrongly_is_not_taken(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast: with no tolerance at all only fp32 is left."""
    monkeypatch.setattr(Step, "seconds", lambda step, boundary: 0.1 if step.logits.equal(rounded(step.logits)) else 2.0)
    inputs = torch.randn(4, 3, 32, 32)
    monkeypatch.setattr(arithmetic, "TOLERANCE", 1.0)
    assert choose_training(backbone, PHASE, inputs, 3, CPU, None).precision == "bf16"
    monkeypatch.setattr(arithmetic, "TOLERANCE", 1e-5)
    assert choose_training(backbone, PHASE, inputs, 3, CPU, None).precision == "fp32"


def rounded(logits: torch.Tensor) -> torch.Tensor:
    return logits.bfloat16().float()


def test_tolerance_is_relative() -> None:
    values = torch.randn(100)
    assert within_tolerance(values * 1.05, values) and not within_tolerance(values * 1.2, values)
    assert within_tolerance(values * 1.05e-6, values * 1e-6)


def test_half_written_notes_are_measured_again(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text('{"train/')
    assert remembered(tmp_path, "key", lambda: "fp32-nchw") == "fp32-nchw"
    assert json.loads((tmp_path / "machine.json").read_text()) == {"key": "fp32-nchw"}

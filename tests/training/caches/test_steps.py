"""One step of a whole network tells what a step from each boundary takes."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.plans import Phase
from training.backbones.backbone import Backbone, build
from training.caches.steps import Step, backward_alone_s, step
from training.machine.peak_memory import peak_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    made = build("efficientnet_lite0", 3, pretrained=False)
    made.set_phase(Phase(0, 1, 0.0))
    return made


def whole(backbone: Backbone, images: int, *, weighed: bool = False) -> Step:
    backbone.zero_grad(set_to_none=True)
    labels = torch.arange(images) % 3
    return step(
        backbone, 0, lambda: torch.randn(images, 3, 64, 64), labels, nullcontext(), CPU, weighed=weighed,
        keep=not weighed,
    )  # fmt: skip


def from_(backbone: Backbone, boundary: int, images: int, x: Tensor) -> int:
    """Bytes of a step that really begins at the boundary, as runs make them."""
    backbone.set_phase(Phase(boundary, 1, 0.0))
    backbone.zero_grad(set_to_none=True)

    def descend() -> None:
        F.cross_entropy(backbone.above(x[:images].clone(), boundary), torch.arange(images) % 3).backward()

    taken = peak_of(descend)
    backbone.set_phase(Phase(0, 1, 0.0))
    return taken


def test_a_step_has_the_gradients_and_answers_of_any_other(backbone: Backbone) -> None:
    found = whole(backbone, 4)
    taken = [p.grad.clone() for p in backbone.parameters() if p.grad is not None]
    backbone.zero_grad(set_to_none=True)
    logits = backbone(found.inputs[0])
    F.cross_entropy(logits, torch.arange(4) % 3).backward()
    assert torch.equal(found.logits, logits)
    assert all(torch.equal(a, p.grad) for a, p in zip(taken, backbone.parameters(), strict=True) if p.grad is not None)


def test_what_lies_above_a_boundary_is_the_sum_of_its_stages(backbone: Backbone) -> None:
    whole(backbone, 4)  # kernels are prepared for this size
    found = whole(backbone, 4)
    seconds = [found.seconds(boundary) for boundary in range(backbone.head_index + 1)]
    assert seconds == sorted(seconds, reverse=True) and 0 < seconds[-1] < seconds[0]
    backward = [found.backward_s(stage) for stage in range(backbone.head_index + 1)]
    forward = seconds[0] - sum(backward)
    assert all(value > 0 for value in backward) and 0.02 * seconds[0] < forward < 0.98 * seconds[0]


@pytest.mark.parametrize("below_head", [0, 1, 2, 4])
def test_each_further_image_weighs_what_it_does_in_a_step_from_that_boundary(
    backbone: Backbone, below_head: int
) -> None:
    boundary = backbone.head_index - below_head
    few, many = (whole(backbone, count, weighed=True).peak_bytes(boundary) for count in (4, 8))
    x = whole(backbone, 8).inputs[boundary]
    real = (from_(backbone, boundary, 8, x) - from_(backbone, boundary, 4, x)) / 4
    assert (many - few) / 4 == pytest.approx(real, rel=0.05)


def test_the_whole_step_weighs_its_inputs_too(backbone: Backbone) -> None:
    few, many = (whole(backbone, count, weighed=True).peak_bytes(0) for count in (4, 8))
    real = (from_(backbone, 0, 8, torch.randn(8, 3, 64, 64)) - from_(backbone, 0, 4, torch.randn(8, 3, 64, 64))) / 4
    assert (many - few) / 4 == pytest.approx(real, rel=0.05)


class _Half(nn.Module):
    """Changes its input in place, as the first layer of some blocks does."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(x)


def test_stages_that_change_their_input_in_place_are_clocked_too() -> None:
    stages: list[nn.Module] = [nn.Conv2d(3, 8, 3), nn.Sequential(_Half(), nn.Conv2d(8, 8, 3)), nn.Flatten()]
    net = Backbone("toy", nn.Sequential(*stages), stages, ("a", "b", "c"), 32, 3, None, "random")
    x = torch.randn(2, 3, 6, 6)
    found = step(net, 0, lambda: x, torch.tensor([0, 1]), nullcontext(), CPU, keep=True)
    assert found.seconds(1) > found.seconds(2) > 0
    assert backward_alone_s(net, 1, found.inputs[1], nullcontext(), CPU) > 0


def test_stages_below_which_nothing_learns_take_no_backward_pass() -> None:
    stages: list[nn.Module] = [nn.AvgPool2d(2), nn.Sequential(nn.Flatten(), nn.Linear(27, 32))]
    net = Backbone("toy", nn.Sequential(*stages), stages, ("a", "b"), 32, 3, None, "random")
    found = step(net, 0, lambda: torch.randn(2, 3, 6, 6), torch.tensor([0, 1]), nullcontext(), CPU)
    assert found.backward_s(0) == 0 and found.backward_s(1) > 0

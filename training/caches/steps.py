"""A training step of a network, clocked and weighed between its stages.

One step from a low boundary tells what a step from every boundary above it takes: what lies above is the sum of its
stages. So a few steps of the whole network stand for steps at each boundary.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from training.backbones import Backbone
from training.machine import LiveBytes


@dataclass(frozen=True)
class Moment:
    """When a stage was done, and what was alive."""

    at_s: float
    alive: int
    """Bytes."""
    peak: int
    """Bytes, the most since the moment before."""


@dataclass(frozen=True)
class Step:
    """Of the stages from `start` up, the head last."""

    start: int
    begun: Moment
    """Before the inputs were made."""
    forward: tuple[Moment, ...]
    """When the inputs were made, and when each stage was done."""
    backward: tuple[Moment, ...]
    """When each stage's gradients were there, in the order of the stages."""
    inputs: tuple[Tensor, ...]
    """What each stage was given, where they were to be kept."""
    input_bytes: tuple[int, ...]
    logits: Tensor
    """[B, classes], float32."""

    @property
    def making_s(self) -> float:
        """Seconds of making the inputs."""
        return self.forward[0].at_s - self.begun.at_s

    def backward_s(self, stage: int) -> float:
        """Seconds of one stage's backward pass, the gradient of its inputs included; the head's with the loss."""
        index = stage - self.start
        before = self.backward[index + 1] if index + 1 < len(self.backward) else self.forward[-1]
        return max(0.0, self.backward[index].at_s - before.at_s)

    def seconds(self, boundary: int) -> float:
        """Of a step from `boundary` up, without making its inputs."""
        return self.backward[boundary - self.start].at_s - self.forward[boundary - self.start].at_s

    def peak_bytes(self, boundary: int) -> int:
        """Alive at once at the fullest moment of a step from `boundary` up, its inputs included. Only from a step that
        was weighed."""
        index = boundary - self.start
        seen = [moment.peak for moment in (*self.forward[index + 1 :], *self.backward[index + 1 :])]
        if index == 0:
            return max(*seen, self.forward[0].peak, self.backward[0].peak) - self.begun.alive
        # A step from here would not make the gradient of these inputs.
        lowest = self.backward[index].peak - self.input_bytes[index]
        return max(*seen, lowest) - self.forward[index].alive + self.input_bytes[index]


def step(
    backbone: Backbone,
    start: int,
    make: Callable[[], Tensor],
    labels: Tensor,
    autocast: AbstractContextManager[object],
    device: torch.device,
    *,
    weighed: bool = False,
    keep: bool = False,
) -> Step:
    """Forward, loss and backward of the stages from `start` up, as they are set; gradients are left in them.

    make: gives a batch at `start`, [B, ...]. autocast: of the forward pass. keep: what each stage is given is kept,
    which holds memory and so is not for a step that is weighed.
    """
    live = LiveBytes()
    with live if weighed else nullcontext():

        def moment() -> Moment:
            if device.type == "cuda":
                torch.cuda.synchronize()
            return Moment(time.perf_counter(), live.now, live.since())

        stages = backbone.stage_modules()[start:]
        reached: dict[int, Moment] = {}
        given: list[Tensor] = []
        sizes: list[int] = []
        begun = moment()
        x = make()
        forward = [moment()]
        with autocast:
            for number, stage in enumerate(stages):
                sizes.append(x.numel() * x.element_size())
                given += [x.detach()] if keep else []
                x = stage(x)
                if x.requires_grad and number + 1 < len(stages):
                    # Its gradient is complete when every stage above is done.
                    x.register_hook(lambda _, above=number + 1: reached.setdefault(above, moment()) and None)
                forward.append(moment())
        logits = x.float()
        del x
        F.cross_entropy(logits, labels).backward()
        end = moment()
    # A stage below which nothing learns is the last that has gradients.
    backward = tuple(reached.get(number, end) for number in range(len(stages)))
    return Step(start, begun, tuple(forward), backward, tuple(given), tuple(sizes), logits.detach())


def backward_alone_s(
    backbone: Backbone, stage: int, inputs: Tensor, autocast: AbstractContextManager[object], device: torch.device
) -> float:
    """Seconds of one stage's backward pass without the gradient of its inputs, as the lowest of a step does it."""
    with autocast:
        out = backbone.stage_modules()[stage](inputs)
    if not out.requires_grad:
        return 0.0
    towards = torch.ones_like(out)
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    out.backward(towards)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started

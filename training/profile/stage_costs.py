"""What training and judging cost at each boundary on this machine, from real steps.

Steps of the whole network are clocked and weighed between its stages (`training.caches.steps`): a step from each
boundary would measure the upper stages again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from core import Phase, StageCost
from training.caches import Arithmetic, Bench, Rows, frozen_pass
from training.caches.arithmetic import choose_at
from training.caches.frozen_pass import Taps
from training.caches.steps import Step, backward_alone_s, step
from training.machine import peak_of
from training.machine.others import QUIET, Others

COST_BATCH, ACCELERATED_COST_BATCH = 8, 32
"""Images of the steps that are timed, on the CPU and on an accelerator."""
WEIGHED = (4, 8)
"""Images of the steps whose memory is weighed. On the CPU the choice of the arithmetic and the timed steps have
prepared kernels for these sizes, which takes longer than eight images."""
UPPER = 4
"""Stages below the head whose boundaries are measured, besides the whole network: those that strategies use."""
RUN_BATCH = 32
"""Images over which a run spreads one update of the weights (`Strategy.batch_size`)."""
WHOLE = Phase(0, 1, 0.0)
TRIES = 2
"""How often training is timed at most."""


def quietest(bench: Bench, forward_s: float | None) -> tuple[tuple[StageCost, ...], float]:
    """(`stage_costs`, share of the CPUs that other programs took meanwhile). On a busy machine they are measured again,
    and the shortest time of each counts: what others take makes none shorter."""
    found: tuple[StageCost, ...] = ()
    least = 1.0
    for _ in range(TRIES):
        with Others() as others:
            costs = stage_costs(bench, forward_s)
        found = tuple(map(_shorter, found, costs)) if found else costs
        least = min(least, others.share)
        if bench.device.type != "cpu" or least <= QUIET:
            break
    return found, least


def _shorter(a: StageCost, b: StageCost) -> StageCost:
    return replace(
        a, below_s=min(a.below_s, b.below_s), train_s=min(a.train_s, b.train_s), eval_s=min(a.eval_s, b.eval_s)
    )


def stage_costs(bench: Bench, forward_s: float | None) -> tuple[StageCost, ...]:
    """Seconds and bytes per image below and above the boundaries that strategies use.

    forward_s: seconds per image of a frozen pass when it was just measured; else it is timed here. BatchNorm's
    statistics move: what reads them comes before.
    """
    backbone, data, device = bench.backbone, bench.data, bench.device
    head = backbone.head_index
    rows = np.resize(bench.everything, frozen_pass.pass_batch(device))
    if forward_s is None:
        forward = bench.prefix.through([head])
        ready = forward.make(rows, 0)
        forward_s = timed_s(lambda: forward.run(ready), device) / len(rows)
    rows = rows[: COST_BATCH if device.type == "cpu" else ACCELERATED_COST_BATCH]
    boundaries = sorted({0, *range(max(0, head - UPPER), head + 1)})
    inputs = data.batch(rows, 0).to(device)
    judged_s, judged_bytes, given = _judging(bench, inputs, boundaries)
    sides = {boundary: tuple(x.shape[1:]) for boundary, x in given.items()}
    ways = choose_at(backbone, WHOLE, sides, inputs, len(data.classes), device, bench.home)
    trained: dict[int, tuple[float, int]] = {}
    for how in set(ways.values()):
        own = [boundary for boundary in boundaries if ways[boundary] == how]
        trained |= _training(bench, rows, how, own, given[own[0]])
    below = np.concatenate([[0.0], np.cumsum(judged_s[:head])])
    shares = below / below[-1]
    backbone.set_phase(Phase(head, 1, 0.0))
    return tuple(
        StageCost(
            boundary, forward_s * float(shares[boundary]), trained[boundary][0], sum(judged_s[boundary:]),
            trained[boundary][1], judged_bytes[boundary],
        )
        for boundary in boundaries
    )  # fmt: skip


def _judging(
    bench: Bench, inputs: Tensor, boundaries: Sequence[int]
) -> tuple[list[float], dict[int, int], dict[int, Tensor]]:
    """(seconds per image of judging by each stage, the head last; bytes per image of judging above each boundary; the
    activations at each). Without making the batch."""
    backbone, device = bench.backbone, bench.device
    precision = frozen_pass.judged_in(device, bench.precision)
    backbone.eval()
    stages: list[Callable[[Tensor], Tensor]] = []
    seconds, given, x = [], [], inputs
    for index in range(backbone.head_index):
        stage = partial(_first, frozen_pass.taps(backbone, [index + 1], precision, device, x, start=index))
        seconds.append(timed_s(partial(stage, x), device) / len(x))
        stages.append(stage)
        given.append(x)
        x = stage(x)
    given.append(x)
    stages.append(backbone.head)
    with torch.inference_mode():
        seconds.append(timed_s(partial(backbone.head, x), device) / len(x))

        def above(boundary: int, count: int) -> None:
            ready = x = given[boundary][:count].clone()  # held to the end, as a batch is
            for stage in stages[boundary:]:
                x = stage(x)
            del ready

        def weigh(boundary: int, count: int) -> int:
            return peak_of(partial(above, boundary, count))

        weighed = {boundary: _per_image(partial(weigh, boundary)) for boundary in boundaries}
    return seconds, weighed, {boundary: given[boundary].clone() for boundary in boundaries}


def _first(taps: Taps, x: Tensor) -> Tensor:
    return taps(x)[0]


def _training(
    bench: Bench, rows: Rows, how: Arithmetic, boundaries: Sequence[int], given: Tensor
) -> dict[int, tuple[float, int]]:
    """(seconds, bytes) per image of training steps above each boundary in one arithmetic. boundaries: ascending; given:
    the activations at the first."""
    backbone, data, device = bench.backbone, bench.data, bench.device
    labels = torch.from_numpy(data.labels[rows]).to(device)
    backbone.set_phase(WHOLE)

    start = boundaries[0]

    def make(count: int) -> Tensor:
        if start:
            return how.layout(given[:count].clone())
        return how.layout(data.batch(rows[:count], "cost").to(device))  # live images are augmented anew every time

    def one(count: int, weighed: bool = False, keep: bool = False) -> Step:
        backbone.zero_grad(set_to_none=True)
        return step(
            backbone, start, partial(make, count), labels[:count], how.autocast(device), device,
            weighed=weighed, keep=keep,
        )  # fmt: skip

    few, many = (one(count, weighed=True) for count in WEIGHED)
    if len(rows) > max(WEIGHED):
        one(len(rows))  # warms what is timed
    timed = one(len(rows), keep=True)
    updates = {boundary: _update_s(backbone.stage_modules()[boundary:], device) for boundary in boundaries}
    found = {}
    for boundary in boundaries:
        seconds = timed.seconds(boundary)
        if boundary > start:
            backbone.zero_grad(set_to_none=True)
            above = timed.inputs[boundary - start]
            alone = backward_alone_s(backbone, boundary, above, how.autocast(device), device)
            seconds += min(0.0, alone - timed.backward_s(boundary))
        elif not start:
            seconds += timed.making_s
        weight = max(0, many.peak_bytes(boundary) - few.peak_bytes(boundary)) // (WEIGHED[1] - WEIGHED[0])
        found[boundary] = (seconds / len(rows) + updates[boundary] / RUN_BATCH, weight)
    return found


def _update_s(stages: Sequence[nn.Module], device: torch.device) -> float:
    """Of the weights of these stages, whose gradients are there."""
    parameters = [p for stage in stages for p in stage.parameters() if p.grad is not None]
    return timed_s(torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.0).step, device)


def _per_image(weigh: Callable[[int], int]) -> int:
    """What each further image adds to the fullest moment: weights and their copies cancel out."""
    few, many = WEIGHED
    return max(0, weigh(many) - weigh(few)) // (many - few)


def timed_s(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the second of two calls: the first warms caches and kernels."""
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started

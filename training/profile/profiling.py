"""From one pass of cached features to facts: ready-made accuracy, and what each boundary costs on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from advisor.planning import PROFILED_STAGES
from core import DatasetFacts, DatasetRef, MemoryFacts, Phase, StageCost, Tell
from dataset import live, read_manifest
from dataset.audit import feature_check as label_check
from training.backbones import Backbone
from training.caches import Arithmetic, Bench, Pools, choose_training, frozen_pass, telling
from training.caches.arithmetic import EXACT
from training.graphs import engines
from training.machine import devices, memory, peak_of
from training.profile import draw_map, moments, out_of_fold, panel
from training.profile.feature_check import feature_check

COST_BATCH, ACCELERATED_COST_BATCH, SHORT_BATCH = 8, 32, 8
"""Images of the steps that are timed, on the CPU and on an accelerator, and of those whose memory is weighed. On the
CPU they are as many: a kernel is prepared for every new size, which takes longer than eight images."""
RUN_BATCH = 32
"""Images over which a run spreads one update of the weights (`Strategy.batch_size`)."""

"""(fraction done, what is being done, seconds left); may raise to stop."""


def profile(
    ref: DatasetRef, backbone_name: str, home: Path, tell: Tell, known: DatasetFacts | None = None
) -> DatasetFacts:
    """Decode once, run the backbone once, and measure. Fills the pixel and prefix caches that training reads.

    known: facts about another revision of the same images. What this machine costs is taken from them if they are of
    this machine (an edit changes at most the width of the head); features come from the cache either way.
    """
    started = time.perf_counter()
    bench = Bench.of(ref, backbone_name, home, telling(tell, 0.0, 0.3, "Reading images"))
    backbone, device = bench.backbone, bench.device
    process = _besides_weights(backbone) if device.type == "cpu" else 0
    data, everything = bench.data, bench.everything
    tell(0.3, "Choosing the arithmetic for this machine", None)
    fit_rows = np.sort(np.concatenate([data.rows["train"], data.rows["val"]]))
    labels = data.labels[fit_rows]
    deep = fit_rows[panel.deep_rows(labels)]
    pools = Pools(bench.prefix, deep)
    forward_s = _feature_pass(bench, tell, pools)
    tell(0.85, "Comparing with the pre-training", None)
    gap = panel.domain_gap(backbone, data, fit_rows, device, _gap_in(bench))
    tell(0.87, "Cross-validating linear probes", None)
    manifest = read_manifest(ref)
    same = data.groups
    every = bench.prefix.values(backbone.head_index, everything, 0)
    fit = np.isin(everything, fit_rows)
    judged = out_of_fold.judge(
        every, data.labels[everything], len(ref.classes), fit=np.flatnonzero(fit), groups=same[everything]
    )
    label_check.save(home, feature_check(ref, backbone_name, judged, every, everything, same[everything]))
    stages = pools.read(deep)
    if gap is None:
        gap = panel.frechet_gap(stages, moments.load(home, backbone.weights_id), data.prep.size)
    found = panel.measure(
        every[fit], stages, labels, len(ref.classes), groups=same[fit_rows], judged=judged.judged if judged else None
    )
    groups = len(set(manifest["group"].to_numpy()[fit_rows]) - {""})
    manifest = live(manifest)
    draw_map.pca_of(bench)
    hardware = devices.hardware(device)
    if known is not None and known.hardware == hardware and known.costs:
        costs, taken = known.costs, known.memory
    else:  # last, as its steps write to the weights that everything above was computed by
        tell(0.93, "Measuring training speed at each boundary", None)
        costs = stage_costs(bench, forward_s)
        taken = None if process is None else _besides_steps(bench, process)
    counts = np.bincount(data.labels[fit_rows], minlength=len(ref.classes))
    return DatasetFacts(
        dataset_id=ref.id, backbone=backbone_name, classes=ref.classes, train_images=len(fit_rows),
        test_images=len(data.rows["test"]), per_class=tuple(int(n) for n in counts), groups=groups,
        width_px=_spread(manifest["width"]), height_px=_spread(manifest["height"]),
        ready_made=found.ready_made, chance=1 / len(ref.classes), probe_accuracy=found.probe_accuracy,
        domain_gap=gap, depth_gap=found.depth_gap, data_curve=found.data_curve, logme=found.logme,
        costs=costs, decode_s=data.decode_s, forward_images_per_s=1 / costs[-1].below_s,
        train_images_per_s=1 / costs[0].train_s, hardware=hardware, memory=taken,
        seconds=time.perf_counter() - started,
    )  # fmt: skip


def _gap_in(bench: Bench) -> Arithmetic:
    """What the domain gap is measured in by torch: averages over many values, to which bf16 makes no difference."""
    if bench.device.type == "cpu":
        return Arithmetic("bf16", True) if engines.multiplies_bf16() else EXACT
    return Arithmetic.named(bench.precision)


def _feature_pass(bench: Bench, tell: Tell, pools: Pools) -> float | None:
    """Fill the cache with what the first runs will read; seconds per image, None when little of it was missing."""
    boundaries = [b for b in (bench.backbone.head_index - stages for stages in PROFILED_STAGES) if b > 0]
    room = bench.prefix.room()
    boundaries = [b for b in boundaries if bench.prefix.bytes_per_image(b) * len(bench.everything) < room]
    started = time.perf_counter()
    tick = telling(tell, 0.3, 0.55, "Running the backbone")
    done = bench.prefix.fill(boundaries, bench.everything, 0, tick, pools.add)
    return (time.perf_counter() - started) / done if done >= 4 * frozen_pass.pass_batch(bench.device) else None


def stage_costs(bench: Bench, forward_s: float | None) -> tuple[StageCost, ...]:
    """Seconds and bytes per image below and above the boundaries that strategies use, from real steps at each.

    forward_s: seconds per image of a frozen pass when it was just measured; else it is timed here.
    """
    backbone, data, device = bench.backbone, bench.data, bench.device
    precision = frozen_pass.judged_in(device, bench.precision)
    rows = np.resize(bench.everything, frozen_pass.pass_batch(device))
    inputs, few = data.batch(rows, 0), COST_BATCH if device.type == "cpu" else ACCELERATED_COST_BATCH
    head, classes = backbone.head_index, len(data.classes)
    if forward_s is None:
        forward = bench.prefix.through([head])
        ready = forward.make(rows, 0)
        forward_s = _timed(lambda: forward.run(ready), device) / len(rows)
    shares = _forward_shares(backbone, inputs[:few].to(device), device)
    costs = []
    for boundary in sorted({0, *range(max(0, head - 4), head + 1)}):
        with torch.no_grad():
            backbone.eval()
            x = backbone.below(inputs[:few].to(device), boundary)

        def batch(count: int, view: object, boundary: int = boundary, x: Tensor = x) -> Tensor:
            # Live images are made anew every time they are seen; cached activations are only read.
            return data.batch(rows[:count], view).to(device) if boundary == 0 else x[:count].clone()

        training = choose_training(backbone, Phase(boundary, 1, 0.0), x, classes, device, bench.home)
        labels = torch.from_numpy(data.labels[rows[:few]]).to(device)
        eval_s, eval_bytes = _judging_cost(backbone, boundary, precision, device, batch, few)
        train_s, train_bytes = _training_cost(backbone, boundary, training, device, batch, labels)
        costs.append(StageCost(boundary, forward_s * shares[boundary], train_s, eval_s, train_bytes, eval_bytes))
    backbone.set_phase(Phase(head, 1, 0.0))
    return tuple(costs)


def _forward_shares(backbone: Backbone, x: Tensor, device: torch.device) -> list[float]:
    """Share of a whole forward pass that lies below each boundary 0..head."""
    backbone.eval()
    seconds = [0.0]
    with torch.no_grad():
        for index in range(backbone.head_index):
            stage_in = x
            seconds.append(_timed(lambda i=index, h=stage_in: backbone.below(h, i + 1, start=i), device))  # type: ignore[misc]
            x = backbone.below(x, index + 1, start=index)
    total = np.cumsum(seconds)
    return [float(value) for value in total / total[-1]]


Batch = Callable[[int, object], Tensor]
"""(images, view) -> activations at the boundary in question."""


def _training_cost(
    backbone: Backbone, boundary: int, how: Arithmetic, device: torch.device, batch: Batch, labels: Tensor
) -> tuple[float, int]:
    """(seconds, bytes) per image of a training step above `boundary`."""
    backbone.set_phase(Phase(boundary, 1, 0.0))
    parameters = [p for p in backbone.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.0)

    def descend(count: int = len(labels)) -> None:
        optimizer.zero_grad(set_to_none=True)
        with how.autocast(device):
            logits = backbone.above(how.layout(batch(count, "cost")), boundary)
        F.cross_entropy(logits.float(), labels[:count]).backward()

    weighed = _bytes_per_image(descend)  # first: it warms what is timed; an update takes what no image adds to
    update_s = _timed(optimizer.step, device)
    return _timed(descend, device, warm=len(labels) <= SHORT_BATCH) / len(labels) + update_s / RUN_BATCH, weighed


def _judging_cost(
    backbone: Backbone, boundary: int, precision: str, device: torch.device, batch: Batch, images: int
) -> tuple[float, int]:
    """(seconds, bytes) per image of judging above `boundary`. The seconds are without making the batch."""
    ready, head = batch(images, 0), backbone.head_index
    stages = None
    if boundary < head:
        stages = frozen_pass.taps(backbone, [head], precision, device, ready, start=boundary)

    @torch.no_grad()
    def judge(inputs: Tensor) -> None:
        backbone.head(stages(inputs)[0] if stages else inputs)

    weighed = _bytes_per_image(lambda count: judge(batch(count, 0)))  # first: it warms what is timed
    return _timed(lambda: judge(ready), device, warm=images <= SHORT_BATCH) / images, weighed


def _besides_weights(backbone: Backbone) -> int | None:
    """Bytes of this process before it has read an image, what it loaded to build the backbone included."""
    import training.backbones.pretrained  # noqa: F401  # a worker that loaded ahead has it, whatever it trains

    taken = memory.process_bytes()
    weights = sum(tensor.numel() * tensor.element_size() for tensor in backbone.state_dict().values())
    return None if taken is None else max(0, taken - weights)


def _besides_steps(bench: Bench, process: int) -> MemoryFacts:
    data, head = bench.data, bench.backbone.head_index
    rows = np.resize(bench.everything, frozen_pass.pass_batch(bench.device))

    def one_pass() -> None:
        forward = bench.prefix.through([head])
        forward.run(forward.make(rows, "cost"))

    return MemoryFacts(process, peak_of(lambda: data.batch(rows, "cost")), peak_of(one_pass))


def _bytes_per_image(work: Callable[[int], object]) -> int:
    """What each further image adds to the fullest moment of `work(images)`: weights and their copies cancel out."""
    few = SHORT_BATCH // 2
    less = peak_of(lambda: work(few))
    return max(0, peak_of(lambda: work(SHORT_BATCH)) - less) // (SHORT_BATCH - few)


def _timed(work: Callable[[], object], device: torch.device, warm: bool = False) -> float:
    """Seconds of a call; unless the caches and kernels are `warm`, of the second of two."""
    if not warm:
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _spread(values: pd.Series) -> tuple[int, int, int]:
    return int(values.min()), int(values.median()), int(values.max())

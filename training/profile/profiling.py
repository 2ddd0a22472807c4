"""From one pass of cached features to facts: ready-made accuracy, and what each boundary costs on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from core import DatasetFacts, DatasetRef, MemoryFacts, Tell
from dataset import live, read_manifest
from dataset.audit import feature_check as label_check
from training.backbones import Backbone
from training.caches import Arithmetic, Bench, Pools, frozen_pass, telling
from training.caches.arithmetic import EXACT
from training.graphs import engines
from training.machine import devices, memory, peak_of
from training.profile import draw_map, moments, out_of_fold, panel
from training.profile.feature_check import feature_check
from training.profile.one_pass import deep_of, fitted_rows, one_pass
from training.profile.stage_costs import quietest


def profile(
    ref: DatasetRef, backbone_name: str, home: Path, tell: Tell, known: DatasetFacts | None = None,
    publish: Callable[[DatasetFacts], None] = lambda facts: None, passed_s: float | None = None, brief: bool = False,
    split_seed: int = 0,
) -> DatasetFacts:  # fmt: skip
    """Decode once, run the backbone once, and measure. Fills the pixel and prefix caches that training reads.

    publish: given what is known before training is timed, without costs: accuracy and gaps are what one waits for.
    known: facts about another revision of the same images. What this machine costs is taken from them if they are of
    this machine (an edit changes at most the width of the head); features come from the cache either way. passed_s:
    seconds per image of a pass that was made just before. brief: only what a choice needs: no test image is passed or
    judged, no label doubted, and no map drawn. split_seed: of the split where the images have none.
    """
    started = time.perf_counter()
    bench = Bench.of(ref, backbone_name, home, telling(tell, 0.0, 0.3, "Reading images"))
    bench = replace(bench, split_seed=split_seed)
    backbone, device, data = bench.backbone, bench.device, bench.data
    process = _besides_weights(backbone) if device.type == "cpu" else 0
    tell(0.3, "Choosing the arithmetic for this machine", None)
    fit_rows, deep = fitted_rows(bench), deep_of(bench)
    shown = fit_rows if brief else bench.everything
    labels = data.labels[fit_rows]
    pools = Pools(bench.prefix, deep)
    forward_s = one_pass(bench, tell, pools, shown) or passed_s
    tell(0.85, "Comparing with the pre-training", None)
    gap = panel.domain_gap(backbone, data, fit_rows, device, _gap_in(bench))
    tell(0.87, "Cross-validating linear probes", None)
    manifest = read_manifest(ref)
    same = data.groups
    every = bench.prefix.values(backbone.head_index, shown, 0)
    fit = np.isin(shown, fit_rows)
    judged = None
    if not brief:
        judged = out_of_fold.judge(
            every, data.labels[shown], len(ref.classes), fit=np.flatnonzero(fit), groups=same[shown]
        )
        label_check.save(home, feature_check(ref, backbone_name, judged, every, shown, same[shown]))
    stages = pools.read(deep)
    if gap is None:
        gap = panel.frechet_gap(stages, moments.load(home, backbone.weights_id), data.prep.size)
    found = panel.measure(
        every[fit], stages, labels, len(ref.classes), groups=same[fit_rows], judged=judged.judged if judged else None
    )
    groups = len(set(manifest["group"].to_numpy()[fit_rows]) - {""})
    manifest = live(manifest)
    if not brief:
        draw_map.pca_of(bench)
    hardware = devices.hardware(device)
    counts = np.bincount(data.labels[fit_rows], minlength=len(ref.classes))
    so_far = DatasetFacts(
        dataset_id=ref.id, backbone=backbone_name, classes=ref.classes, train_images=len(fit_rows),
        test_images=len(data.rows["test"]), per_class=tuple(int(n) for n in counts), groups=groups,
        width_px=_spread(manifest["width"]), height_px=_spread(manifest["height"]),
        ready_made=found.ready_made, chance=1 / len(ref.classes), probe_accuracy=found.probe_accuracy,
        domain_gap=gap, depth_gap=found.depth_gap, data_curve=found.data_curve, logme=found.logme,
        decode_s=data.decode_s, hardware=hardware,
    )  # fmt: skip
    publish(so_far)
    if known is not None and known.hardware == hardware and known.costs:
        costs, taken = known.costs, known.memory
        so_far = replace(so_far, timed_at=known.timed_at, others=known.others)
    else:  # last, as its steps write to the weights that everything above was computed by
        tell(0.93, "Measuring training speed at each boundary", None)
        costs, others = quietest(bench, forward_s)
        so_far = replace(so_far, timed_at=time.time(), others=others)
        taken = None if process is None else _besides_steps(bench, process)
    return replace(
        so_far, costs=costs, forward_images_per_s=1 / costs[-1].below_s, train_images_per_s=1 / costs[0].train_s,
        memory=taken, seconds=time.perf_counter() - started,
    )  # fmt: skip


def _gap_in(bench: Bench) -> Arithmetic:
    """What the domain gap is measured in by torch: averages over many values, to which bf16 makes no difference."""
    if bench.device.type == "cpu":
        return Arithmetic("bf16", True) if engines.multiplies_bf16() else EXACT
    return Arithmetic.named(bench.precision)


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


def _spread(values: pd.Series) -> tuple[int, int, int]:
    return int(values.min()), int(values.median()), int(values.max())

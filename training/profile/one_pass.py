"""The one pass over the images that everything rests on: probe, profile and the first runs read what it stores. No
torch of its own: where the backbone's graph is there, an engine makes it."""

from __future__ import annotations

import time

import numpy as np

from advisor.planning import PROFILED_STAGES
from advisor.planning.strategies import STAGES_FROM
from core import Tell
from training.caches import Bench, Pools, PrefixCache, Rows, telling
from training.evaluation import stratified
from training.evaluation.held_out import Ints

MOST_DEEP = 1000
"""Images of the probes that are only compared with each other: depth gap and data curve."""
TELLING, TELLING_BATCHES = 128, 4
"""Images that a pass has to make for its time to be told, and batches of it on an accelerator, where they are large."""


def deep_rows(labels: Ints, seed: int = 0) -> Rows:
    """Positions of the images that the depth gap and the data curve are measured on."""
    return stratified(labels, MOST_DEEP, seed, least=2)


def fitted_rows(bench: Bench) -> Rows:
    """The images for training and validation, ascending."""
    return np.sort(np.concatenate([bench.data.rows["train"], bench.data.rows["val"]]))


def deep_of(bench: Bench) -> Rows:
    """As `deep_rows`, of the images of a bench."""
    fit = fitted_rows(bench)
    deep: Rows = fit[deep_rows(bench.data.labels[fit])]
    return deep


def _of_all_stages(bench: Bench, boundaries: list[int], rows: Rows, room: int) -> PrefixCache | None:
    """Where the pass leaves what a head on all stages reads; None where that would not be used, or has no room."""
    every, head = bench.prefix.of_all_stages, bench.network.head_index
    if every is None or len(rows) < STAGES_FROM * len(bench.ref.classes):
        return None
    each = every.bytes_per_image(head) + sum(map(bench.prefix.bytes_per_image, boundaries))
    return every if each * len(rows) < room else None


def one_pass(
    bench: Bench, tell: Tell, pools: Pools, rows: Rows, first: float = 0.3, share: float = 0.55
) -> float | None:
    """Fill the cache with what the first runs will read of these rows; seconds per image, None when little of it was
    missing. first, share: where it begins in the work that `tell` is told of, and how much of it it is."""
    head = bench.network.head_index
    boundaries = [b for b in (head - stages for stages in PROFILED_STAGES) if b > 0]
    room = bench.prefix.room()
    boundaries = [b for b in boundaries if bench.prefix.bytes_per_image(b) * len(rows) < room]
    started = time.perf_counter()
    tick = telling(tell, first, share, "Running the backbone")
    done = bench.prefix.fill(boundaries, rows, 0, tick, pools.add, _of_all_stages(bench, boundaries, rows, room))
    least = TELLING
    if bench.device is not None and bench.device.type != "cpu":
        from training.caches import frozen_pass

        least = TELLING_BATCHES * frozen_pass.pass_batch(bench.device)
    return (time.perf_counter() - started) / done if done >= least else None

"""Where a phase's batches come from: the prefix cache where its boundary is cached, the images where it is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advisor.types import Phase, Strategy
from training.backbones import Backbone
from training.data import Data, Rows
from training.prefix import PrefixCache

EVAL_BATCH = 128

Tick = Callable[[int, int, float | None], None]
"""Called with (images done, images in all, seconds left); may raise to stop."""


class Inputs:
    """Activations at the phases' boundaries, for training and for judging, on the device that trains."""

    def __init__(
        self, strategy: Strategy, backbone: Backbone, data: Data, prefix: PrefixCache, seed: int, device: torch.device
    ) -> None:
        self._strategy, self._backbone, self._data = strategy, backbone, data
        self._prefix, self._seed, self._device = prefix, seed, device
        self.cached = self._cacheable()

    def views(self, phase: Phase) -> int:
        """A solved head looks at plain images only: its optimum needs no augmentation to be stable."""
        return 0 if phase.optimizer != "adamw" else self._strategy.views

    def fill_caches(self, tick: Tick) -> float:
        """Make the prefix cache hold what the phases read; returns the seconds it took.

        One pass per view fills the boundaries of all phases: nothing below them is computed twice.
        """
        rows, phases = self._data.rows, self._strategy.phases
        plain = np.concatenate([rows["train"], rows["val"], rows["test"]])
        jobs: list[tuple[int, list[int], Rows]] = []
        for view in range(max(map(self.views, phases)) + 1):
            wanted = [p.boundary for p in phases if self.views(p) >= view and p.boundary in self.cached]
            if wanted:
                jobs.append((view, wanted, plain if view == 0 else rows["train"]))
        started = time.perf_counter()
        total = sum(max(self._prefix.missing(b, of, view) for b in wanted) for view, wanted, of in jobs)
        before = 0

        def count(done: int, _: int) -> None:
            spent = time.perf_counter() - started
            share = min(1.0, (before + done) / max(1, total))
            tick(min(before + done, total), total, spent / share - spent if share > 0.05 else None)

        for view, wanted, of in jobs:
            before += self._prefix.fill(wanted, of, view, count)
        return time.perf_counter() - started

    def train_batch(self, phase: Phase, number: int, epoch: int, rows: Rows) -> tuple[Tensor, Tensor]:
        """(activations at the phase's boundary, labels) of training rows in one epoch of phase `number`."""
        labels = self.labels(rows)
        if phase.boundary not in self.cached:
            view = ("live", self._seed, number, epoch) if self._strategy.views else 0
            x = self._to_device(self._data.batch(rows, view))
            with torch.no_grad():
                return self._backbone.below(x, phase.boundary), labels
        # Each image shows another of its stored views every epoch.
        which = (rows + epoch) % (1 + self._strategy.views)
        parts = [(np.flatnonzero(which == view), view) for view in np.unique(which)]
        pieces = [self._prefix.read(phase.boundary, rows[of], int(view)) for of, view in parts]
        order = np.argsort(np.concatenate([of for of, _ in parts]), kind="stable")
        return self._to_device(torch.cat(pieces)[torch.from_numpy(order)]), labels

    def features(self, boundary: int, rows: Rows) -> Tensor:
        """Cached plain activations of many rows at once."""
        return self._to_device(self._prefix.read(boundary, rows, 0))

    def labels(self, rows: Rows) -> Tensor:
        return self._data.labels[torch.from_numpy(rows)].to(self._device)

    def logits(self, boundary: int, rows: Rows) -> Iterator[tuple[Tensor, Tensor]]:
        """(logits, labels) batch by batch, by the backbone as it is; `boundary`: below it nothing was trained."""
        cached = boundary in self.cached and not self._prefix.missing(boundary, rows, 0)
        for start in range(0, len(rows), EVAL_BATCH):
            chunk = rows[start : start + EVAL_BATCH]
            if cached:
                inputs, first = self._prefix.read(boundary, chunk, 0), boundary
            else:
                inputs, first = self._data.batch(chunk, 0), 0
            with self.autocast(training=False):
                answers = self._backbone.above(self._to_device(inputs), first)
            yield answers.float(), self.labels(chunk)

    def autocast(self, *, training: bool) -> AbstractContextManager[Any]:
        """bf16 arithmetic on CUDA; on the CPU only for evaluation, where it was measured to be faster."""
        low = self._prefix.precision == "bf16"
        if self._device.type == "cuda" or (self._device.type == "cpu" and not training):
            return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=low)
        return nullcontext()

    def _cacheable(self) -> frozenset[int]:
        """The boundaries whose activations fit on disk together, in the order of the phases."""
        rows, room = self._data.rows, self._prefix.room()
        chosen: set[int] = set()
        for phase in self._strategy.phases:
            if phase.boundary == 0 or phase.boundary in chosen:
                continue
            images = len(rows["train"]) * (1 + self.views(phase)) + len(rows["val"]) + len(rows["test"])
            size = self._prefix.bytes_per_image(phase.boundary) * images
            if size <= room:
                chosen.add(phase.boundary)
                room -= size
        return frozenset(chosen)

    def _to_device(self, x: Tensor) -> Tensor:
        x = x.to(self._device, non_blocking=True)
        return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x

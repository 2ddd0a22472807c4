"""Where a phase's batches come from: the prefix cache where its boundary is cached, the images where it is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from core import Phase, Strategy
from training.backbones import Backbone
from training.caches import frozen_pass
from training.caches.arithmetic import EXACT, PLAIN, Arithmetic
from training.caches.examples import Data, Rows
from training.caches.prefix import PrefixCache

EVAL_BATCH, ACCELERATED_EVAL_BATCH = 8, 128
"""Images judged at once, on the CPU and on an accelerator. On two cores more are no faster and take memory
(benchmarks/results/forward.md)."""
SMALL, MANY = 1024, 2048
"""Examples of at most so many numbers are judged so many at a time: the calls would take longer than the arithmetic."""

Tick = Callable[[int, int, float | None], None]
"""Called with (images done, images in all, seconds left); may raise to stop."""
Choose = Callable[[int, Tensor], Arithmetic]
"""(number of a phase, a batch at its boundary) -> the arithmetic of its training steps."""


def equal_batches(order: Rows, steps: int) -> list[Rows]:
    """One epoch's rows as `steps` batches of one size; the few rows that do not divide sit this epoch out.

    An accelerator prepares its kernels anew for every size: a last batch of its own would cost more than it teaches.
    """
    size = max(1, len(order) // steps)
    return [order[step * size : (step + 1) * size] for step in range(steps)]


class Inputs:
    """Activations at the phases' boundaries, for training and for judging, on the device that trains."""

    def __init__(
        self,
        strategy: Strategy,
        backbone: Backbone,
        data: Data,
        prefix: PrefixCache,
        seed: int,
        device: torch.device,
        choose: Choose = lambda number, batch: PLAIN,
    ) -> None:
        self._strategy, self._backbone, self._data = strategy, backbone, data
        self._prefix, self._seed, self._device, self._choose = prefix, seed, device, choose
        self._chosen: dict[int, Arithmetic] = {}
        self._below: dict[int, frozen_pass.Taps] = {}
        self._folds: dict[int, bool] = {}
        self.not_cached: list[str] = []
        """Why a boundary is not cached, a sentence each."""
        self.cached = self._cacheable()

    def views(self, phase: Phase) -> int:
        """How many augmented views its training images have, besides the plain one."""
        return 0 if phase.reads_plain else self._strategy.views

    def fill_caches(self, tick: Tick) -> float:
        """Make the prefix cache hold what the phases read; returns the seconds it took.

        One pass per view fills the boundaries of all phases: nothing below them is computed twice.
        """
        rows, phases = self._data.rows, self._strategy.phases
        plain = np.concatenate([rows["train"], rows["val"]])
        if all(phase.boundary == self._backbone.head_index for phase in phases) and self._prefix.exact:
            plain = np.concatenate([plain, rows["test"]])  # else the test images are judged from their pixels
        jobs: list[tuple[int, list[int], Rows]] = []
        for view in range(max(map(self.views, phases)) + 1):
            readers = [p for p in phases if self.views(p) >= view and p.boundary in self.cached]
            if readers:
                of = plain if view == 0 else self._seen(rows["train"], view, max(p.epochs for p in readers))
                jobs.append((view, [p.boundary for p in readers], of))
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

    def choose_arithmetic(self, phase: Phase, number: int) -> None:
        """Before the first step of a phase: what is fastest here, or what the run began with."""
        if phase.boundary not in self._chosen:
            inputs, _ = self.train_batch(phase, number, 0, self._data.rows["train"][: frozen_pass.BATCH])
            self._chosen[phase.boundary] = self._choose(number, inputs)

    def arithmetic(self, phase: Phase) -> Arithmetic:
        return self._chosen.get(phase.boundary, PLAIN)

    def train_batch(self, phase: Phase, number: int, epoch: int, rows: Rows) -> tuple[Tensor, Tensor]:
        """(activations at the phase's boundary, labels) of training rows in one epoch of phase `number`."""
        labels, how = self.labels(rows), self.arithmetic(phase)
        if phase.boundary not in self.cached:
            view = ("live", self._seed, number, epoch) if self.views(phase) else 0
            px = phase.px_at(epoch, self._full_px) if phase.start_px else None
            x = self._data.batch(rows, view, px).to(self._device)
            return how.layout(self._frozen_part(x, phase.boundary) if phase.boundary else x), labels
        # A run that grows beyond its planned epochs shows again what the cache was filled with.
        which = self._view(rows, epoch % self._longest, self.views(phase))
        parts = [(np.flatnonzero(which == view), view) for view in np.unique(which)]
        pieces = [self._prefix.read(phase.boundary, rows[of], int(view)) for of, view in parts]
        order = np.argsort(np.concatenate([of for of, _ in parts]), kind="stable")
        return how.layout(torch.cat(pieces)[torch.from_numpy(order).to(self._device)]), labels

    @cached_property
    def _longest(self) -> int:
        """Epochs that the longest phase is planned to read augmented views from the cache."""
        return max(p.epochs for p in self._strategy.phases if p.boundary in self.cached and not p.solved)

    def _view(self, rows: Rows, epoch: int, views: int) -> Rows:
        """Which stored view each image shows in an epoch: another one every time, and the plain one among them."""
        return (rows + epoch) % (1 + views)

    def _seen(self, rows: Rows, view: int, epochs: int) -> Rows:
        """The rows that show this view in one of so many epochs: a short run needs only some views of each image."""
        shown = np.zeros(len(rows), dtype=bool)
        for epoch in range(min(epochs, 1 + self._strategy.views)):
            shown |= self._view(rows, epoch, self._strategy.views) == view
        return rows[shown]

    def features(self, boundary: int, rows: Rows) -> Tensor:
        """Plain activations of many rows at once."""
        if boundary in self.cached:
            return self._prefix.read(boundary, rows, 0)
        chunks = (rows[start : start + self._judged] for start in range(0, len(rows), self._judged))
        return torch.cat([self._frozen_part(self._data.batch(chunk, 0), boundary) for chunk in chunks])

    def labels(self, rows: Rows) -> Tensor:
        return torch.from_numpy(self._data.labels[rows]).to(self._device)

    def logits(self, boundary: int, rows: Rows, *, exact: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
        """(logits, labels) batch by batch, by the backbone as it is; `boundary`: below it nothing was trained.

        exact: in the arithmetic of the export, nothing rounded on the way.
        """
        for true, features in self.features_now(boundary, rows, exact=exact):
            yield self._backbone.head(features)[: len(true)].float(), self.labels(true)

    def features_now(self, boundary: int, rows: Rows, *, exact: bool = False) -> Iterator[tuple[Rows, Tensor]]:
        """(rows, what the head reads of them [b, width] and perhaps more rows that only fill the batch) batch by batch.

        exact: as `logits` says. The stages run folded.
        """
        cached = boundary in self.cached and not self._prefix.missing(boundary, rows, 0)
        if exact and not (boundary == self._backbone.head_index and self._prefix.exact):
            cached = False  # stored in half precision, or computed in it
        below = self._prefix.exactly(boundary) if exact and boundary and not cached else None
        first = boundary if cached or below else 0
        size = MANY if self._data.batch(rows[:1], 0).numel() <= SMALL else self._judged
        fixed = size if self._device.type != "cpu" else 0  # one size there, as for `equal_batches`
        stages: frozen_pass.Taps | None = None
        for start in range(0, len(rows), size):
            true = rows[start : start + size]
            chunk = np.resize(true, fixed) if fixed else true
            if below:
                inputs = torch.from_numpy(below.run(below.make(chunk, 0))[0])
            else:
                inputs = self._prefix.read(first, chunk, 0) if cached else self._data.batch(chunk, 0)
            if first < self._backbone.head_index:
                stages = stages or self._judged_stages(first, inputs, exact=exact)
                inputs = stages(inputs)[0]
            yield true, inputs.to(self._device)

    @property
    def _judged(self) -> int:
        return EVAL_BATCH if self._device.type == "cpu" else ACCELERATED_EVAL_BATCH

    def _judged_stages(self, first: int, example: Tensor, *, exact: bool) -> frozen_pass.Taps:
        """From activations at `first` to the head's, by the stages as they are now. In fp32, except for the validation
        images on an accelerator, which judges them as it computes frozen stages."""
        if first not in self._folds:
            self._folds[first] = frozen_pass.foldable(self._backbone, first, self._device, example)
        head, folds = self._backbone.head_index, self._folds[first]
        precision = EXACT.code if exact else frozen_pass.judged_in(self._device, self._prefix.precision)
        if not folds and self._device.type == "cpu":
            return frozen_pass.as_it_is(self._backbone, first, self._device)
        return frozen_pass.taps(self._backbone, [head], precision, self._device, example, start=first, folds=folds)

    def _crowded(self, phase: Phase) -> str:
        name = self._backbone.stage_names[phase.boundary]
        return (
            f"The frozen features below '{name}' do not fit on disk beside those of the run's other phases: they are "
            "computed again in every epoch."
        )

    @cached_property
    def _full_px(self) -> int:
        """Side of this run's images when nothing is resized progressively, px."""
        return int(self._data.batch(self._data.rows["train"][:1], 0).shape[-1])

    def _frozen_part(self, x: Tensor, boundary: int) -> Tensor:
        """Frozen stages on a batch that no cache holds, computed as what a cache holds is."""
        if self._prefix.engine:
            assert self._prefix.graph is not None
            session = self._prefix.graph.session(self._prefix.engine, [boundary], side=None)
            return torch.from_numpy(session.run(x.contiguous().numpy())[0])
        if boundary not in self._below:
            self._below[boundary] = frozen_pass.taps(self._backbone, [boundary], self._prefix.precision, self._device,
            x)
        # Inference tensors cannot enter autograd: a copy can.
        return self._below[boundary](x)[0].clone()

    def _cacheable(self) -> frozenset[int]:
        """The boundaries whose activations fit on disk together, in the order of the phases."""
        rows = self._data.rows
        room = self._prefix.room()
        chosen: set[int] = set()
        for phase in self._strategy.phases:
            if phase.boundary == 0 or phase.boundary in chosen:
                continue
            images = len(rows["train"]) * (1 + self.views(phase)) + len(rows["val"]) + len(rows["test"])
            size = self._prefix.bytes_per_image(phase.boundary) * images
            if size <= room:
                chosen.add(phase.boundary)
                room -= size
            else:
                self.not_cached.append(self._prefix.why_not(phase.boundary, images) or self._crowded(phase))
        return frozenset(chosen)

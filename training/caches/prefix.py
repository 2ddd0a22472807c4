"""The prefix cache: activations at a boundary, computed once per (dataset, weights, precision, size, boundary, view).

What lies below a boundary is frozen and in eval mode, so an image's activations there never change. They are filed
under a hash of the weights that compute them, and neither stored nor read while a stage below holds others: what one
run trains cannot reach the features of the next, whoever fills a cache and whenever.

They are kept as float16 in one memory-mapped file per boundary and view, with a byte per row that says whether the row
is filled. Rows are filled when first asked for and shared by every later run. A row is marked after its values have
reached the disk: neither a killed process nor a machine that loses power leaves a marked row without values.
How much disk all of them may take, and which goes first, is in `budget`.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import WeightsError, find_array, processes
from core.files import naming
from training.backbones import Backbone
from training.caches import budget, frozen_pass, views
from training.caches.examples import Data, Rows

LARGEST = 65504.0  # float16's largest finite value
FLUSH_EVERY_S = 5.0
"""Work that a crash may cost, in seconds. `benchmarks.cache_flush` prints what the flushes cost."""
IN_MEMORY = 2**30
"""Bytes that a cache without a folder may take."""

Tick = Callable[[int, int], None]
"""Called with (images done, images in all); may raise to stop."""
Watch = Callable[[Rows, list[Tensor]], None]
"""Called with the rows of a batch and, per stage, the spatial means of its output, float32 [rows, channels]."""


class PrefixCache:
    """Activations of `data` below the boundaries of `backbone`. `folder` None keeps them in memory (tests)."""

    def __init__(
        self, backbone: Backbone, data: Data, device: torch.device, precision: str, folder: Path | None
    ) -> None:
        """folder: where all caches of this dataset lie (`caches.folder_of`)."""
        self.backbone, self.data, self.device, self.precision = backbone, data, device, precision
        self._weights = backbone.fingerprints()
        self._found: dict[int, tuple[list[Tensor], int]] = {}
        """The tensors below a boundary, and how often they had been written to when they were last found unchanged."""
        weights = f"{backbone.weights_id}-{hashlib.sha256(''.join(self._weights).encode()).hexdigest()[:12]}"
        where = "" if device.type == "cpu" else f"-{device.type}"  # other devices round otherwise
        name = f"prefix-{weights}-{precision}{self._size()}{where}-v{views.VERSION}"
        self._folder = folder / name if folder else None
        self._files: dict[tuple[int, int], tuple[NDArray[np.float16], NDArray[np.uint8]]] = {}
        self._held: dict[Path, IO[bytes]] = {}
        self._shapes: dict[int, tuple[int, ...]] = {}

    def bytes_per_image(self, boundary: int) -> int:
        """Bytes that one image's activations at `boundary` take (float16)."""
        return 2 * int(np.prod(self._shape(boundary)))

    def room(self) -> int:
        """Bytes that this cache may take in all, what it holds already included: what `caches.budget` allows, less
        what other processes have open."""
        if self._folder is None:
            return IN_MEMORY
        self._folder.mkdir(parents=True, exist_ok=True)
        return budget.room(self._root, self._held)

    def why_not(self, boundary: int, images: int) -> str | None:
        """A sentence for the run's log when the activations of `images` (views counted) at `boundary` exceed `room`;
        None when they fit."""
        needed, room = self.bytes_per_image(boundary) * images, self.room()
        if needed <= room:
            return None
        name = self.backbone.stage_names[boundary]
        return (
            f"The frozen features below '{name}' would take {needed / 1e9:.1f} GB and {room / 1e9:.1f} GB of disk are "
            f"allowed: they are computed again in every epoch. {budget.LIMIT_GB} sets another limit."
        )

    def highest(self, rows: Rows) -> int:
        """The highest boundary at which the plain activations of all these rows are stored and apply; 0 = there is
        none."""
        for boundary in range(self.backbone.head_index, 0, -1):
            held = (boundary, 0) in self._files or (self._folder is not None and self._marks(boundary, 0).exists())
            if held and not self.missing(boundary, rows, 0) and self.applies(boundary):
                return boundary
        return 0

    def missing(self, boundary: int, rows: Rows, view: int) -> int:
        """How many of `rows` would have to be computed."""
        return int((self._file(boundary, view)[1][rows] == 0).sum())

    def fill(
        self, boundaries: Sequence[int], rows: Rows, view: int, tick: Tick | None = None, watch: Watch | None = None
    ) -> int:
        """Compute what is missing of `rows` at all `boundaries` in one pass; returns the images computed.

        watch: also sees the pooled outputs of every stage that the pass runs. Raises WeightsError as `through` does.
        """
        wanted = sorted({b for b in boundaries if b > 0 and self.missing(b, rows, view)})
        files = {boundary: self._file(boundary, view) for boundary in wanted}
        absent = np.zeros(len(rows), dtype=bool)
        for _, done in files.values():
            absent |= done[rows] == 0
        todo = rows[absent]
        if not len(todo):
            return 0
        if self._folder is not None:
            budget.make_room(self._root, len(todo) * sum(map(self.bytes_per_image, wanted)))
        forward = None
        with _marking(list(files.values())) as written:
            size = frozen_pass.pass_batch(self.device)
            chunks = [todo[start : start + size] for start in range(0, len(todo), size)]
            computed = 0

            def padded(chunk: Rows) -> Tensor:
                return self.data.batch(np.resize(chunk, size), view)

            for chunk, inputs in _made(padded, chunks, self.device):
                forward = forward or self.through(wanted, inputs, pooled=watch is not None)
                outputs = forward(inputs)
                if watch:
                    watch(chunk, [mean[: len(chunk)].cpu() for mean in outputs[len(wanted) :]])
                for boundary, activations in zip(wanted, outputs, strict=False):
                    halves = activations[: len(chunk)].clamp(-LARGEST, LARGEST).half()
                    files[boundary][0][chunk] = halves.cpu().numpy()
                written(chunk)
                computed += len(chunk)
                if tick:
                    tick(computed, len(todo))
        return len(todo)

    def through(self, boundaries: Sequence[int], example: Tensor, *, pooled: bool = False) -> frozen_pass.Taps:
        """The one way to compute what is stored: `frozen.taps` on the weights that this cache is named for.

        Raises WeightsError when a stage below the highest boundary holds others by now.
        """
        self._found.clear()
        self._check(max(boundaries))
        return frozen_pass.taps(self.backbone, boundaries, self.precision, self.device, example, pooled=pooled)

    def applies(self, boundary: int) -> bool:
        """Whether the stages below `boundary` are what they were when this cache was opened: only then is what it holds
        what they compute. Hashed again (see `Backbone.fingerprints`) only after something wrote to them."""
        tensors, writes = self._found.get(boundary, ([], -1))
        if writes == _writes(tensors):
            return True
        if self.backbone.fingerprints(boundary) != self._weights[:boundary]:
            return False
        stages = self.backbone.stage_modules()[:boundary]
        tensors = [tensor for stage in stages for tensor in chain(stage.parameters(), stage.buffers())]
        self._found[boundary] = (tensors, _writes(tensors))
        return True

    def _check(self, boundary: int) -> None:
        if not self.applies(boundary):
            name = self.backbone.stage_names[boundary]
            raise WeightsError(
                f"Stages below '{name}' of {self.backbone.name} were changed since this cache of their features was "
                "opened: they are neither stored nor read as those of the weights before. Open the run again."
            )

    def read(self, boundary: int, rows: Rows, view: int) -> Tensor:
        """Activations float32 [len(rows), ...] on the device. Every row must have been filled. Raises WeightsError when
        a stage below was trained since: these would not be its activations."""
        self._check(boundary)
        processes.step()
        values, done = self._file(boundary, view)
        if not done[rows].all():
            raise KeyError(f"boundary {boundary}, view {view}: not all rows were filled")
        tensor = torch.from_numpy(values[rows]).to(self.device).float()  # moved as halves: half the bytes
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    def close(self) -> None:
        """Let go of the files, so that another run may make room. The end of the process does the same."""
        self._files.clear()
        for file in self._held.values():
            file.close()
        self._held.clear()

    @property
    def folder(self) -> Path | None:
        """Where the features of this backbone at this size and precision lie; None in memory."""
        return self._folder

    def _marks(self, boundary: int, view: int) -> Path:
        assert self._folder is not None
        other = f"-{self.data.augment}" if view and self.data.augment != "light" else ""
        return self._folder / f"boundary{boundary}-view{view}{other}.done.npy"

    @property
    def _root(self) -> Path:
        assert self._folder is not None
        return self._folder.parent.parent

    def _size(self) -> str:
        """'-224px' for images, by what the backbone is really given; nothing for vectors."""
        one = self.data.batch(self.data.rows["train"][:1], 0)
        return f"-{one.shape[-1]}px" if one.dim() == 4 else ""

    def _shape(self, boundary: int) -> tuple[int, ...]:
        if boundary not in self._shapes:
            with self.backbone.modes_kept(), torch.inference_mode():
                self.backbone.eval()
                one = self.data.batch(self.data.rows["train"][:1], 0).to(next(self.backbone.parameters()).device)
                self._shapes[boundary] = tuple(self.backbone.below(one, boundary).shape[1:])
        return self._shapes[boundary]

    def _file(self, boundary: int, view: int) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
        key = (boundary, view)
        if key not in self._files:
            total = len(self.data.labels)
            shape = (total, *self._shape(boundary))
            if self._folder is None:
                self._files[key] = (np.zeros(shape, np.float16), np.zeros(total, np.uint8))
            else:
                marks = self._marks(boundary, view)
                with budget.changing(self._root):
                    self._folder.mkdir(parents=True, exist_ok=True)
                    values = budget.values_of(marks)
                    if not (_whole(marks, np.uint8, (total,)) and _whole(values, np.float16, shape)):
                        for half in (marks, values):  # beside a new other half it would pass zeros off
                            half.unlink(missing_ok=True)
                    done = _open(marks, np.uint8, (total,))
                    self._held[marks] = budget.hold(marks)
                    self._files[key] = (_open(values, np.float16, shape), done)
        return self._files[key]


def _made(
    make: Callable[[Rows], Tensor], chunks: Sequence[Rows], device: torch.device
) -> Iterator[tuple[Rows, Tensor]]:
    """Each chunk of rows with its inputs. The next ones are made while an accelerator computes; on the CPU both would
    want the same cores."""
    if device.type == "cpu":
        yield from ((chunk, make(chunk)) for chunk in chunks)
        return
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make, chunks[0])
        for chunk, following in zip_longest(chunks, chunks[1:]):
            inputs = coming.result()
            if following is not None:
                coming = thread.submit(make, following)
            yield chunk, inputs


def _writes(tensors: Sequence[Tensor]) -> int:
    """How often something was written to them in place, as torch counts it: rises with every step and every load."""
    return sum(tensor._version for tensor in tensors if not tensor.is_inference())


@contextlib.contextmanager
def _marking(
    files: list[tuple[NDArray[np.float16], NDArray[np.uint8]]],
) -> Iterator[Callable[[Rows], None]]:
    """Collects rows whose values are written, and marks them once those have reached the disk: every few seconds,
    and at the end, also when that is an exception."""
    waiting: list[Rows] = []
    last = time.monotonic()

    def mark() -> None:
        nonlocal last
        for values, done in files:
            _flush(values)
            _let_go(values)
            for rows in waiting:
                done[rows] = 1
            _flush(done)
        waiting.clear()
        last = time.monotonic()

    def written(rows: Rows) -> None:
        waiting.append(rows)
        if time.monotonic() - last > FLUSH_EVERY_S:
            mark()

    try:
        yield written
    finally:
        mark()


def _flush(array: NDArray) -> None:
    if isinstance(array, np.memmap):
        array.flush()


def _let_go(array: NDArray) -> None:
    """What was flushed need not count as this process's memory: 100,000 images would add gigabytes to it. The pages
    stay in the system's own cache, from where they are read again."""
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)


def _whole(path: Path, dtype: type, shape: tuple[int, ...]) -> bool:
    found = find_array(path, mapped=True)
    return found is not None and found.dtype == dtype and found.shape == shape


def _open(path: Path, dtype: type, shape: tuple[int, ...]) -> NDArray:
    """The file as a writable memory map, created (sparse, all zero) under a temporary name if it is not there. The name
    is its own (`core.files` is for what is written once): it grows while it is read.

    Call within `caches.changing`: two processes that made the same file would write to different ones.
    """
    if not path.exists():
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape).flush()
        with naming():
            part.rename(path)
    return np.load(path, mmap_mode="r+")

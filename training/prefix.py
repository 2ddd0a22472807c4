"""The prefix cache: activations at a boundary, computed once per (dataset, backbone, precision, boundary, view).

What lies below a boundary is frozen and in eval mode, so an image's activations there never change. They are
kept as float16 in one memory-mapped file per boundary and view, with a byte per row that says whether the row is
filled. Rows are filled when first asked for and shared by every later run. A kill leaves whole rows only.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import frozen
from training.backbones import Backbone
from training.data import Data, Rows

LARGEST = 65504.0  # float16's largest finite value

Tick = Callable[[int, int], None]
"""Called with (images done, images in all); may raise to stop."""


class PrefixCache:
    """Activations of `data` below the boundaries of `backbone`. `folder` None keeps them in memory (tests)."""

    def __init__(
        self, backbone: Backbone, data: Data, device: torch.device, precision: str, folder: Path | None
    ) -> None:
        self._backbone = backbone
        self._data = data
        self._device = device
        self.precision = precision
        self._folder = folder / f"prefix-{backbone.weights_id}-{precision}" if folder else None
        self._files: dict[tuple[int, int], tuple[NDArray[np.float16], NDArray[np.uint8]]] = {}
        self._shapes: dict[int, tuple[int, ...]] = {}

    def bytes_per_image(self, boundary: int) -> int:
        """Bytes that one image's activations at `boundary` take (float16)."""
        return 2 * int(np.prod(self._shape(boundary)))

    def room(self) -> int:
        """Bytes that caching may take: half of the disk that is free, or 1 GiB in memory."""
        if self._folder is None:
            return 2**30
        self._folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._folder).free // 2

    def missing(self, boundary: int, rows: Rows, view: int) -> int:
        """How many of `rows` would have to be computed."""
        return int((self._file(boundary, view)[1][rows] == 0).sum())

    def fill(self, boundaries: Sequence[int], rows: Rows, view: int, tick: Tick | None = None) -> int:
        """Compute what is missing of `rows` at all `boundaries` in one pass; returns the images computed."""
        wanted = sorted({b for b in boundaries if b > 0 and self.missing(b, rows, view)})
        files = {boundary: self._file(boundary, view) for boundary in wanted}
        absent = np.zeros(len(rows), dtype=bool)
        for _, done in files.values():
            absent |= done[rows] == 0
        todo = rows[absent]
        if not len(todo):
            return 0
        forward = None
        for start in range(0, len(todo), frozen.BATCH):
            chunk = todo[start : start + frozen.BATCH]
            padded = np.resize(chunk, frozen.BATCH)
            inputs = self._data.batch(padded, view)
            if forward is None:
                forward = frozen.taps(self._backbone, wanted, self.precision, self._device, inputs)
            for boundary, activations in zip(wanted, forward(inputs), strict=True):
                values, done = files[boundary]
                values[chunk] = activations[: len(chunk)].clamp(-LARGEST, LARGEST).cpu().numpy().astype(np.float16)
                done[chunk] = 1
            if tick:
                tick(min(start + frozen.BATCH, len(todo)), len(todo))
        return len(todo)

    def read(self, boundary: int, rows: Rows, view: int) -> Tensor:
        """Activations float32 [len(rows), ...] on the CPU. Every row must have been filled."""
        values, done = self._file(boundary, view)
        if not done[rows].all():
            raise KeyError(f"boundary {boundary}, view {view}: not all rows were filled")
        tensor = torch.from_numpy(values[rows]).float()
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    def _shape(self, boundary: int) -> tuple[int, ...]:
        if boundary not in self._shapes:
            was_training = [(m, m.training) for m in self._backbone.modules()]
            self._backbone.eval()
            with torch.inference_mode():
                one = self._data.batch(self._data.rows["train"][:1], 0).to(next(self._backbone.parameters()).device)
                self._shapes[boundary] = tuple(self._backbone.below(one, boundary).shape[1:])
            for module, training in was_training:
                module.training = training
        return self._shapes[boundary]

    def _file(self, boundary: int, view: int) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
        key = (boundary, view)
        if key not in self._files:
            total = len(self._data.labels)
            shape = (total, *self._shape(boundary))
            if self._folder is None:
                self._files[key] = (np.zeros(shape, np.float16), np.zeros(total, np.uint8))
            else:
                self._folder.mkdir(parents=True, exist_ok=True)
                stem = f"boundary{boundary}-view{view}"
                values = _open(self._folder / f"{stem}.npy", np.float16, shape)
                done = _open(self._folder / f"{stem}.done.npy", np.uint8, (total,))
                self._files[key] = (values, done)
        return self._files[key]


def _open(path: Path, dtype: type, shape: tuple[int, ...]) -> NDArray:
    """The file as a writable memory map, created (sparse, all zero) under a temporary name if it is not there."""
    if not path.exists():
        part = path.with_suffix(".part")
        np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape).flush()
        part.rename(path)
    return np.load(path, mmap_mode="r+")

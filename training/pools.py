"""The spatial means of every stage's output, for a few hundred images: what the depth gap is measured on.

They cost nothing beside the frozen pass that a profile makes anyway, which hands them over batch by batch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training import frozen
from training.backbones import Backbone
from training.data import Data, Rows


class Pools:
    """Pooled stage outputs of the rows `wanted`; what no pass has handed over is computed when it is read."""

    def __init__(self, backbone: Backbone, data: Data, device: torch.device, precision: str, wanted: Rows) -> None:
        self._backbone, self._data, self._device, self._precision = backbone, data, device, precision
        self._place = np.full(len(data.labels), -1)
        self._place[wanted] = np.arange(len(wanted))
        self._seen = np.zeros(len(wanted), dtype=bool)
        self._values: list[Tensor] = []

    def add(self, rows: Rows, means: list[Tensor]) -> None:
        """A `prefix.Watch`. A pass that does not reach the head tells too little: it is not kept."""
        if len(means) < self._backbone.head_index:
            return
        places = self._place[rows]
        mine = places >= 0
        if not self._values:
            self._values = [torch.zeros(len(self._seen), mean.shape[1]) for mean in means]
        for values, mean in zip(self._values, means, strict=True):
            values[torch.from_numpy(places[mine])] = mean[torch.from_numpy(mine)].float()
        self._seen[places[mine]] = True

    def read(self, rows: Rows) -> list[Tensor]:
        """Per stage float32 [len(rows), channels], on the CPU. Raises KeyError for a row that was not wanted."""
        places = self._place[rows]
        if (places < 0).any():
            raise KeyError("pooled outputs of a row that was not wanted")
        self._compute(rows[~self._seen[places]])
        return [values[torch.from_numpy(places)] for values in self._values]

    def _compute(self, rows: Rows) -> None:
        size, head = frozen.pass_batch(self._device), self._backbone.head_index
        forward = None
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            inputs = self._data.batch(np.resize(chunk, size), 0)
            if forward is None:
                forward = frozen.taps(self._backbone, [head], self._precision, self._device, inputs, pooled=True)
            self.add(chunk, [mean[: len(chunk)].cpu() for mean in forward(inputs)[1:]])

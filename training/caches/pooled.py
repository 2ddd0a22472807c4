"""The spatial means of every stage's output, for a few hundred images: what the depth gap is measured on.

They cost nothing beside the frozen pass that a profile makes anyway, which hands them over batch by batch. They are
kept beside the prefix cache: a revision of the same images reads them, as its profile makes no such pass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core import find_arrays, written_whole
from training.caches.examples import Rows
from training.caches.prefix import PrefixCache

FILE = "pools.npz"


class Pools:
    """Pooled stage outputs of the rows `wanted`; what no pass has handed over is computed when it is read."""

    def __init__(self, prefix: PrefixCache, wanted: Rows, *, kept: bool = True) -> None:
        """prefix: computes them, and they lie in its folder. kept: False leaves nothing there."""
        self._prefix, self._head = prefix, prefix.backbone.head_index
        self._place = np.full(len(prefix.data.labels), -1)
        self._place[wanted] = np.arange(len(wanted))
        self._seen = np.zeros(len(wanted), dtype=bool)
        self._values: list[NDArray[np.float32]] = []
        self._file = prefix.folder / FILE if prefix.folder and kept else None
        self._stored: tuple[Rows, list[NDArray[np.float32]]] | None = self._load()

    def add(self, rows: Rows, means: list[NDArray[np.float32]]) -> None:
        """A `prefix.Watch`. A pass that does not reach the head tells too little: it is not kept."""
        if len(means) < self._head:
            return
        places = self._place[rows]
        mine = places >= 0
        if not self._values:
            self._values = [np.zeros((len(self._seen), mean.shape[1]), np.float32) for mean in means]
        for values, mean in zip(self._values, means, strict=True):
            values[places[mine]] = mean[mine]
        self._seen[places[mine]] = True

    def read(self, rows: Rows) -> list[NDArray[np.float32]]:
        """Per stage float32 [len(rows), channels]. Raises KeyError for a row that was not wanted."""
        places = self._place[rows]
        if (places < 0).any():
            raise KeyError("pooled outputs of a row that was not wanted")
        absent = rows[~self._seen[places]]
        self._compute(absent)
        if len(absent) or self._stored is None or not np.isin(rows, self._stored[0]).all():
            self._save()
        return [values[places] for values in self._values]

    def _load(self) -> tuple[Rows, list[NDArray[np.float32]]] | None:
        """What an earlier profile kept; its wanted rows count as handed over."""
        names = [f"stage{i}" for i in range(self._head)]
        found = find_arrays(self._file) if self._file else None
        if found is None or not {"rows", *names} <= found.keys():
            return None
        rows, values = found["rows"], [found[name] for name in names]
        mine = self._place[rows] >= 0
        if mine.any():
            self.add(rows[mine], [stage[mine] for stage in values])
        return rows, values

    def _save(self) -> None:
        """Keep what is known of the wanted rows, and of others that are kept already."""
        if self._file is None or not self._values:
            return
        rows = np.flatnonzero(self._place >= 0)
        rows = rows[self._seen[self._place[rows]]]
        values = [stage[self._place[rows]] for stage in self._values]
        if self._stored is not None:
            others = ~np.isin(self._stored[0], rows)
            rows = np.concatenate([rows, self._stored[0][others]])
            values = [np.concatenate([new, old[others]]) for new, old in zip(values, self._stored[1], strict=True)]
        with written_whole(self._file) as file:
            np.savez(file, rows=rows, **{f"stage{i}": stage for i, stage in enumerate(values)})
        self._stored = rows, values

    def _compute(self, rows: Rows) -> None:
        if not len(rows):
            return
        forward = self._prefix.through([self._head], pooled=True)
        for start in range(0, len(rows), forward.size):
            chunk = rows[start : start + forward.size]
            means = forward.run(forward.make(np.resize(chunk, forward.size) if forward.whole else chunk, 0))[1:]
            self.add(chunk, [forward.stored(mean[: len(chunk)], np.float32) for mean in means])

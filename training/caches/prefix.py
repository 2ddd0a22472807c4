"""The prefix cache: activations at a boundary, computed once per (dataset, weights, precision, size, boundary, view).

What lies below a boundary is frozen and in eval mode, so an image's activations there never change. They are filed
under a hash of the weights that compute them, and neither stored nor read while a stage below holds others: what one
run trains cannot reach the features of the next, whoever fills a cache and whenever.

They are kept as float16, what a head reads as float32, in one memory-mapped file per boundary and view, with a byte per
row that says whether the row is filled. Rows are filled when first asked for and shared by every later run. A row is
marked after its values have reached the disk: neither a killed process nor a machine that loses power leaves a marked
row without values. How much disk all of them may take, and which goes first, is in `budget`. No torch here, unless it
is what computes them.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core import WeightsError, find_array, processes
from core.files import naming
from training.caches import budget
from training.caches.examples import VERSION, Data, Rows
from training.graphs import Engine, Graph, engines
from training.graphs.sessions import BATCH, Runs

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LARGEST = 65504.0  # float16's largest finite value
FLUSH_EVERY_S = 5.0
"""Work that a crash may cost, in seconds. `benchmarks.cache_flush` prints what the flushes cost."""
IN_MEMORY = 2**30
"""Bytes that a cache without a folder may take."""

Tick = Callable[[int, int], None]
"""Called with (images done, images in all); may raise to stop."""
Watch = Callable[[Rows, list[NDArray[np.float32]]], None]
"""Called with the rows of a batch and, per stage, the spatial means of its output, float32 [rows, channels]."""


class Network(Protocol):
    """What is asked of a backbone here: `Backbone` and `Graph` both offer it."""

    @property
    def name(self) -> str: ...
    @property
    def weights_id(self) -> str: ...
    @property
    def stage_names(self) -> tuple[str, ...]: ...
    @property
    def head_index(self) -> int: ...
    @property
    def reads_all(self) -> bool:
        """Whether what its head reads are the pooled outputs of all stages."""
        ...

    def fingerprints(self, boundary: int | None = None) -> list[str]:
        """A hash of each stage below `boundary` (None: of all but the head)."""
        ...

    def tensors(self, boundary: int) -> list[Any]:
        """What somebody could train below `boundary`."""
        ...

    def shape(self, boundary: int, one: Any) -> tuple[int, ...]:
        """Of an example's activations at `boundary`; one: a batch of one input."""
        ...


class Pass(Protocol):
    """One way through frozen stages, batch by batch."""

    @property
    def size(self) -> int:
        """Rows of a batch."""
        ...

    @property
    def whole(self) -> bool:
        """Whether batches are always of exactly that size: a row's values may depend on how many there are."""
        ...

    def make(self, rows: Rows, view: object) -> Any:
        """The inputs of these rows."""
        ...

    def run(self, inputs: Any) -> list[Any]:
        """The activations at each boundary, and then, where they were asked for, the means of every stage."""
        ...

    def stored(self, activations: Any, kind: type) -> NDArray[Any]:
        """What `run` gave, as numbers of this kind on the CPU."""
        ...


class PrefixCache:
    """Activations of `data` below the boundaries of `backbone`. `folder` None keeps them in memory (tests)."""

    def __init__(
        self, backbone: Network, data: Data, device: torch.device | None, precision: str, folder: Path | None,
        graph: Graph | None = None,
    ) -> None:  # fmt: skip
        """precision: the code of an `Arithmetic`, by which torch computes on `device`, or of an `Engine`, by which
        `graph` is run. folder: where all caches of this dataset lie (`caches.folder_of`)."""
        self.backbone, self.data, self.device, self.precision = backbone, data, device, precision
        self.graph, self.engine = graph, Engine.named(precision)
        self._weights = backbone.fingerprints()
        self._found: dict[int, tuple[list[Any], int]] = {}
        """The tensors below a boundary, and how often they had been written to when they were last found unchanged."""
        weights = f"{backbone.weights_id}-{hashlib.sha256(''.join(self._weights).encode()).hexdigest()[:12]}"
        where = "" if self._on_cpu else f"-{device.type}"  # type: ignore[union-attr]  # other devices round otherwise
        if self.engine:
            assert graph is not None
            where = f"-{graph.facts.sha256[:8]}"  # written by another torch, it may round otherwise
        side = f"-{data.px}px" if data.px else ""
        name = f"prefix-{weights}-{precision}{side}{where}-v{VERSION}"
        self._folder = folder / name if folder else None
        self._files: dict[tuple[int, int], tuple[NDArray[Any], NDArray[np.uint8]]] = {}
        self._held: dict[Path, IO[bytes]] = {}
        self._shapes: dict[int, tuple[int, ...]] = {}

    def bytes_per_image(self, boundary: int) -> int:
        """Bytes that one image's activations at `boundary` take."""
        return np.dtype(self._kind(boundary)).itemsize * int(np.prod(self._shape(boundary)))

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
        """The highest boundary from which what the head reads of all these rows can be computed by what is stored and
        applies; 0 = there is none."""
        head = self.backbone.head_index
        for boundary in (head,) if self.backbone.reads_all else range(head, 0, -1):
            held = (boundary, 0) in self._files or (self._folder is not None and self._marks(boundary, 0).exists())
            if held and not self.missing(boundary, rows, 0) and self.applies(boundary):
                return boundary
        return 0

    def missing(self, boundary: int, rows: Rows, view: int) -> int:
        """How many of `rows` would have to be computed."""
        return int((self._file(boundary, view)[1][rows] == 0).sum())

    def fill(
        self, boundaries: Sequence[int], rows: Rows, view: int, tick: Tick | None = None, watch: Watch | None = None,
        beside: PrefixCache | None = None,
    ) -> int:  # fmt: skip
        """Compute what is missing of `rows` at all `boundaries` in one pass; returns the images computed.

        watch: also sees the pooled outputs of every stage that the pass runs. beside: `of_all_stages`, which gets what
        a pass that reaches the head has computed anyway. Raises WeightsError as `through` does.
        """
        head = self.backbone.head_index
        wanted = sorted({b for b in boundaries if b > 0 and self.missing(b, rows, view)})
        files = {boundary: self._file(boundary, view) for boundary in wanted}
        absent = np.zeros(len(rows), dtype=bool)
        for _, done in files.values():
            absent |= done[rows] == 0
        also = beside if head in wanted else None
        every = [*files.values(), *([also._file(head, view)] if also else [])]
        todo = rows[absent]
        if not len(todo):
            return 0
        if self._folder is not None:
            bytes_each = sum(map(self.bytes_per_image, wanted)) + (also.bytes_per_image(head) if also else 0)
            budget.make_room(self._root, len(todo) * bytes_each)
        forward = self.through(wanted, pooled=watch is not None or also is not None)
        with _marking(every) as written:
            size = forward.size
            chunks = [todo[start : start + size] for start in range(0, len(todo), size)]
            computed = 0

            def padded(chunk: Rows) -> Any:
                return forward.make(np.resize(chunk, size) if forward.whole else chunk, view)

            for chunk, inputs in _made(padded, chunks, ahead=not self._on_cpu):
                outputs = forward.run(inputs)
                means = [forward.stored(mean[: len(chunk)], np.float32) for mean in outputs[len(wanted) :]]
                if watch:
                    watch(chunk, means)
                if also:
                    every[-1][0][chunk] = np.hstack(means)
                for boundary, activations in zip(wanted, outputs, strict=False):
                    kind = self._kind(boundary)
                    files[boundary][0][chunk] = forward.stored(activations[: len(chunk)], kind)
                written(chunk)
                computed += len(chunk)
                if tick:
                    tick(computed, len(todo))
        return len(todo)

    def through(self, boundaries: Sequence[int], *, pooled: bool = False) -> Pass:
        """The one way to compute what is stored, by the weights that this cache is named for.

        Raises WeightsError when a stage below the highest boundary holds others by now.
        """
        self._found.clear()
        self._check(max(boundaries))
        if self.engine:
            assert self.graph is not None
            return GraphPass(self.graph, self.data, self.engine, boundaries, pooled)
        from training.backbones import Backbone
        from training.caches.frozen_pass import TorchPass

        assert isinstance(self.backbone, Backbone) and self.device is not None
        return TorchPass(self.backbone, self.data, self.device, self.precision, boundaries, pooled)

    @property
    def exact(self) -> bool:
        """Whether it computes as an exported model does."""
        return self.engine.exact if self.engine else self.precision.startswith("fp32")

    @cached_property
    def exact_twin(self) -> PrefixCache:
        """The features of the same images as an exported model computes them: this cache, or one of its graph's."""
        if self.exact or self.graph is None:
            return self
        folder = self._folder.parent if self._folder else None
        return PrefixCache(self.backbone, self.data, self.device, engines.exact().code, folder, self.graph)

    @cached_property
    def of_all_stages(self) -> PrefixCache | None:
        """What a head on all stages reads of the same images; None where torch computes, which may round the means of
        one pass otherwise than those of another."""
        if self.graph is None or not self.engine or self.backbone.reads_all:
            return None
        every = replace(self.graph, reads_all=True)
        folder = self._folder.parent if self._folder else None
        return PrefixCache(every, self.data, self.device, self.precision, folder, every)

    def exactly(self, boundary: int) -> Pass | None:
        """Through the graph as an exported model does, nothing rounded; None without a graph, or when a stage below was
        trained."""
        if self.graph is None or not self.applies(boundary):
            return None
        return GraphPass(self.graph, self.data, engines.exact(), [boundary], False)

    def applies(self, boundary: int) -> bool:
        """Whether the stages below `boundary` are what they were when this cache was opened: only then is what it holds
        what they compute. Hashed again (see `Backbone.fingerprints`) only after something wrote to them."""
        tensors, writes = self._found.get(boundary, ([], -1))
        if writes == _writes(tensors):
            return True
        if self.backbone.fingerprints(boundary) != self._weights[:boundary]:
            return False
        tensors = self.backbone.tensors(boundary)
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
        """Activations float32 [len(rows), ...] on the device, as `values` reads them."""
        import torch

        tensor = torch.from_numpy(self.values(boundary, rows, view)).to(self.device).float()  # moved as it is stored
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    def values(self, boundary: int, rows: Rows, view: int) -> NDArray[Any]:
        """Activations [len(rows), ...] as they are stored. Every row must have been filled. Raises WeightsError when a
        stage below was trained since: these would not be its activations."""
        self._check(boundary)
        processes.step()
        values, done = self._file(boundary, view)
        if not done[rows].all():
            raise KeyError(f"boundary {boundary}, view {view}: not all rows were filled")
        found: NDArray[Any] = values[rows]
        return found

    def close(self) -> None:
        """Let go of the files, so that another run may make room. The end of the process does the same."""
        twins = (self.__dict__.get(name) for name in ("exact_twin", "of_all_stages"))
        for twin in twins:
            if twin is not None and twin is not self:
                twin.close()
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
        every = "all" if self.backbone.reads_all and boundary == self.backbone.head_index else ""
        return self._folder / f"boundary{boundary}{every}-view{view}{other}.done.npy"

    @property
    def _root(self) -> Path:
        assert self._folder is not None
        return self._folder.parent.parent

    @property
    def _on_cpu(self) -> bool:
        return self.device is None or self.device.type == "cpu"

    def _kind(self, boundary: int) -> type:
        """A head's answers are those of its export: what it reads is not rounded."""
        return np.float32 if boundary == self.backbone.head_index else np.float16

    def _shape(self, boundary: int) -> tuple[int, ...]:
        if boundary not in self._shapes:
            network = self.graph or self.backbone
            one = None if self.graph else self.data.batch(self.data.rows["train"][:1], 0)
            self._shapes[boundary] = network.shape(boundary, one)
        return self._shapes[boundary]

    def _file(self, boundary: int, view: int) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        key = (boundary, view)
        if key not in self._files:
            total = len(self.data.labels)
            shape = (total, *self._shape(boundary))
            if self._folder is None:
                self._files[key] = (np.zeros(shape, self._kind(boundary)), np.zeros(total, np.uint8))
            else:
                marks = self._marks(boundary, view)
                with budget.changing(self._root):
                    self._folder.mkdir(parents=True, exist_ok=True)
                    values, kind = budget.values_of(marks), self._kind(boundary)
                    if not (_whole(marks, np.uint8, (total,)) and _whole(values, kind, shape)):
                        for half in (marks, values):  # beside a new other half it would pass zeros off
                            half.unlink(missing_ok=True)
                    done = _open(marks, np.uint8, (total,))
                    self._held[marks] = budget.hold(marks)
                    self._files[key] = (_open(values, kind, shape), done)
        return self._files[key]


class GraphPass:
    """Through a graph, by an inference engine on the CPU. Plain views go in as the squares that are cached: the graph
    does what comes before the network too."""

    size, whole = BATCH, False

    def __init__(self, graph: Graph, data: Data, engine: Engine, boundaries: Sequence[int], pooled: bool) -> None:
        self._graph, self._data = graph, data

        def session(side: int | None) -> Runs:
            return graph.session(engine, boundaries, side=side, means=pooled)

        self._session = session

    def make(self, rows: Rows, view: object) -> NDArray[Any]:
        if view == 0:
            return self._data.squares(rows)
        inputs: NDArray[Any] = self._data.batch(rows, view).contiguous().numpy()
        return inputs

    def run(self, inputs: NDArray[Any]) -> list[NDArray[Any]]:
        return self._session(inputs.shape[1] if inputs.dtype == np.uint8 else None).run(inputs)

    def stored(self, activations: NDArray[np.float32], kind: type) -> NDArray[Any]:
        return as_kind(activations, kind)


def as_kind(values: NDArray[np.float32], kind: type) -> NDArray[Any]:
    """float32 as it is, or as float16 that stays finite."""
    return values if kind is np.float32 else np.clip(values, -LARGEST, LARGEST).astype(kind)


def _made(make: Callable[[Rows], Any], chunks: Sequence[Rows], *, ahead: bool) -> Iterator[tuple[Rows, Any]]:
    """Each chunk of rows with its inputs. ahead: the next ones are made while an accelerator computes; on the CPU both
    would want the same cores."""
    if not ahead:
        yield from ((chunk, make(chunk)) for chunk in chunks)
        return
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make, chunks[0])
        for chunk, following in zip_longest(chunks, chunks[1:]):
            inputs = coming.result()
            if following is not None:
                coming = thread.submit(make, following)
            yield chunk, inputs


def _writes(tensors: Sequence[Any]) -> int:
    """How often something was written to them in place, as torch counts it: rises with every step and every load."""
    return sum(tensor._version for tensor in tensors if not tensor.is_inference())


@contextlib.contextmanager
def _marking(
    files: list[tuple[NDArray[Any], NDArray[np.uint8]]],
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
        part = path.with_name(f"{path.name}.{processes.tag()}.part")
        np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape).flush()
        with naming():
            part.rename(path)
    return np.load(path, mmap_mode="r+")

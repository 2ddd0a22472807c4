"""The graph of one backbone with one set of pre-trained weights at one image size, kept by its content in the home.

A folder holds the network as ONNX with every stage's output, the weights themselves under the network's own names, and
what else a frozen backbone is asked for: with it neither torch nor timm is needed. `making` writes it. No torch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import find_as, write_whole
from core.zoo import BackboneCard
from training.backbones import Preprocessing, weights
from training.backbones.shapes import channels
from training.graphs.engines import Engine, exact
from training.graphs.front import compose
from training.graphs.sessions import Chain, Runs, Session

FOLDER = "graphs"
"""Of a home."""
PLACE = "THAW_GRAPHS"
"""Another folder for them, which several homes may share and an image of a container may bring along."""
VERSION = 1
"""Counts the changes to what a graph is made of: those of another number are made anew."""


@dataclass(frozen=True)
class Facts:
    """What lies beside a graph."""

    name: str
    weights_id: str
    fingerprints: tuple[str, ...]
    """`Backbone.fingerprints` of the weights."""
    stage_names: tuple[str, ...]
    """The head last."""
    shapes: tuple[tuple[int, ...], ...]
    """Of an example's activations behind each stage."""
    params: int
    """Of all stages, without the head."""
    sha256: str
    """Of the network's file."""
    preprocessing: Preprocessing
    """At the weights' own size."""
    image_px: int


@dataclass(frozen=True, eq=False)
class Graph:
    """A backbone that nobody trains. It offers what caches ask of a `Backbone`; `session` computes."""

    facts: Facts
    folder: Path
    reads_all: bool = False
    """Whether its head reads the pooled outputs of all stages rather than the last one's features."""
    _open: dict[tuple[Any, ...], Runs] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def weights_id(self) -> str:
        return self.facts.weights_id

    @property
    def stage_names(self) -> tuple[str, ...]:
        return self.facts.stage_names

    @property
    def head_index(self) -> int:
        return len(self.facts.shapes)

    @property
    def width(self) -> int:
        return self.shape(self.head_index)[0]

    @property
    def preprocessing(self) -> Preprocessing:
        return self.facts.preprocessing

    @cached_property
    def prep(self) -> Preprocessing:
        return self.facts.preprocessing.at(self.facts.image_px)

    @property
    def network(self) -> Path:
        return self.folder / "network.onnx"

    @property
    def weights(self) -> Path:
        """safetensors, every tensor of the network below its head, by the name that a `Backbone` gives it."""
        return self.folder / "weights.safetensors"

    def fingerprints(self, boundary: int | None = None) -> list[str]:
        return list(self.facts.fingerprints[:boundary])

    def tensors(self, boundary: int) -> list[Any]:
        """None that anybody could write to."""
        return []

    def shape(self, boundary: int, one: object = None) -> tuple[int, ...]:
        if self.reads_all and boundary == self.head_index:
            return (sum(map(channels, self.facts.shapes)),)
        return self.facts.shapes[boundary - 1]

    def with_head(self, head: Mapping[str, NDArray[np.float32]]) -> bytes:
        """The safetensors of a whole backbone: these weights below, `head.weight` and `head.bias` as they are given.
        Equal to what `write_weights` makes of the same tensors."""
        from safetensors.numpy import load_file, save

        body = load_file(self.weights)
        data: bytes = save({name: np.asarray(value, order="C") for name, value in sorted({**body, **head}.items())})
        return data

    def session(
        self, engine: Engine, boundaries: Sequence[int], *, side: int | None, means: bool = False
    ) -> Runs:
        """What gives the activations at `boundaries`, ascending, and then, with `means`, of every stage that it runs
        the spatial means.

        side: of the squares uint8 [B, side, side, 3] that it reads, px; None = it reads the network's own input.
        """
        key = (engine, tuple(boundaries), side, means, self.reads_all)
        if key not in self._open:
            # OpenVINO would resize in bf16 too: it is given what onnxruntime made of the squares.
            before = side if engine.exact else None
            opened: Runs = Session(engine, self._file(boundaries, before, means), "the stages that nothing trains")
            if side is not None and before is None:
                opened = Chain(self.session(exact(), [], side=side), opened)
            self._open[key] = opened
        return self._open[key]

    def _file(self, boundaries: Sequence[int], side: int | None, means: bool) -> Path:
        joined = self.reads_all and self.head_index in boundaries
        name = "-".join(map(str, boundaries)) + "a" * joined + "m" * means + ("" if side is None else f"-{side}px")
        name = name.removeprefix("-")
        file = self.folder / f"{name}.onnx"
        if not file.exists():
            whole = compose(self.network, boundaries, self.facts.shapes, side, self.prep, means=means, joined=joined)
            write_whole(file, whole)
        return file


def folder_of(card: BackboneCard, image_px: int, home: Path) -> Path:
    """Where the graph of a backbone with its own weights lies. Raises WeightsError where these are not here."""
    source = weights.find(card, home)
    key = f"{weights.digest(source.path)} {card.timm} {image_px} {VERSION}"
    name = f"{card.name}-{image_px}px-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    return Path(os.environ.get(PLACE) or home / FOLDER).expanduser() / name


def find(card: BackboneCard, image_px: int, home: Path) -> Graph | None:
    """The graph that was made of a backbone with its own weights; None where there is none."""
    if not card.pretrained or not card.timm or weights.locate(card, home) is None:
        return None
    folder = folder_of(card, image_px, home)
    facts = find_as(folder / "graph.json", Facts)
    return Graph(facts, folder) if facts and facts.name == card.name else None

"""Which wider backbone is here for a lane beside, and how long an image takes through it. No torch where its graph is
there."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from core import DatasetRef
from core.zoo import BackboneCard, catalog
from dataset import read_manifest
from training.backbones import weights
from training.caches import pixels
from training.graphs import Graph, engines, graph
from training.graphs.engines import Engine
from training.graphs.sessions import BATCH
from training.machine import accelerated
from training.race.record import Looked

WIDER_PX, WIDER_PARAMS = 1.35, 4.0
"""How many times the side and the parameters of the race's own a wider backbone may have: more would take most minutes
for its pass."""
ROUNDS = 3
"""Batches that are timed of each, in turn, after one that warms up; the shortest counts."""


def look(card: BackboneCard, ref: DatasetRef, home: Path, decode_s: float | None) -> Looked:
    """The backbone with the best ImageNet weights on this machine that is cut into as many stages as `card`, better and
    not much larger; nothing on an accelerator. decode_s: seconds to read an image, if known.

    Its graph is made where it is not there yet, which takes some seconds once per machine. Raises what its weights, its
    making or the engine raise.
    """
    engine = engines.usual()
    if accelerated() or engine is None:
        return Looked()
    better = [one for one in catalog.BACKBONES.values() if _better(one, card) and weights.locate(one, home) is not None]
    wide = max(better, key=lambda one: one.imagenet_top1 or 0.0, default=None)
    own, theirs = graph.find(card, card.image_px, home), _graph(wide, home) if wide else None
    if wide is None or own is None or theirs is None:
        return Looked()
    manifest = read_manifest(ref)
    sides = [pixels.side_for(manifest, made.prep.resize) for made in (own, theirs)]
    seconds = timed([own, theirs], sides, engine)
    return Looked(wide.name, seconds[1] / seconds[0], 0.0 if sides[0] == sides[1] else decode_s or 0.0)


def timed(graphs: list[Graph], sides: list[int], engine: Engine) -> list[float]:
    """Seconds that `BATCH` images take through each graph."""
    rng = np.random.default_rng(0)
    sessions = [made.session(engine, [made.head_index], side=side) for made, side in zip(graphs, sides, strict=True)]
    batches = [rng.integers(0, 256, (BATCH, side, side, 3), dtype=np.uint8) for side in sides]
    found = [float("inf")] * len(graphs)
    for turn in range(ROUNDS + 1):
        for place, (session, batch) in enumerate(zip(sessions, batches, strict=True)):
            began = time.perf_counter()
            session.run(batch)
            if turn:
                found[place] = min(found[place], time.perf_counter() - began)
    return found


def _better(one: BackboneCard, than: BackboneCard) -> bool:
    if one.imagenet_top1 is None or than.imagenet_top1 is None or not one.pretrained or one.head != than.head:
        return False
    sizes = [sum(stage.params for stage in card.stages) for card in (one, than)]
    small = one.image_px <= WIDER_PX * than.image_px and sizes[0] <= WIDER_PARAMS * sizes[1]
    return small and one.imagenet_top1 > than.imagenet_top1


def _graph(card: BackboneCard, home: Path) -> Graph | None:
    found = graph.find(card, card.image_px, home)
    if found is not None:
        return found
    from training.backbones import build
    from training.graphs import making

    return making.find_or_make(build(card.name, 2, home=home).eval(), card, card.image_px, home)

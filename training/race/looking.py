"""Which wider backbone is here for a lane beside, and how long an image takes through it. No torch where its graph is
there."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from core import DatasetRef, PlanError
from core.zoo import BackboneCard, catalog
from dataset import read_manifest
from training.backbones import weights
from training.caches import pixels
from training.graphs import Graph, engines, graph
from training.graphs.sessions import BATCH
from training.machine import accelerated
from training.race.standing import Wider

TIMED = 2 * BATCH
"""Images that are timed, after `BATCH` that warm up."""


def look(card: BackboneCard, ref: DatasetRef, home: Path, decode_s: float | None) -> Wider | None:
    """The backbone with the best ImageNet weights on this machine that is cut into as many stages as `card` and better;
    None where there is none, or on an accelerator. decode_s: seconds to read an image, if known.

    Its graph is made where it is not there yet, which takes some seconds once per machine.
    """
    engine = engines.usual()
    if accelerated() or engine is None:
        return None
    better = [one for one in catalog.BACKBONES.values() if _better(one, card) and weights.locate(one, home) is not None]
    wide = max(better, key=lambda one: one.imagenet_top1 or 0.0, default=None)
    made = _graph(wide, home) if wide else None
    if wide is None or made is None:
        return None
    manifest = read_manifest(ref)
    side = pixels.side_for(manifest, made.prep.resize)
    own = graph.find(card, card.image_px, home)
    known = own is not None and pixels.side_for(manifest, own.prep.resize) == side
    session = made.session(engine, [made.head_index], side=side)
    squares = np.random.default_rng(0).integers(0, 256, (TIMED, side, side, 3), dtype=np.uint8)
    session.run(squares[:BATCH])
    began = time.perf_counter()
    session.run(squares)
    return Wider(wide, (time.perf_counter() - began) / TIMED, 0.0 if known else decode_s or 0.0)


def _better(one: BackboneCard, than: BackboneCard) -> bool:
    known = one.imagenet_top1 is not None and than.imagenet_top1 is not None
    return known and one.pretrained and one.head == than.head and one.imagenet_top1 > than.imagenet_top1  # type: ignore[operator]


def _graph(card: BackboneCard, home: Path) -> Graph | None:
    found = graph.find(card, card.image_px, home)
    if found is not None:
        return found
    from training.backbones import build
    from training.graphs import making

    try:
        return making.find_or_make(build(card.name, 2, home=home).eval(), card, card.image_px, home)
    except PlanError:  # it cannot be written as one
        return None

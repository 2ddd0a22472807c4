"""Adding a backbone to a home: what the worker does for a job of kind 'backbone'.

Weights come from a file or a download, are matched strictly, and are written in timm's own names with what they
expect of an image; a backbone that is not curated gets its card. Nothing is kept of an addition that fails.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from core import PlanError, Tell, WeightsError, processes, to_json, write_json
from core.files import naming
from core.zoo import CURATED, BackboneCard, StageCard, catalog
from training.backbones import Backbone, Preprocessing, pretrained, weights
from training.backbones import stages as zoo
from training.backbones.backbone import spatial_mean
from training.export import onnx_graph

CURATED_CARDS = {card.name: card for card in CURATED}

def add(name: str, home: Path, file: Path | None, tell: Tell) -> dict[str, Any]:
    """Make the weights (and the card) of backbone `name` part of `home`, from `file`, the hub's cache or a download.

    Returns {'name', 'source', 'bytes', 'weights_id', 'said'}; said: sentences on what was chosen or left out. Raises
    PlanError for a name that cannot be a backbone, WeightsError when its weights cannot be had or do not fit; whatever
    `tell` raises stops it.
    """
    catalog.load_cards(home)
    card = CURATED_CARDS.get(name) or new_card(name)
    if not card.pretrained:
        raise PlanError(f"{card.title} starts at random: there are no weights to add.")
    if weights.comes_bundled(card):
        weights.find(card, home)
        raise PlanError(f"The weights of {card.title} come with the package of the requirements: nothing to add.")
    place = weights.file_in(home, name)
    source, kind = file, "file"
    if source is None:
        here = weights.locate(card, home)
        source, kind = (here.path, here.kind) if here else (weights.fetch(card, home, tell), "download")
    tell(0.9, f"Reading the weights of {card.title}", None)
    said = _keep(card, source, place, tell) if kind != "home" else ()
    loaded = pretrained.load(card.timm, card.title, place)
    if name not in CURATED_CARDS:
        write_json(place.with_suffix(".json"), to_json(card), indent=1)
    weights.done_with(card, home)
    return {
        "name": name, "source": kind, "bytes": place.stat().st_size, "weights_id": loaded.weights_id,
        "said": list(said),
    }  # fmt: skip


def new_card(name: str) -> BackboneCard:
    """The card of a timm model that is not curated, from the model itself. Raises PlanError.

    Its accuracy on ImageNet is not known here: timm publishes results apart from the package.
    """
    catalog.safe_name(name)
    cfg = pretrained.config(name)
    px = int(cfg["input_size"][-1])
    if int(cfg["input_size"][0]) != 3:
        raise PlanError(f"{name} reads images of {cfg['input_size'][0]} channels; photographs have 3.")
    net = pretrained.create(name, num_classes=0)
    stages = zoo.cut(net, px)
    for module in (net, *stages.modules):  # some stages are views of the network with a mode of their own
        module.eval()
    with torch.inference_mode():
        means = [spatial_mean(one) for one in stages.outputs(torch.zeros(1, 3, px, px))]
    width = means[-1].shape[1]
    prep = Preprocessing.of_timm(cfg)
    onnx_graph.try_out(Backbone(name, net, list(stages.modules), stages.names, width, 2, prep, weights_id="random"))
    alone = ", a single stage: 'partial' and 'gradual' train all of it" if len(stages.names) == 1 else ""
    whole = pretrained.create(name)
    hub = cfg.get("hf_hub_id") or ""
    simple = not cfg.get("custom_load") and not cfg.get("hf_hub_filename")
    return BackboneCard(
        name=name,
        tried=True,
        title=name,
        stages=tuple(map(StageCard, stages.names, stages.params(), stages.layers())),
        feature_width=width,
        all_width=sum(mean.shape[1] for mean in means),
        image_px=px,
        imagenet_top1=None,
        licence=cfg.get("license") or "unknown: see where the weights come from",
        weights=f"Hugging Face hub, {hub}" if hub and simple else "a file of your own",
        pretrained=True,
        fit_for=f"Added from timm ({type(net).__name__}){alone}.",
        timm=f"{name.split('.')[0]}.{cfg['tag']}" if cfg.get("tag") else name,
        hub=hub if simple else "",
        fixed_px=hasattr(net, "patch_embed") or hasattr(net, "pos_embed"),
        download_bytes=sum(tensor.numel() * tensor.element_size() for tensor in whole.state_dict().values()),
    )


def _keep(card: BackboneCard, source: Path, place: Path, tell: Tell) -> tuple[str, ...]:
    """Write the weights of `source` to `place` in timm's names, whole or not at all, and see that they read back.
    Returns what is to be said of them.

    Its temporary name is its own (`core.files` is for others): it is read back before it counts, as safetensors.
    """
    filled = pretrained.fill(card.timm, card.title, source)
    state = {key: value.contiguous().clone() for key, value in filled.net.state_dict().items()}
    tell(0.95, f"Writing the weights of {card.title}", None)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.stem}.{processes.tag()}.part.safetensors")
    try:
        record = json.dumps(pretrained.expected(pretrained.config(card.timm)))
        save_file(state, part, metadata={pretrained.RECORD: record})
        if not _same(filled.net, pretrained.fill(card.timm, card.title, part).net):
            raise WeightsError(
                f"The weights of {card.title} read back otherwise than they were written: timm treats this model's "
                "files in a way of its own, so it cannot be added."
            )
        with part.open("rb") as written:
            os.fsync(written.fileno())
        with naming():
            part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    return filled.said


def _same(net: nn.Module, again: nn.Module) -> bool:
    mine, theirs = net.state_dict(), again.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)

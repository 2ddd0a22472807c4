"""A trained backbone as a folder that timm loads by itself: `timm.create_model('local-dir:FOLDER', pretrained=True)`.

`model.safetensors` and `config.json` as on the Hugging Face hub. Nothing is offered that timm does not really load to
the same answers: `write` tries it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from core import write_whole
from core.zoo import backbone as card_of
from training.backbones import Backbone, pretrained, write_weights

TOLERANCE = 1e-4
"""Largest difference of a probability, timm's against ours."""


def write(backbone: Backbone, labels: tuple[str, ...], folder: Path, extra: Mapping[str, Any], x: Tensor) -> bool:
    """Write weights and config; returns whether timm loads them to the same answers on the inputs `x`.

    extra: what else the config says, under 'thaw'. For a network that timm does not have (the small MLP, a head with a
    hidden layer or on all stages) the files are written all the same, in our own names.
    """
    card = card_of(backbone.name)
    simple = isinstance(backbone.head, nn.Linear) and not backbone.reads_all
    if not card.timm or backbone.preprocessing is None or not simple:
        write_weights(folder / "model.safetensors", backbone.state_dict())
        config = {"architecture": backbone.name, "num_classes": len(labels), "label_names": list(labels), "thaw": extra}
        write_whole(folder / "config.json", json.dumps(config, indent=1, ensure_ascii=False))
        return False
    cfg, prep = pretrained.config(card.timm), backbone.preprocessing
    classifier = str(cfg["classifier"])
    state = {
        name.removeprefix("net."): value for name, value in backbone.state_dict().items() if name.startswith("net.")
    }
    state |= {f"{classifier}.{name}": value for name, value in backbone.head.state_dict().items()}
    write_weights(folder / "model.safetensors", state)
    kept = ("interpolation", "mean", "std", "first_conv", "classifier", "pool_size", "fixed_input_size")
    own = {
        **{key: cfg[key] for key in kept if cfg.get(key) is not None},
        "input_size": [3, prep.size, prep.size], "crop_pct": prep.size / prep.resize, "crop_mode": "center",
        "num_classes": len(labels), "license": card.licence,
    }  # fmt: skip
    config = {
        "architecture": card.timm.split(".")[0], "num_classes": len(labels), "num_features": backbone.width,
        "label_names": list(labels), "pretrained_cfg": own, "thaw": dict(extra),
    }  # fmt: skip
    if cfg.get("fixed_input_size") and prep.size != int(cfg["input_size"][-1]):
        config["model_args"] = {"img_size": prep.size}
    write_whole(folder / "config.json", json.dumps(config, indent=1, ensure_ascii=False))
    return _loads(folder, backbone, x)


def _loads(folder: Path, backbone: Backbone, x: Tensor) -> bool:
    try:
        again = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
        with torch.inference_mode():
            difference = (again(x).softmax(1) - backbone(x).softmax(1)).abs().max()
    except Exception:  # whatever it is: then this folder is not one that timm loads, and is not called one
        return False
    return bool(difference < TOLERANCE)

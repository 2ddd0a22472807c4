"""Making a graph: a backbone's frozen stages written as ONNX by torch, and held against torch before it is kept."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core import PlanError, processes, to_json, write_json
from core.disk import flush
from core.files import take_place
from core.zoo import BackboneCard
from training.backbones import Backbone, write_weights
from training.graphs import front, pads
from training.graphs.engines import exact
from training.graphs.graph import Facts, Graph, find, folder_of

TOLERANCE = 1e-4
"""Norm of the difference to torch's activations, relative to theirs, behind any stage: ten times what sums in another
order come to (2e-6 for EfficientNet-Lite0, 1e-5 for the deepest networks of the zoo)."""
TRIED = 3
"""Random images on which it is held against torch: another number than it was written with."""


class _Stages(nn.Module):
    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.stages = nn.ModuleList(backbone.stage_modules()[:-1])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return tuple(found)


def find_or_make(backbone: Backbone, card: BackboneCard, image_px: int, home: Path) -> Graph | None:
    """The graph of a backbone that has its own pre-trained weights, made where there is none; None for other weights.

    Raises PlanError where torch cannot write it, or where the engine answers otherwise: torch has to compute then.
    """
    found = find(card, image_px, home)
    if found is None:
        if backbone.preprocessing is None or backbone.weights_id.startswith(("random", "run-")) or not card.timm:
            return None
        found = _make(backbone, card, image_px, folder_of(card, image_px, home))
    return found if found.fingerprints() == backbone.fingerprints() else None


def _make(backbone: Backbone, card: BackboneCard, image_px: int, folder: Path) -> Graph:
    assert backbone.preprocessing is not None
    stage = folder.with_name(f"{folder.name}.{processes.tag()}.tmp")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        with backbone.modes_kept(), torch.inference_mode():
            backbone.eval()
            model = _Stages(backbone).eval()  # the exporter gives a module back its mode
            example = torch.randn(TRIED, 3, image_px, image_px, generator=torch.Generator().manual_seed(0))
            device = next(backbone.parameters()).device
            _write(model, example[:2].to(device), stage / "network.onnx", card)
            pads.settle(stage / "network.onnx", example.numpy())
            expected = model(example.to(device))
        facts = Facts(
            backbone.name, backbone.weights_id, tuple(backbone.fingerprints()), backbone.stage_names,
            tuple(tuple(one.shape[1:]) for one in expected),
            sum(p.numel() for module in backbone.stage_modules()[:-1] for p in module.parameters()),
            hashlib.sha256((stage / "network.onnx").read_bytes()).hexdigest(),
            backbone.preprocessing.at(card.image_px), image_px,
        )  # fmt: skip
        made = Graph(facts, stage)
        boundaries = range(1, made.head_index + 1)
        given = made.session(exact(), boundaries, side=None).run(example.numpy())
        for name, ours, theirs in zip(backbone.stage_names, given, expected, strict=False):
            theirs = theirs.cpu().numpy()
            difference = np.linalg.norm(ours - theirs) / max(float(np.linalg.norm(theirs)), 1e-6)
            if not difference <= TOLERANCE:
                raise PlanError(
                    f"onnxruntime's activations behind '{name}' of {card.title} differ by {difference:.1g} of torch's."
                )
        for extra in stage.glob("*.onnx"):
            if extra.name != "network.onnx":
                extra.unlink()
        body = {name: tensor for name, tensor in backbone.state_dict().items() if not name.startswith("head.")}
        write_weights(stage / "weights.safetensors", body)
        write_json(stage / "graph.json", to_json(facts))
        flush(stage)
        take_place(stage, folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return Graph(facts, folder)


def _write(model: nn.Module, example: Tensor, path: Path, card: BackboneCard) -> None:
    names = [front.stage_output(index) for index in range(1, len(model.stages) + 1)]  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's remarks on shapes that are constant here, and on its age
        try:
            torch.onnx.export(
                model, (example,), str(path), dynamo=False, opset_version=front.OPSET, input_names=[front.INPUT],
                output_names=names, dynamic_axes={name: {0: "batch"} for name in (front.INPUT, *names)},
            )  # fmt: skip
        except Exception as error:  # it raises many kinds
            first = " ".join(str(error).split()).split(". ")[0][:200].rstrip(".")
            raise PlanError(f"torch cannot write {card.title} as ONNX: {first}.") from error

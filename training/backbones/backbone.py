"""A backbone as an ordered list of stages with a head, and where its pre-trained weights come from.

Everything else in Thaw speaks of a backbone only through `boundary`: stages below it are frozen and in eval
mode, stages from it up are trained. Parameters keep the names of the library that built the network, so that
saved weights load there too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from core import HIDDEN_WIDTH, Head, Phase, PlanError, Strategy
from core.zoo import BackboneCard, catalog
from training.backbones import bundled, weights
from training.backbones import stages as zoo
from training.backbones.preprocessing import Preprocessing
from training.backbones.shapes import places
from training.backbones.stages import WEIGHT_LAYERS
from training.machine import derive_seed

if TYPE_CHECKING:
    from training.backbones import pretrained

DROPOUT = 0.3
"""Of the hidden layer of a 'hidden' head."""
BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d)


class Backbone(nn.Module):
    """`net` cut into stages: `stages[0]` takes the input batch, the last one returns features [B, width].

    `head` is a fresh classifier, linear or with a hidden layer, on those features or, with 'stages', on the pooled
    outputs of all stages; its index as a boundary is `len(stages)`.
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
        classifier: Callable[[], nn.Linear | None] = lambda: None,
        head: Head = "linear",
        all_width: int = 0,
    ) -> None:
        """width: of the last stage's features. all_width: of all stages' pooled outputs together, for 'stages'."""
        super().__init__()
        self.name = name
        self.net = net
        self._stages = stages  # a plain list: the parameters are registered once, through `net`
        self.stage_names = (*stage_names, "head")
        self.last_width = width
        self.reads_all = head == "stages"
        """Whether the head reads the pooled outputs of all stages; those of the last stand last."""
        self.width = all_width if self.reads_all else width
        """Numbers per image that the head reads."""
        self.head = _head(self.width, classes, head)
        self.preprocessing = preprocessing
        self.weights_id = weights_id
        self._classifier = classifier

    def classifier(self) -> nn.Linear | None:
        """The classifier that the pre-trained weights came with (ImageNet's, on the same features [B, width]), not
        part of this module; None for random weights, and for those that came without one linear layer."""
        return self._classifier()

    def came_with(self, classifier: nn.Linear) -> None:
        """Say which classifier the weights were trained with: what EWC measures."""
        self._classifier = lambda: classifier

    @property
    def head_index(self) -> int:
        return len(self._stages)

    def below(self, x: Tensor, boundary: int, start: int = 0) -> Tensor:
        """Activations at `boundary`, from the output of stage `start - 1` (an input batch when start is 0). At the head
        that is what it reads, which for one on all stages only inputs can give."""
        means = []
        joined = self.reads_all and start == 0 and boundary == self.head_index
        for stage in self._stages[start:boundary]:
            x = stage(x)
            if joined:
                means.append(spatial_mean(x))
        return torch.cat(means, dim=1) if joined else x

    def of_last_stage(self, features: Tensor) -> Tensor:
        """Of what the head reads [B, width] the features of the last stage: what images are compared by, and what the
        classifier that the weights came with reads."""
        return features[:, -self.last_width :]

    def above(self, activations: Tensor, boundary: int) -> Tensor:
        """Logits [B, classes] from activations at `boundary`."""
        logits: Tensor = self.head(self.below(activations, self.head_index, start=boundary))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.above(x, 0)

    def train(self, mode: bool = True) -> Self:
        """As torch's, and the stages too: some are views of the network with a mode of their own, by which they drop
        features out (the legacy SENets)."""
        super().train(mode)
        for stage in self._stages:
            stage.train(mode)
        return self

    @contextmanager
    def modes_kept(self) -> Iterator[None]:
        """Every module is in the mode afterwards that it was in before."""
        modules = {id(m): m for part in (self, *self._stages) for m in part.modules()}
        modes = [(module, module.training) for module in modules.values()]
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training

    def stage_modules(self) -> list[nn.Module]:
        """Every stage in order, the head last."""
        return [*self._stages, self.head]

    def suits(self, strategy: Strategy) -> None:
        """Raises PlanError, before any work, when a phase of the strategy does not fit these stages."""
        head = self.head_index
        for phase in strategy.phases:
            highest = max(phase.boundary, *phase.frozen_stages, 0)
            if highest > head:
                raise PlanError(
                    f"{self.name} has {head} stages below its head; a boundary at {highest} does not exist."
                )
            if phase.solved and phase.boundary != head:
                raise PlanError(f"'{phase.optimizer}' solves the head alone: its boundary must be {head}.")

    def set_phase(self, phase: Phase) -> None:
        """Freeze what the phase freezes, train the rest. Raises PlanError when it does not suit the backbone."""
        boundary = phase.boundary
        if not 0 <= boundary <= self.head_index:
            raise PlanError(
                f"{self.name} has the stages 0 ({self.stage_names[0]}) to {self.head_index} (head); "
                f"a boundary at {boundary} does not exist."
            )
        for index, stage in enumerate(self.stage_modules()):
            trained = phase.trains(index)
            stage.train(trained)
            for parameter in stage.parameters():
                parameter.requires_grad_(trained)
            if trained and phase.batch_norm == "eval":
                for module in stage.modules():
                    if isinstance(module, BATCH_NORM):
                        module.eval()
        for layer in self._first_layers(boundary, phase.frozen_layers):
            layer.training = False
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad_(False)

    def _first_layers(self, boundary: int, count: int) -> list[nn.Module]:
        """The first `count` weight layers of one stage, and what has parameters beside them: the normalisation that
        follows each, and blocks with a scale of their own (only that scale: not what they contain)."""
        if not count:
            return []
        found: list[nn.Module] = []
        seen = 0
        for module in self.stage_modules()[boundary].modules():
            seen += isinstance(module, WEIGHT_LAYERS)
            if seen > count:
                return found
            if next(module.parameters(recurse=False), None) is not None:
                found.append(module)
        if seen < count:
            stage_name = self.stage_names[boundary]
            raise PlanError(f"Stage '{stage_name}' of {self.name} has {seen} weight layers, not {count}.")
        return found

    def promised_params(self, phase: Phase) -> int:
        """Parameters that a phase says it trains: counted by stage, not by what is switched on."""
        modules = self.stage_modules()
        whole = sum(p.numel() for i, m in enumerate(modules) if phase.trains(i) for p in m.parameters())
        layers = self._first_layers(phase.boundary, phase.frozen_layers)
        return whole - sum(p.numel() for layer in layers for p in layer.parameters(recurse=False))

    def trainable_params(self) -> int:
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def fingerprints(self, boundary: int | None = None) -> list[str]:
        """A hash of each stage below `boundary` (None: of all but the head) over every tensor that it computes with:
        equal as long as nothing was trained there. 22 ms for EfficientNet-Lite0, a second for a gigabyte of weights."""
        found = []
        for stage in self._stages[:boundary]:
            digest = hashlib.sha256()
            for tensor in chain(stage.parameters(), stage.buffers()):
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
            found.append(digest.hexdigest())
        return found

    def tensors(self, boundary: int) -> list[Tensor]:
        """Everything that the stages below `boundary` compute with."""
        stages = self.stage_modules()[:boundary]
        return [tensor for stage in stages for tensor in chain(stage.parameters(), stage.buffers())]

    def shape(self, boundary: int, one: Tensor) -> tuple[int, ...]:
        """Of an example's activations at `boundary`. one: a batch of one input."""
        with self.modes_kept(), torch.inference_mode():
            self.eval()
            return tuple(self.below(one.to(next(self.parameters()).device), boundary).shape[1:])

    def named_trained(self, boundary: int) -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) of everything that may change when training from `boundary`: weights and BN statistics.

        All of it is in the state dict; the tables that some networks derive from their sizes are in neither.
        """
        modules = self.stage_modules()[boundary:]
        trained = {id(t) for module in modules for t in chain(module.parameters(), module.buffers())}
        for name, tensor in self.state_dict(keep_vars=True).items():
            if id(tensor) in trained:
                yield name, tensor.detach()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As torch's. In eval mode some networks (LeViT, TinyViT, EfficientFormer) keep what they computed from
        weights until they train again: what they kept of other weights is dropped."""
        loaded = super().load_state_dict(state_dict, strict, assign)
        with self.modes_kept():
            self.train()
        return loaded


def build(
    name: str,
    classes: int,
    *,
    pretrained: bool = True,
    seed: int = 0,
    inputs: int = 64,
    image_px: int | None = None,
    home: Path | None = None,
    head: Head = "linear",
) -> Backbone:
    """A backbone with a fresh head for `classes`. Head and random weights depend on `seed` alone.

    `inputs` is the vector width for 'mlp'. image_px: side of the images where it is not the weights' own. home: where
    added weights and cards lie (default: `core.home`); nothing is ever downloaded here. Raises PlanError for an
    unknown name or a side that the backbone cannot take, WeightsError when weights are not here or do not fit.
    """
    if home is not None:
        catalog.load_cards(home)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("init", name, seed))
        if name == "mlp":
            backbone = _mlp(inputs, classes, head)
        else:
            backbone = _from_timm(catalog.backbone(name), classes, pretrained, image_px, home, head)
        answers = [layer for layer in backbone.head.modules() if isinstance(layer, nn.Linear)][-1]
        nn.init.zeros_(answers.bias)
        nn.init.normal_(answers.weight, std=0.01)
    return backbone


def spatial_mean(activations: Tensor) -> Tensor:
    """Maps [B, C, H, W] or [B, H, W, C], tokens [B, T, C] or features [B, C] -> [B, C]."""
    axes = tuple(1 + axis for axis in places([int(side) for side in activations.shape[1:]]))
    return activations.mean(dim=axes) if axes else activations


def _head(width: int, classes: int, head: Head) -> nn.Linear | nn.Sequential:
    if head != "hidden":
        return nn.Linear(width, classes)
    return nn.Sequential(
        nn.Linear(width, HIDDEN_WIDTH), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN_WIDTH, classes)
    )


def _mlp(inputs: int, classes: int, head: Head, hidden: tuple[int, int] = (32, 16)) -> Backbone:
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
    return Backbone(
        "mlp", nn.Sequential(*stages), stages, names, width, classes, preprocessing, "random", head=head,
        all_width=sum(hidden),
    )  # fmt: skip


def _from_timm(
    card: BackboneCard, classes: int, with_weights: bool, image_px: int | None, home: Path | None, head: Head
) -> Backbone:
    from training.backbones import (
        pretrained,  # timm takes a second to load, and the small MLP of the live experiments no timm
    )

    prep = Preprocessing.of_timm(pretrained.config(card.timm))
    prep = prep.at(image_px or prep.size)
    loaded = _loaded(card, image_px, weights.find(card, home) if with_weights else None)
    stages = zoo.cut(loaded.net, prep.size)
    if stages.names != card.stage_names[:-1]:
        raise PlanError(
            f"The installed timm builds {card.title} with the stages {', '.join(stages.names)}, its card says "
            f"{', '.join(card.stage_names[:-1])}: add it again: python -m training backbone add {card.name}"
        )
    return Backbone(
        card.name, loaded.net, list(stages.modules), stages.names, card.feature_width, classes, prep,
        loaded.weights_id, loaded.classifier, head, card.head_width(head),
    )  # fmt: skip


def _loaded(card: BackboneCard, image_px: int | None, source: weights.Source | None) -> pretrained.Loaded:
    from training.backbones import pretrained

    if source and source.kind != "bundled":
        return pretrained.load(card.timm, card.title, source.path, image_px=image_px)
    net = pretrained.create(card.timm, image_px=image_px, num_classes=0)
    if source is None:
        return pretrained.Loaded(net, lambda: None, "random")
    return pretrained.Loaded(
        net, lambda: bundled.classifier(source.path), bundled.fill(net, card.name, source.path)
    )

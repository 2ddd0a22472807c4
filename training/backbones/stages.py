"""A timm network as an ordered list of stages: `stages[0]` takes the images, the last one returns pooled features.

How a family is cut stands in `FAMILIES` as data; every other network is cut along its own children where their chain
verifiably is the network, and else stays one stage. A cut is never trusted: `verify` runs chain and network on the
same input and wants the same bits, and every parameter must lie in exactly one stage.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core import PlanError

WEIGHT_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)
"""What people count when they freeze "the first n layers"."""
EMBED, TAIL, SAME = "@embed", "@tail", "+"
MOST_STAGES = 12
"""A generic cut has at most this many: a boundary between every two layers would help nobody choose."""
CHECK_PX = 96
"""Side of the random images that a cut is verified on, px, where a network takes any; the oldest need 75."""

FAMILIES: dict[str, tuple[tuple[str, str], ...]] = {
    "ResNet": (
        ("stem", "conv1 bn1 act1 maxpool"),
        ("layer 1", "layer1"), ("layer 2", "layer2"), ("layer 3", "layer3"), ("layer 4", "layer4"),
    ),
    "EfficientNet": (("stem", "conv_stem bn1"), ("stage {}", "blocks.*"), (SAME, "conv_head bn2")),
    "VisionTransformer": (("embed", EMBED), ("blocks {}", "blocks.*~6"), (SAME, "norm")),
    # The third stage holds most of the network: cut by 9 blocks, so that its top can be trained alone.
    "ConvNeXt": (
        ("stem", "stem"), ("stage 1", "stages.0"), ("stage 2", "stages.1"),
        ("stage 3a", "stages.2.downsample stages.2.blocks.0-8"),
        ("stage 3b", "stages.2.blocks.9-17"), ("stage 3c", "stages.2.blocks.18-"),
        ("stage 4", "stages.3 norm_pre"),
    ),
    "VGG": (("conv {}", "features.*|MaxPool2d"), ("fc", TAIL)),
    "DenseNet": (
        ("stem", "features.conv0 features.norm0 features.pool0"),
        ("block 1", "features.denseblock1 features.transition1"),
        ("block 2", "features.denseblock2 features.transition2"),
        ("block 3", "features.denseblock3 features.transition3"),
        ("block 4", "features.denseblock4 features.norm5"),
    ),
    "InceptionV3": (
        ("stem", "Conv2d_1a_3x3 Conv2d_2a_3x3 Conv2d_2b_3x3 Pool1 Conv2d_3b_1x1 Conv2d_4a_3x3 Pool2"),
        ("mixed 5", "Mixed_5b Mixed_5c Mixed_5d"),
        ("mixed 6a-c", "Mixed_6a Mixed_6b Mixed_6c"),
        ("mixed 6d-e", "Mixed_6d Mixed_6e"),
        ("mixed 7", "Mixed_7a Mixed_7b Mixed_7c"),
    ),
}  # fmt: skip
"""By the class of timm's network: (stage, its modules in order). `a.*` is one stage for each element of `a`, `a.*~6`
about six stages of as many elements each, `a.*|X` a stage that ends behind each module of class X; `a.2-5` are
elements 2 to 5. "+" adds to the stage before. `@embed` is a transformer's patches, tokens and positions; `@tail` is
the network's own pooling (`forward_head`), which else belongs to the last stage."""


@dataclass(frozen=True)
class Stages:
    """The cut of one network. `modules` share the network's parameters; they own none themselves."""

    names: tuple[str, ...]
    modules: tuple[nn.Module, ...]

    def outputs(self, x: Tensor) -> Iterator[Tensor]:
        """What each stage makes of images [B, 3, side, side]; the last are features [B, width]."""
        for module in self.modules:
            x = module(x)
            yield x

    def params(self) -> tuple[int, ...]:
        return tuple(sum(p.numel() for p in module.parameters()) for module in self.modules)

    def layers(self) -> tuple[int, ...]:
        return tuple(sum(isinstance(m, WEIGHT_LAYERS) for m in module.modules()) for module in self.modules)


def features(net: nn.Module, x: Tensor) -> Tensor:
    """Pooled features [B, width] by the network's own code: what its classifier reads."""
    pooled: Tensor = net.forward_head(net.forward_features(x), pre_logits=True)  # type: ignore[operator]
    return pooled


def cut(net: nn.Module, px: int) -> Stages:
    """The finest verified cut of a timm network that was built without a classifier.

    px: side of the images it is verified on. Raises PlanError when the network has no pooled features.
    """
    with suppress(AttributeError):
        stages = by_family(net)
        if stages and verify(net, stages, px):
            return stages
    with suppress(AttributeError, TypeError, RuntimeError):
        for count in _chained(net, px):
            stages = _generic(net, count)
            if stages and verify(net, stages, px):
                return stages
    whole = Stages(("body",), (_part(net, dict(net.named_children()), _Whole, own=True),))
    if not verify(net, whole, px):
        raise PlanError(
            f"{type(net).__name__} gives no vector of features per image, which a head needs: choose another backbone."
        )
    return whole


def by_family(net: nn.Module) -> Stages | None:
    """The cut that `FAMILIES` describes, not verified; None for a network of no known family."""
    family = next((FAMILIES[c.__name__] for c in type(net).__mro__ if c.__name__ in FAMILIES), None)
    if family is None:
        return None
    names: list[str] = []
    groups: list[list[nn.Module]] = []
    tail = _part(net, _unclaimed(net, family), _Tail)
    for name, paths in family:
        if paths == TAIL:
            names.append(name)
            groups.append([])
            continue
        found = _embed(net) if paths == EMBED else [g for path in paths.split() for g in _resolve(net, path)]
        if name == SAME:
            groups[-1] += [module for _, group in found for module in group]
        elif "{}" in name:
            names += [name.format(label) for label, _ in found]
            groups += [group for _, group in found]
        elif found:
            names.append(name)
            groups.append([module for _, group in found for module in group])
    groups[-1].append(tail)
    return Stages(tuple(names), tuple(map(_sequence, groups)))


def verify(net: nn.Module, stages: Stages, px: int) -> bool:
    """Whether the chain of `stages` is the network, bit for bit, every parameter lies in exactly one stage, and what
    goes from one to the next is a tensor with a row an image, as caches hold it."""
    owned = [id(p) for module in stages.modules for p in module.parameters()]
    if sorted(owned) != sorted({id(p) for p in net.parameters()}):
        return False
    was_training = net.training
    _set_training([net, *stages.modules], False)
    with torch.inference_mode():
        for side in dict.fromkeys((min(px, CHECK_PX), px)):
            x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
            try:
                expected = features(net, x)
                between = list(stages.outputs(x))
            except (RuntimeError, AssertionError, TypeError, AttributeError, IndexError, ValueError):
                continue  # too small for this network, or no chain at all: the full side decides
            _set_training([net, *stages.modules], was_training)
            rows = all(isinstance(one, Tensor) and len(one) == len(x) for one in between)
            return bool(rows and expected.dim() == 2 and torch.equal(expected, between[-1]))
    _set_training([net, *stages.modules], was_training)
    return False


# --- parts of a network that are no module of their own ------------------------------------------------------------


class _Embed:
    def forward(self, x: Tensor) -> Tensor:
        """Images to tokens [B, tokens, width], as `VisionTransformer.forward_features` begins."""
        x = self._pos_embed(self.patch_embed(x))  # type: ignore[attr-defined]
        tokens: Tensor = self.norm_pre(self.patch_drop(x))  # type: ignore[attr-defined]
        return tokens


class _Tail:
    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.forward_head(x, pre_logits=True)  # type: ignore[attr-defined]
        return pooled


class _Whole:
    def forward(self, x: Tensor) -> Tensor:
        return features(self, x)  # type: ignore[arg-type]


@functools.cache
def _part_class(base: type, behaviour: type) -> type:
    return type(f"{base.__name__}{behaviour.__name__.strip('_')}", (behaviour, base), {})


def _part(net: nn.Module, children: dict[str, nn.Module], behaviour: type, *, own: bool = False) -> nn.Module:
    """A view of `net` with some of its children (the same objects) whose forward is that of `behaviour`.

    It holds what its forward reads and nothing else, so that a stage can be copied, cast and moved by itself. With
    `own` it also has the parameters and buffers that belong to `net` directly.
    """
    part = copy.copy(net)
    part.__dict__["_modules"] = dict(children)
    if not own:
        part.__dict__["_parameters"], part.__dict__["_buffers"] = {}, {}
    part.__class__ = _part_class(type(net), behaviour)  # type: ignore[arg-type]
    return part


def _embed(net: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    names = ("patch_embed", "pos_drop", "patch_drop", "norm_pre")
    return [("", [_part(net, {name: net.get_submodule(name) for name in names}, _Embed, own=True)])]


def _unclaimed(net: nn.Module, family: Iterable[tuple[str, str]]) -> dict[str, nn.Module]:
    claimed = {path.split(".")[0] for _, paths in family for path in paths.split()}
    if EMBED in claimed:
        claimed |= {"patch_embed", "pos_drop", "patch_drop", "norm_pre"}
    return {name: child for name, child in net.named_children() if name not in claimed}


# --- reading a path ------------------------------------------------------------------------------------------------


def _resolve(net: nn.Module, path: str) -> list[tuple[str, list[nn.Module]]]:
    """The modules of one path of `FAMILIES`, as (label, modules) for each stage it describes. Raises AttributeError."""
    parent, _, last = path.rpartition(".")
    if last.startswith("*~"):
        elements = list(net.get_submodule(parent).children())
        each = math.ceil(len(elements) / int(last[2:]))
        starts = range(0, len(elements), each)
        ends = [min(start + each, len(elements)) for start in starts]
        return [
            (f"{start + 1}-{end}" if end > start + 1 else f"{end}", elements[start:end])
            for start, end in zip(starts, ends, strict=True)
        ]
    if last.startswith("*|"):
        groups: list[list[nn.Module]] = [[]]
        for element in net.get_submodule(parent).children():
            groups[-1].append(element)
            if type(element).__name__ == last[2:]:
                groups.append([])
        return [(str(number), group) for number, group in enumerate(filter(None, groups), start=1)]
    if last == "*":
        return [(str(n), [element]) for n, element in enumerate(net.get_submodule(parent).children(), start=1)]
    first, dash, end = last.partition("-")
    if dash and first.isdigit():
        elements = list(net.get_submodule(parent).children())
        chosen = elements[int(first) : int(end) + 1 if end else None]
        return [("", chosen)] if chosen else []
    return [("", [net.get_submodule(path)])]


def _sequence(modules: Sequence[nn.Module]) -> nn.Module:
    return modules[0] if len(modules) == 1 else nn.Sequential(*modules)


def _set_training(modules: Iterable[nn.Module], training: bool) -> None:
    for module in modules:
        module.train(training)


# --- any other network ---------------------------------------------------------------------------------------------


def _generic(net: nn.Module, count: int) -> Stages | None:
    """Stages along the first `count` children of a network, its pooling behind them; None when there is but one.

    A child with two weight layers or more begins a stage, smaller ones (norms, pools) go with the stage before.
    """
    children = list(net.named_children())
    units: list[tuple[str, nn.Module]] = []
    for name, child in children[:count]:
        parts = list(child.named_children()) if isinstance(child, nn.Sequential) else []
        units += [(f"{name}.{key}", part) for key, part in parts] if len(parts) > 1 else [(name, child)]
    names: list[str] = []
    groups: list[list[nn.Module]] = []
    for name, unit in units:
        large = sum(isinstance(m, WEIGHT_LAYERS) for m in unit.modules()) >= 2
        if large or not groups:
            names.append(name if large else "stem")
            groups.append([])
        groups[-1].append(unit)
    if len(groups) < 2:
        return None
    each = math.ceil(len(groups) / MOST_STAGES)
    joined = [[m for group in groups[i : i + each] for m in group] for i in range(0, len(groups), each)]
    joined[-1].append(_part(net, dict(children[count:]), _Tail))
    return Stages(tuple(names[::each]), tuple(map(_sequence, joined)))


def _chained(net: nn.Module, px: int) -> list[int]:
    """After how many children, run one after the other, the network's pooling gives its features; most first."""
    was_training = net.training
    counts: list[int] = []
    net.eval()
    with torch.inference_mode():
        x = torch.randn(2, 3, px, px, generator=torch.Generator().manual_seed(0))
        expected = features(net, x)
        for count, child in enumerate(net.children(), start=1):
            try:
                x = child(x)
            except (RuntimeError, TypeError, AttributeError, NotImplementedError, IndexError, ValueError):
                break
            with suppress(RuntimeError, TypeError, AttributeError, IndexError, ValueError):
                if torch.equal(net.forward_head(x, pre_logits=True), expected):  # type: ignore[operator]
                    counts.insert(0, count)
    net.train(was_training)
    return counts

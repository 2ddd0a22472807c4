"""Which tensors of a checkpoint are a network's: found by names and shapes, whatever stands before the names.

All of the body is found or nothing is taken: a match has every tensor of the network below its classifier, and what is
left over lies outside the network. What is left out or was chosen is said, in sentences for whoever gave the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from core import WeightsError
from training.backbones.checkpoints import Checkpoint

PREFERRED = frozenset({"teacher", "ema", "averaged", "q", "online"})
"""Words in the name of the one network that is taken where a file holds two: what is evaluated of DINO, of averaged
weights, of MoCo (`encoder_q`) and of BYOL."""
COUNTS = "num_batches_tracked"
"""A batch norm's count, which old files lack and no answer depends on."""


@dataclass(frozen=True)
class Wanted:
    """Shapes of what a network is filled with, on the meta device, by name."""

    body: Mapping[str, Tensor]
    classifier: Mapping[str, Tensor]

    @property
    def needed(self) -> list[str]:
        return [name for name in self.body if not name.endswith(COUNTS)]

    @property
    def heads(self) -> set[str]:
        """The first words of the classifier's names."""
        return {name.split(".")[0] for name in self.classifier}

    @property
    def parts(self) -> set[str]:
        """The first words of the body's names."""
        return {name.split(".")[0] for name in self.body}


@dataclass(frozen=True)
class Match:
    """The tensors of one network in a checkpoint. `prefix` stood before each name."""

    prefix: str
    body: Mapping[str, Tensor]
    classifier: Mapping[str, Tensor]
    """The network's own, of its very shapes; empty when the file has none or another."""
    said: tuple[str, ...]


def match(checkpoint: Checkpoint, wanted: Wanted, file: str, title: str, offset: int = 0) -> Match | None:
    """The network in a checkpoint; None when there is no whole one.

    file, title: names of the file and the network for what is said. offset: classes before the first that the file's
    classifier has and the network's has not (a background). Raises WeightsError when the file holds two that differ,
    or numbers that are no floating-point ones.
    """
    every = len(wanted.needed)
    whole = [prefix for prefix, count in prefixes(checkpoint, wanted).items() if count == every]
    if not whole:
        return None
    prefix, said = _chosen(checkpoint, wanted, whole, file)
    inside = under(checkpoint, prefix)
    body = {name: _floating(inside[name], shape, name, file) for name, shape in wanted.body.items() if name in inside}
    if any(name not in wanted.body and of_the_body(name, tensor, wanted) for name, tensor in inside.items()):
        return None  # a deeper network, or one with more in its layers
    body |= {name: torch.zeros((), dtype=torch.long) for name in wanted.body.keys() - body.keys()}
    classifier = _classifier(inside, wanted, offset)
    said += _left_out(checkpoint, prefix, wanted, bool(classifier), title, {one for one in whole if one != prefix})
    said += read_as(inside[name] for name in wanted.needed)
    return Match(prefix, body, classifier, said)


def prefixes(checkpoint: Checkpoint, wanted: Wanted) -> Counter[str]:
    """How many tensors of a network's body stand behind each prefix, in their right shapes."""
    counts, needed = Counter[str](), set(wanted.needed)
    for name, tensor in checkpoint.tensors.items():
        parts = name.split(".")
        for start in range(len(parts)):
            rest = ".".join(parts[start:])
            if rest in needed and tensor.shape == wanted.body[rest].shape:
                counts[name[: len(name) - len(rest)]] += 1
    return counts


def unlike(checkpoint: Checkpoint, wanted: Wanted) -> tuple[str, list[str], list[str], list[str]]:
    """(likeliest prefix, names that are missing, names that are too many, names of other shapes)."""
    names: Counter[str] = Counter()
    for name in checkpoint.tensors:
        parts = name.split(".")
        for start in range(len(parts)):
            if (rest := ".".join(parts[start:])) in wanted.body:
                names[name[: len(name) - len(rest)]] += 1
    prefix = names.most_common(1)[0][0] if names else ""
    inside = under(checkpoint, prefix)
    missing = [name for name in wanted.needed if name not in inside]
    more = [name for name in inside if name not in wanted.body and name not in wanted.classifier]
    return prefix, missing, more, [n for n in wanted.needed if n in inside and inside[n].shape != wanted.body[n].shape]


def _chosen(
    checkpoint: Checkpoint, wanted: Wanted, whole: list[str], file: str
) -> tuple[str, tuple[str, ...]]:
    """The prefix to take of those that have a whole network."""
    first, *others = sorted(whole, key=len)
    if all(_equal(checkpoint, wanted, first, other) for other in others):
        return first, (f"Its weights stand under '{first[:-1]}'.",) if first else ()
    preferred = [prefix for prefix in whole if is_preferred(prefix)]
    named = " and ".join(f"'{prefix[:-1]}'" if prefix else "the names without a prefix" for prefix in sorted(whole))
    if len(preferred) != 1:
        raise WeightsError(
            f"{file} holds {len(whole)} networks that fit and differ: {named}. Save the one you mean in a file of its "
            "own."
        )
    return preferred[0], (f"It holds {len(whole)} networks that fit ({named}); '{preferred[0][:-1]}' is taken.",)


def is_preferred(prefix: str) -> bool:
    """Whether a prefix names the network to take where there are two."""
    return not PREFERRED.isdisjoint(re.split(r"[._]", prefix.lower()))


def _equal(checkpoint: Checkpoint, wanted: Wanted, first: str, other: str) -> bool:
    pairs = ((checkpoint.tensors[first + name], checkpoint.tensors[other + name]) for name in wanted.needed)
    return all(one.dtype == two.dtype and torch.equal(one, two) for one, two in pairs)


def under(checkpoint: Checkpoint, prefix: str) -> dict[str, Tensor]:
    """Tensors by their names behind a prefix."""
    return {name[len(prefix) :]: tensor for name, tensor in checkpoint.tensors.items() if name.startswith(prefix)}


def of_the_body(name: str, tensor: Tensor, wanted: Wanted) -> bool:
    """Whether a tensor that the network has not would change what it computes: one within its parts, or bare."""
    first, dot, _ = name.partition(".")
    counts = name.endswith(COUNTS) or (not dot and tensor.dim() == 0)
    return not counts and first not in wanted.heads and (first in wanted.parts or not dot)


def _classifier(inside: Mapping[str, Tensor], wanted: Wanted, offset: int) -> dict[str, Tensor]:
    """The file's, when it is of the network's own shapes once `offset` classes are taken off; else nothing."""
    found = {name: inside[name] for name in wanted.classifier if name in inside}
    if offset and all(len(tensor) == len(wanted.classifier[name]) + offset for name, tensor in found.items()):
        found = {name: tensor[offset:] for name, tensor in found.items()}
    for name, shape in wanted.classifier.items():
        if name.endswith(COUNTS):
            found.setdefault(name, torch.zeros((), dtype=torch.long))
        elif name not in found or found[name].shape != shape.shape or not found[name].is_floating_point():
            return {}
    return {name: tensor.to(wanted.classifier[name].dtype) for name, tensor in found.items()}


def _left_out(
    checkpoint: Checkpoint, prefix: str, wanted: Wanted, kept: bool, title: str, others: Iterable[str]
) -> tuple[str, ...]:
    """What stands beside the body in the same dictionary and is not taken, a sentence a kind."""
    holder = checkpoint.holders[prefix + wanted.needed[0]]
    known = {f"{one}{name}" for one in (prefix, *others) for name in wanted.body}
    known |= {f"{one}{name}" for one in ((prefix, *others) if kept else others) for name in wanted.classifier}
    groups: dict[str, list[Tensor]] = {}
    for name, tensor in checkpoint.tensors.items():
        if name in known or checkpoint.holders[name] != holder or tensor.dim() == 0:
            continue
        around = len(prefix)
        while not name.startswith(prefix[:around]):
            around = prefix.rfind(".", 0, around - 1) + 1
        groups.setdefault(name[around:].split(".")[0], []).append(tensor)
    said = []
    for name in sorted(wanted.heads & groups.keys()):
        weights = [tensor for tensor in groups.pop(name) if tensor.dim() >= 2]
        layers = f" {len(weights)} layers," if len(weights) > 1 else ""
        classes = f" {len(weights[-1])} classes" if weights else " no weight"
        said.append(f"Its classifier ('{name}',{layers}{classes}) is not {title}'s own and is left out.")
    if groups:
        named = ", ".join(f"'{name}' ({len(tensors)})" for name, tensors in list(groups.items())[:3])
        more = f" and {len(groups) - 3} more" if len(groups) > 3 else ""
        said.append(f"Left out, since no part of the body of {title} (tensors): {named}{more}.")
    elif not said and not kept and wanted.classifier:
        said.append("It brings no classifier.")
    return tuple(said)


def _floating(tensor: Tensor, shape: Tensor, name: str, file: str) -> Tensor:
    """In the network's precision. Raises WeightsError for whole numbers, which mean nothing without their scales."""
    if shape.is_floating_point():
        usable = tensor.is_floating_point() and tensor.element_size() > 1 and not tensor.is_quantized
        if not usable:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise WeightsError(
                f"{file} is quantised: {name} holds {kind} numbers in place of floating-point ones. Give the weights "
                "from before they were quantised."
            )
    return tensor.to(shape.dtype)


def read_as(tensors: Iterable[Tensor]) -> tuple[str, ...]:
    """What is said of numbers of another precision."""
    kinds = {str(one.dtype).removeprefix("torch.") for one in tensors if one.is_floating_point()} - {"float32"}
    return (f"Its {', '.join(sorted(kinds))} numbers are read as float32.",) if kinds else ()

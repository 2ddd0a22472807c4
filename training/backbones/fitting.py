"""Files of weights that do not fit a network by name: what timm may translate, and else what to say of them."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from core import WeightsError
from core.zoo import CURATED
from training.backbones import matching
from training.backbones.checkpoints import Checkpoint

POSITIONS = ("pos_embed", "position", "rel_pos", "relative_position", "attention_bias")
"""In the names of what timm resizes for images of another side."""
KIN = 8
"""Networks with names like the one asked for that a file which does not fit is held against."""
HINTS = (
    (r"lora_[AB]\b", "It is an adapter (LoRA), not a network: merge it first, model.merge_and_unload()."),
    (r"weight_(orig|mask)$", "It is pruned under masks: make that permanent first, torch.nn.utils.prune.remove()."),
    (
        r"parametrizations\.|weight_[gv]$",
        "It keeps its weights in parts: put them together first, torch.nn.utils.parametrize.remove_parametrizations().",
    ),
    (
        r"patch_embeddings\.projection|embedder\.embedder|encoder\.layer\.\d+\.attention",
        "It has the names of Hugging Face's transformers; Thaw reads those of timm.",
    ),
    (
        r"^(.*\.)?features\.\d+\.\d+\.",
        "It has the names of torchvision; Thaw reads those of timm: give timm's file of the same network.",
    ),
    (
        r"^0\.\d+\.",
        "Its layers have numbers in place of names, as fastai's Learner and nn.Sequential save them: save the "
        "state_dict of the network that was put in, without what was put around it.",
    ),
    (r"^state\.\d+\.(step|exp_avg|momentum_buffer)", "It is the state of an optimizer, not weights."),
)
"""(what stands in the names of a file that does not fit, what it is then)."""


@functools.cache
def shapes(timm_name: str) -> matching.Wanted:
    """What a network at its own side is filled with."""
    with torch.device("meta"):
        net = timm.create_model(timm_name, pretrained=False)
        whole = net.state_dict()
        behead(net)
    body = {name: tensor for name, tensor in whole.items() if name in net.state_dict()}
    return matching.Wanted(body, {name: tensor for name, tensor in whole.items() if name not in body})


def behead(net: nn.Module) -> None:
    """Take the classifier off, where the network has one."""
    if getattr(net, "num_classes", 0) and hasattr(net, "reset_classifier"):
        net.reset_classifier(0)  # type: ignore[operator]


def how(
    state: Mapping[str, Tensor], prefix: str, wanted: matching.Wanted, classes: int, whole: bool
) -> tuple[str, ...]:
    """What timm did, in sentences."""
    said = [f"Its weights stand under '{prefix[:-1]}'."] if prefix else []
    moved = [name for name in state if name in wanted.body and state[name].shape != wanted.body[name].shape]
    if moved:
        was, now = tuple(state[moved[0]].shape), tuple(wanted.body[moved[0]].shape)
        said.append(f"Its positions are of images of another side: timm resizes them ({moved[0]}: {was} to {now}).")
    if not state.keys() <= wanted.body.keys() | wanted.classifier.keys():
        said.append("Its tensors have other names, which timm translates.")
    said += matching.read_as(state.values())
    if not whole:
        said.append(f"Its classifier ({classes} classes) is left out." if classes else "It brings no classifier.")
    return tuple(said)


def candidates(checkpoint: Checkpoint, wanted: matching.Wanted) -> Iterator[tuple[dict[str, Tensor], str]]:
    """(tensors, what stood before their names) that may be the network's under other names, likeliest first."""
    tried = set[str]()
    counts = matching.prefixes(checkpoint, wanted)
    if counts:
        prefix, count = max(counts.items(), key=lambda one: (one[1], matching.is_preferred(one[0])))
        if count > 0.8 * len(wanted.needed):
            tried.add(prefix)
            inside = matching.under(checkpoint, prefix)
            kept = wanted.parts | wanted.heads
            yield {
                name: tensor for name, tensor in inside.items()
                if name.split(".")[0] in kept or matching.of_the_body(name, tensor, wanted)
            }, prefix  # fmt: skip
    holders = Counter(checkpoint.holders.values())
    largest = max(holders.values())
    large = [holder for holder, count in holders.items() if count >= largest / 2]
    for prefix in sorted(large, key=lambda holder: (not matching.is_preferred(holder), -holders[holder])):
        names = [name for name, holder in checkpoint.holders.items() if holder == prefix]
        while len(names) > 1:
            if prefix not in tried:
                yield {name[len(prefix) :]: checkpoint.tensors[name] for name in names}, prefix
            first, count = Counter(name[len(prefix) :].split(".")[0] for name in names).most_common(1)[0]
            if count < len(names) / 2:
                break
            prefix = f"{prefix}{first}."
            names = [name for name in names if name.startswith(prefix)]


def reshaped(state: Mapping[str, Tensor], wanted: matching.Wanted) -> bool:
    """Whether timm would have to make something up: only positions may be of other shapes, no numbers quantised."""
    kernels = {tuple(tensor.shape) for tensor in wanted.body.values() if tensor.dim() == 4}
    return any(
        not any(word in name for word in POSITIONS) and (
            (tensor.dim() == 4 and tuple(tensor.shape) not in kernels)
            or (tensor.dim() > 1 and tensor.element_size() == 1)
            or (name in wanted.body and tensor.numel() != wanted.body[name].numel())
        )
        for name, tensor in state.items()
    )  # fmt: skip


def classes_of(state: Mapping[str, Tensor], wanted: matching.Wanted) -> int:
    """Classes of a classifier in a file, 0 = none: the rows of the last layer that looks like the network's own."""
    own = [tensor.shape[1:] for name, tensor in wanted.classifier.items() if name.endswith("weight")]
    last = [
        tensor for name, tensor in state.items()
        if name.endswith("weight") and name not in wanted.body and tensor.shape[1:] in own
    ]  # fmt: skip
    named = [state[name] for name in wanted.classifier if name in state and name.endswith("weight")]
    found = (named or last)[-1:]
    return len(found[0]) if found and found[0].dim() > 1 else 0


def misfit(timm_name: str, title: str, path: Path, checkpoint: Checkpoint, wanted: matching.Wanted) -> str:
    """Why a file does not fit a network: how much of it, which names or shapes, what it is or fits instead."""
    names = checkpoint.tensors
    quantised = [
        name for name, tensor in names.items()
        if tensor.is_quantized or name.endswith((".zero_point", "qweight"))
        or (name.endswith("weight") and tensor.element_size() == 1)
    ]  # fmt: skip
    if quantised:
        return (
            f"{path.name} is quantised, as '{quantised[0]}' shows, and does not fit {title}. Give the weights from "
            "before they were quantised."
        )
    prefix, missing, more, reshaped = matching.unlike(checkpoint, wanted)
    there = len(wanted.needed) - len(missing) - len(reshaped)
    of = f"{there} of the {len(wanted.needed)} tensors below its classifier are there"
    said = [f"{path.name} does not fit {title}: {of}"]
    if reshaped:
        theirs, mine = names[prefix + reshaped[0]], wanted.body[reshaped[0]]
        said.append(
            f"{len(reshaped)} of other shapes ({reshaped[0]} is {tuple(theirs.shape)} in the file and "
            f"{tuple(mine.shape)} in {title}{_channels(theirs, mine)})"
        )
    said += [f"{len(missing)} missing ({_some(missing)})"] if missing else []
    said += [f"{len(more)} that {title} does not have ({_some(more)})"] if more else []
    hint = next((said for pattern, said in HINTS if any(re.search(pattern, name) for name in names)), "")
    if not hint and (missing or more):
        hint = _fitting(timm_name, checkpoint)
    return f"{', '.join(said)}. {hint or f'Give a file of {timm_name}.'}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _channels(theirs: Tensor, mine: Tensor) -> str:
    """Said of a first convolution that reads other images."""
    first = theirs.dim() == mine.dim() == 4 and theirs.shape[2:] == mine.shape[2:] and mine.shape[1] == 3
    return f": it reads images of {theirs.shape[1]} channels, Thaw's have 3" if first else ""


def _fitting(timm_name: str, checkpoint: Checkpoint) -> str:
    """Which other network a file fits, in a sentence; '' when none of those that are looked at."""
    asked = timm_name.split(".")[0]
    curated = [card.name for card in CURATED if card.hub]
    for name in dict.fromkeys([*curated, *get_close_matches(asked, timm.list_models(), KIN, 0)]):
        with suppress(WeightsError, RuntimeError):
            if name != asked and matching.match(checkpoint, shapes(name), "", name):
                return f"It fits {name}: python -m training backbone add {name} --weights FILE"
    return ""

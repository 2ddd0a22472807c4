"""Pre-trained weights into a timm network: read without running anything, matched strictly, held to their card.

`matching` finds them by names and shapes; timm translates other names and resizes positions. A file that does not fit
is refused in words (`fitting`), and so is one whose recorded preprocessing is not that of the weights it stands for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import safe_open
from timm.models import get_pretrained_cfg
from torch import Tensor, nn

from core import PlanError, WeightsError, decode_text
from training.backbones import checkpoints, fitting, matching, stages, weights
from training.backbones.checkpoints import Checkpoint
from training.backbones.file_kinds import kind_of

RECORD = "thaw"
"""Key of a .safetensors file's metadata under which Thaw writes down what the weights expect (`expected`)."""

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Loaded:
    """A timm network without its classifier, the weights in it."""

    net: nn.Module
    classifier: Callable[[], nn.Linear | None]
    """Gives the weights' own classifier on the pooled features; None when they have none, or more than one layer."""
    weights_id: str
    """Changes with the weights: the key of what is computed from them."""


@dataclass(frozen=True)
class Filled:
    """A timm network with the weights of a file."""

    net: nn.Module
    whole: bool
    """Whether the file's classifier is in it; else the network has none."""
    said: tuple[str, ...]
    """What was chosen, changed or left out, in sentences."""


def config(timm_name: str) -> dict[str, Any]:
    """timm's `pretrained_cfg` of a model and tag. Raises PlanError for one that timm does not know."""
    architecture = timm_name.split(".")[0]
    found = None
    with suppress(RuntimeError):  # a tag that the architecture does not have
        found = get_pretrained_cfg(timm_name) if timm.is_model(architecture) else None
    if found is None:
        raise PlanError(
            f"timm {timm.__version__} knows no model called '{timm_name}'; its names are listed at "
            "https://huggingface.co/timm, like resnet18 or resnet18.a1_in1k."
        )
    values: dict[str, Any] = found.to_dict()
    return values


def expected(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """What weights expect of an image, and of the network they are read into, as plain JSON."""
    return {
        "architecture": cfg["architecture"],
        "image side": int(cfg["input_size"][-1]),
        "mean": [float(value) for value in cfg["mean"]],
        "standard deviation": [float(value) for value in cfg["std"]],
        "crop": float(cfg["crop_pct"]),
        "interpolation": cfg["interpolation"],
    }


def create(timm_name: str, *, image_px: int | None = None, state: State | None = None, **options: Any) -> nn.Module:
    """A timm network, with the weights of `state` when given (strictly), else random. Never touches the network.

    image_px: side of its images where it is not the weights' own. Raises PlanError when it cannot work on that side.
    """
    cfg = config(timm_name)
    own = int(cfg["input_size"][-1])
    if image_px and image_px != own and cfg.get("fixed_input_size"):
        options["img_size"] = image_px
    if state is not None:
        source = {"state_dict": dict(state), "source": "", "url": "", "hf_hub_id": None, "file": None}
        options |= {"pretrained_cfg_overlay": {**source, **options.pop("overlay", {})}}
    try:
        net: nn.Module = timm.create_model(timm_name, pretrained=state is not None, **options)
    except (TypeError, AssertionError, ValueError) as error:
        if "img_size" not in options:
            raise
        raise PlanError(_sides(timm_name, own, image_px) + ".") from error
    sides = getattr(getattr(net, "patch_embed", None), "patch_size", 1)
    patch = sides if isinstance(sides, int) else sides[0]
    if image_px and image_px % patch:
        raise PlanError(f"{_sides(timm_name, own, image_px)}: it cuts them into patches of {patch} px.")
    if image_px and image_px != own and not _runs(net, image_px):
        raise PlanError(_sides(timm_name, own, image_px) + ".")
    return net


def _sides(name: str, own: int, asked: int | None) -> str:
    return f"{name} reads images of {own} px and cannot be built for {asked} px"


def _runs(net: nn.Module, px: int) -> bool:
    was_training = net.training
    try:
        with torch.inference_mode():
            stages.features(net.eval(), torch.zeros(1, 3, px, px))
        return True
    except (RuntimeError, AssertionError, ValueError):
        return False
    finally:
        net.train(was_training)


def load(timm_name: str, title: str, path: Path, *, image_px: int | None = None) -> Loaded:
    """The network of `timm_name` with the weights of a file. Raises WeightsError, naming the two values that differ."""
    filled = fill(timm_name, title, path, image_px=image_px)
    net, px = filled.net, image_px or int(config(timm_name)["input_size"][-1])
    layer = _classifier(net, px) if filled.whole else None
    fitting.behead(net)
    return Loaded(net, lambda: layer, f"{timm_name.split('.')[0]}-{weights.digest(path)[:16]}")


def fill(timm_name: str, title: str, path: Path, *, image_px: int | None = None) -> Filled:
    """The network with the weights of a file: all of them below the classifier, or WeightsError.

    Where names and shapes are not the network's own, timm's conversion for its family is tried, as strictly.
    """
    cfg = config(timm_name)
    record = recorded(path)
    if record is not None:
        _compare(title, path, record, expected(cfg))
    checkpoint = checkpoints.read(path)
    names = cfg.get("classifier") or ()
    if RECORD in metadata(path) and all(
        f"{name}.weight" in checkpoint.tensors for name in ([names] if isinstance(names, str) else names)
    ):
        # What Thaw wrote whole is the network's own, name by name, and was looked at before.
        return Filled(_created(timm_name, title, path, image_px, checkpoint.tensors), True, ())
    wanted = fitting.shapes(timm_name)
    found = matching.match(checkpoint, wanted, path.name, title, int(cfg.get("label_offset") or 0))
    if found is None:
        filled = _converted(timm_name, title, path, image_px, checkpoint)
    else:
        zeros = {name: torch.zeros(shape.shape) for name, shape in wanted.classifier.items()}
        net = _created(timm_name, title, path, image_px, {**found.body, **(found.classifier or zeros)})
        filled = Filled(net, bool(found.classifier), found.said)
    _check_values(timm_name, filled.net, path)
    if not filled.whole:
        fitting.behead(filled.net)
    return filled


def _created(timm_name: str, title: str, path: Path, image_px: int | None, state: State) -> nn.Module:
    """The network with weights of its own names and shapes, resized where it reads images of another side."""
    try:
        return create(timm_name, image_px=image_px, state=state, overlay={"label_offset": 0})
    except (RuntimeError, KeyError, IndexError, AttributeError) as error:
        own = int(config(timm_name)["input_size"][-1])
        if image_px and image_px != own:
            raise PlanError(f"{_sides(timm_name, own, image_px)}: its weights cannot be resized.") from error
        said = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path.name} has the tensors of {title}, but timm does not take them: {said}") from error


def _converted(timm_name: str, title: str, path: Path, image_px: int | None, checkpoint: Checkpoint) -> Filled:
    """Through what timm does with files of other names, or positions of another side. Raises WeightsError."""
    wanted = fitting.shapes(timm_name)
    for state, prefix in fitting.candidates(checkpoint, wanted):
        for classes in dict.fromkeys((fitting.classes_of(state, wanted), 0)):
            net = None if fitting.reshaped(state, wanted) else _translated(timm_name, image_px, state, classes)
            if net is not None:
                filled = net.state_dict()
                whole = all(
                    name in filled and filled[name].shape == shape.shape for name, shape in wanted.classifier.items()
                )
                return Filled(net, whole, fitting.how(state, prefix, wanted, classes, whole))
    raise WeightsError(fitting.misfit(timm_name, title, path, checkpoint, wanted))


def _translated(timm_name: str, image_px: int | None, state: State, classes: int) -> nn.Module | None:
    """The network with every tensor of a file, as timm translates them; None when it cannot."""
    as_it_is = {"num_classes": classes, "label_offset": 0}
    try:
        return create(
            timm_name, image_px=image_px, state=state, num_classes=classes, overlay=as_it_is, pretrained_strict=True
        )
    except Exception:  # each family's conversion fails in its own way on names that it does not know
        return None


def _check_values(timm_name: str, net: nn.Module, path: Path) -> None:
    """Raises WeightsError for weights that no training leaves: no finite numbers, variances below zero, or zeros where
    none begin so."""
    state, body = net.state_dict(), fitting.shapes(timm_name).body
    broken = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    negative = [name for name, tensor in state.items() if name.endswith("running_var") and (tensor < 0).any()]
    if negative:
        raise WeightsError(
            f"{path.name} is of no use: {negative[0]} holds variances below zero, which no training leaves. Get it "
            "again."
        )
    zero = [name for name, tensor in state.items() if name in body and tensor.dim() > 1 and not tensor.any()]
    fresh = timm.create_model(timm_name, pretrained=False).state_dict() if broken or zero else {}
    if broken := [name for name in broken if fresh[name].isfinite().all()]:
        raise WeightsError(
            f"{path.name} is of no use: {len(broken)} of its {len(state)} tensors hold values that are no finite "
            f"numbers ({broken[0]}). The training that wrote it broke down; give an earlier file."
        )
    if zero := [name for name in zero if fresh[name].any()]:
        raise WeightsError(
            f"{path.name} is of no use: {len(zero)} of its {len(state)} tensors are all zeros ({zero[0]}), as in a "
            "file that was not downloaded or written to its end. Get it again."
        )


def recorded(path: Path) -> dict[str, Any] | None:
    """What the file itself says about its network and preprocessing: Thaw's record in it, or the `config.json` that
    timm writes beside weights. None when it says nothing."""
    written = metadata(path).get(RECORD)
    if written:
        what = f"What {path.name} says of itself"
        return decode_text(written, dict[str, Any], what, "Get it again.", error=WeightsError)
    beside = path.with_name("config.json")
    try:
        timms = json.loads(beside.read_text(encoding="utf-8"))
        cfg = {"architecture": timms["architecture"], **timms.get("pretrained_cfg", timms)}
        return expected(cfg)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # no config, or not one of timm's


def metadata(path: Path) -> dict[str, str]:
    """What a .safetensors file says about itself; empty for any other file. Raises WeightsError for a damaged one."""
    if not path.is_file() or kind_of(path) != "safetensors":
        return {}
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except Exception as error:  # safetensors raises its own, undocumented types
        raise WeightsError(f"{path.name} cannot be read as weights, it may be damaged: {error}") from error


def _compare(title: str, path: Path, record: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        if name in record and record[name] != value:
            raise WeightsError(
                f"{path.name} does not belong to {title}: it records the {name} {_plain(record[name])}, and {title} "
                f"has {_plain(value)}. Training would see other images than the weights expect; give another file."
            )


def _plain(value: Any) -> str:
    return " / ".join(f"{v:g}" for v in value) if isinstance(value, list) else str(value)


def _classifier(net: nn.Module, px: int) -> nn.Linear | None:
    """The network's classifier, when its answers are that one linear layer on the pooled features."""
    layer = net.get_classifier() if hasattr(net, "get_classifier") else None  # type: ignore[operator]
    if not isinstance(layer, nn.Linear):
        return None
    was_training = net.training
    net.eval()
    x = torch.randn(1, 3, px, px, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        pooled = stages.features(net, x)
        same = pooled.dim() == 2 and pooled.shape[1] == layer.in_features
        same = same and torch.allclose(layer(pooled), net(x), rtol=1e-4, atol=1e-4)
    net.train(was_training)
    return layer if same else None
"""Pre-trained weights into a timm network: read without running anything, matched strictly, held to their card.

timm does the matching (renamed tensors, resized position embeddings), but a file that does not fit is refused here in
words, and so is one whose recorded preprocessing is not that of the weights it is to stand for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import safe_open
from timm.models import get_pretrained_cfg, load_state_dict
from torch import Tensor, nn

from core import PlanError, WeightsError, decode_text
from training.backbones import stages

RECORD = "thaw"
"""Key of a .safetensors file's metadata under which Thaw writes down what the weights expect (`expected`)."""
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".tar")

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Loaded:
    """A timm network without its classifier, the weights in it."""

    net: nn.Module
    classifier: Callable[[], nn.Linear | None]
    """Gives the weights' own classifier on the pooled features; None when they have none, or more than one layer."""
    weights_id: str
    """Changes with the weights: the key of what is computed from them."""


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
    net, whole = fill(timm_name, title, path, image_px=image_px)
    cfg = config(timm_name)
    layer = _classifier(net, image_px or int(cfg["input_size"][-1])) if whole else None
    if cfg.get("num_classes"):
        net.reset_classifier(0)  # type: ignore[operator]
    return Loaded(net, lambda: layer, f"{timm_name.split('.')[0]}-{digest(path)[:16]}")


def fill(timm_name: str, title: str, path: Path, *, image_px: int | None = None) -> tuple[nn.Module, bool]:
    """The network with its classifier, and whether the file had one (else it is all zeros). Raises WeightsError."""
    cfg = config(timm_name)
    record = recorded(path)
    if record is not None:
        _compare(title, path, record, expected(cfg))
    state = read(path)
    # Where an extra background class is to be taken off, Thaw did so before it wrote the file.
    overlay = {"label_offset": 0} if RECORD in metadata(path) else {}
    bare = _without_classifier(timm_name, cfg, state)
    try:
        net = create(timm_name, image_px=image_px, state=bare or state, overlay=overlay)
    except (RuntimeError, KeyError, IndexError, AttributeError) as error:
        own = int(cfg["input_size"][-1])
        if image_px and image_px != own and _fits(timm_name, state):
            raise PlanError(f"{_sides(timm_name, own, image_px)}: its weights cannot be resized.") from error
        raise WeightsError(_misfit(timm_name, title, path, cfg, state, error)) from error
    return net, bare is None


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by name. Raises WeightsError; nothing in the file is ever run."""
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"{path.name} is no file of weights that Thaw reads: give one of {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise WeightsError(f"There is no file {path}.")
    try:
        state = load_state_dict(str(path), weights_only=True)
    except Exception as error:  # safetensors and torch raise many kinds, and other ones by version
        if re.search("GLOBAL|Unsupported (global|class)", f"{error} {error.__cause__}"):
            raise WeightsError(
                f"{path.name} holds more than tensors and is not opened, since that could run code. Save its state "
                "dict alone: safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
            ) from error
        raise WeightsError(f"{path.name} cannot be read as weights, it may be damaged: {error}") from error
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path.name} is no state dict: tensors by name are expected.")
    return dict(state)


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
    if path.suffix != ".safetensors" or not path.is_file():
        return {}
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except Exception as error:  # safetensors raises its own, undocumented types
        raise WeightsError(f"{path.name} cannot be read as weights, it may be damaged: {error}") from error


def digest(path: Path) -> str:
    """sha256 of a file, hex. The hub's cache names its files by it already."""
    real = path.resolve()
    if re.fullmatch("[0-9a-f]{64}", real.name):
        return real.name
    with real.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compare(title: str, path: Path, record: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        if name in record and record[name] != value:
            raise WeightsError(
                f"{path.name} does not belong to {title}: it records the {name} {_plain(record[name])}, and {title} "
                f"has {_plain(value)}. Training would see other images than the weights expect; give another file."
            )


def _plain(value: Any) -> str:
    return " / ".join(f"{v:g}" for v in value) if isinstance(value, list) else str(value)


def _classifier_name(cfg: Mapping[str, Any]) -> str | None:
    name = cfg.get("classifier")
    return name if isinstance(name, str) else None


def _without_classifier(timm_name: str, cfg: Mapping[str, Any], state: State) -> State | None:
    """For a file without its classifier: the state with one of zeros, so that the rest is matched strictly."""
    name = _classifier_name(cfg)
    if name is None or not cfg.get("num_classes") or f"{name}.weight" in state:
        return None
    with torch.device("meta"):
        whole = timm.create_model(timm_name, pretrained=False).state_dict()
    missing = {key for key in whole if key not in state}
    if missing != {f"{name}.weight", f"{name}.bias"} & set(whole) or len(whole) != len(state) + len(missing):
        return None
    return {**state, **{key: torch.zeros(whole[key].shape) for key in missing}}


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


def _fits(timm_name: str, state: State) -> bool:
    """Whether weights are those of a network at its own side."""
    with torch.device("meta"):
        wanted = timm.create_model(timm_name, pretrained=False).state_dict()
    return all(key not in state or state[key].shape == value.shape for key, value in wanted.items())


def _misfit(
    timm_name: str, title: str, path: Path, cfg: Mapping[str, Any], state: State, error: Exception
) -> str:
    """Why a file does not fit a network, in one sentence with both values."""
    with torch.device("meta"):
        wanted = timm.create_model(timm_name, pretrained=False).state_dict()
    classifier = _classifier_name(cfg)
    shared = [key for key in wanted if key in state and wanted[key].shape != state[key].shape]
    if f"{classifier}.weight" in shared and {key.rpartition(".")[0] for key in shared} == {classifier}:
        theirs, mine = len(state[f"{classifier}.weight"]), len(wanted[f"{classifier}.weight"])
        return (
            f"{path.name} does not fit {title}: its classifier has {theirs} classes, {title}'s has {mine}. Remove the "
            f"tensors '{classifier}.*' from the file to use what lies below it."
        )
    if shared:
        key = shared[0]
        return (
            f"{path.name} does not fit {title}: {key} is {tuple(state[key].shape)} in the file and "
            f"{tuple(wanted[key].shape)} in {title}. Give a file of {timm_name}."
        )
    missing = [key for key in wanted if key not in state]
    if missing:
        return (
            f"{path.name} does not fit {title}: it has {len(state)} tensors, {title} needs {len(wanted)}, and "
            f"{missing[0]} is not among them. Give a file of {timm_name}."
        )
    return f"{path.name} does not fit {title}: {' '.join(str(error).split())[:300]}"

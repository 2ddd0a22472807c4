"""The tensors of a file that somebody else wrote, wherever they stand in it. Nothing in the file is ever run."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from core import WeightsError
from training.backbones.file_kinds import AS_STATE_DICT, FileKind, kind_of

WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What torch.compile and its kin put into a name, at any place; no network calls a part of itself so."""


@dataclass(frozen=True)
class Checkpoint:
    """`tensors` by their dotted path from the file's root: dictionaries and modules alike are parts of a name."""

    tensors: Mapping[str, Tensor]
    holders: Mapping[str, str]
    """Path of the dictionary that each tensor stands in, with a dot behind it; '' = the file's root."""


def read(path: Path) -> Checkpoint:
    """All tensors of a file. Raises WeightsError with a sentence for each kind of file that is not read."""
    kind = kind_of(path)
    content = _tensors(path) if kind == "safetensors" else _unpickled(path, kind)
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path.name} holds a {type(content).__name__} and no tensors by name, so nothing says which layer they "
            f"belong to. {AS_STATE_DICT}"
        )
    found = {name: (holder, tensor) for name, holder, tensor in _walk(content, "")}
    if not found:
        held = ", ".join(f"'{key}'" for key in list(content)[:5]) or "nothing"
        raise WeightsError(f"{path.name} holds no tensors by name, only {held}: it is no file of weights.")
    for name, (_, tensor) in found.items():
        if tensor.is_meta:
            raise WeightsError(f"{path.name} holds only the shapes of its tensors ({name}), not their values.")
        if tensor.layout != torch.strided:
            raise WeightsError(f"{name} in {path.name} is sparse: save it as it is used, with to_dense().")
    return Checkpoint(
        {name: tensor for name, (_, tensor) in found.items()}, {name: holder for name, (holder, _) in found.items()}
    )


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except Exception as error:  # safetensors raises its own, undocumented types
        raise WeightsError(f"{path.name} cannot be read as weights, it may be damaged: {error}") from error


def _unpickled(path: Path, kind: FileKind) -> Any:
    by_name = path.suffix == ".safetensors"  # torch goes by that name, whatever the file is
    try:
        with path.open("rb") as file:
            return torch.load(
                file if by_name else path, map_location="cpu", weights_only=True, mmap=kind == "zip" and not by_name
            )
    except UnpicklingError as error:
        raise WeightsError(_not_opened(path, str(error))) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        if isinstance(error, EOFError) or re.search("EOF|corrupt|failed finding|read failed", str(error)):
            raise WeightsError(
                f"The end of {path.name} is missing: {path.stat().st_size:,} bytes of it are here, the rest was not "
                "downloaded or not written. Get it again."
            ) from error
        said = str(error).strip().split("\n")[0][:200]
        raise WeightsError(f"{path.name} cannot be read as weights, it may be damaged: {said}") from error


def _not_opened(path: Path, error: str) -> str:
    """Why torch would not unpickle a file, and what its owner can do."""
    try:
        classes = list(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except (RuntimeError, ValueError):  # not of the newer format
        classes = []
    classes = classes or re.findall(r"GLOBAL ([\w.]+)", error)
    if not classes:
        return f"{path.name} cannot be read as weights, it may be damaged: {error.strip().splitlines()[0][:200]}"
    named = ", ".join(classes[:3])
    if any(name.startswith("torch.nn.") for name in classes):
        return (
            f"{path.name} is a whole model as a pickle ({named}) and is not opened, since that could run code. "
            f"{AS_STATE_DICT}"
        )
    if _is_lightning(path):
        return (
            f"{path.name} is a checkpoint of Lightning that keeps objects beside its weights, as its hyper_parameters "
            f"may ({named}), and is not opened, since that could run code. Where the file is your own, save its "
            "weights alone: torch.save({'state_dict': torch.load(FILE, weights_only=False)['state_dict']}, NEW)"
        )
    return (
        f"{path.name} holds more than tensors ({named}) and is not opened, since that could run code. {AS_STATE_DICT}"
    )


def _is_lightning(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        pickle = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(pickle) as file:
            return b"pytorch-lightning_version" in file.read(20_000_000)


def _walk(content: Mapping[Any, Any], at: str, depth: int = 0) -> Iterator[tuple[str, str, Tensor]]:
    """(name, holder, tensor) of all tensors under the dictionaries of a file."""
    for key, value in content.items():
        name = f"{at}{'.'.join(part for part in str(key).split('.') if part not in WRAPPERS)}"
        if isinstance(value, Tensor):
            yield name, at, value.detach()
        elif isinstance(value, Mapping) and depth < 5:
            yield from _walk(value, f"{name}.", depth + 1)

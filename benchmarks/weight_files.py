"""Files of weights as other people's scripts write and lose them: random numbers, nothing downloaded.

Each kind says what must become of it and what must stand in the sentence that a user reads. `weights_taken` and the
tests try them, these with smaller networks.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import pickle
import re
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import timm
import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn

State = dict[str, Tensor]
Write = Callable[[Path, nn.Module], Path]
RESIZED = "timm resizes"
"""Said of positions; then features are not those of the network that the file was written from."""


@dataclass(frozen=True)
class Kind:
    """One kind of file. `write` puts it into a folder, given the network whose weights are meant, and names it."""

    name: str
    outcome: Literal["taken", "refused"]
    words: str
    """Of the sentence about it; '' = taken without a word."""
    write: Write
    network: str = "plain"


class Own:
    """A class of somebody's own code. Unpickling one leaves a trace."""

    trace = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(Own.trace),))


def taken(name: str, words: str, write: Write, network: str = "plain") -> Kind:
    return Kind(name, "taken", words, write, network)


def refused(name: str, words: str, write: Write, network: str = "plain") -> Kind:
    return Kind(name, "refused", words, write, network)


# --- writing -------------------------------------------------------------------------------------------------------


def headed(net: nn.Module, head: nn.Module) -> nn.Module:
    """The network with another classifier on its body."""
    other = copy.deepcopy(net)
    other.fc = head
    return other


def five(net: nn.Module) -> State:
    return dict(headed(net, nn.Linear(net.num_features, 5)).state_dict())  # type: ignore[arg-type]


def two_layers(net: nn.Module) -> State:
    head = nn.Sequential(nn.Dropout(0.2), nn.Linear(net.num_features, 16), nn.ReLU(), nn.Linear(16, 5))  # type: ignore[arg-type]
    return dict(headed(net, head).state_dict())


def plain(net: nn.Module) -> State:
    return dict(net.state_dict())


def tensors(net: nn.Module) -> State:
    """As safetensors wants them."""
    return {name: tensor.contiguous() for name, tensor in net.state_dict().items()}


def bare(net: nn.Module, name: str, *shape: int) -> State:
    """A tensor more, in no layer: it changes what the network computes."""
    return {**plain(net), name: torch.ones(*shape)}


def under(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def torch_file(make: Callable[[nn.Module], Any], name: str = "weights.pth", **how: Any) -> Write:
    def write(folder: Path, net: nn.Module) -> Path:
        torch.save(make(net), folder / name, **how)
        return folder / name

    return write


def bytes_file(make: Callable[[nn.Module], bytes], name: str = "weights.pth") -> Write:
    def write(folder: Path, net: nn.Module) -> Path:
        (folder / name).write_bytes(make(net))
        return folder / name

    return write


def saved(thing: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file, **how)
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def npz(net: nn.Module) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{name: tensor.numpy() for name, tensor in net.state_dict().items()})
    return file.getvalue()


def other(net: nn.Module) -> nn.Module:
    """A network of the same make, with weights of its own."""
    again = copy.deepcopy(net)
    with torch.no_grad():
        for tensor in again.parameters():
            tensor.normal_(generator=torch.Generator().manual_seed(1))
    return again


def projected(net: nn.Module, prefix: str = "") -> State:
    """Self-supervised: a backbone, and a projector of three layers beside it."""
    body = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith("fc.")}
    head = {f"head.mlp.{layer}.weight": torch.randn(8, 8) for layer in (0, 2, 4)}
    return under(prefix, {**under("backbone.", body), **head})


def changed(net: nn.Module, change: Callable[[Tensor], Tensor]) -> State:
    return {k: change(v) if v.is_floating_point() else v for k, v in net.state_dict().items()}


def two_networks(net: nn.Module, first: str, second: str, join: bool = False) -> Any:
    """The meant one under `first`, another under `second`: two dictionaries, or one."""
    mine, theirs = dict(net.state_dict()), dict(other(net).state_dict())
    return {**under(f"{first}.", mine), **under(f"{second}.", theirs)} if join else {first: mine, second: theirs}


def deeper(net: nn.Module) -> State:
    state = dict(net.state_dict())
    last = {name: tensor for name, tensor in state.items() if name.startswith("layer4.0.")}
    return {**state, **{name.replace("layer4.0.", "layer4.9."): tensor for name, tensor in last.items()}}


def four_channels(net: nn.Module) -> State:
    state = dict(net.state_dict())
    name = next(name for name, tensor in state.items() if tensor.dim() == 4)
    return {**state, name: torch.cat([state[name], state[name][:, :1]], dim=1)}


def quantised(net: nn.Module) -> State:
    return {
        k: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8) if v.dim() == 4 else v for k, v in net.state_dict().items()
    }


def half_zero(net: nn.Module) -> bytes:
    """A download whose place was set aside beforehand: header and the first half are there."""
    whole = save({k: v.contiguous() for k, v in net.state_dict().items()})
    return whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2)


def traced(folder: Path, net: nn.Module) -> Path:
    torch.jit.trace(copy.deepcopy(net).eval(), torch.zeros(1, 3, 64, 64)).save(str(folder / "traced.pt"))
    return folder / "traced.pt"


def shards(folder: Path, net: nn.Module) -> Path:
    parts = folder / "parts"
    parts.mkdir()
    names = list(net.state_dict())
    index = {name: f"model-0000{1 + (at > len(names) // 2)}-of-00002.safetensors" for at, name in enumerate(names)}
    for part in set(index.values()):
        save_file({n: t.contiguous() for n, t in net.state_dict().items() if index[n] == part}, parts / part)
    (parts / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return parts


def one_shard(folder: Path, net: nn.Module) -> Path:
    return shards(folder, net) / "model-00001-of-00002.safetensors"


def shard_list(folder: Path, net: nn.Module) -> Path:
    return shards(folder, net) / "model.safetensors.index.json"


def in_a_folder(folder: Path, net: nn.Module) -> Path:
    inner = folder / "download"
    inner.mkdir()
    torch.save(dict(net.state_dict()), inner / "mine.pth")
    return inner


def moved_positions(net: nn.Module) -> State:
    """Of images half as large again: more positions."""
    state = dict(net.state_dict())
    (key,) = (name for name in state if name == "pos_embed")
    side = int(state[key].shape[1] ** 0.5) * 3 // 2
    extra = state[key].shape[1] - int(state[key].shape[1] ** 0.5) ** 2
    return {**state, key: torch.randn(1, side * side + extra, state[key].shape[2]) * 0.02}


def larger_patches(net: nn.Module) -> State:
    state = dict(net.state_dict())
    width, channels, side, _ = state["patch_embed.proj.weight"].shape
    return {**state, "patch_embed.proj.weight": torch.randn(width, channels, 2 * side, 2 * side)}


def first_names(net: nn.Module) -> State:
    """ConvNeXt as its authors named it, which timm translates."""
    renamed = {}
    for name, tensor in net.state_dict().items():
        name = re.sub(r"^stem\.", "downsample_layers.0.", name)
        name = re.sub(r"^stages\.(\d+)\.downsample\.", r"downsample_layers.\1.", name)
        name = re.sub(r"^stages\.(\d+)\.blocks\.", r"stages.\1.", name)
        name = name.replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv").replace("head.norm", "norm")
        flat = "pwconv" in name and tensor.dim() > 1
        renamed[name.replace("head.fc.", "head.")] = tensor.flatten(1) if flat else tensor
    return renamed


def with_lightning(net: nn.Module, parameters: Any) -> dict[str, Any]:
    return {
        "epoch": 12, "pytorch-lightning_version": "2.4.0", "state_dict": under("model.", five(net)),
        "hyper_parameters": parameters,
    }  # fmt: skip


def after_steps(net: nn.Module) -> dict[str, Any]:
    weights = nn.Linear(4, 4)
    optimizer = torch.optim.AdamW(weights.parameters())
    weights(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    return dict(optimizer.state_dict())


HANDED = 8
"""Of `kinds`, so many came as cases; the rest are of this project."""


def kinds() -> Sequence[Kind]:
    """All of them, those of the cases first."""
    five_said = "Its classifier ('fc', 5 classes) is not"
    page = b"<!DOCTYPE html><html>not a file of weights</html>"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46827520\n"
    return (
        taken("classifier of five classes", five_said, torch_file(five)),
        taken("DataParallel", "stand under 'module'", torch_file(lambda n: under("module.", five(n)))),
        taken(
            "model_state_dict beside an optimizer", "stand under 'model_state_dict'",
            torch_file(lambda n: {
                "epoch": 12, "model_state_dict": five(n), "loss": 0.3,
                "optimizer_state_dict": torch.optim.AdamW(n.parameters()).state_dict(),
            }),
        ),
        taken(
            "Lightning checkpoint", "stand under 'state_dict.model'",
            torch_file(lambda n: with_lightning(n, {"lr": 1e-3}), "last.ckpt"),
        ),
        taken("torch.compile", five_said, torch_file(lambda n: under("_orig_mod.", five(n)))),
        taken(
            "classifier of two layers", "Its classifier ('fc', 2 layers, 5 classes) is not",
            torch_file(two_layers),
        ),
        refused(
            "not a number", "no finite numbers",
            torch_file(lambda n: changed(n, lambda t: t * float("nan"))),
        ),
        refused("web page", "is a web page", bytes_file(lambda n: page)),
        # Classifiers
        taken("as timm has it, .safetensors", "", bytes_file(lambda n: save(tensors(n)), "w.safetensors")),
        taken("as timm has it, .pth", "", torch_file(plain)),
        taken(
            "no classifier", "It brings no classifier",
            torch_file(lambda n: {k: v for k, v in n.state_dict().items() if not k.startswith("fc.")}),
        ),
        taken(
            "backbone and projector", "Left out, since no part of the body of",
            torch_file(lambda n: projected(n)),
        ),
        # Containers and prefixes
        taken("model", "stand under 'model'", torch_file(lambda n: {"model": plain(n), "epoch": 3})),
        taken("net", "stand under 'net'", torch_file(lambda n: {"net": plain(n), "acc": 93.1})),
        taken(
            "averaged weights beside others", "'model_ema' is taken",
            torch_file(lambda n: two_networks(n, "model_ema", "model")),
        ),
        taken(
            "timm's training checkpoint", "'state_dict_ema' is taken",
            torch_file(lambda n: two_networks(n, "state_dict_ema", "state_dict"), "model_best.pth.tar"),
        ),
        taken(
            "DINO", "'teacher.backbone' is taken",
            torch_file(lambda n: {"student": projected(other(n), "module."), "teacher": projected(n)}),
        ),
        taken(
            "MoCo", "'state_dict.module.encoder_q' is taken",
            torch_file(lambda n: {"state_dict": two_networks(n, "module.encoder_q", "module.encoder_k", join=True)}),
        ),
        taken(
            "averaged by torch", "stand under 'module'",
            torch_file(lambda n: torch.optim.swa_utils.AveragedModel(n).state_dict()),
        ),
        taken(
            "every wrapper at once", "stand under 'state_dict.model.module.backbone'",
            torch_file(lambda n: {"state_dict": under("model._orig_mod.module.backbone.", five(n))}),
        ),
        taken(
            "a name that nobody foresaw", "stand under 'my.feature_net'",
            torch_file(lambda n: under("my.feature_net.", plain(n))),
        ),
        taken(
            "parts compiled one by one", "",
            torch_file(lambda n: {k.replace("layer1.", "layer1._orig_mod."): v for k, v in n.state_dict().items()}),
        ),
        refused(
            "two networks of unknown names", "holds 2 networks that fit and differ",
            torch_file(lambda n: two_networks(n, "left", "right", join=True)),
        ),
        # Formats
        taken(
            "torch.save before 1.6", "",
            torch_file(plain, "old.pth.tar", _use_new_zipfile_serialization=False),
        ),
        taken("safetensors called .pth", "", bytes_file(lambda n: save(tensors(n)))),
        taken("torch called .safetensors", "", bytes_file(lambda n: saved(plain(n)), "w.safetensors")),
        taken(
            "no counts in batch norms", "",
            torch_file(lambda n: {k: v for k, v in n.state_dict().items() if "num_batches" not in k}),
        ),
        taken("float16", "float16 numbers are read as float32", torch_file(lambda n: changed(n, Tensor.half))),
        taken(
            "bfloat16", "bfloat16 numbers are read as float32",
            torch_file(lambda n: changed(n, Tensor.bfloat16)),
        ),
        taken(
            "float64", "float64 numbers are read as float32",
            torch_file(lambda n: changed(n, Tensor.double)),
        ),
        # Values
        refused("infinity", "no finite numbers", torch_file(lambda n: changed(n, lambda t: t / 0))),
        refused("zeros", "are all zeros", torch_file(lambda n: changed(n, torch.zeros_like))),
        refused("second half is zeros", "are all zeros", bytes_file(half_zero, "w.safetensors")),
        refused("whole numbers of 8 bits", "is quantised", torch_file(quantised)),
        refused(
            "int8 without scales", "is quantised",
            torch_file(lambda n: changed(n, lambda t: t.to(torch.int8))),
        ),
        refused("shapes only", "only the shapes", torch_file(lambda n: changed(n, lambda t: t.to("meta")))),
        refused("sparse", "is sparse", torch_file(lambda n: changed(n, lambda t: t.to_sparse()))),
        # Another network
        refused(
            "images of four channels", "it reads images of 4 channels",
            torch_file(four_channels),
        ),
        refused("a deeper network", "does not have (layer4.9.", torch_file(deeper)),
        refused(
            "another architecture", "It fits mobilenetv2_100: python -m training backbone add",
            torch_file(lambda n: timm.create_model("mobilenetv2_100").state_dict()),
        ),
        refused("half of the tensors", "missing (", torch_file(lambda n: dict(list(plain(n).items())[::2]))),
        refused(
            "names of transformers", "names of Hugging Face's transformers",
            torch_file(lambda n: {"resnet.embedder.embedder.convolution.weight": torch.randn(64, 3, 7, 7)}),
        ),
        refused(
            "names of torchvision", "has the names of torchvision",
            torch_file(lambda n: under("features.0.", {k.partition(".")[2]: v for k, v in n.state_dict().items()})),
        ),
        refused(
            "names of fastai", "have numbers in place of names, as fastai's",
            torch_file(lambda n: {f"0.{at}.weight": v for at, v in enumerate(n.state_dict().values())}),
        ),
        refused("a tensor that stands bare", "does not have (scale)", torch_file(lambda n: bare(n, "scale", 3))),
        refused(
            "a prompt under 'model'", "does not have (prompt)",
            torch_file(lambda n: under("model.", bare(n, "prompt", 1, 4, 8))),
        ),
        refused(
            "variances below zero", "holds variances below zero",
            torch_file(lambda n: {k: -v if "running_var" in k else v for k, v in n.state_dict().items()}),
        ),
        refused(
            "an adapter (LoRA)", "is an adapter (LoRA)",
            torch_file(lambda n: {"base_model.model.layer1.0.conv1.lora_A.weight": torch.randn(4, 64)}),
        ),
        refused(
            "pruned under masks", "is pruned under masks",
            torch_file(lambda n: {
                new: v for k, v in n.state_dict().items()
                for new in ((f"{k}_orig", f"{k}_mask") if v.dim() == 4 else (k,))
            }),
        ),
        refused("an optimizer", "state of an optimizer", torch_file(after_steps)),
        refused("tensors without names", "no tensors by name", torch_file(lambda n: list(n.parameters()))),
        refused("no tensors", "holds no tensors by name, only 'epoch'", torch_file(lambda n: {"epoch": 3})),
        # What would have to be run
        refused("a whole model", "is a whole model as a pickle", torch_file(lambda n: n)),
        refused(
            "Lightning with objects of classes", "its hyper_parameters may",
            torch_file(lambda n: with_lightning(n, {"where": Own()}), "last.ckpt"),
        ),
        refused("a trap", "holds more than tensors", torch_file(lambda n: {"layer": Own()})),
        refused(
            "a trap, torch.save before 1.6", "holds more than tensors",
            torch_file(lambda n: {"layer": Own()}, _use_new_zipfile_serialization=False),
        ),
        refused("a plain pickle", "is a plain pickle", bytes_file(lambda n: pickle.dumps(plain(n)), "w.pkl")),
        refused("TorchScript", "is a TorchScript program", traced),
        # Not whole
        refused("half of a .pth", "The end of", bytes_file(lambda n: (b := saved(plain(n)))[: len(b) // 2])),
        refused(
            "half of an old .pth", "The end of",
            bytes_file(lambda n: (b := saved(plain(n), _use_new_zipfile_serialization=False))[: len(b) // 2]),
        ),
        refused(
            "half of a .safetensors", "was not downloaded or written to its end",
            bytes_file(lambda n: (b := save(tensors(n)))[: len(b) // 2], "w.safetensors"),
        ),
        refused("empty", "is empty", bytes_file(lambda n: b"")),
        refused("zeros and nothing else", "begins with zeros", bytes_file(lambda n: bytes(5000))),
        refused(
            "broken header", "The header of",
            bytes_file(lambda n: (b := save(tensors(n)))[:8] + b"{" + b"#" * 50 + b[59:], "w.safetensors"),
        ),
        # Something else
        refused(
            "pointer of Git LFS", "is a pointer of Git LFS: the weights of 46.8 MB",
            bytes_file(lambda n: pointer),
        ),
        refused("an answer in JSON", "is a text", bytes_file(lambda n: b'{"error": "Repository not found"}')),
        refused("Keras", "is an HDF5 file", bytes_file(lambda n: b"\x89HDF\r\n\x1a\n" + bytes(90), "w.h5")),
        refused(
            "Keras 3", "is a model of Keras",
            bytes_file(lambda n: zipped({"config.json": b"{}", "model.weights.h5": b"\x89HDF"}), "w.keras"),
        ),
        refused(
            "ONNX", "is a network as a graph",
            bytes_file(lambda n: b"\x08\x08\x12\x07pytorch\x1a\x032.2:\x00", "w.onnx"),
        ),
        refused(
            "ONNX called .pt", "is a network as a graph",
            bytes_file(lambda n: b"\x08\x08\x12\x07pytorch\x1a\x032.2:\x00"),
        ),
        refused("arrays of NumPy", "holds arrays of NumPy", bytes_file(lambda n: npz(n), "w.npz")),
        refused(
            "tar", "is a tar archive",
            bytes_file(lambda n: tarred({"pickle": b"x", "storages": b"y"}), "w.pth.tar"),
        ),
        refused(
            "zip of a .pth", "is a zip archive (mine.pth)",
            bytes_file(lambda n: zipped({"mine.pth": saved(plain(n))}), "w.zip"),
        ),
        refused(
            "gzip", "is packed with gzip",
            bytes_file(lambda n: gzip.compress(saved(plain(n))), "w.pth.gz"),
        ),
        refused("folder of parts", "the list of weights that were split", shards),
        refused("one of the parts", "is one of the 2 parts", one_shard),
        refused("list of the parts", "is the list of weights that were split", shard_list),
        refused("folder of one file", "give the file in it: mine.pth", in_a_folder),
        refused("nothing there", "There is no file", lambda folder, net: folder / "nothing.pth"),
        # Transformers and names of other people
        taken("transformer as timm has it", "", torch_file(plain), "vit"),
        taken("positions of larger images", RESIZED, torch_file(moved_positions), "vit"),
        taken(
            "positions of larger images in DINO's dictionaries", RESIZED,
            torch_file(lambda n: {"teacher": under("backbone.", moved_positions(n))}), "vit",
        ),
        refused(
            "patches of another size", "1 of other shapes (patch_embed.proj.weight",
            torch_file(larger_patches), "vit",
        ),
        taken("names that timm translates", "which timm translates", torch_file(first_names), "convnext"),
        taken(
            "names that timm translates, in a dictionary", "which timm translates",
            torch_file(lambda n: {"model": first_names(n)}), "convnext",
        ),
    )  # fmt: skip

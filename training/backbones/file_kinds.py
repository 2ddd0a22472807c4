"""What kind of file somebody gives as weights, by what stands in it and not by its name.

Whatever is not a file of tensors is refused in a sentence of its own, before anything reads it. No torch.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Literal

from core import WeightsError

FileKind = Literal["safetensors", "zip", "legacy"]
"""'zip' and 'legacy' are what torch.save writes, today and before torch 1.6."""
LEGACY_MAGIC = b"l\xfc\x9cF\xf9 j\xa8P\x19"
HEADER_LIMIT = 25_000_000
"""Bytes of a safetensors header: a network of 10,000 tensors has one of about a million."""
AS_STATE_DICT = (
    "Save the weights alone where the network is at hand: "
    "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
)
OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes its weights. Thaw reads weights of PyTorch."),
    (0, b"\x93NUMPY", f"is one array of NumPy, without names of layers. {AS_STATE_DICT}"),
    (0, b"GGUF", "is a GGUF file, as llama.cpp reads them. Thaw reads weights of PyTorch."),
    (4, b"TFL3", "is a model of TensorFlow Lite. Thaw reads weights of PyTorch."),
    (257, b"ustar", "is a tar archive: unpack it and give the file of weights that lies in it."),
    (0, b"\x1f\x8b", "is packed with gzip: unpack it and give what comes out."),
    (0, b"BZh", "is packed with bzip2: unpack it and give what comes out."),
    (0, b"\xfd7zXZ\0", "is packed with xz: unpack it and give what comes out."),
    (0, b"\x28\xb5\x2f\xfd", "is packed with zstd: unpack it and give what comes out."),
    (0, b"7z\xbc\xaf'\x1c", "is a 7z archive: unpack it and give the file of weights that lies in it."),
    (0, b"Rar!", "is a RAR archive: unpack it and give the file of weights that lies in it."),
    (0, b"\x89PNG", "is a picture (PNG), not weights."),
    (0, b"\xff\xd8\xff", "is a picture (JPEG), not weights."),
    (0, b"%PDF", "is a PDF, not weights."),
)
"""(offset, bytes that stand there, what to say)."""
GRAPH = (
    "is a network as a graph (ONNX or TensorFlow): its weights have lost the names that PyTorch gave them. "
    f"{AS_STATE_DICT}"
)
SHARD = re.compile(r"-\d{5}-of-(\d{5})\.\w+$")
TENSORFLOW = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


def kind_of(path: Path) -> FileKind:
    """How to read a file of weights. Raises WeightsError, saying what it is, when it is none or not all of it."""
    if path.is_dir():
        raise WeightsError(_folder(path))
    if not path.is_file():
        raise WeightsError(f"There is no file {path}.")
    try:
        with path.open("rb") as file:
            head, size = file.read(1024), path.stat().st_size
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror}.") from error
    if part := SHARD.search(path.name):
        raise WeightsError(f"{path.name} {_part(int(part[1]))}")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= HEADER_LIMIT:
        return _safetensors(path, head, size)  # first: a length may begin like any other kind of file
    if said := _other(path, head):
        raise WeightsError(f"{path.name} {said}")
    if head.startswith(b"PK\x03\x04"):
        return _zip(path, size)
    if head.startswith(b"\x80") and LEGACY_MAGIC in head[:32]:
        return "legacy"
    if head.startswith(b"\x80"):
        raise WeightsError(
            f"{path.name} is a plain pickle and is not opened, since that could run code. {AS_STATE_DICT}"
        )
    if path.suffix == ".safetensors":
        return _safetensors(path, head, size)
    raise WeightsError(
        f"{path.name} is no file of weights that Thaw knows: give a .safetensors file, or what "
        "torch.save(model.state_dict(), ...) writes."
    )


def _other(path: Path, head: bytes) -> str:
    """What to say of a file that is something else; '' when it may be weights."""
    if not head:
        return "is empty (0 bytes): it was never downloaded or written. Get it again."
    for offset, sign, said in OTHERS:
        if head[offset:].startswith(sign):
            return said
    if not any(head):
        return "begins with zeros: its place was set aside, and the download never filled it. Get it again."
    protobuf = head[0] == 8 and head[1:2] < b"\x20" and head[2:3] in b'\x12\x1a"*2:B' and head[8:9] != b"{"
    if protobuf or path.suffix in (".onnx", ".pb"):
        return GRAPH
    if TENSORFLOW.search(path.name):
        return "is a part of a checkpoint of TensorFlow. Thaw reads weights of PyTorch."
    return _text(head)


def _text(head: bytes) -> str:
    text = head.decode("utf-8", errors="ignore").removeprefix("\ufeff").strip()
    if any(byte < 9 or 13 < byte < 32 for byte in head) or len(text.encode()) < 0.9 * len(head.strip()):
        return ""
    if text.startswith("version https://git-lfs"):
        size = re.search(r"^size (\d+)$", text, re.MULTILINE)
        of = f" of {int(size[1]) / 1e6:.1f} MB" if size else ""
        return f"is a pointer of Git LFS: the weights{of} lie elsewhere. Fetch them: git lfs pull"
    if re.match(r"<(!doctype|html|head|\?xml)", text, re.IGNORECASE):
        return (
            "is a web page, not weights: the address led to a page about the file, or to one that wants an account. "
            "Download the file itself."
        )
    if '"weight_map"' in text:
        return _part(0)
    first = " ".join(text.split())
    return f"is a text (\u201c{first[:60]}{'...' if len(first) > 60 else ''}\u201d), not weights."


def _part(parts: int) -> str:
    of = f"one of the {parts} parts of weights that were split" if parts else "the list of weights that were split"
    return (
        f"is {of}; Thaw reads one file. Join them where the network is at hand: "
        "model.save_pretrained(FOLDER, max_shard_size='100GB')."
    )


def _folder(path: Path) -> str:
    names = sorted(file.name for file in path.iterdir() if file.is_file())
    if any(name.endswith(".index.json") for name in names):
        return f"{path.name} is a folder whose file is {_part(0).removeprefix('is ')}"
    files = [name for name in names if Path(name).suffix in (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")]
    held = f"give the file in it: {', '.join(files[:3])}" if files else "and none of its files looks like weights"
    return f"{path.name} is a folder, {held}."


def _zip(path: Path, size: int) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise WeightsError(
            f"The end of {path.name} is missing: {size:,} bytes of it are here, the rest was not downloaded or not "
            "written. Get it again."
        ) from error
    if any("/code/" in f"/{name}" or name.endswith("constants.pkl") for name in names):
        raise WeightsError(
            f"{path.name} is a TorchScript program, which would have to be run to be read. {AS_STATE_DICT}"
        )
    if any(name.endswith("/data.pkl") for name in names):
        return "zip"
    if any(name.endswith(".weights.h5") for name in names):
        raise WeightsError(f"{path.name} is a model of Keras. Thaw reads weights of PyTorch.")
    if names and all(name.endswith(".npy") for name in names):
        raise WeightsError(
            f"{path.name} holds arrays of NumPy, as networks of JAX keep them. Thaw reads weights of PyTorch."
        )
    if any("exported_program" in name or name.endswith("archive_format") for name in names):
        raise WeightsError(f"{path.name} is a program of torch.export, not a file of weights. {AS_STATE_DICT}")
    held = ", ".join(names[:3]) or "nothing"
    raise WeightsError(f"{path.name} is a zip archive ({held}): unpack it and give the file of weights in it.")


def _safetensors(path: Path, head: bytes, size: int) -> FileKind:
    length = int.from_bytes(head[:8], "little")
    broken = f"The header of {path.name}, where a safetensors file lists its tensors, is broken. Get the file again."
    if len(head) < 9 or head[8:9] != b"{" or length > HEADER_LIMIT:
        raise WeightsError(broken)
    with path.open("rb") as file:
        header = file.read(8 + length)[8:]
    try:
        if len(header) == length:
            tensors = [value for key, value in json.loads(header).items() if key != "__metadata__"]
            whole = 8 + length + max((int(one["data_offsets"][1]) for one in tensors), default=0)
        else:
            whole = 8 + length
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise WeightsError(broken) from error
    if size < whole:
        raise WeightsError(
            f"{path.name} was not downloaded or written to its end: {size:,} of {whole:,} bytes are here. Get it again."
        )
    if size > whole:
        raise WeightsError(broken)
    return "safetensors"

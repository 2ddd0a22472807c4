"""Fetching a public image set by name, through `torchvision.datasets`: what the worker does for a job of kind 'public'.

Downloads go to `home/public/<name>.<pid>.tmp/` and are checked by torchvision against the publishers' digests before
they are opened; then the images become an import like any other, and the download is removed. A download that broke off
starts anew.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core import DataError, DatasetRef, Download, Tell, processes
from core.disk import need_space
from dataset.ingest import PublicSet, import_made, public_set

TIMEOUT_S = 30.0
"""Without a byte from the publisher's server."""
LOOK_EVERY_S = 0.3
DOWNLOAD_SHARE = 0.7
"""Of the job's progress."""
Open = Callable[[PublicSet, dict[str, Any], Path], Any]


def bring(name: str, home: Path, tell: Tell, open_set: Open | None = None) -> DatasetRef:
    """Download the set called `name` and import it. open_set: makes one split, downloading it (default: torchvision).

    Raises NotFound for a name that is none, DataError when it cannot be had; whatever `tell` raises stops it.
    """
    card = public_set(name)
    # A folder of this process's own: half a download looks whole to some of torchvision's sets.
    folder = Path(home) / "public" / f"{name}.{processes.tag()}.tmp"
    folder.mkdir(parents=True)
    try:
        need_space(folder, 3 * card.download_bytes)
        opened = _download(card, folder, tell, open_set or _torchvision)

        def write(into: Path) -> None:
            tell(DOWNLOAD_SHARE, f"Writing the images of {card.title}", None)
            for split, images in opened.items():
                _write(images, into / split if split else into)

        def progress(done: int, total: int) -> None:
            tell(DOWNLOAD_SHARE + 0.3 * done / max(total, 1), f"Checking {done:,} of {total:,} images", None)

        return import_made(write, home, name=card.title, source=f"public set: {name}", progress=progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _torchvision(card: PublicSet, arguments: dict[str, Any], folder: Path) -> Any:
    from torchvision import datasets

    return getattr(datasets, card.torchvision)(str(folder), download=True, **arguments)


def _download(card: PublicSet, folder: Path, tell: Tell, open_set: Open) -> dict[str, Any]:
    """Split -> the opened set. Runs beside this thread, which tells how much has arrived and can be stopped."""
    opened: dict[str, Any] = {}
    failed: list[BaseException] = []

    def work() -> None:
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(TIMEOUT_S)
        try:
            for split, arguments in card.splits.items():
                opened[split] = open_set(card, dict(arguments), folder)
        except BaseException as error:
            failed.append(error)
        finally:
            socket.setdefaulttimeout(before)

    thread = threading.Thread(target=work, daemon=True)  # a stop does not wait for the network
    thread.start()
    download = Download(card.title, card.download_bytes, tell, DOWNLOAD_SHARE)
    while thread.is_alive():
        if (there := _bytes(folder)) < card.download_bytes:
            download.count(there, card.download_bytes)
        else:
            tell(DOWNLOAD_SHARE, f"Unpacking {card.title}", None)
        thread.join(LOOK_EVERY_S)
    if failed:
        raise _explained(card, failed[0]) from failed[0]
    return opened


def _explained(card: PublicSet, error: BaseException) -> DataError:
    """Why a set could not be had, as a sentence."""
    if isinstance(error, ImportError):
        return DataError(f"{card.title} needs a package that is not installed: {error}. Install it and try again.")
    if isinstance(error, (OSError, RuntimeError)):  # URLError is an OSError; torchvision raises RuntimeError
        why = str(error).strip().rstrip(".") or type(error).__name__
        return DataError(
            f"{card.title} cannot be downloaded: {why}. Is this machine connected to the network? Otherwise download "
            "it elsewhere and import its folder."
        )
    return DataError(f"{card.title} was downloaded but cannot be read ({type(error).__name__}: {error}). Try again.")


def _bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except OSError:
                continue  # moved or removed in this moment
    return total


def _write(images: Any, into: Path) -> None:
    """One split as class folders; files are linked, arrays saved as PNG."""
    from PIL import Image

    names = [name[0] if isinstance(name, (tuple, list)) else str(name) for name in getattr(images, "classes", ())]
    made: dict[str, Path] = {}
    for number, (picture, label) in enumerate(pictures(images)):
        name = (names[label] if label < len(names) else str(label)).replace("/", "-").replace("\\", "-")
        folder = made.get(name)
        if folder is None:
            folder = made[name] = into / name
            folder.mkdir(parents=True)
        if isinstance(picture, Path):
            os.link(picture, folder / f"{number:06d}{picture.suffix.lower()}")
        else:
            Image.fromarray(picture).save(folder / f"{number:06d}.png", compress_level=1)


def pictures(images: Any) -> Iterator[tuple[Any, int]]:
    """(file or uint8 array [h, w, 3], class index) of every labelled image of a torchvision set.

    Files are taken as they are, not decoded and saved again. Raises DataError for a set that shows neither.
    """
    for name in ("samples", "_samples"):
        if hasattr(images, name):
            yield from ((Path(path), int(label)) for path, label in getattr(images, name))
            return
    for files in ("_image_files", "_images"):
        if hasattr(images, files) and hasattr(images, "_labels"):
            yield from zip(map(Path, getattr(images, files)), map(int, images._labels), strict=True)
            return
    labels = getattr(images, "targets", getattr(images, "labels", None))
    if not hasattr(images, "data") or labels is None:
        raise DataError(f"This version of torchvision keeps {type(images).__name__} in a way that is not known here.")
    for array, label in zip(images.data, labels, strict=True):
        if int(label) >= 0:
            upright = array.transpose(1, 2, 0) if array.ndim == 3 and array.shape[0] == 3 else array
            yield upright, int(label)

"""The pixel cache: every image is decoded once, ever.

One memory-mapped uint8 file per (dataset, side, interpolation), shape [N, side, side, 3], rows in manifest order. Built
under a temporary name, flushed and renamed when whole: a killed build leaves nothing that looks finished, and the next
one removes what it left. Two processes may build at once; the first to end wins, the other takes what it finds.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import USUAL_DECODING, DataError, Decoding, find_array, find_as, write_json
from core.files import naming
from core.portable.pictures import square
from core.processes import ELSEWHERE_S, alive, made_here, tag
from dataset.ingest import load_decoders
from training.machine import cores

if TYPE_CHECKING:  # a live process of Learn needs no tables
    import pandas as pd

Progress = Callable[[int, int], None]
load_decoders()  # before there are threads
META = "meta.json"


@dataclass(frozen=True)
class _Meta:
    """What lies beside the squares."""

    seconds_per_image: float


def side_for(manifest: pd.DataFrame, resize: int) -> int:
    """Side of the cached squares, px: `resize`, or less when every image is smaller.

    A 32 px photo is stored at 32 px and enlarged a batch at a time: 64 times less to store and to read.
    """
    shorter = manifest[["width", "height"]].min(axis=1)
    return int(min(resize, max(8, shorter.max())))


def pixel_cache(
    root: Path,
    manifest: pd.DataFrame,
    folder: Path,
    side: int,
    progress: Progress | None = None,
    interpolation: str = "bicubic",
    decoding: Decoding = USUAL_DECODING,
) -> tuple[NDArray[np.uint8], float | None]:
    """The cached squares of every row of `manifest`, and seconds per image spent decoding (None: found cached).

    root: folder that the manifest's paths are relative to. folder: where caches of this dataset live: of one decoding,
    which the dataset's id holds.
    Raises DataError naming the file when an image that was readable at import no longer is.
    """
    final = _place(folder, side, interpolation)
    data = final / "pixels.npy"
    paths = list(manifest["path"])
    found = find_array(data, mapped=True)
    if found is not None and found.shape == (len(paths), side, side, 3):
        return found, None
    shutil.rmtree(final, ignore_errors=True)  # cut off, or of other images: made again
    per_image = _build(root, paths, final, side, progress, interpolation, decoding)
    return np.load(data, mmap_mode="r"), per_image


def _place(folder: Path, side: int, interpolation: str) -> Path:
    return folder / (f"pixels-{side}" if interpolation == "bicubic" else f"pixels-{side}-{interpolation}")


def decode_seconds(folder: Path, side: int, interpolation: str = "bicubic") -> float | None:
    """What decoding cost per image when the cache was built; None when that is not known."""
    found = find_as(_place(folder, side, interpolation) / META, _Meta)
    return found.seconds_per_image if found else None


def _build(
    root: Path,
    paths: list[str],
    final: Path,
    side: int,
    progress: Progress | None,
    interpolation: str,
    decoding: Decoding,
) -> float:
    """Decode everything into `final`; returns the seconds per image."""
    started = time.perf_counter()
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final.parent)
    staging = final.with_name(f"{final.name}.{tag()}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        _decode(root, paths, staging / "pixels.npy", side, progress, interpolation, decoding)
        per_image = (time.perf_counter() - started) / max(1, len(paths))
        write_json(staging / META, asdict(_Meta(per_image)))
        try:
            with naming():
                staging.rename(final)
        except OSError:
            if not (final / "pixels.npy").exists():  # another process was first otherwise, with the same squares
                raise
        return per_image
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _decode(
    root: Path,
    paths: list[str],
    into: Path,
    side: int,
    progress: Progress | None,
    interpolation: str,
    decoding: Decoding,
) -> None:
    """Every square into a new file, mapped only in here: Windows renames no folder that holds a mapped one."""
    pixels = np.lib.format.open_memmap(into, mode="w+", dtype=np.uint8, shape=(len(paths), side, side, 3))

    def one(index: int) -> None:
        try:
            pixels[index] = square(root / paths[index], side, interpolation, decoding.value_range, decoding.pages)
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(
                f"{paths[index]} could be read when it was imported and cannot now ({error}); import the data again."
            ) from error

    with ThreadPoolExecutor(cores()) as pool:
        for done, _ in enumerate(pool.map(one, range(len(paths))), start=1):
            if progress and (done % 64 == 0 or done == len(paths)):
                progress(done, len(paths))
    pixels.flush()


def _remove_leftovers(folder: Path) -> None:
    """Staging folders of processes that are gone: killed while they built."""
    for staging in folder.glob("pixels-*.tmp"):
        pid, _, rest = staging.name.split(".")[-2].partition("-")
        if not pid.isdigit():
            continue
        if not made_here(rest):
            with suppress(OSError):
                if time.time() - (staging / "pixels.npy").stat().st_mtime > ELSEWHERE_S:
                    shutil.rmtree(staging, ignore_errors=True)
        elif not alive(int(pid), None):
            shutil.rmtree(staging, ignore_errors=True)

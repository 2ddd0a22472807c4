"""The routes that serve images of a dataset: small, large, what one is, and where it lies on a map.

A row number is all that a browser may name; the manifest says which file that is. Pictures are drawn in
processes of their own (`dataset.ingest.Drawers`) and sent as JPEG, never as the file that somebody uploaded. No torch,
no pandas.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import itertools
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import NotFound, ThawError, write_whole
from dataset.ingest import Drawers, Look
from ui.server.numbers import ROW

if TYPE_CHECKING:
    from core import DatasetRef, Decoding
    from dataset import ImageTable

THUMB_PX = 160
"""Shorter side of a small picture."""
LARGE_PX = 1600
"""Longer side of a large one, at most."""
ALIKE = 8
"""Pictures beside a large one that are most alike to it."""
CACHE_BYTES = 48 * 2**20
AT_ONCE = 2
"""Pictures that are drawn at a time."""
KEPT_PIXELS, KEPT_BYTES, SWEPT_EVERY = 2_000_000, 500 * 10**6, 20
"""Pictures of files with so many pixels are kept on disk; all of them together may take so much, looked at once for so
many that are written."""
_locks = [threading.Lock() for _ in range(64)]
_written = itertools.count()
_DATASET_ID = re.compile(r"[0-9a-f]{8,64}")
_BACKBONE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_DAY = {"Cache-Control": "private, max-age=86400"}  # an id is the hash of the content: it never changes
_FRESH = {"Cache-Control": "no-store"}


def picture_routes(place: Callable[[], Path]) -> list[Route]:
    """place: the home, asked for at each request."""
    thumbs = Thumbnails()

    def thumb(request: Request) -> Response:
        picture = thumbs.get(place(), *_names(request))
        return Response(picture, media_type="image/jpeg", headers=_DAY)

    def picture(request: Request) -> Response:
        home, (dataset_id, row) = place(), _names(request)
        return Response(drawn(home, dataset_id, row, LARGE), media_type="image/jpeg", headers=_DAY)

    def facts(request: Request) -> Response:
        return JSONResponse(image_facts(place(), *_names(request)), headers=_FRESH)

    def alike(request: Request) -> Response:
        return JSONResponse(most_alike(place(), *_names(request)), headers=_FRESH)

    def points(request: Request) -> Response:
        given = request.path_params
        found = map_points(place(), given["dataset"], given["backbone"], given["name"])
        return Response(found, media_type="application/octet-stream", headers=_FRESH)

    return [
        Route(f"/thaw/thumb/{{dataset}}/{ROW}.jpg", _said(thumb), methods=["GET"]),
        Route(f"/thaw/picture/{{dataset}}/{ROW}.jpg", _said(picture), methods=["GET"]),
        Route(f"/thaw/facts/{{dataset}}/{ROW}", _said(facts), methods=["GET"]),
        Route(f"/thaw/alike/{{dataset}}/{ROW}", _said(alike), methods=["GET"]),
        Route("/thaw/map/{dataset}/{backbone}/{name}.bin", _said(points), methods=["GET"]),
    ]


def _said(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """An error becomes a sentence with status 404."""

    @functools.wraps(answer)
    def wrapped(request: Request) -> Response:
        try:
            return answer(request)
        except ThawError as error:
            return JSONResponse({"error": str(error)}, status_code=404, headers=_FRESH)

    return wrapped


def _names(request: Request) -> tuple[str, int]:
    return str(request.path_params["dataset"]), int(request.path_params["row"])


# ---- what a row is -------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=8)
def _dataset(home: Path, dataset_id: str) -> tuple[DatasetRef, ImageTable]:
    from dataset import load_dataset, read_table

    ref = load_dataset(home, dataset_id)
    return ref, read_table(ref)


def _images(home: Path, dataset_id: str, row: int) -> tuple[DatasetRef, ImageTable]:
    """The dataset and its images, when it has a row of this number. Raises NotFound."""
    if not _DATASET_ID.fullmatch(dataset_id):
        raise NotFound("There is no such dataset in this home.")
    ref, table = _dataset(home, dataset_id)
    if not 0 <= row < len(table):
        raise NotFound(f"This dataset has {len(table)} images; there is no number {row}.")
    return ref, table


def image_path(home: Path, dataset_id: str, row: int) -> Path:
    """Where the image of one manifest row lies. Raises NotFound."""
    ref, table = _images(home, dataset_id, row)
    images = ref.images_root
    path = (images / table.paths[row]).resolve()
    # The manifest is ours, but a picture outside the dataset is never served, whatever it says.
    if not path.is_relative_to(images.resolve()) or not path.is_file():
        raise NotFound(f"Image number {row} of this dataset is not on disk any more.")
    return path


def image_facts(home: Path, dataset_id: str, row: int) -> dict[str, Any]:
    """What the large view says about an image. Raises NotFound."""
    from dataset.ingest import TRAITS

    path = image_path(home, dataset_id, row)
    _, table = _dataset(home, dataset_id)
    return {
        "path": table.paths[row],
        "class": table.class_of(row) or "no class",
        "split": table.split(row),
        "width": int(table.widths[row]),
        "height": int(table.heights[row]),
        "bytes": path.stat().st_size,
        "traits": [TRAITS.get(name, name) for name in table.traits[row].split()],
    }


def most_alike(home: Path, dataset_id: str, row: int) -> dict[str, Any]:
    """{'class', 'alike': [[row, class], ...]}: the images whose features are nearest, excluded ones left out.

    Empty before the profile has run. Raises NotFound.
    """
    from core import EXCLUDED
    from core.zoo import DEFAULT_BACKBONE
    from training.profile.maps import alike

    ref, table = _images(home, dataset_id, row)
    near = alike(home, ref.images_id, DEFAULT_BACKBONE, row, 2 * ALIKE)
    shown = [one for one in near if one < len(table) and table.split(one) != EXCLUDED][:ALIKE]
    return {"class": table.class_of(row), "alike": [[one, table.class_of(one)] for one in shown]}


def map_points(home: Path, dataset_id: str, backbone: str, name: str) -> bytes:
    """float32 [n, 4]: row, x, y and class index of every image on a map that is not excluded. Raises NotFound."""
    import numpy as np

    from core import EXCLUDED
    from training.profile.maps import load

    if not _BACKBONE.fullmatch(backbone):
        raise NotFound("There is no such backbone.")
    ref, table = _images(home, dataset_id, 0)
    found = load(home, ref.images_id, backbone, name)
    if found is None:
        raise NotFound(f"There is no map '{name[:20]}' of this dataset with {backbone[:40]} yet.")
    rows = found[:, 0].astype(np.int64)
    keep = ~table.in_split(EXCLUDED)[rows]
    return np.column_stack([found[keep], table.labels[rows[keep]]]).astype("<f4").tobytes()


# ---- pictures ------------------------------------------------------------------------------------------------------


THUMB = Look((2 * THUMB_PX, THUMB_PX), (THUMB_PX, 2 * THUMB_PX), 82)
LARGE = Look((LARGE_PX, LARGE_PX), (LARGE_PX, LARGE_PX), 90)


@functools.cache
def _drawers() -> Drawers:
    found = Drawers(AT_ONCE)
    atexit.register(found.close)
    return found


def drawn(home: Path, dataset_id: str, row: int, look: Look) -> bytes:
    """A JPEG of what is trained on; that of a large file is kept on disk. Raises NotFound where that fails."""
    from training.caches import budget

    path = image_path(home, dataset_id, row)
    ref, table = _dataset(home, dataset_id)
    if int(table.widths[row]) * int(table.heights[row]) < KEPT_PIXELS:
        return _draw(path, look, ref.decoding)
    how = hashlib.sha256(repr((look, ref.decoding)).encode()).hexdigest()[:12]
    kept = budget.folder_of(home, ref.images_id) / budget.PICTURES / f"{row}-{how}.jpg"
    with _locks[hash(kept) % len(_locks)]:  # asked for several times at once it is drawn once
        with contextlib.suppress(OSError):
            found = kept.read_bytes()
            os.utime(kept)  # the least recently used go first
            return found
        picture = _draw(path, look, ref.decoding)
        with contextlib.suppress(OSError):  # a full or read-only disk: it is drawn anew the next time
            write_whole(kept, picture, lasting=False)
            if next(_written) % SWEPT_EVERY == 0:
                _sweep(home.glob(f"cache/*/{budget.PICTURES}/*.jpg"))
        return picture


def _draw(path: Path, look: Look, decoding: Decoding) -> bytes:
    picture = _drawers().jpeg(path, look, decoding)
    if isinstance(picture, str):
        raise NotFound(f"This image cannot be drawn: {picture}.")
    return picture


def _sweep(pictures: Iterable[Path]) -> None:
    """Remove the least recently used of them where they take more than `KEPT_BYTES` together."""
    there = sorted((one for path in pictures if (one := _taken(path))), reverse=True)
    total = 0
    for _, size, path in there:
        total += size
        if total > KEPT_BYTES:
            path.unlink(missing_ok=True)


def _taken(path: Path) -> tuple[float, int, Path] | None:
    """When it was used last, and its bytes."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime, stat.st_size, path


class Thumbnails:
    """Small JPEGs of manifest rows, the most recently used kept in memory up to CACHE_BYTES."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, home: Path, dataset_id: str, row: int) -> bytes:
        """The picture of one manifest row. Raises NotFound."""
        key = (dataset_id, row)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        picture = drawn(home, dataset_id, row, THUMB)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = picture
                self._size += len(picture)
            while self._size > CACHE_BYTES and self._kept:
                self._size -= len(self._kept.popitem(last=False)[1])
        return picture

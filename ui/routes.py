"""The small ASGI routes beside Streamlit's own: live metrics, plotly's script, thumbnails.

GET only. They run in Starlette's thread pool (plain functions), see no session, and trust no parameter: a run must be
in the store, a dataset in the home, a picture in its manifest. `app.py` holds every route to `server.allowedHosts`.
No torch.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import re
import threading
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from advisor.errors import NotFound, ThawError
from advisor.home import home as find_home

if TYPE_CHECKING:
    from training.store import Store

MOST_RUNS = 16
THUMB_PX = 160
CACHE_BYTES = 48 * 2**20
_RUN_ID = re.compile(r"[a-z0-9]{4,32}")
_DATASET_ID = re.compile(r"[0-9a-f]{8,64}")
_DAY = "private, max-age=86400"


def routes(home: Path | None = None) -> list[Route]:
    """The routes of one home (default: `advisor.home.home()`, looked up at the first request)."""
    place = functools.cache(lambda: home if home is not None else find_home())
    thumbs = Thumbnails()

    @functools.cache
    def store() -> Store:
        # Imported with the first request: pandas comes along, which the server's start should not wait for.
        from training.store import Store

        return Store(place())

    def live(request: Request) -> Response:
        return _live(request, store())

    def thumb(request: Request) -> Response:
        dataset_id, row = request.path_params["dataset"], int(request.path_params["row"])
        try:
            picture = thumbs.get(place(), dataset_id, row)
        except ThawError as error:
            return _refuse(str(error))
        return Response(picture, media_type="image/jpeg", headers={"Cache-Control": _DAY})

    return [
        Route("/thaw/live", live, methods=["GET"]),
        Route("/thaw/plotly.min.js", plotly_script, methods=["GET"]),
        Route("/thaw/thumb/{dataset}/{row:int}.jpg", thumb, methods=["GET"]),
    ]


def _refuse(sentence: str, status: int = 404) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status, headers={"Cache-Control": "no-store"})


def _live(request: Request, store: Store) -> Response:
    """`?run=ID&after=ROW&seen=EVENT&mark=ATTEMPT.CUTS`, each repeated per run, matched by position.

    `after`, `seen` and `mark` may be left out: then everything is sent. See `live_data.live_answer` for the answer.
    """
    query = request.query_params
    ids, after, seen, marks = (query.getlist(name) for name in ("run", "after", "seen", "mark"))
    if not ids or len(ids) > MOST_RUNS or len(set(ids)) != len(ids):
        return _refuse(f"Name 1 to {MOST_RUNS} different runs: /thaw/live?run=ID&run=ID.", 400)
    unknown = [run_id for run_id in ids if not _RUN_ID.fullmatch(run_id)]
    if unknown:
        return _refuse(f"There is no run '{unknown[0][:40]}' in this home.")
    try:
        rows = [int(value) for value in after] + [-1] * (len(ids) - len(after))
        events = [int(value) for value in seen] + [0] * (len(ids) - len(seen))
    except ValueError:
        return _refuse("'after' and 'seen' are whole numbers.", 400)
    known = list(marks) + [""] * (len(ids) - len(marks))
    from ui.live_data import live_answer

    try:
        answer = live_answer(store, list(zip(ids, rows, events, known, strict=False)))
    except NotFound as error:
        return _refuse(str(error))
    except ThawError as error:
        return _refuse(str(error), 503)
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


@functools.cache
def _plotly_path() -> Path:
    # Found without importing plotly, which costs memory and half a second.
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("plotly is not installed: run `pip install -r requirements.txt`.")
    return Path(next(iter(spec.submodule_search_locations))) / "package_data" / "plotly.min.js"


def plotly_version() -> str:
    """Changes when plotly is upgraded: the script is cached by the browser under this version."""
    return str(int(_plotly_path().stat().st_mtime))


def plotly_script(request: Request) -> Response:
    """plotly.js as it lies in the plotly package, cached by the browser for good (its URL carries the version)."""
    return FileResponse(
        _plotly_path(), media_type="text/javascript", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )


class Thumbnails:
    """Small JPEGs of manifest rows, the most recently used kept in memory up to CACHE_BYTES."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lists: dict[str, tuple[Path, list[str]]] = {}
        self._size = 0
        self._lock = threading.Lock()

    def get(self, home: Path, dataset_id: str, row: int) -> bytes:
        """The picture of one manifest row. Raises NotFound."""
        key = (dataset_id, row)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        picture = shrink(self._path(home, dataset_id, row))
        with self._lock:
            if key not in self._kept:
                self._kept[key] = picture
                self._size += len(picture)
            while self._size > CACHE_BYTES and self._kept:
                self._size -= len(self._kept.popitem(last=False)[1])
        return picture

    def _path(self, home: Path, dataset_id: str, row: int) -> Path:
        if not _DATASET_ID.fullmatch(dataset_id):
            raise NotFound("There is no such dataset in this home.")
        from advisor.datasets import load_dataset, read_rows

        if dataset_id not in self._lists:
            ref = load_dataset(home, dataset_id)
            self._lists[dataset_id] = ref.images_root, [row.path for row in read_rows(ref)]
        images, paths = self._lists[dataset_id]
        if not 0 <= row < len(paths):
            raise NotFound(f"This dataset has {len(paths)} images; there is no number {row}.")
        path = (images / paths[row]).resolve()
        # The manifest is ours, but a picture outside the dataset is never served, whatever it says.
        if not path.is_relative_to(images.resolve()) or not path.is_file():
            raise NotFound(f"Image number {row} of this dataset is not on disk any more.")
        return path


def shrink(path: Path) -> bytes:
    """A JPEG of at most THUMB_PX on its shorter side. Raises NotFound when it cannot be decoded."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image.draft("RGB", (2 * THUMB_PX, 2 * THUMB_PX))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((2 * THUMB_PX, THUMB_PX) if upright.width > upright.height else (THUMB_PX, 2 * THUMB_PX))
            if upright.mode in ("RGBA", "LA", "PA", "P"):
                clear = upright.convert("RGBA")
                upright = Image.new("RGB", clear.size, "white")
                upright.paste(clear, mask=clear.getchannel("A"))
            out = io.BytesIO()
            upright.convert("RGB").save(out, "JPEG", quality=82)
            return out.getvalue()
    except (
        OSError, UnidentifiedImageError, SyntaxError, ValueError,
        Image.DecompressionBombError, Image.DecompressionBombWarning,
    ) as error:  # fmt: skip
        raise NotFound(f"This image cannot be drawn small: {type(error).__name__}.") from error

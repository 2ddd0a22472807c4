"""The small ASGI routes beside Streamlit's own: live metrics and plotly's script; `pictures`, `datasets`
and `uploads` have those of pictures, of whole datasets and of uploads.

GET only, uploads apart. They run in Starlette's thread pool (plain functions), see no session, and trust no parameter:
a run must be in the store, a dataset in the home, a picture in its manifest. `app.py` holds every route to
`server.allowedHosts`. No torch.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from core import NotFound, ThawError
from core.home import home as find_home
from ui.address import at
from ui.server import runs, uploads
from ui.server.datasets import cleaned
from ui.server.maps import map_routes
from ui.server.numbers import whole
from ui.server.pictures import picture_routes

if TYPE_CHECKING:
    from training.store import Store

MOST_RUNS = 64
_RUN_ID = re.compile(r"[a-z0-9]{4,32}")


def routes(home: Path | None = None) -> list[Route]:
    """The routes of one home (default: `core.home.home()`, looked up at the first request)."""
    place = functools.cache(lambda: home if home is not None else find_home())

    @functools.cache
    def store() -> Store:
        # Imported with the first request: pandas comes along, which the server's start should not wait for.
        from training.store import Store

        return Store(place())

    def live(request: Request) -> Response:
        return _live(request, store())

    def take_away(request: Request) -> Response:
        return cleaned(request, place())

    table = [
        *map_routes(place),
        *runs.routes(store, _refuse),
        Route("/thaw/live", live, methods=["GET"]),
        Route("/thaw/plotly.min.js", plotly_script, methods=["GET"]),
        *picture_routes(place),
        Route("/thaw/cleaned/{dataset}.{ending}", take_away, methods=["GET"]),
        *uploads.routes(place),
        Route("/data", data_page, methods=["GET"]),
        Route("/thaw/{rest:path}", unknown, methods=["GET"]),
    ]
    return [Route(at(one.path), _calm(one.endpoint), methods=sorted(one.methods or ())) for one in table]


def _calm(endpoint: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """The same, with a sentence where the home cannot be used; `uploads` says its own."""
    if inspect.iscoroutinefunction(endpoint):
        return endpoint

    @functools.wraps(endpoint)
    def calm(request: Request) -> Response:
        try:
            answer: Response = endpoint(request)
        except ThawError as error:
            return _refuse(str(error), 503)
        return answer

    return calm


def data_page(request: Request) -> Response:
    """The Data page, which Streamlit has at the root alone: it is the page that opens first."""
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


def unknown(request: Request) -> Response:
    """Streamlit would answer with its own page."""
    return _refuse("There is nothing of this name here.")


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
        rows = [whole(value) for value in after] + [-1] * (len(ids) - len(after))
        events = [whole(value) for value in seen] + [0] * (len(ids) - len(seen))
    except ValueError:
        return _refuse("'after' and 'seen' are whole numbers.", 400)
    known = list(marks) + [""] * (len(ids) - len(marks))
    from ui.server.live import live_answer

    try:
        answer = live_answer(store, list(zip(ids, rows, events, known, strict=False)))
    except NotFound as error:
        return _refuse(str(error))
    except ThawError as error:
        return _refuse(str(error), 503)
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


PLOTLY = Path(__file__).parents[2] / "assets" / "plotly-basic.min.js"
"""plotly.js without its maps, 3D and finance: a quarter of the script that the plotly package holds, and the live
charts need no more (npm: plotly.js-basic-dist-min, MIT)."""


def plotly_url() -> str:
    """Where the script is; it changes when plotly is upgraded, because browsers keep what is at a URL for good."""
    return at(f"/thaw/plotly.min.js?v={int(PLOTLY.stat().st_mtime)}")


def plotly_script(request: Request) -> Response:
    return FileResponse(
        PLOTLY, media_type="text/javascript", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )

"""The route that serves activation maps: `/thaw/map/{run}/{row}.jpg`, pictures that a look into a run left on disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from training.understand.findings import map_file
from ui.address import at
from ui.server.numbers import ROW

_RUN_ID = re.compile(r"[a-z0-9]{4,32}")


def map_url(run_id: str, row: int) -> str:
    """Where the activation map of an image of a run is served."""
    return at(f"/thaw/map/{run_id}/{row}.jpg")


def map_routes(place: Callable[[], Path]) -> list[Route]:
    """place: the home, looked up at the first request."""

    def picture(request: Request) -> Response:
        run_id, row = request.path_params["run"], int(request.path_params["row"])
        path = map_file(place(), run_id, row) if _RUN_ID.fullmatch(run_id) else None
        if path is None or not path.is_file():
            return JSONResponse({"error": "There is no such activation map."}, status_code=404)
        # A run may be looked into again: the browser asks whether it has changed.
        return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})

    return [Route(f"/thaw/map/{{run}}/{ROW}.jpg", picture, methods=["GET"])]

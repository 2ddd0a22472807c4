"""Routes that hand out what a run leaves: its exported files, its bundle, its report. GET only, no torch.

As in `routes`, no parameter is trusted: a run must be in the store, a file on the list.
"""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from core import NotFound, ThawError, processes
from ui.address import at

if TYPE_CHECKING:
    from training.store import Store

EVERYTHING, BUNDLE = "all.zip", "bundle.zip"
MOST_RUNS = 20
REPORT_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}
"""A report needs nothing but its own style; whatever a name in it may hold, it runs nothing."""


def download_url(run_id: str, name: str) -> str:
    """Where a file of a run's export is served; also EVERYTHING and BUNDLE."""
    return at(f"/thaw/run/{run_id}/{name}")


def report_url(run_ids: list[str]) -> str:
    """Where the report of a run, or of runs side by side, is served."""
    return at("/thaw/report?") + "&".join(f"run={run_id}" for run_id in run_ids)


def routes(store: Callable[[], Store], refuse: Callable[..., Response]) -> list[Route]:
    """store: opened at the first request. refuse: (sentence, status) -> an answer that says no."""

    def file(request: Request) -> Response:
        run_id, name = request.path_params["run"], request.path_params["name"]
        try:
            return _file(store(), run_id, name)
        except ThawError as error:
            return refuse(str(error))

    def report(request: Request) -> Response:
        ids = list(dict.fromkeys(request.query_params.getlist("run")))
        if not ids or len(ids) > MOST_RUNS:
            return refuse(f"Name 1 to {MOST_RUNS} runs: /thaw/report?run=ID&run=ID.", 400)
        from training.report import comparison_report, run_report

        try:
            page = run_report(store(), ids[0]) if len(ids) == 1 else comparison_report(store(), ids)
        except ThawError as error:
            return refuse(str(error))
        return HTMLResponse(page, headers=REPORT_HEADERS)

    return [
        Route("/thaw/run/{run}/{name}", file, methods=["GET"]),
        Route("/thaw/report", report, methods=["GET"]),
    ]


def _file(store: Store, run_id: str, name: str) -> Response:
    """Raises NotFound for an unknown run or file, ThawError when a bundle cannot be made."""
    from training.bundles import writing
    from training.export import contents

    run = store.job(run_id)
    short = f"thaw-{run.id}"
    if name == BUNDLE:
        with _temporary(store.home) as path:
            writing.write(store, run.id, path)
            return _sent(path, f"{short}-bundle.zip")
    if contents.find(store.home, run) is None:
        raise NotFound(f"Run '{run.id}' is not exported yet: prepare it on the Predict page.")
    folder = contents.folder_of(store.home, run.id)
    if name == EVERYTHING:
        with _temporary(store.home) as path:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
                for source in sorted(folder.iterdir()):
                    archive.write(source, f"{short}/{source.name}")
            return _sent(path, f"{short}.zip")
    if name not in contents.CONTENTS or not (folder / name).is_file():
        raise NotFound(f"The export of run '{run.id}' holds no file of that name.")
    return FileResponse(folder / name, filename=f"{short}-{name}", headers={"Cache-Control": "no-store"})


@contextlib.contextmanager
def _temporary(home: Path) -> Iterator[Path]:
    """A file in the home (the system's own place for such files may be small), removed when something goes wrong."""
    folder = home / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=f".{processes.tag()}.tmp", delete=False) as file:
        path = Path(file.name)
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class _Once(FileResponse):
    """A zip that is removed with its answer, whatever becomes of that: sent, broken off, or refused for its Range."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            Path(self.path).unlink(missing_ok=True)


def _sent(path: Path, name: str) -> FileResponse:
    return _Once(path, filename=name, media_type="application/zip", headers={"Cache-Control": "no-store"})

"""Uploads that go to the disk as they arrive, in place of Streamlit's, which hold a whole file in memory.

    POST   /thaw/uploads          -> {"id": ..., "most_bytes": ...}
    PUT    /thaw/uploads/{id}     some files in one body: a JSON line [[path, bytes], ...], then their bytes
    DELETE /thaw/uploads/{id}     gives it up

A path with -1 bytes names a file that the browser kept back. Each request carries Streamlit's XSRF token, as its own
uploads do, and passes the check of the Host that `app.py` puts before every route. Files land in
`dataset.ingest.uploads`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import DataError, NotFound, ThawError
from core.disk import need_space
from dataset.ingest import MAX_MEMBERS, uploads
from ui.server.numbers import MOST

MOST_BYTES = 50 * 1024**3
"""Of one upload, as for an archive unpacked; THAW_UPLOAD_GB sets another cap."""
MOST_HEADER = 4 * 1024**2
"""The line of names before the files of one request."""
DRAINED = 32 * 1024**2
"""Bytes of a refused body that are still taken: a batch of the page is smaller."""
CHUNK = 1024**2
"""Bytes gathered before they are written."""


class Refused(Exception):
    """An answer other than 200, with its sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def most_bytes() -> int:
    """The cap of one upload."""
    try:
        return int(float(os.environ["THAW_UPLOAD_GB"]) * 1024**3)
    except (KeyError, ValueError):
        return MOST_BYTES


def routes(place: Callable[[], Path]) -> list[Route]:
    """place: the home, asked for with the first request."""
    received: dict[str, list[int]] = {}
    given_up: set[str] = set()
    lock = threading.Lock()

    def count(upload: str, files: int, size: int) -> None:
        """Add to what an upload has received. Raises Refused above the caps."""
        with lock:
            so_far = received.setdefault(upload, [0, 0])
            so_far[0] += files
            so_far[1] += size
            if so_far[1] > most_bytes():
                raise Refused(413, too_large())
            if so_far[0] > MAX_MEMBERS:
                raise Refused(413, f"More than {MAX_MEMBERS:,} files were sent. Bring in a part of them.")

    async def begin(request: Request) -> Response:
        return JSONResponse({"id": await run_in_threadpool(uploads.open_upload, place()), "most_bytes": most_bytes()})

    async def receive(request: Request) -> Response:
        upload = request.path_params["upload"]
        await run_in_threadpool(uploads.place, place(), upload)
        body = _Body(request)
        try:
            parts = await _parts(body)
            sizes = [size for _, size in parts if size >= 0]
            count(upload, len(parts), sum(sizes))
            need_space(place(), sum(sizes))
            if kept := [name for name, size in parts if size < 0]:
                await run_in_threadpool(uploads.leave_out, place(), upload, kept)
            for name, size in parts:
                if size >= 0:
                    await _save(place(), upload, name, size, body)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it; the file in hand was removed
        except (Refused, ThawError):
            await body.drain()
            raise
        finally:
            if upload in given_up:  # while this file was being written: what it left goes too
                await run_in_threadpool(uploads.drop, place(), upload)
        return JSONResponse({"files": len(sizes)})

    async def give_up(request: Request) -> Response:
        upload = request.path_params["upload"]
        received.pop(upload, None)
        given_up.add(upload)
        await run_in_threadpool(uploads.drop, place(), upload)
        return Response(status_code=204)

    return [
        Route("/thaw/uploads", _guarded(begin), methods=["POST"]),
        Route("/thaw/uploads/{upload}", _guarded(receive), methods=["PUT"]),
        Route("/thaw/uploads/{upload}", _guarded(give_up), methods=["DELETE"]),
    ]


def too_large() -> str:
    return (
        f"This is more than {most_bytes() / 1024**3:g} GB, the most that one upload may hold. Give the path of the "
        "folder or archive instead, or bring in a part of it."
    )


def _guarded(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Check the XSRF token first; answer errors with their sentence."""

    async def guarded(request: Request) -> Response:
        try:
            _check_xsrf(request)
            answer: Response = await handler(request)
        except Refused as error:
            return _say(error.status, str(error))
        except NotFound as error:
            return _say(404, str(error))
        except ThawError as error:
            return _say(400, str(error))
        return answer

    return guarded


def _check_xsrf(request: Request) -> None:
    """Streamlit's own rule for its uploads: the token of the cookie, repeated in a header. Raises Refused."""
    from streamlit.web.server.server_util import is_xsrf_enabled
    from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token

    if not is_xsrf_enabled():
        return
    if not validate_xsrf_token(request.headers.get("X-Xsrftoken"), request.cookies.get("_streamlit_xsrf")):
        raise Refused(403, "This upload did not come from the page of this server. Reload the page and try again.")


def _say(status: int, sentence: str) -> JSONResponse:
    # The rest of the body may still be on its way; the connection is of no more use.
    return JSONResponse(
        {"error": sentence}, status_code=status, headers={"Cache-Control": "no-store", "Connection": "close"}
    )


class _Body:
    """The request's bytes, taken in pieces as they are asked for; never more than one network chunk is held."""

    def __init__(self, request: Request) -> None:
        self._chunks: AsyncIterator[bytes] = request.stream()
        self._held = memoryview(b"")

    async def some(self, most: int) -> memoryview:
        """1 to `most` bytes; empty at the end."""
        while not self._held:
            try:
                self._held = memoryview(await anext(self._chunks))
            except StopAsyncIteration:
                return memoryview(b"")
        taken, self._held = self._held[:most], self._held[most:]
        return taken

    async def drain(self) -> None:
        """Take the rest, if it is not much: a browser that is still sending does not hear the answer."""
        with suppress(ClientDisconnect):
            taken = 0
            while taken < DRAINED and (piece := await self.some(CHUNK)):
                taken += len(piece)

    async def line(self) -> bytes:
        """Up to the first newline. Raises Refused when it is longer than MOST_HEADER or never comes."""
        gathered = bytearray()
        while len(gathered) <= MOST_HEADER:
            if not (piece := await self.some(CHUNK)):
                break
            text = bytes(piece)
            end = text.find(b"\n")
            if end >= 0:
                self._held = memoryview(text[end + 1 :] + bytes(self._held))
                return bytes(gathered) + text[:end]
            gathered += text
        raise Refused(400, "The upload does not begin with a list of its files.")


async def _parts(body: _Body) -> list[tuple[str, int]]:
    try:
        parts = [(str(name), int(size)) for name, size in json.loads(await body.line())]
        if not all(-1 <= size <= MOST for _, size in parts):  # -1: kept back
            raise ValueError("no size of a file")
        return parts
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused(400, "The upload does not begin with a list of its files.") from error


async def _save(home: Path, upload: str, name: str, size: int, body: _Body) -> None:
    """Write one file of `size` bytes. Raises DataError when the body ends before."""
    with ExitStack() as stack:
        sink: BinaryIO = await run_in_threadpool(stack.enter_context, uploads.new_file(home, upload, name))
        waiting = bytearray()
        left = size
        while left:
            piece = await body.some(left)
            if not piece:
                raise DataError(f"'{name}' arrived cut off: {left:,} bytes are missing. Choose the files again.")
            left -= len(piece)
            waiting += piece
            if len(waiting) >= CHUNK or not left:
                await run_in_threadpool(sink.write, waiting)
                waiting = bytearray()

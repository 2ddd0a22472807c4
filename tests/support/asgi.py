"""Requests to an ASGI app in this process, headers and connection as a test says: no server, no port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp


@dataclass(frozen=True)
class Answer:
    """What came back; a websocket's is 101 when it opened and 403 when it was closed before."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def cookie(self) -> str:
        """The one it sets, as a browser sends it back; '' for none."""
        return self.headers.get("set-cookie", "").partition(";")[0]


def call(
    app: ASGIApp, url: str, method: str = "GET", headers: Mapping[str, str] | None = None, *, body: bytes = b"",
    client: str = "127.0.0.1", websocket: bool = False,
) -> Answer:  # fmt: skip
    """One request; header names in small letters."""
    path, _, query = url.partition("?")
    sent: list[Any] = []
    scope: dict[str, Any] = {
        "type": "websocket" if websocket else "http", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "http_version": "1.1", "scheme": "ws" if websocket else "http",
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "server": ("127.0.0.1", 8501), "client": (client, 50000), "subprotocols": [],
    }  # fmt: skip
    if not websocket:
        scope["method"] = method

    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if websocket:
            return {"type": "websocket.connect"} if asked == 1 else {"type": "websocket.disconnect", "code": 1001}
        if asked > 1:
            await asyncio.sleep(30)  # the caller stays connected
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    if websocket:
        return Answer(101 if sent and sent[0]["type"] == "websocket.accept" else 403, {})
    said = {key.decode().lower(): value.decode() for key, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], said, b"".join(part.get("body", b"") for part in sent[1:]))

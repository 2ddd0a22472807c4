"""What a page of this server may load, and who may show it: headers on every answer, local or shared.

Nothing is loaded from elsewhere and nothing sent there, so that "nothing leaves this machine" is the browser's to keep
too. Streamlit needs scripts and styles in the page, `eval` for its components and workers from blobs (seen in 1.67).
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'none'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
FRAMED_BY_NOBODY = "frame-ancestors 'none'"


class Policy:
    """ASGI middleware: sets the headers of each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = headers.get("content-security-policy")  # a report's is stricter
                headers["content-security-policy"] = f"{own}; {FRAMED_BY_NOBODY}" if own else POLICY
                headers["x-content-type-options"] = "nosniff"
                headers["x-frame-options"] = "DENY"
                headers["referrer-policy"] = "same-origin"
            await send(message)

        await self.app(scope, receive, told if scope["type"] == "http" else send)

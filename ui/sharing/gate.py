"""The gate: nothing of a shared server is reached without signing in, neither page, websocket nor any route, whoever
wrote it. Plain ASGI, before everything else, so that no route can be forgotten and no body is held.

What a request is (local, signed in, neither) is decided here and nowhere else, and handed on in a header
(`who.HEADER`). What passes without a pass: the sign-in page, and `/_stcore/health`, which says "ok".
"""

from __future__ import annotations

import contextlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import ThawError
from core.access import LASTS_S, People, give, holder, people, token
from ui.address import at, base
from ui.sharing import oidc, sign_in
from ui.sharing.attempts import Attempts, TooMany
from ui.sharing.locality import Bound, foreign, local
from ui.sharing.who import HEADER, Visitor

HEALTH = "/_stcore/health"
SIGN_OUT = "/thaw/sign-out"
COOKIE = "thaw_pass"
"""Its name goes on with the port: cookies of one host name are sent to all ports of it."""
ASKED_AGAIN_S = 5.0
"""Seconds for which an open websocket's pass is taken for good."""
MOST_FORM = 8192
"""Bytes of a sign-in form."""
WRONG = "This is not it. Try again."
FOREIGN = "The page of another site asked for this, and it is not answered. Open Thaw in a window of its own."
UNSIGNED = "This Thaw is shared: sign in first, on its page, or send 'Authorization: Bearer TOKEN'."
BUSY = "Too many are trying to sign in at this moment. Wait a minute, then try again."


class Gate:
    """ASGI middleware. place: the home, looked up at the first request; bound: how the server was started."""

    def __init__(self, app: ASGIApp, place: Callable[[], Path], bound: Callable[[], Bound]) -> None:
        self.app, self._place, self._bound = app, place, bound
        self._attempts = Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        try:
            answer = await self._decide(asked, receive)
        except ThawError as error:  # the home is gone, or a file of passwords broken: nobody comes in
            answer = JSONResponse({"error": str(error)}, status_code=503, headers={"Cache-Control": "no-store"})
        if isinstance(answer, Visitor):
            heard = self._heard(asked, answer, receive) if scope["type"] == "websocket" else receive
            await self.app(_told(scope, answer), heard, send)
        elif answer is None:
            await self.app(scope, receive, _without_cookies(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it opens: 403
        else:
            await answer(scope, receive, send)

    def _heard(self, asked: HTTPConnection, visitor: Visitor, receive: Receive) -> Receive:
        """A websocket's messages, until the pass that opened it ends: a page stays open for days."""
        last = time.monotonic()

        async def heard() -> Message:
            nonlocal last
            message = await receive()
            if not visitor.local and time.monotonic() - last > ASKED_AGAIN_S:
                last = time.monotonic()
                if self._known(asked) is None:
                    return {"type": "websocket.disconnect", "code": 1008}
            return message

        return heard

    async def _decide(self, asked: HTTPConnection, receive: Receive) -> Visitor | Response | None:
        """Who it is; or what is answered instead; None for what everybody may see."""
        path, client = asked.scope["path"], asked.client.host if asked.client else None
        if path == at(HEALTH) and asked.scope.get("method") in ("GET", "HEAD"):
            return self._healthy(asked, client)
        if foreign(asked.headers):
            return _refused(403, FOREIGN)
        if local(asked.headers, client, self._bound()):
            return Visitor(local=True)
        if asked.scope["type"] == "http":
            if path == at(sign_in.PATH):
                return await self._sign_in(Request(asked.scope, receive))
            if path == at(SIGN_OUT):
                # Streamlit's own cookie is taken back by Streamlit.
                then = at("/auth/logout") if oidc.signed_in(asked.cookies) is not None else at("/")
                gone = RedirectResponse(then, status_code=303, headers={"Cache-Control": "no-store"})
                gone.delete_cookie(_cookie(asked), path=base() or "/")
                return gone
            if oidc.providers() and any(path == at(one) for one in oidc.PATHS):
                return Visitor(local=False)
        if (who := self._known(asked)) is not None:
            return Visitor(local=False, name=who)
        return await self._with_token(asked)

    def _healthy(self, asked: HTTPConnection, client: str | None) -> Visitor | None:
        """Streamlit gives its own page the XSRF token with this answer, so who has come in gets it whole."""
        if foreign(asked.headers):
            return None
        if local(asked.headers, client, self._bound()):
            return Visitor(local=True)
        with contextlib.suppress(ThawError):
            if (who := self._known(asked)) is not None:
                return Visitor(local=False, name=who)
        return None

    def _known(self, asked: HTTPConnection) -> str | None:
        """The name of one who has signed in; '' for one without a name, None for nobody."""
        passes, known, word = asked.cookies.get(_cookie(asked), ""), people(), token(self._place())
        who = holder(passes, lambda name: _secret(word, known, name), time.time()) if passes else None
        return oidc.signed_in(asked.cookies) if who is None else who

    async def _with_token(self, asked: HTTPConnection) -> Visitor | Response:
        """For one who is not known: the token in the address or a header, else the sign-in page or a refusal."""
        scheme, _, sent = asked.headers.get("authorization", "").partition(" ")
        bearer = sent.strip() if scheme.lower() in ("bearer", "token") else ""
        linked = asked.query_params.get("token", "") if asked.scope.get("method") == "GET" else ""
        if not (bearer or linked):
            return self._page(asked) if _is_page(asked) else _refused(401, UNSIGNED)
        try:
            right = await self._attempts.tried(lambda: self._is_token(bearer or linked))
        except TooMany:
            return _refused(429, BUSY)
        if not right:
            return self._page(asked, WRONG) if _is_page(asked) else _refused(401, UNSIGNED)
        return Visitor(local=False) if bearer else self._in(asked, "", _then(asked))

    async def _sign_in(self, request: Request) -> Response:
        if request.method != "POST":
            return self._page(request, then=base() + "/", status=200)
        try:
            form = dict(parse_qsl(await _body(request), max_num_fields=10))
        except ValueError:
            return _refused(400, "This is no sign-in form.")
        name, word, then = form.get("name", "").strip()[:40], form.get("word", ""), form.get("then", "")
        known, own = people(), False

        async def right() -> bool:
            nonlocal own
            own = known is not None and bool(name) and await run_in_threadpool(known.knows, name, word)
            return own or await self._is_token(word)

        try:
            good = await self._attempts.tried(right)
        except TooMany:
            return self._page(request, BUSY, then=then, status=429)
        if not good:
            return self._page(request, WRONG, then=then)
        # With passwords, a name is a person's own: the token lets one in without any.
        return self._in(request, name if known is None or own else "", then)

    def _in(self, asked: HTTPConnection, who: str, then: str) -> Response:
        """Give a pass and lead on."""
        answer = RedirectResponse(_inside(then), status_code=303, headers={"Cache-Control": "no-store"})
        secret = _secret(token(self._place()), people(), who)
        assert secret is not None
        forwarded = asked.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
        answer.set_cookie(
            _cookie(asked), give(secret, who, time.time()), max_age=LASTS_S, path=base() or "/", httponly=True,
            samesite="lax", secure="https" in (asked.url.scheme, forwarded),
        )  # fmt: skip
        return answer

    async def _is_token(self, word: str) -> bool:
        return hmac.compare_digest(word.encode(errors="replace"), token(self._place()).encode())

    def _page(self, asked: HTTPConnection, said: str = "", *, then: str = "", status: int = 401) -> Response:
        here = "" if self._bound().everybodys else f"http://127.0.0.1:{asked.scope['server'][1]}/"
        came_by_link = "cross-site" in asked.headers.get("sec-fetch-site", "") or "referer" in asked.headers
        return sign_in.page(
            then=then or _then(asked), said=said, status=status, passwords=people() is not None,
            providers=oidc.providers(), directly=here if came_by_link else "",
        )  # fmt: skip


def _cookie(asked: HTTPConnection) -> str:
    return f"{COOKIE}_{asked.scope['server'][1] or ''}"


def _secret(word: str, known: People | None, name: str) -> str | None:
    """What passes of this name are signed with: a person's end with the password."""
    if known is None:
        return word
    if not name:
        return word
    return f"{word}\0{known.kept[name]}" if name in known.kept else None


def _told(scope: Scope, visitor: Visitor) -> Scope:
    """The request with what it was found to be; whatever it said of that itself is gone."""
    mine = [pair for pair in scope["headers"] if pair[0].lower() != HEADER.encode()]
    return {**scope, "headers": [*mine, (HEADER.encode(), visitor.written().encode("ascii"))]}


def _without_cookies(send: Send) -> Send:
    async def plain(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in ("set-cookie", "access-control-allow-origin", "access-control-allow-credentials"):
                del headers[name]
        await send(message)

    return plain


def _is_page(asked: HTTPConnection) -> bool:
    """Whether a person's browser asks for a page, rather than a script for something in it."""
    below = asked.scope["path"].removeprefix(base())
    own = below.startswith(("/thaw/", "/_stcore/", "/media/", "/component/", "/static/"))
    return asked.scope.get("method") == "GET" and not own and "text/html" in asked.headers.get("accept", "")


def _then(asked: HTTPConnection) -> str:
    """The address that was asked for, without the token in it."""
    query = [(name, value) for name, value in asked.query_params.multi_items() if name != "token"]
    path = quote(asked.scope["path"], safe="/-._~")
    return path + (f"?{urlencode(query)}" if query else "")


def _inside(then: str) -> str:
    """Where to go after signing in: a page of this server, and no other."""
    plain = then.isprintable() and "\\" not in then and not then.startswith("//")
    return then if plain and then.startswith(base() + "/") else base() + "/"


async def _body(request: Request) -> str:
    """A form, as text. Raises ValueError for what is longer than one, without reading on."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) > MOST_FORM:
            raise ValueError("too long")
    return held.decode(errors="replace")


def _refused(status: int, sentence: str) -> Response:
    headers = {"Cache-Control": "no-store", "Connection": "close"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)

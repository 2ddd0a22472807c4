"""The gate, before the app's own table of routes: nothing passes without signing in; what passes is told who it is."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from core.access import line_for, rotate, token
from tests.support.asgi import Answer, call
from ui.server import routes
from ui.sharing import gate as gates
from ui.sharing.gate import Gate
from ui.sharing.locality import Bound
from ui.sharing.policy import Policy
from ui.sharing.who import HEADER

LAB = {"host": "lab:8501"}
PAGE = {**LAB, "accept": "text/html"}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
STREAMLIT = (
    "/",
    "/advice",
    "/data",
    "/_stcore/host-config",
    "/_stcore/upload_file/x/y",
    "/_stcore/metrics",
    "/media/x.png",
    "/_stcore/script-health-check",
    "/component/x/y.js",
    "/static/js/index.js",
    "/oauth2callback",
    "/auth/login",
    "/favicon.png",
    "/_stcore/allowed-message-origins",
    "/_stcore/bidi-components/x",
)
"""Addresses of Streamlit's own; `benchmarks.security` asks its real table."""


async def who(request: Request) -> Response:
    return PlainTextResponse(request.headers.get(HEADER, "nobody said"))


async def health(request: Request) -> Response:
    answer = PlainTextResponse("ok")
    answer.set_cookie("_streamlit_xsrf", "secret")
    return answer


async def stream(websocket: WebSocket) -> None:
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


def app_of(home: Path, bound: Bound) -> ASGIApp:
    table = [
        *routes.routes(home),
        WebSocketRoute("/_stcore/stream", stream),
        Route("/_stcore/health", health),
        Route("/{rest:path}", who, methods=["GET", "POST"]),
    ]
    own = [Middleware(Policy), Middleware(Gate, place=lambda: home, bound=lambda: bound)]
    return Starlette(routes=table, middleware=own)


@pytest.fixture
def shared(home: Path) -> ASGIApp:
    return app_of(home, Bound("0.0.0.0"))


@pytest.fixture
def lone(home: Path) -> ASGIApp:
    return app_of(home, Bound("127.0.0.1"))


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("THAW_TOKEN", "THAW_SHARED", "THAW_PASSWORD_FILE", "THAW_SIGN_IN"):
        monkeypatch.delenv(name, raising=False)


def sign_in(app: ASGIApp, word: str, name: str = "", then: str = "/") -> Answer:
    form = urlencode({"word": word, "name": name, "then": then}).encode()
    return call(app, "/thaw/sign-in", "POST", LAB, body=form)


def addresses() -> list[str]:
    own = [re.sub(r"{\w+(:\w+)?}", "1", route.path) for route in routes.routes()]
    return list(dict.fromkeys([*own, *STREAMLIT]))


BAD: tuple[tuple[str, dict[str, str]], ...] = (
    ("", {}),
    ("", {"accept": "text/html"}),
    ("", {"authorization": "Bearer wrong"}),
    ("", {"authorization": "Bearer "}),
    ("", {"authorization": "Basic dXNlcjpwYXNz"}),
    ("", {"cookie": "thaw_pass_8501=x.y"}),
    ("", {"cookie": "thaw_pass_8501="}),
    ("?token=wrong", {"accept": "text/html"}),
    ("?token=", {}),
    ("", {HEADER: "local"}),
    ("", {HEADER: "signed-in Ann"}),
)


@pytest.mark.parametrize(("query", "headers"), BAD, ids=[f"{query} {headers}" for query, headers in BAD])
def test_nothing_of_a_shared_server_answers_to_who_has_not_signed_in(
    shared: ASGIApp, query: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.sharing.attempts.LONGEST_S", 0.0)
    for address in addresses():
        for method in METHODS:
            answer = call(shared, address + query, method, {**LAB, **headers})
            assert answer.status == 401, (method, address, answer)
            assert b"Sign in" in answer.body or b"sign in" in answer.body
            assert "set-cookie" not in answer.headers
    assert call(shared, "/_stcore/stream" + query, headers={**LAB, **headers}, websocket=True).status == 403


def test_the_health_check_says_ok_and_nothing_else(shared: ASGIApp, home: Path) -> None:
    kept = {**LAB, "cookie": sign_in(shared, token(home)).cookie}
    assert "set-cookie" in call(shared, "/_stcore/health", headers=kept).headers, "the page's own XSRF token"
    assert "set-cookie" not in call(shared, "/_stcore/health", headers={**kept, "origin": "http://evil.org"}).headers
    answer = call(shared, "/_stcore/health", headers=LAB)
    assert (answer.status, answer.body) == (200, b"ok") and "set-cookie" not in answer.headers
    assert call(shared, "/_stcore/health", "POST", LAB).status == 401
    assert call(shared, "/_stcore/health/../host-config", headers=LAB).status == 401


def test_the_token_is_given_once_and_a_cookie_is_kept(shared: ASGIApp, home: Path) -> None:
    asked = call(shared, f"/train?run=abc&token={token(home)}&x=a%26b", headers=PAGE)
    assert (asked.status, asked.headers["location"]) == (303, "/train?run=abc&x=a%26b")
    for rule in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=2592000"):
        assert rule in asked.headers["set-cookie"]
    assert "Secure" not in asked.headers["set-cookie"]
    seen = call(shared, "/train", headers={**PAGE, "cookie": asked.cookie})
    assert (seen.status, seen.body) == (200, b"signed-in ")
    assert call(shared, "/_stcore/stream", headers={**LAB, "cookie": asked.cookie}, websocket=True).status == 101
    assert call(shared, "/thaw/live?run=abcd", headers={**LAB, "cookie": asked.cookie}).status == 404
    secure = call(shared, f"/?token={token(home)}", headers={**PAGE, "x-forwarded-proto": "https"})
    assert "Secure" in secure.headers["set-cookie"]


def test_a_script_sends_the_token_as_a_header(shared: ASGIApp, home: Path) -> None:
    for scheme in ("Bearer", "token", "BEARER"):
        assert call(shared, "/thaw/live", headers={**LAB, "authorization": f"{scheme} {token(home)}"}).status == 400


def test_a_name_is_kept_with_the_pass_and_cannot_be_claimed_in_a_header(shared: ASGIApp, home: Path) -> None:
    answer = sign_in(shared, token(home), "Zoë : Ω", "/compare?runs=a")
    assert (answer.status, answer.headers["location"]) == (303, "/compare?runs=a")
    seen = call(shared, "/", headers={**PAGE, "cookie": answer.cookie, HEADER: "local"})
    assert seen.body == b"signed-in Zo%C3%AB%20%3A%20%CE%A9"


@pytest.mark.parametrize(
    "then",
    [
        "//evil.org",
        "https://evil.org",
        "/\\evil.org",
        "\\\\evil.org",
        "",
        "evil.org/",
        "/x\r\ny: z",
        "/\tevil.org",
        "javascript:alert(1)",
    ],
)
def test_signing_in_leads_to_this_server_only(shared: ASGIApp, home: Path, then: str) -> None:
    assert sign_in(shared, token(home), then=then).headers["location"] == "/"


def test_a_wrong_word_is_said_and_the_way_back_kept(shared: ASGIApp) -> None:
    answer = sign_in(shared, "guess", then='/train?run="><script>')
    assert answer.status == 401 and b"This is not it. Try again." in answer.body
    assert b"&quot;&gt;&lt;script&gt;" in answer.body and b"<script>" not in answer.body


def test_another_token_ends_every_pass(shared: ASGIApp, home: Path) -> None:
    cookie = sign_in(shared, token(home)).cookie
    assert call(shared, "/", headers={**PAGE, "cookie": cookie}).status == 200
    rotate(home)
    assert call(shared, "/", headers={**PAGE, "cookie": cookie}).status == 401


def test_an_open_websocket_is_closed_when_its_pass_has_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "ASKED_AGAIN_S", -1.0)
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            heard.append((await receive())["type"])
            if len(heard) == 2:
                rotate(home)

    gate = Gate(app, lambda: home, lambda: Bound("0.0.0.0"))
    scope = {
        "type": "websocket",
        "path": "/_stcore/stream",
        "query_string": b"",
        "client": ("10.0.0.9", 1),
        "server": ("0.0.0.0", 8501),
        "scheme": "ws",
        "headers": [(b"host", b"lab:8501"), (b"authorization", f"Bearer {token(home)}".encode())],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive", "text": "x"}

    async def send(message: Any) -> None:
        pass

    cookie = sign_in(
        Starlette(middleware=[Middleware(Gate, place=lambda: home, bound=lambda: Bound(""))]), token(home)
    ).cookie
    scope["headers"] = [(b"host", b"lab:8501"), (b"cookie", cookie.encode())]
    asyncio.run(gate(scope, receive, send))
    assert heard == ["websocket.receive", "websocket.receive", "websocket.disconnect"]


def test_signing_out_forgets_the_pass(shared: ASGIApp, home: Path) -> None:
    cookie = sign_in(shared, token(home)).cookie
    answer = call(shared, "/thaw/sign-out", headers={**LAB, "cookie": cookie})
    assert answer.status == 303 and 'thaw_pass_8501=""' in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.org"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    ],
)
def test_another_site_gets_nothing_with_a_visitors_own_pass(
    shared: ASGIApp, home: Path, headers: dict[str, str]
) -> None:
    kept = {**LAB, "cookie": sign_in(shared, token(home)).cookie, **headers}
    for address in addresses():
        for method in METHODS:
            assert call(shared, address, method, kept).status == 403, (method, address)
    assert call(shared, "/_stcore/stream", headers=kept, websocket=True).status == 403
    right = {**LAB, **headers, "authorization": f"Bearer {token(home)}"}
    assert call(shared, "/thaw/live", headers=right).status == 403
    assert call(shared, "/thaw/sign-in", "POST", {**LAB, **headers}, body=b"word=" + token(home).encode()).status == 403


def test_people_sign_in_by_name_and_out_with_their_password(
    shared: ASGIApp, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "people"
    file.write_text(line_for("Ann", "correct horse"))
    monkeypatch.setenv("THAW_PASSWORD_FILE", str(file))
    assert b"Password" in call(shared, "/", headers=PAGE).body
    assert sign_in(shared, "correct horse", "Bob").status == 401
    cookie = sign_in(shared, "correct horse", "Ann").cookie
    assert call(shared, "/", headers={**PAGE, "cookie": cookie}).body == b"signed-in Ann"
    keeper = sign_in(shared, token(home), "Ann").cookie
    assert call(shared, "/", headers={**PAGE, "cookie": keeper}).body == b"signed-in ", "a name is a person's own"
    file.write_text(line_for("Ann", "battery staple"))
    assert call(shared, "/", headers={**PAGE, "cookie": cookie}).status == 401, "the password was changed"
    file.write_text("broken")
    answer = call(shared, "/", headers={**PAGE, "cookie": keeper})
    assert answer.status == 503 and "Line 1 of" in json.loads(answer.body)["error"]


def test_a_lone_server_is_open_to_its_own_computer_and_to_nobody_behind_a_proxy(lone: ASGIApp) -> None:
    here = {"host": "localhost:8501", "accept": "text/html"}
    assert call(lone, "/", headers=here).body == b"local"
    assert call(lone, "/", headers={**here, HEADER: "signed-in Eve"}).body == b"local"
    assert (
        call(lone, "/_stcore/stream", headers={**here, "origin": "http://localhost:8501"}, websocket=True).status == 101
    )
    for more in ({"x-forwarded-for": "10.0.0.1"}, {"host": "lab.example"}, {"referer": "https://evil.org/"}):
        assert call(lone, "/", headers={**here, **more}).status == 401, more
        assert call(lone, "/_stcore/stream", headers={**here, **more}, websocket=True).status == 403
    assert call(lone, "/", headers=here, client="10.0.0.1").status == 401
    linked = call(
        lone,
        "/",
        headers={
            **here,
            "referer": "https://wiki.org/",
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
        },
    )
    assert b'<a href="http://127.0.0.1:8501/">Open Thaw directly</a>' in linked.body


def test_every_answer_says_what_it_may_load_and_that_nobody_may_frame_it(lone: ASGIApp, shared: ASGIApp) -> None:
    for app in (lone, shared):
        for address in ("/", "/thaw/live", "/_stcore/health", "/thaw/sign-in", "/thaw/plotly.min.js"):
            said = call(app, address, headers={"host": "localhost"}).headers
            assert said["x-content-type-options"] == "nosniff" and said["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in said["content-security-policy"]
            assert "default-src" in said["content-security-policy"]


def test_a_home_that_is_gone_lets_nobody_in(tmp_path: Path) -> None:
    answer = call(app_of(tmp_path / "gone", Bound("")), "/", headers=PAGE)
    assert answer.status == 503 and "in which Thaw keeps its files, is gone" in json.loads(answer.body)["error"]


def test_a_form_that_is_none_is_not_read(shared: ASGIApp) -> None:
    answer = call(shared, "/thaw/sign-in", "POST", LAB, body=b"word=" + b"x" * 10_000)
    assert answer.status == 400 and b"This is no sign-in form." in answer.body

"""What answers to somebody who has not signed in: every route of a shared server, asked in many ways.

    python -m benchmarks.security --table benchmarks/results/security.md

The routes are the app's own, Thaw's and Streamlit's, so that a new one cannot be forgotten; each is asked with the
methods that it knows and more, without a token, with wrong ones and with forged signs of being somebody: directly,
through nginx with the configuration that is shipped, and through nginx with its own defaults before a server with the
token on. Then by another site's page, with a visitor's own pass. Right are 401, 403 and 429, the sign-in page, and
"ok" from /_stcore/health; whatever else answers is listed, and the exit code is 1. Last, what a proxy with nginx's
defaults reaches of a server whose host forgot the token: nothing is said of that but how much it is.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import proxy
from benchmarks.browser import served
from benchmarks.machine import describe
from core.access import give, token
from dataset.ingest.samples import import_sample
from tests.support.seeding import finished_run
from training.store import Store
from ui.sharing.gate import COOKIE, HEALTH
from ui.sharing.who import HEADER

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
BASE = "/thaw"
PAGES = ("/", "/data", "/advice", "/train", "/compare", "/run", "/predict", "/learn", "/playground")
REFUSED = (401, 403, 429)
WRONG: Mapping[str, Mapping[str, str]] = {
    "nothing": {},
    "a browser's page": {"Accept": "text/html"},
    "another scheme": {"Authorization": "Basic " + base64.b64encode(b"thaw:thaw").decode()},
    "a forged pass": {"Cookie": "; ".join(f"{COOKIE}_{port}={give('guess', 'Ann', 1.8e9)}" for port in ("PORT", ""))},
    "a header that says local": {HEADER: "local"},
    "forwarded for this computer": {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "localhost"},
}
GUESSES: Mapping[str, Mapping[str, str]] = {
    "a wrong token": {"Authorization": "Bearer wrong"},
    "a wrong token in the address": {"?": "token=wrong"},
}
"""These wait: `ui.sharing.attempts`."""
FOREIGN: Mapping[str, Mapping[str, str]] = {
    "another site's script": {"Origin": "https://evil.example"},
    "a page without an origin": {"Origin": "null"},
    "another site's picture": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "another port's script": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    "another site's frame": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
}


@dataclass(frozen=True)
class Asked:
    """One request and what came: status, the first bytes, seconds."""

    way: str
    method: str
    path: str
    status: int
    body: bytes
    seconds: float

    @property
    def good(self) -> bool:
        """Whether nothing but signing in, or being healthy, was answered."""
        return self.status in REFUSED or (self.path.endswith(HEALTH) and self.body in (b"ok", b""))

    @property
    def line(self) -> str:
        return f"{self.method} {self.path} ({self.way}): {self.status} {self.body[:60]!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    if proxy.found() is None:
        raise SystemExit("nginx is not installed (Debian: apt-get install nginx-light).")
    table, rows = routes(), []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        ref = import_sample("digits", home)
        run = finished_run(Store(home), ref, "linear_probe")
        known = {
            "run": run.id, "dataset": ref.id, "row": "0", "ending": "zip", "backbone": "efficientnet_lite0",
            "name": "bundle.zip",
        }  # fmt: skip
        paths = [(re.sub(r"{(\w+)(:\w+)?}", lambda part: known.get(part[1], "1"), path), ways) for path, ways in table]
        for name, url in ways_in(Path(folder), home):
            asked = ask_all(url, paths, WRONG) + ask_all(url, paths, GUESSES, methods=("GET",))
            rows.append((name, asked))
            kept = {"Cookie": passes(url, home)}
            foreign = {way: {**headers, **kept} for way, headers in FOREIGN.items()}
            rows.append((f"{name}, by another site with a visitor's pass", ask_all(url, paths, foreign)))
        with forgotten(Path(folder), home) as url:
            reached = ask_all(url, paths, {"nothing": {}}, methods=("GET",))
    lines = written(rows, reached, len(table), time.monotonic() - began)
    print("\n".join(lines))
    if given.table:
        given.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    bad = [one for _, asked in rows for one in asked if not one.good]
    return 1 if bad else 0


def routes() -> list[tuple[str, tuple[str, ...]]]:
    """(path, methods) of every route that the app serves; ('GET', 'websocket') for a websocket."""
    os.environ["THAW_SPARE"] = "0"
    import app

    found: dict[str, set[str]] = {}
    for route in app.app._build_starlette_app().routes:
        path = getattr(route, "path", "") or "/index.html"
        socket = type(route).__name__ == "WebSocketRoute"
        found.setdefault(path, set()).update(["websocket"] if socket else getattr(route, "methods", None) or ["GET"])
    pages = {path: {"GET"} for path in PAGES}
    return [(path, tuple(sorted({*METHODS, *ways}))) for path, ways in (pages | found).items()]


def ways_in(folder: Path, home: Path) -> Iterator[tuple[str, str]]:
    """(how, address without a slash at the end) of each shared server, as long as it is looked at."""
    with served(home, options=("--server.address", "0.0.0.0", "--server.allowedHosts", "127.0.0.1")) as (url, _):
        yield "directly", url
    below = ("--server.baseUrlPath", BASE.strip("/"), "--server.allowedHosts", "localhost")
    with served(home, options=below, THAW_SHARED="1") as (url, _), proxy.proxy(folder / "shipped", port(url)) as before:
        yield "through the nginx that is shipped", before.url + BASE
    with served(home, THAW_SHARED="1") as (url, _), proxy.proxy(folder / "own", port(url), shipped=False) as before:
        yield "through nginx's defaults, token on", before.url


@contextmanager
def forgotten(folder: Path, home: Path) -> Iterator[str]:
    """A server for this computer alone, which nginx's defaults hand to everybody."""
    with served(home) as (url, _), proxy.proxy(folder / "open", port(url), shipped=False) as before:
        yield before.url


def port(url: str) -> int:
    return int(url.rpartition(":")[2])


def ask_all(
    url: str, paths: Sequence[tuple[str, Sequence[str]]], ways: Mapping[str, Mapping[str, str]],
    methods: Sequence[str] | None = None,
) -> list[Asked]:  # fmt: skip
    """Every route with every method (or these) in every way."""
    with ThreadPoolExecutor(12) as threads:
        tried = [threads.submit(ask, url, path, method, way, headers)
                 for path, known in paths for method in methods or known for way, headers in ways.items()]  # fmt: skip
        return [one.result() for one in tried]


def ask(url: str, path: str, method: str, way: str, headers: Mapping[str, str]) -> Asked:
    """One request. A method "websocket" is its handshake."""
    where, sent = urlsplit(url), {name: value for name, value in headers.items() if name != "?"}
    sent = {name: value.replace("PORT", str(where.port)) for name, value in sent.items()}
    if method == "websocket":
        sent |= {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}  # fmt: skip
    began, target = time.monotonic(), where.path + path + (f"?{headers['?']}" if "?" in headers else "")
    opened = (
        http.client.HTTPSConnection(where.netloc, timeout=60, context=proxy.trusting())
        if where.scheme == "https"
        else http.client.HTTPConnection(where.netloc, timeout=60)
    )
    try:
        opened.request("GET" if method == "websocket" else method, target, headers=sent)
        answer = opened.getresponse()
        body = b"" if answer.status == 101 else answer.read(200)
        return Asked(way, method, target.partition("?")[0], answer.status, body, time.monotonic() - began)
    finally:
        opened.close()


def passes(url: str, home: Path) -> str:
    """A visitor's cookie, got as a browser gets it."""
    where = urlsplit(url)
    opened = (
        http.client.HTTPSConnection(where.netloc, timeout=60, context=proxy.trusting())
        if where.scheme == "https"
        else http.client.HTTPConnection(where.netloc, timeout=60)
    )
    opened.request("GET", f"{where.path}/?token={token(home)}", headers={"Accept": "text/html"})
    answer = opened.getresponse()
    assert answer.status == 303, (answer.status, answer.read(300))
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def written(rows: Sequence[tuple[str, list[Asked]]], reached: list[Asked], routes: int, seconds: float) -> list[str]:
    lines = [
        "# What answers to somebody who has not signed in", "",
        f"`python -m benchmarks.security`, {describe()}, {time.strftime('%Y-%m-%d')}, {seconds:.0f} s.", "",
        f"{routes} routes of the app's own table (Thaw's and Streamlit's), with {len(METHODS)} methods and more.", "",
        "| Way in | Requests | Refused (401, 403, 429) | Health: \"ok\" | Anything else |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, asked in rows:
        refused = sum(one.status in REFUSED for one in asked)
        other = [one for one in asked if not one.good]
        lines.append(f"| {name} | {len(asked):,} | {refused:,} | {len(asked) - refused - len(other)} | {len(other)} |")
    guesses = sorted(one.seconds for _, asked in rows for one in asked if one.way in GUESSES and one.status == 401)
    lines += ["", f"Guesses waited {guesses[len(guesses) // 2]:.1f} s in the middle, {guesses[-1]:.1f} s at most."]
    for _, asked in rows:
        lines += [f"- {one.line}" for one in asked if not one.good][:40]
    statuses = Counter(one.status for one in reached)
    got = sorted({one.path for one in reached if one.status == 200})
    lines += [
        "",
        "## A host that forgot the token",
        "",
        "A server started for its own computer alone, behind nginx with its own defaults: nothing in a request tells "
        "it that somebody else asks. Without a token it answered so "
        f"({', '.join(f'{status}: {count}' for status, count in sorted(statuses.items()))}), and these with 200:",
        "",
        *(f"- `{path}`" for path in got),
    ]
    return lines


if __name__ == "__main__":
    sys.exit(main())

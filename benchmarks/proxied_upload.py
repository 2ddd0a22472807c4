"""An upload of 2 GB through the nginx that is shipped: is it streamed, all the way to Thaw's disk?

    python -m benchmarks.proxied_upload --gb 2 --table benchmarks/results/proxied_upload.md

One file in one request, as the drop zone sends it. While it goes, the memory of the server and of nginx and what nginx
keeps on its own disk are looked at ten times a second; afterwards the file must be whole.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

from benchmarks import proxy
from benchmarks.browser import served
from benchmarks.machine import describe
from core.access import token

PIECE = 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=2.0)
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    size = int(given.gb * 2**30)
    below = ("--server.baseUrlPath", "thaw", "--server.allowedHosts", "localhost")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with (
            served(home, options=below, THAW_SHARED="1") as (url, server),
            proxy.proxy(Path(folder) / "nginx", int(url.rpartition(":")[2])) as before,
        ):
            watch = Watch(server, before.folder)
            seconds = send(before.url, home, size, watch)
    rows = [
        ("Arrived whole", f"{size:,} bytes in {seconds:.1f} s, {size / seconds / 2**20:.0f} MB/s"),
        ("Server's memory before, most while it came", f"{watch.server[0]:.0f}, {max(watch.server):.0f} MB"),
        ("nginx's memory before, most", f"{watch.nginx[0]:.0f}, {max(watch.nginx):.0f} MB"),
        ("Most that nginx kept on its own disk", f"{max(watch.kept):.1f} MB"),
    ]
    how = f"`python -m benchmarks.proxied_upload --gb {given.gb:g}`, {describe()}, {time.strftime('%Y-%m-%d')}."
    lines = ["# An upload through nginx", "", how, "", "| | |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)]
    print("\n".join(lines))
    if given.table:
        given.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


class Watch:
    """Memory of the server and of nginx, MB, and nginx's own files, MB, ten times a second while `on`."""

    def __init__(self, server: int, folder: Path) -> None:
        self._server, self._folder = psutil.Process(server), folder
        self.server: list[float] = []
        self.nginx: list[float] = []
        self.kept: list[float] = []
        self._over = threading.Event()
        self.look()

    def look(self) -> None:
        master = psutil.Process(int((self._folder / "pid").read_text()))
        self.server.append(self._server.memory_info().rss / 2**20)
        self.nginx.append(sum(one.memory_info().rss for one in (master, *master.children())) / 2**20)
        files = [file.stat().st_size for file in (self._folder / "tmp").rglob("*") if file.is_file()]
        self.kept.append(sum(files) / 2**20)

    def __enter__(self) -> None:
        def go_on() -> None:
            while not self._over.wait(0.1):
                self.look()

        self._thread = threading.Thread(target=go_on)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def send(url: str, home: Path, size: int, watch: Watch) -> float:
    """Seconds that the upload took. Raises AssertionError when it did not arrive whole."""
    where = urlsplit(url)
    opened = http.client.HTTPSConnection(where.netloc, timeout=600, context=proxy.trusting())
    kept = ""
    for path in (f"/thaw/?token={token(home)}", "/thaw/_stcore/health"):  # the pass; then Streamlit's XSRF token
        opened.request("GET", path, headers={"Cookie": kept})
        answer = opened.getresponse()
        answer.read()
        given = str(answer.headers["Set-Cookie"]).partition(";")[0]
        kept = "; ".join(filter(None, (kept, given)))
    asked = {"Cookie": kept, "X-Xsrftoken": given.partition("=")[2].strip('"')}
    opened.request("POST", "/thaw/thaw/uploads", headers=asked)
    upload = json.loads(opened.getresponse().read())["id"]
    noise = np.random.default_rng(0).bytes(PIECE)
    wanted = hashlib.sha256()
    line = json.dumps([["photos.zip", size]]).encode() + b"\n"

    def body() -> Iterator[bytes]:
        yield line
        left = size
        while left:
            piece = noise[: min(left, PIECE)]
            wanted.update(piece)
            left -= len(piece)
            yield piece

    began = time.monotonic()
    with watch:
        opened.request("PUT", f"/thaw/thaw/uploads/{upload}", body=body(),
                       headers={**asked, "Content-Length": str(len(line) + size)})  # fmt: skip
        answer = opened.getresponse()
        said = answer.read()
    seconds = time.monotonic() - began
    assert answer.status == 200, said
    (arrived,) = (file for file in (home / "uploads").rglob("photos.zip") if file.is_file())
    with arrived.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == wanted.digest(), "it arrived changed"
    return seconds


if __name__ == "__main__":
    sys.exit(main())

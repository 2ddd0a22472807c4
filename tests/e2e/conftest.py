"""A real server and a real Chromium. Without a browser these tests skip on a user's machine and fail in CI."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@dataclass
class Server:
    """A running app. `first_byte_s`: seconds from starting the process to its first answer."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    first_byte_s: float

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(home: Path, port: int | None = None, *options: str, **setting: str) -> Server:
    """options: of Streamlit; setting: of the environment."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    home.mkdir(parents=True, exist_ok=True)
    log = (home / "server.log").open("ab")
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true",
         *options],
        cwd=ROOT, env={**os.environ, "THAW_HOME": str(home), "THAW_SPARE": "1", **setting}, stdout=log, stderr=log,
        start_new_session=True,
    )  # fmt: skip
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):
                break
        except urllib.error.HTTPError:  # it answers: one may not come in, or it lies below a path
            break
        except OSError:
            if process.poll() is not None or time.perf_counter() - started > 60:
                process.kill()
                raise RuntimeError((home / "server.log").read_text()) from None
            time.sleep(0.02)
    return Server(url, home, process, time.perf_counter() - started)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        why = f"No browser: none of {', '.join(BROWSERS)} is installed (Debian: apt-get install chromium)."
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = start_server(tmp_path / "home")
    yield running
    running.stop()
    end_workers(running.home)


def end_workers(home: Path) -> None:
    """End the workers that a test left behind: those of its own home only."""
    from training.store.store import Store

    spares = [int(file.name.split("-")[0]) for file in (home / "spares").glob("*.free")]
    for pid in [*spares, *(job.pid for job in Store(home).jobs(states=("running",)))]:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    yield tab
    context.close()

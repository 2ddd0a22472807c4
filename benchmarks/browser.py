"""What benchmarks of pages share: the app as a user starts it, a browser without a window, and memory of processes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.sync_api import Browser, sync_playwright

from benchmarks.command import PROJECT

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")


@contextmanager
def served(
    home: Path, tree: Path = PROJECT, *, options: Sequence[str] = (), **environment: str
) -> Iterator[tuple[str, int]]:
    """(address, process id) of a checkout's app on a free port, with these options of Streamlit and variables set
    besides; ended at the end."""
    home.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (home / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless",
             "true", *options],
            cwd=tree, env={**os.environ, "THAW_HOME": str(home.absolute()), **environment}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(url, timeout=1):
                    break
            except urllib.error.HTTPError:  # it answers: one may not come in, or it lies below a path
                break
            except OSError:
                pass
            if time.monotonic() > deadline or server.poll() is not None:
                raise SystemExit(f"The app did not answer at {url}; see {home / 'server.log'}.")
            time.sleep(0.02)
        yield url, server.pid
    finally:
        server.terminate()
        server.wait()


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """more: flags besides."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *more])
        yield browser
        browser.close()


def rss(pid: int) -> int:
    """Resident bytes of one process; 0 when it is gone."""
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def processes(*words: str) -> list[int]:
    """Ids of the processes whose command line holds all of these words."""
    lines = {process.pid: " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])}
    return [pid for pid, line in lines.items() if all(word in line for word in words)]


def with_descendants(pids: list[int]) -> list[int]:
    """These processes and all that they started."""
    found = dict.fromkeys(pids)
    for pid in pids:
        with suppress(psutil.Error):
            found |= dict.fromkeys(child.pid for child in psutil.Process(pid).children(recursive=True))
    return list(found)


@dataclass
class Watch:
    """Samples the memory of groups of processes beside the work: the peak of each group's sum, in bytes."""

    groups: dict[str, tuple[str, ...]]
    """Name -> words that the command lines of its processes hold; what they started counts with them."""
    pids: dict[str, list[int]] = field(default_factory=dict)
    """Name -> processes known by id."""
    every_s: float = 0.05
    peaks: dict[str, int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def reset(self) -> None:
        """Forget the peaks so far."""
        self.peaks.clear()

    def _go(self) -> None:
        looked, found = 0.0, dict[str, list[int]]()
        while not self._over.wait(self.every_s):
            if self.groups and time.monotonic() - looked > 0.5:
                found = {name: with_descendants(processes(*words)) for name, words in self.groups.items()}
                looked = time.monotonic()
            for name, pids in {**found, **self.pids}.items():
                self.peaks[name] = max(self.peaks.get(name, 0), sum(map(rss, pids)))

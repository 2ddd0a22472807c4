"""What pictures for pages cost: six requests at once for one of 88 megapixels, and how soon a usual photo is there.

    python -m benchmarks.big_pictures --tree OLD --tree . [--photos 40] [--out TABLE.md]

Each checkout imports the same drawn files into a home of its own: a PNG of noise, 9,400 x 9,400, and photographs of 12
megapixels as JPEG. Its app is started; memory is the highest sum, looked at every 20 ms, of the server and what it
started (proportional: what they share counts once). Photographs are asked for one after the other.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from PIL import Image

from benchmarks.command import add_trees, named, thaw
from benchmarks.machine import describe

AT_ONCE = 6
SIDE = 9400
PHOTO = (4000, 3000)
ROWS = ("server and its processes at rest, MB", f"{AT_ONCE} x large view of 88 MP, peak MB", "and seconds",
        f"{AT_ONCE} x small view of it, peak MB", "and seconds", "the same again, seconds",
        "photograph, small view: first, ms", "others, median, ms", "slowest, ms",
        "photograph, large view: median, ms", "slowest, ms", "seen before, median, ms")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_trees(parser)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder) / "pictures", options.photos)
        found = {}
        for name, tree in named(options.trees).items():
            home = Path(folder) / f"home {tree.name}"
            _, said = thaw(home, "check", f"{folder}/pictures", "--quick", tree=tree, environment={"THAW_SPARE": "0"})
            if "dataset_id" not in said:
                raise SystemExit(f"{name} does not import them: {said}")
            found[name] = measure(home, tree, str(said["dataset_id"]), options.photos)
            print(name, found[name], flush=True)
    lines = [
        "# Pictures for pages",
        "",
        f"`python -m benchmarks.big_pictures --photos {options.photos}` on {describe()}.",
        f"Load of the machine at the end (1 is one busy core): {os.getloadavg()[0]:.1f}.",
        "",
        f"| what | {' | '.join(found)} |",
        "|---" * (1 + len(found)) + "|",
        *(f"| {what} | {' | '.join(values[row] for values in found.values())} |" for row, what in enumerate(ROWS)),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


def draw(folder: Path, photos: int) -> None:
    """Two classes: the large one comes first, photographs after it."""
    source = np.random.default_rng(0)
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    noise = source.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "a" / "0 large.png", compress_level=1)
    for number in range(photos):
        blocks = Image.fromarray(source.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        where = folder / ("a" if number < 2 else "b")  # a class has two images at least
        blocks.resize(PHOTO, Image.Resampling.BICUBIC).save(where / f"{number:03d}.jpg", quality=90)


def measure(home: Path, tree: Path, dataset: str, photos: int) -> list[str]:
    """A value for each of ROWS."""
    with served(home, tree) as (url, pid):
        ask(f"{url}/thaw/facts/{dataset}/1")
        time.sleep(3)  # what the start left to do is done
        values = [f"{pss(pid):.0f}"]
        for kind in ("picture", "thumb"):
            with Watch(pid) as watch:
                seconds = together(f"{url}/thaw/{kind}/{dataset}/0.jpg")
            values += [f"{watch.highest:.0f}", f"{seconds:.1f}"]
        values.append(f"{together(f'{url}/thaw/picture/{dataset}/0.jpg'):.1f}")
        rows = range(1, photos + 1)
        first, *others = [ask(f"{url}/thaw/thumb/{dataset}/{row}.jpg") for row in rows]
        values += [f"{1000 * one:.0f}" for one in (first, median(others), max(others))]
        large = [ask(f"{url}/thaw/picture/{dataset}/{row}.jpg") for row in rows]
        again = [ask(f"{url}/thaw/picture/{dataset}/{row}.jpg") for row in rows]
        return values + [f"{1000 * one:.0f}" for one in (median(large), max(large), median(again))]


def together(url: str) -> float:
    """Seconds until AT_ONCE requests that came at once are answered."""
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, [url] * AT_ONCE))
    return time.perf_counter() - began


def ask(url: str) -> float:
    """Seconds until it is answered."""
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=300) as answer:
        answer.read()
    return time.perf_counter() - began


class Watch:
    """The highest memory of a process and what it started, in MB, while the block lasts."""

    def __init__(self, pid: int) -> None:
        self.highest, self._pid, self._over = 0.0, pid, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.highest = max(self.highest, pss(self._pid))


def pss(pid: int) -> float:
    total = 0
    with suppress(psutil.Error):
        for one in (process := psutil.Process(pid), *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += one.memory_full_info().pss
    return total / 1e6


@contextmanager
def served(home: Path, tree: Path) -> Iterator[tuple[str, int]]:
    """(address, process id) of a checkout's app; as `browser.served`, which needs a browser."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = ["streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"]
    environment = {**os.environ, "THAW_HOME": str(home.absolute()), "THAW_SPARE": "0"}
    with (home / "server.log").open("ab") as log:
        server = subprocess.Popen([sys.executable, "-m", *command], cwd=tree, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(3000):
            with suppress(OSError), urllib.request.urlopen(url, timeout=1):
                break
            if server.poll() is not None:
                raise SystemExit(f"The app did not start; see {home / 'server.log'}.")
            time.sleep(0.02)
        yield url, server.pid
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()

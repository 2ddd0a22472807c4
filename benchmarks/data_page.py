"""How quick the Data page is with 50,000 images: opening, turning a page, searching, filtering, the map. In Chromium.

    python -m benchmarks.data_page [--images 50000] [--home HOME] [--repeat 7] [--maps] [--out TABLE.md]

Makes that many small JPEG files in 40 classes (once: HOME keeps them), imports them as a user would, gives them a map
of random features, then drives the page and prints medians. A time ends when every picture in view has been drawn.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Page

from benchmarks.browser import chromium, rss, served
from benchmarks.machine import describe
from core.types import DatasetFacts, DatasetRef
from core.zoo.catalog import DEFAULT_BACKBONE
from dataset.folder import list_datasets
from dataset.ingest.sources import import_path
from training.profile import maps
from training.store.store import Store

CLASSES = 40
PX = (96, 72)
HEAD = ("what", "median", "slowest", "CPU time of the server")
FEATURES = 1280
"""As EfficientNet-Lite0 gives."""
DRAWN = """() => {
    const seen = [...document.querySelectorAll('.thaw-pics .p-tile img')].filter((one) => {
        const box = one.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight && box.width > 0;
    });
    return seen.length > 0 && seen.every((one) => one.complete && one.naturalWidth > 0);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--maps", action="store_true", help="time the drawing of the two maps as well")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    home = (options.home or Path(tempfile.mkdtemp(prefix="thaw-data-page-"))).absolute()
    ref, importing = dataset(home, options.images)
    with served(home) as (url, pid):
        with chromium() as browser:
            page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            page.set_default_timeout(120_000)
            lines = measure(page, f"{url}/?dataset={ref.id}", options.repeat, pid)
        lines.append(("server's memory after all of it", f"{rss(pid) / 1e6:.0f} MB", "", ""))
    if options.maps:
        lines += drawing(ref)
    if importing:
        lines.append(("import of the folder", f"{importing:.0f} s", f"{options.images / importing:.0f} images/s", ""))
    table = "\n".join(f"| {' | '.join(line)} |" for line in [HEAD, ("---",) * len(HEAD), *lines])
    cores = os.cpu_count() or 1
    loaded = os.getloadavg()[1]
    busy = f"busy with other work (load {loaded:.0f} on {cores} cores)" if loaded > cores + 1 else "idle otherwise"
    text = (
        f"# The Data page with {ref.images:,} images in {len(ref.classes)} classes\n\n"
        f"`python -m benchmarks.data_page --images {options.images} --repeat {options.repeat}` on {describe()}, "
        "Chromium without a GPU on the same machine, "
        f"which was {busy}. A time ends when every picture in view has been drawn.\n\n"
        f"{table}\n"
    )
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


Line = tuple[str, str, str, str]
"""What, its median, the slowest, the server's CPU time (median)."""


def measure(page: Page, url: str, repeat: int, server: int) -> list[Line]:
    """A line for every action. server: its process, whose CPU time hardly depends on what else the machine does."""
    timed: dict[str, list[float]] = {}
    worked: dict[str, list[float]] = {}

    def clock(what: str, act: Callable[[], None], until: str = "") -> None:
        started, busy = time.perf_counter(), cpu_seconds(server)
        act()
        if until:
            page.wait_for_function(until)
        page.wait_for_function(DRAWN)
        timed.setdefault(what, []).append(time.perf_counter() - started)
        worked.setdefault(what, []).append(cpu_seconds(server) - busy)
        print(f"{what}: {said(timed[what][-1])}", file=sys.stderr, flush=True)

    clock("first opening after the server's start", lambda: opened(page, url))
    for _ in range(repeat):
        clock("opening again (reload)", lambda: opened(page, url))
    opened(page, f"{url}&arrange=grid")
    for turn in range(2, repeat + 2):
        clock(
            "next page, prepared while one looks",
            lambda: page.get_by_role("button", name="Next page").first.click(),
            f"() => document.querySelector('.thaw-pics').dataset.page == {turn}",
        )
        page.wait_for_timeout(1500)
    for turn in range(repeat):
        wanted = 100 + 61 * turn
        clock(
            "a page far away",
            lambda wanted=wanted: turn_to(page, wanted),  # type: ignore[misc]
            f"() => document.querySelector('.thaw-pics').dataset.page == {wanted}",
        )
        page.wait_for_timeout(300)
    for number in range(repeat):
        before = page.locator(".thaw-pics .p-tile").first.get_attribute("data-row")
        clock(
            "search",
            lambda number=number: search(page, f"class {number + 7:02d} 00{number}"),  # type: ignore[misc]
            f"() => (document.querySelector('.thaw-pics .p-tile') ?? {{dataset: {{row: '{before}'}}}})"
            f".dataset.row != '{before}'",
        )
    for _ in range(repeat):
        opened(page, f"{url}&arrange=grid&view=images")
        timed.setdefault("the map of all images, from its tab", []).append(mapped(page))
    paint = float(page.locator(".thaw-map").get_attribute("data-paint-ms") or 0)
    lines = [
        (
            what, said(statistics.median(seconds)), said(max(seconds)) if len(seconds) > 1 else "",
            said(statistics.median(worked[what])) if what in worked else "",
        )
        for what, seconds in timed.items()
    ]
    return [*lines, ("one drawing of the map (zooming, moving)", f"{paint:.0f} ms", "", "")]


def drawing(ref: DatasetRef) -> list[Line]:
    """What the worker takes for the two maps, in a home that is thrown away."""
    source = np.random.default_rng(1)
    features = source.normal(size=(maps.CHUNK, FEATURES)).astype(np.float32)
    labels = np.arange(ref.images) % CLASSES
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        maps.make_pca(Path(place), ref.id, "made", lambda rows: features[: len(rows)], np.arange(ref.images))
        halfway = time.perf_counter()
        maps.make_tsne(Path(place), ref.id, "made", labels, lambda *_: None)
        ended = time.perf_counter()
    return [
        (f"principal components of {ref.images:,} x {FEATURES:,} features (worker)", said(halfway - started), "", ""),
        (f"t-SNE of {maps.MOST_TSNE:,} images (worker)", said(ended - halfway), "", ""),
    ]


def opened(page: Page, url: str) -> None:
    page.goto(url)
    page.locator(".thaw-pics .p-tile").first.wait_for()


def turn_to(page: Page, number: int) -> None:
    field = page.get_by_role("spinbutton", name="Page").first
    field.fill(str(number))
    field.press("Enter")


def search(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name="Search")
    field.fill(text)
    field.press("Enter")


def mapped(page: Page) -> float:
    """Seconds from the click on the tab to the points on the screen."""
    started = time.perf_counter()
    page.get_by_role("tab", name="Map").click()
    page.wait_for_function("() => document.querySelector('.thaw-map')?.dataset.paintMs")
    return time.perf_counter() - started



def cpu_seconds(pid: int) -> float:
    """What a process has computed so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def said(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def dataset(home: Path, images: int) -> tuple[DatasetRef, float]:
    """The dataset of that many images in this home, and the seconds that importing it took (0: it was there)."""
    home.mkdir(parents=True, exist_ok=True)
    there = next((ref for ref in list_datasets(home) if ref.images == images), None)
    if there:
        return there, 0.0
    folder = home / "made"
    source = np.random.default_rng(0)
    for number in range(images):
        place = folder / f"class {number % CLASSES:02d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:06d}.jpg").write_bytes(picture(number, source))
    started = time.perf_counter()
    ref = import_path(folder, home, name=f"{images:,} made images")
    seconds = time.perf_counter() - started
    shutil.rmtree(folder)
    Store(home).save_facts(  # else the page would measure them while it is measured
        DatasetFacts(ref.id, DEFAULT_BACKBONE, ref.classes, ref.images, 0, ref.per_class)
    )
    middles = source.normal(0, 4, (CLASSES, 64))
    features = (middles[np.arange(images) % CLASSES] + source.normal(0, 1, (images, 64))).astype(np.float32)
    maps.make_pca(home, ref.id, DEFAULT_BACKBONE, lambda rows: features[rows], np.arange(images))
    return ref, seconds


def picture(number: int, source: np.random.Generator) -> bytes:
    """A JPEG of a few coloured blocks, no two alike."""
    blocks = source.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    blocks[0, 0] = (number & 255, number >> 8 & 255, number >> 16)
    out = io.BytesIO()
    Image.fromarray(blocks).resize(PX, Image.Resampling.BICUBIC).save(out, "JPEG", quality=80)
    return out.getvalue()



if __name__ == "__main__":
    main()

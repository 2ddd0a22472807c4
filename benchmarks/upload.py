"""Uploads through a real browser: what they take of the server's memory, and from when a zip beats a folder.

    python -m benchmarks.upload OUT_FOLDER [--megabytes 500] [--files 1000 5000 20000] [--runs 3]

First a zip of photographs (noise, which does not pack) is chosen in the drop zone of a fresh server, and imported: the
server's resident memory is sampled every 50 ms from the choice until the dataset stands on the page (not with
--megabytes 0). Then folders of small files, dropped and chosen, and zips of them, each on a fresh server: seconds until
all bytes have arrived, the median of so many runs. Chromium's own protocol hands the folder over, as Playwright's way
takes minutes for thousands of files.
"""

from __future__ import annotations

import argparse
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from benchmarks.browser import Watch, chromium, rss, served
from training.store.store import Store

MB = 2**20
SIDE = 590
"""px of a noise image of about a megabyte."""


def large_zip(place: Path, megabytes: int) -> Path:
    """A zip of that size, of noise images in two classes; made once."""
    archive = place / f"noise-{megabytes}.zip"
    if not archive.exists():
        rng = np.random.default_rng(0)
        file = place / "one.png"
        with zipfile.ZipFile(place / "part.zip", "w", zipfile.ZIP_STORED) as box:
            number = 0
            while (place / "part.zip").stat().st_size < megabytes * MB:
                pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(file, compress_level=0)
                box.write(file, f"class {number % 2}/{number:04d}.png")
                box.fp.flush()  # type: ignore[union-attr]
                number += 1
        file.unlink()
        (place / "part.zip").rename(archive)
    return archive


def small_files(place: Path, number: int) -> Path:
    """A folder of that many PNGs of 32 px in ten classes; made once."""
    folder = place / f"small-{number}"
    if not folder.exists():
        rng = np.random.default_rng(number)
        part = place / "part"
        shutil.rmtree(part, ignore_errors=True)
        for index in range(number):
            if index < 10:
                (part / f"class {index}").mkdir(parents=True)
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(part / f"class {index % 10}" / f"{index:05d}.png")
        part.rename(folder)
    return folder


def choose(page: Page, url: str, what: Path) -> float:
    """Open the page and choose a file; the moment of the choice."""
    page.goto(url)
    zone = page.locator("input[type=file]").first
    zone.wait_for(state="attached")
    page.wait_for_timeout(3000)  # until the server has loaded what its first page needs
    started = time.perf_counter()
    zone.set_input_files(what)
    return started


def memory(home: Path, archive: Path) -> str:
    """One row: the server's memory before, at its peak and after, and seconds."""
    shutil.rmtree(home, ignore_errors=True)
    with served(home) as (url, pid), chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(url)
        page.locator(".thaw-drop").first.wait_for()
        page.wait_for_timeout(5000)
        before = rss(pid)
        with Watch({}, {"server": [pid]}) as watch:
            started = choose(page, url, archive)
            arrived = 0.0
            while not arrived:
                page.wait_for_timeout(50)
                if Store(home).jobs(kind="import"):
                    arrived = time.perf_counter() - started
            uploaded = watch.peaks["server"]
            page.get_by_role("button", name="Get advice").wait_for()
            shown = time.perf_counter() - started
            peak = watch.peaks["server"]
    size = archive.stat().st_size / MB
    grown = f"{(uploaded - before) / MB:.0f} | {(peak - before) / MB:.0f}"
    return f"| {size:.0f} | {before / MB:.0f} | {grown} | {arrived:.1f} | {shown:.1f} |"


def drop(page: Page, what: Path) -> None:
    """As a hand would from a file manager, on the middle of the zone."""
    zone = page.locator(".thaw-drop").first
    zone.scroll_into_view_if_needed()
    box = zone.bounding_box()
    assert box is not None
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    protocol = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        held = {"items": [], "files": [str(what.absolute())], "dragOperationsMask": 1}
        protocol.send("Input.dispatchDragEvent", {"type": kind, **where, "data": held})


def choose_folder(page: Page, what: Path) -> None:
    """What the browser's own dialog does with a folder."""
    protocol = page.context.new_cdp_session(page)
    root = protocol.send("DOM.getDocument", {"depth": -1, "pierce": True})["root"]["nodeId"]
    field = protocol.send("DOM.querySelector", {"nodeId": root, "selector": "input[webkitdirectory]"})["nodeId"]
    protocol.send("DOM.setFileInputFiles", {"files": [str(what.absolute())], "nodeId": field})


def seconds(home: Path, what: Path, give: Callable[[Page, Path], None]) -> float:
    """From the drop or the choice until everything has arrived and its import begins."""
    shutil.rmtree(home, ignore_errors=True)
    with served(home) as (url, _), chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(url)
        page.locator(".thaw-drop").first.wait_for()
        page.wait_for_timeout(3000)  # until the server has loaded what its first page needs
        started = time.perf_counter()
        give(page, what)
        store = Store(home)
        while not (begun := store.jobs(kind="import")):
            page.wait_for_timeout(20)
        took = time.perf_counter() - started
        store.request_stop(begun[0].id)
        while any(job.active for job in store.jobs(kind="import")):
            page.wait_for_timeout(200)
        return took


def main() -> None:
    from benchmarks.machine import describe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--files", type=int, nargs="*", default=[1000, 5000, 20000])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    home = options.out / "home"
    print(f"Measured on {describe()}.\n", flush=True)
    if options.megabytes:
        print("| zip, MB | server before, MB | grown while uploading | grown until shown | uploaded, s | imported, s |")
        print("|---|---|---|---|---|---|")
        print(memory(home, large_zip(options.out, options.megabytes)), flush=True)
    if options.files:
        print("\n| files | folder dropped, s | folder chosen, s | zip dropped, s |\n|---|---|---|---|", flush=True)
    for number in options.files:
        folder = small_files(options.out, number)
        archive = folder.with_suffix(".zip")
        if not archive.exists():
            shutil.make_archive(str(folder), "zip", folder)
        ways = ((folder, drop), (folder, choose_folder), (archive, drop))
        took = (median(seconds(home, what, give) for _ in range(options.runs)) for what, give in ways)
        print(f"| {number:,} | {' | '.join(f'{one:.1f}' for one in took)} |", flush=True)


if __name__ == "__main__":
    main()

"""100,000 small images: imported, looked at and checked through the page, with the memory that each process takes.

    python -m benchmarks.many_images OUT_FOLDER [--images 100000] [--profile-minutes 20]

The images are drawn once (32 px JPEGs in ten classes). The app is started as a user starts it; a browser types the
folder's path, waits for the dataset, opens it anew, turns to the check and to a page of the gallery. Resident memory is
sampled every 50 ms: of the server, of the import's processes together, and of the worker that profiles the dataset
(which starts by itself), until that ends or its minutes are over.
"""

from __future__ import annotations

import argparse
import re
import shutil
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from benchmarks.browser import Watch, chromium, served
from training.store.store import Store

MB = 2**20
CLASSES = 10
PX = 32
CHECKED = re.compile("look alike|Nothing stands out|Nothing to mend|copies of other images|differ")


def draw(folder: Path, images: int) -> None:
    """Noise around a colour of the class; no two alike. Made once."""
    if folder.exists():
        return
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    rng = np.random.default_rng(0)
    grounds = rng.integers(40, 215, (CLASSES, 3))
    for label in range(CLASSES):
        (part / f"class {label}").mkdir(parents=True)
    for number in range(images):
        label = number % CLASSES
        small = np.clip(grounds[label] + rng.normal(0, 40, (8, 8, 3)), 0, 255).astype(np.uint8)
        picture = Image.fromarray(small).resize((PX, PX), Image.Resampling.BILINEAR)
        picture.save(part / f"class {label}" / f"{number:06d}.jpg", quality=85)
    part.rename(folder)


def timed(page: Page, act: str, url: str, words: str | re.Pattern[str]) -> float:
    """Seconds until these words stand on the page, after opening an address or choosing a tab."""
    started = time.perf_counter()
    if act == "open":
        page.goto(url)
    else:
        page.get_by_role("tab", name=act).click()
    page.get_by_text(words).first.wait_for()
    return time.perf_counter() - started


def job_of(home: Path, kind: str) -> str:
    """The id of the first job of this kind, as soon as there is one: its worker's command line names it."""
    while not (jobs := Store(home).jobs(kind=kind)):
        time.sleep(0.05)
    return jobs[0].id


def main() -> None:
    from benchmarks.machine import describe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--profile-minutes", type=float, default=20.0)
    options = parser.parse_args()
    folder, home = (options.out / f"images-{options.images}").absolute(), (options.out / "home").absolute()
    draw(folder, options.images)
    shutil.rmtree(home, ignore_errors=True)
    rows: list[tuple[str, float | None, int, int, int]] = []
    with served(home) as (url, pid), chromium() as browser, Watch({}, {"server": [pid]}) as watch:
        page = browser.new_page()
        page.set_default_timeout(1_800_000)

        def note(step: str, seconds: float | None) -> None:
            server, importing, worker = (watch.peaks.get(name, 0) for name in ("server", "import", "worker"))
            rows.append((step, seconds, server, importing, worker))
            took = "" if seconds is None else f" {seconds:.1f} s,"
            print(f"{step}:{took} server {rows[-1][2] / MB:.0f} MB", flush=True)
            watch.reset()

        note("the first page", timed(page, "open", url, "Bring in labelled images"))
        field = page.get_by_label("Folder, archive or table of labels on this computer")
        field.fill(str(folder))
        started = time.perf_counter()
        page.get_by_role("button", name="Import this path").click()
        watch.groups = {"import": (job_of(home, "import"),)}
        page.get_by_role("button", name="Get advice").wait_for()
        imported = time.perf_counter() - started
        note(f"import, {options.images / imported:,.0f} images/s", imported)
        watch.groups = {"worker": ("training.jobs.worker", str(home))}
        address = page.url
        note("its page, opened anew", timed(page, "open", address, f"{options.images:,} images in"))
        page.locator("img[src*='/thaw/thumb']").first.wait_for()
        note("the check", timed(page, "Check", address, CHECKED))
        job = Store(home).jobs(kind="profile")[0]
        deadline = time.monotonic() + 60 * options.profile_minutes
        began = time.perf_counter()
        while Store(home).job(job.id).active and time.monotonic() < deadline:
            page.wait_for_timeout(1000)
        state = Store(home).job(job.id)
        note(f"the profile, until {'it ' + state.state if not state.active else 'its minutes were over'}",
             time.perf_counter() - began)  # fmt: skip
        if state.active:
            Store(home).request_stop(job.id)
            page.wait_for_timeout(5000)
    print(f"\nMeasured on {describe()}: {options.images:,} JPEGs of {PX} px.\n")
    print("| step | seconds | server, MB | import's processes, MB | worker, MB |\n|---|---|---|---|---|")
    for step, took, server, importing, worker in rows:
        cells = [f"{value / MB:.0f}" if value else "" for value in (server, importing, worker)]
        print(f"| {step} | {'' if took is None else f'{took:.1f}'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

"""Pictures of every page, light and dark, at 1440 and 800 px, from a home that holds real runs.

    python -m benchmarks.screenshots OUT_FOLDER --home HOME --dataset DATASET_ID [--run RUN_ID] [--unfold]
    python -m benchmarks.screenshots OUT_FOLDER --home HOME --dataset DATASET_ID --copy --ageless [--tree PATH]

Starts the app on a free port, opens each page in headless Chromium, waits until the page stands still and saves
OUT_FOLDER/<page>-<theme>-<width>.png; with --unfold every fold of a page is opened first. With --copy the app sees a
copy of the home, so that another checkout finds it as it was, and --ageless says "some time ago" for every age: two
folders of pictures can then be held together by `benchmarks.same_pictures`.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

from benchmarks.browser import chromium, served
from benchmarks.command import PROJECT

PAGES = ("data", "advice", "train", "compare", "run", "predict", "playground", "learn")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1440, 800)
STILL_MS = 1500
"""A page that looks the same after so long, and is not BUSY, stands still."""
PATIENCE_S = 240.0
TALLEST = 6000
AGELESS = r"""() => {
  const ageless = (text) => text.replace(/just now|\d+ (min|h|days?) ago/g, "some time ago")
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) texts.currentNode.data = ageless(texts.currentNode.data)
  for (const field of document.querySelectorAll("input"))
    if (field.value !== ageless(field.value)) field.value = ageless(field.value)
}"""
BUSY = "[data-testid=stStatusWidget], [data-testid=stProgress]"
"""What a page shows that is not ready."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--run", default="")
    parser.add_argument("--unfold", action="store_true")
    parser.add_argument("--pages", nargs="+", default=list(PAGES), choices=PAGES)
    parser.add_argument("--tree", type=Path, default=PROJECT, help="the checkout whose app is shown (this one)")
    parser.add_argument("--copy", action="store_true", help="show a copy of the home")
    parser.add_argument("--ageless", action="store_true", help="'some time ago' for every age")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(shutil.copytree(options.home, Path(folder) / "home")) if options.copy else options.home
        with served(home, options.tree) as (url, _), chromium() as browser:
            for theme in THEMES:
                for width in WIDTHS:
                    _shoot(browser, url, theme, width, options)


def _shoot(
    browser: Browser, url: str, theme: Literal["light", "dark"], width: int, options: argparse.Namespace
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=theme)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("heading", name="Bring in labelled images").wait_for(timeout=30_000)
    _save(page, options, f"first-{theme}-{width}", full_page=True)
    for name in options.pages:
        run = f"&run={options.run}" if name in ("train", "run") and options.run else ""
        path = "" if name == "data" else name  # the first page's address is the server's own
        page.goto(f"{url}/{path}?dataset={options.dataset}{run}")
        page.locator("h1, h2").first.wait_for(timeout=30_000)
        _still(page)
        if options.unfold:
            folded = page.locator("details:not([open]) > summary")
            for _ in range(folded.count()):  # an opened one drops out of the list
                folded.first.click()
                page.wait_for_timeout(STILL_MS / 3)
        _grow(page, width)
        _save(page, options, f"{name}-{theme}-{width}")
        page.set_viewport_size({"width": width, "height": 1000})
        print(f"{name} {theme} {width}", flush=True)
    context.close()


def _grow(page: Page, width: int) -> None:
    """Make the window as tall as the page: plots are drawn when they scroll into view, and make it taller."""
    before = 0
    while True:
        height = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
        if (now := min(TALLEST, int(height) + 80)) <= before:
            return
        page.set_viewport_size({"width": width, "height": now})
        _still(page)
        before = now


def _still(page: Page) -> None:
    """Wait until nothing moves any more, or patience ends."""
    deadline, before = time.monotonic() + PATIENCE_S, b""
    while time.monotonic() < deadline:
        now = page.screenshot(animations="disabled")
        if now == before and not page.locator(BUSY).count():
            return
        before = now
        page.wait_for_timeout(STILL_MS)


def _save(page: Page, options: argparse.Namespace, name: str, *, full_page: bool = False) -> None:
    _still(page)
    if options.ageless:
        page.evaluate(AGELESS)
    page.screenshot(path=str(options.out / f"{name}.png"), full_page=full_page, animations="disabled")


if __name__ == "__main__":
    main()

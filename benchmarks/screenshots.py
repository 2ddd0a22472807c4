"""Pictures of every page, light and dark, at 1440 and 800 px, from a home that holds real runs.

    python -m benchmarks.screenshots OUT_FOLDER --home HOME --dataset DATASET_ID [--run RUN_ID] [--unfold]

Starts the app on a free port, opens each page in headless Chromium and saves OUT_FOLDER/<page>-<theme>-<width>.png;
with --unfold every fold of a page is opened first.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from benchmarks.browser import chromium, served

PAGES = ("data", "advice", "train", "compare", "run", "predict", "playground", "learn")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1440, 800)
SETTLE_MS = 2500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--run", default="")
    parser.add_argument("--unfold", action="store_true")
    parser.add_argument("--pages", nargs="+", default=list(PAGES), choices=PAGES)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with served(options.home) as (url, _), chromium() as browser:
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
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=str(options.out / f"first-{theme}-{width}.png"), full_page=True)
    for name in options.pages:
        run = f"&run={options.run}" if name in ("train", "run") and options.run else ""
        path = "" if name == "data" else name  # the first page's address is the server's own
        page.goto(f"{url}/{path}?dataset={options.dataset}{run}")
        page.locator("h1, h2").first.wait_for(timeout=30_000)
        page.wait_for_timeout(SETTLE_MS)
        if options.unfold:
            folded = page.locator("details:not([open]) > summary")
            for _ in range(folded.count()):  # an opened one drops out of the list
                folded.first.click()
                page.wait_for_timeout(SETTLE_MS / 5)
        height = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
        # Plots are drawn when they scroll into view: make the window as tall as the page first.
        page.set_viewport_size({"width": width, "height": min(6000, int(height) + 80)})
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=str(options.out / f"{name}-{theme}-{width}.png"))
        page.set_viewport_size({"width": width, "height": 1000})
        print(f"{name} {theme} {width}", flush=True)
    context.close()


if __name__ == "__main__":
    main()

"""How long the Playground takes for the notebook's own setting: from Python alone, and in a real browser.

    python -m benchmarks.playground [--times 5] [--seeds 3] [--out FILE.md]

Python alone: every strategy and seed and their source networks, one after the other in one process, and by the two
kept-warm processes that the page asks. Browser: headless Chromium presses the button 'Reset to the notebook's setting'
on a page that showed another setting, whose source task was another one too: nothing of the answer is known. It is
there when the verdict, the first charts and the caption under them are. Then the slider goes to its far end: the source
networks are known, the runs are not. And back again: all is known. 'Opened' is the page as the first thing after the
server's start, torch not loaded yet. Each repeat has a server of its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from benchmarks.browser import chromium, served
from benchmarks.machine import describe
from training.playground import experiment
from training.playground.client import Pool
from training.playground.settings import ARMS, NOTEBOOK
from ui.playground.run import Memory, run

GOAL_S = 5.0
SLOW_MS = 120_000
OTHER = "pg_noise=1.0&pg_target=50"
"""A setting that shares nothing with the preset, its source task included."""
CAPTIONS = '[data-testid="stCaptionContainer"]'
FRESH = """([captions, before]) => [...document.querySelectorAll(captions)].some(
    one => /\\d+ runs and \\d+ source network/.test(one.innerText) && !before.includes(one.innerText))"""
"""The caption under the first charts names its runs and their seconds, so it is another one after every answer."""
SWEPT = """captions => { const said = [...document.querySelectorAll(captions)].map(one => one.innerText);
    return said.some(text => /From a shift of|At no shift/.test(text)) && !said.some(text => /Training/.test(text)) }"""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--times", type=int, default=5)
    words.add_argument("--seeds", type=int, default=3, help="of the part without a browser; the page's preset has 3")
    words.add_argument("--out", type=Path)
    options = words.parse_args()
    load = os.getloadavg()[0]
    found = {"Python, one process, one thread": [alone(options.seeds) for _ in range(options.times)]}
    found["Python, two kept-warm processes"] = [asked(options.seeds) for _ in range(options.times)]
    for _ in range(options.times):
        for name, seconds in in_browser().items():
            found.setdefault(name, []).append(seconds)
    text = table(found, load, options.seeds)
    if options.out:
        options.out.write_text(text)
    print(text)


def alone(seeds: int) -> float:
    """Seconds for all strategies on so many seeds, the source networks included."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    experiment._pretrained.cache_clear()
    began = time.perf_counter()
    for seed in range(seeds):
        for arm in ARMS:
            experiment.run_arm(NOTEBOOK, arm, seed)
    seconds = time.perf_counter() - began
    torch.set_num_threads(threads)
    return seconds


def asked(seeds: int) -> float:
    """The same by the page's processes, which have loaded everything but trained nothing."""
    pool = Pool(2)
    try:
        pool.warm_up()
        tiny = {**NOTEBOOK.as_json(), "epochs": 3, "source": 50, "target": 10}
        for future in [pool.ask("arm", {"settings": tiny, "arm": "full", "seed": seed}) for seed in range(4)]:
            future.result()
        began = time.perf_counter()
        run(pool, NOTEBOOK, ARMS, range(seeds), lambda done, wanted: None, Memory())
        return time.perf_counter() - began
    finally:
        pool.close()


def in_browser() -> dict[str, float]:
    """Seconds by what was done, in one browser and with one server."""
    found = {}
    with tempfile.TemporaryDirectory() as place, served(Path(place) / "home") as (url, _), chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})

        def answer_to(name: str, act: Callable[[], object]) -> None:
            before = page.locator(CAPTIONS).all_inner_texts()
            began = time.perf_counter()
            act()
            page.wait_for_function(FRESH, arg=[CAPTIONS, before], timeout=SLOW_MS, polling=20)
            found[f"Browser: {name}"] = time.perf_counter() - began
            print(f"{name}: {time.perf_counter() - began:.2f} s", flush=True)
            page.wait_for_timeout(2000)  # the sentence under the sweep is still the last one's
            page.wait_for_function(SWEPT, arg=CAPTIONS, timeout=SLOW_MS)

        reset = page.get_by_role("button", name="Reset to the notebook's setting")
        slider = page.get_by_role("slider", name="Shift between the tasks")
        answer_to("opened first after the server's start", lambda: page.goto(f"{url}/playground?{OTHER}"))
        answer_to("the button pressed, the preset answered", reset.click)
        answer_to("the shift to its far end", lambda: slider.press("End"))
        answer_to("back to the preset, answered before", reset.click)
    return found


def table(found: dict[str, list[float]], load: float, seeds: int) -> str:
    pressed = found["Browser: the button pressed, the preset answered"]
    lines = [
        f"Measured on {describe()}.",
        "",
        f"The preset: {len(ARMS)} strategies on {seeds} seeds, {len(ARMS) * seeds} runs of {NOTEBOOK.epochs} epochs",
        f"and {seeds} source networks. Load before (1 is one busy core): {load:.1f} on {os.cpu_count()} cores.",
        "",
        "| what | repeats | median, s | slowest, s |",
        "|---|---|---|---|",
    ]
    for name, seconds in found.items():
        lines.append(f"| {name} | {len(seconds)} | {median(seconds):.2f} | {max(seconds):.2f} |")
    reached = "met" if max(pressed) <= GOAL_S else "missed"
    lines += ["", f"Goal: the preset answers within {GOAL_S:g} s on 2 cores, every time: {reached}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

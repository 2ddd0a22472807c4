"""This checkout beside an earlier one, in one run, in turns: each ratio is one of a pair measured back to back.

    python -m benchmarks.beside OLD [--tree NEW] [--pairs 5] [--home HOME --dataset ID] [--out FILE]
    python -m benchmarks.beside OLD --photos FOLDER [--tree NEW] [--pairs 5] [--out FILE]
    python -m benchmarks.beside --tests [--tree NEW] [--pairs 3] [--out FILE] OLD [-- -k EXPRESSION]

The first compares, by the median of the pairs' ratios: seconds from starting the app to its first heading, in a browser
that has visited before; the memory of the page's process after every page (of a copy of HOME, else of an empty home);
seconds of `python -m training --help`; of importing 40 small drawings into an empty home, on the page; and of a whole
short run, `fit` of a prototype on small drawings in a fresh worker. The second imports a folder of photos into an empty
home, on the page. The third runs the tests that both checkouts have,
known by the names of their functions because files move, and compares the seconds of the whole pytest commands. Exit 1
when a ratio is above its limit.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from playwright.sync_api import BrowserContext

from benchmarks.browser import chromium, rss, served
from benchmarks.command import PROJECT, named, thaw
from benchmarks.drawings import drawings
from benchmarks.machine import describe
from benchmarks.screenshots import PAGES

QUIET = {"THAW_SPARE": "0"}
TESTS = "the tests that both have"
PHOTOS = "an import of the photos"
LIMITS = {
    "first content": 1.05, "memory of the page's process": 1.05, "`--help`": 1.15, "an import of 40 images": 1.05,
    "a short run": None, PHOTOS: 1.1, TESTS: 1.05,
}  # fmt: skip
HELPS = 3
UNITS = {"memory of the page's process": "MB"}


@dataclass
class Pairs:
    """Figures of two checkouts, by what was measured; the first of a pair is the earlier checkout's."""

    figures: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, what: str, measure: Callable[[Path], float], trees: Sequence[Path], turn: int) -> None:
        """Measure both, the earlier first in every other turn."""
        found = {}
        for tree in trees if turn % 2 == 0 else reversed(trees):
            found[tree] = measure(tree)
            print(f"{what}, {tree.name}: {found[tree]:.3f}", file=sys.stderr, flush=True)
        self.figures.setdefault(what, []).append((found[trees[0]], found[trees[1]]))

    def ratio(self, what: str) -> float:
        return median(after / before for before, after in self.figures[what])

    def above(self) -> list[str]:
        """What is above its limit."""
        return [what for what in self.figures if (limit := LIMITS[what]) and self.ratio(what) > limit]

    def table(self, old: str, new: str) -> str:
        lines = [
            f"| what | {old}, median | {new}, median | ratio, median of pairs (each) | at most |",
            "|---|---|---|---|---|",
        ]
        for what, pairs in self.figures.items():
            unit, each = UNITS.get(what, "s"), ", ".join(f"{after / before:.3f}" for before, after in pairs)
            before, after = (median(column) for column in zip(*pairs, strict=True))
            limit = LIMITS[what]
            lines.append(
                f"| {what} | {before:.2f} {unit} | {after:.2f} {unit} | {self.ratio(what):.3f} ({each}) | "
                f"{f'{limit:.2f}' if limit else ''} |"
            )
        return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("--tree", type=Path, default=PROJECT)
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--home", type=Path, help="with --dataset: the pages show a copy of it")
    parser.add_argument("--dataset", default="")
    parser.add_argument("--photos", type=Path, help="a folder of class folders")
    parser.add_argument("--tests", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("words", nargs="*", help="with --tests, after --: options for pytest, such as -k")
    options = parser.parse_args()
    names = named([options.old, options.tree])
    trees, pairs, said = list(names.values()), Pairs(), ""
    with tempfile.TemporaryDirectory() as folder:
        if options.tests:
            said = run_tests(pairs, trees, options.pairs or 3, options.words, Path(folder))
        elif options.photos:
            said = run_import(pairs, trees, options.pairs or 5, options.photos)
        else:
            run_app(pairs, trees, options.pairs or 5, options.home, options.dataset, Path(folder))
    text = f"Measured on {describe()}.\n{said}\n{pairs.table(*names)}"
    if options.out:
        options.out.write_text(text)
    print(text, end="")
    for what in pairs.above():
        print(f"Above its limit: {what}.", file=sys.stderr)
    return int(bool(pairs.above()))


# ---- the app and the terminal ---------------------------------------------------------------------------------------


def run_app(pairs: Pairs, trees: Sequence[Path], times: int, home: Path | None, dataset: str, folder: Path) -> None:
    pictures, homes = drawings(folder / "drawings", ("circle", "square"), 6), {}
    forty = drawings(folder / "forty", ("circle", "square"), 20)
    for number, tree in enumerate(trees):
        homes[tree] = folder / f"home{number}"
        if home:
            shutil.copytree(home, homes[tree])
        _fit(tree, homes[tree], pictures)  # images imported, caches filled, bytecode written
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        for turn in range(-1, times):  # the first turn, thrown away, lets the browser know both
            into = pairs if turn >= 0 else Pairs()
            into.add("first content", lambda tree: _first_content(context, tree, homes[tree]), trees, turn)
        for turn in range(times):
            pairs.add(
                "memory of the page's process", lambda tree: _memory(context, tree, homes[tree], dataset), trees, turn
            )
            pairs.add("an import of 40 images", lambda tree: _import(context, tree, forty), trees, turn)
        context.close()
    for turn in range(times):
        pairs.add("`--help`", _help, trees, turn)
        pairs.add("a short run", lambda tree: _fit(tree, homes[tree], pictures), trees, turn)


def run_import(pairs: Pairs, trees: Sequence[Path], times: int, photos: Path) -> str:
    """Returns what was imported, in a line."""
    files = [path for path in photos.rglob("*") if path.is_file()]
    for path in files:  # the first checkout is not to be the one that waits for the disk
        path.read_bytes()
    with chromium() as browser:
        context = browser.new_context()
        for turn in range(times):
            pairs.add(PHOTOS, lambda tree: _import(context, tree, photos), trees, turn)
        context.close()
    return f"{len(files):,} files, {sum(path.stat().st_size for path in files) / 1e6:,.0f} MB.\n"


def _first_content(context: BrowserContext, tree: Path, home: Path) -> float:
    page = context.new_page()
    began = time.perf_counter()
    with served(home, tree, **QUIET) as (url, _):
        page.goto(url)
        page.get_by_role("heading", name="Bring in labelled images").wait_for(timeout=60_000)
        took = time.perf_counter() - began
        page.close()
    return took


def _memory(context: BrowserContext, tree: Path, home: Path, dataset: str) -> float:
    """MB"""
    page = context.new_page()
    with served(home, tree, **QUIET) as (url, pid):
        for name in PAGES:
            page.goto(f"{url}/{'' if name == 'data' else name}?dataset={dataset}")
            page.locator("h1, h2").first.wait_for(timeout=60_000)
            page.wait_for_load_state("networkidle")
        page.close()
        return rss(pid) / 1e6


def _import(context: BrowserContext, tree: Path, pictures: Path) -> float:
    """From the click to the dataset's page."""
    page = context.new_page()
    with tempfile.TemporaryDirectory() as home, served(Path(home), tree, **QUIET) as (url, _):
        page.goto(url)
        page.get_by_label("Folder, archive or table of labels on this computer").fill(str(pictures))
        button = page.get_by_role("button", name="Import this path")
        button.wait_for(timeout=60_000)
        began = time.perf_counter()
        button.click()
        page.get_by_role("button", name="Get advice").wait_for(timeout=300_000)
        took = time.perf_counter() - began
        page.close()
    return took


def _help(tree: Path) -> float:
    """The shortest of a few: it is over so soon that anything else on the machine shows."""
    seconds = []
    for _ in range(HELPS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "training", "--help"], cwd=tree, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _fit(tree: Path, home: Path, pictures: Path) -> float:
    seconds, document = thaw(home, "fit", str(pictures), "--strategy", "prototype", tree=tree, environment=QUIET)
    if document["state"] != "finished":
        raise SystemExit(f"The short run failed: {document['error']}")
    return seconds


# ---- the tests ------------------------------------------------------------------------------------------------------


def run_tests(pairs: Pairs, trees: Sequence[Path], times: int, words: Sequence[str], folder: Path) -> str:
    """Returns what was run, in a line, and how it went."""
    chosen = common(*(collected(tree, words) for tree in trees))
    lists, told = {}, Counter[str]()
    for number, tree in enumerate(trees):
        lists[tree] = folder / f"tests{number}"
        lists[tree].write_text("\n".join(chosen[number]) + "\n")

    def run(tree: Path) -> float:
        began = time.perf_counter()
        said = _pytest(tree, *words, f"@{lists[tree]}")
        took = time.perf_counter() - began
        told.update(f"{tree.name}: {line}" for line in said if line.startswith(("FAILED", "ERROR")))
        return took

    for turn in range(times):
        pairs.add(TESTS, run, trees, turn)
    failures = [f"- {line}, {count} of {times} times" for line, count in told.items()]
    return "\n".join([f"{len(chosen[0]):,} tests that both have, {times} pairs.", *failures, ""])


def collected(tree: Path, words: Sequence[str]) -> list[str]:
    """The ids of a checkout's tests."""
    return [line for line in _pytest(tree, "--collect-only", *words) if "::" in line]


def _pytest(tree: Path, *words: str) -> list[str]:
    """The lines that pytest prints. Ends the program when it could not run."""
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-q", *words]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"pytest ended with {done.returncode} in {tree}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.splitlines()


def common(old: Sequence[str], new: Sequence[str]) -> tuple[list[str], list[str]]:
    """The tests whose name, file aside, is in both; one that is not there as often in both is left out."""
    before, after = Counter(map(_name, old)), Counter(map(_name, new))
    both = {name for name, count in before.items() if after[name] == count}
    return [one for one in old if _name(one) in both], [one for one in new if _name(one) in both]


def _name(test: str) -> str:
    """'tests/ui/test_a.py::test_it[x]' -> 'test_it[x]'"""
    return test.partition("::")[2]


if __name__ == "__main__":
    sys.exit(main())

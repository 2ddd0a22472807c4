"""Follows one piece of data through the project: how many files it passes, and by how many calls between them.

    python -m benchmarks.paths [--tree PATH ...] [--out FILE] [--list FOLDER]

Four paths, each in processes under `sys.setprofile` (`benchmarks.following` says what counts), worker and import among
them. The rest, preparing and looking whether it has ended, is not followed:

- zip to gallery: the path of an archive typed on the Data page, its import, the gallery, its first tile from the server
- facts to advice: `advise` for images that have been measured
- click to trained run: "Train this" on the Advice page until the run has finished
- run to ONNX: `export`

A call is counted once for each (file, file, function); what a function does within its own file is not. --list writes
them, a file a path and tree.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import following
from benchmarks.command import add_trees, named, thaw
from benchmarks.drawings import drawings

IMAGES = 14
"""Of each class: enough for the advice to train more than a head."""
WAIT_S = 900
Call = tuple[str, str, str]
"""(caller's file, callee's file, function); without a caller: a file that was entered."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_trees(parser)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--list", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    found = {name: follow(tree) for name, tree in named(options.trees).items()}
    if options.list:
        write_lists(options.list, found)
    text = table(found)
    if options.out:
        options.out.write_text(text)
    print(text, end="")


def follow(tree: Path) -> dict[str, set[Call]]:
    """Path -> the calls on it."""
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(tree, Path(folder))
        return {name: step(walk) for name, step in STEPS.items()}


class Walk:
    """A home with one small dataset, measured, and the ways to have something done there and followed."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.tree, self.home, self.folder = tree, folder / "home", folder
        self.home.mkdir()
        hooks = folder / "hooks"
        hooks.mkdir()
        shutil.copy(following.__file__, hooks / "sitecustomize.py")
        self.environment = {
            "PYTHONPATH": os.pathsep.join([str(hooks), str(tree)]), following.TREE: str(tree), "THAW_SPARE": "0",
            "THAW_HOME": str(self.home),
        }  # fmt: skip
        pictures = drawings(folder / "drawings", ("circle", "square"), IMAGES)
        self.archive = Path(shutil.make_archive(str(pictures), "zip", pictures))
        self.dataset = self.answer("profile", str(self.archive))["dataset_id"]

    def answer(self, *words: str, to: Path | None = None) -> Any:
        """The document of a command; `to`: where the lines of its calls go."""
        followed = {following.FOLDER: str(to)} if to else {}
        _, document = thaw(self.home, *words, tree=self.tree, environment={**self.environment, **followed})
        if isinstance(document, dict) and document.get("error"):
            raise SystemExit(f"`{' '.join(words)}` failed: {document['error']}")
        return document

    def page(self, what: str, to: Path, given: str) -> None:
        driver = Path(__file__).with_name("paths_pages.py")
        subprocess.run(
            [sys.executable, "-P", str(driver), what, str(to), given], cwd=self.tree, check=True,
            env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def new(self, name: str) -> Path:
        made = self.folder / name
        made.mkdir()
        return made


def zip_to_gallery(walk: Walk) -> set[Call]:
    # The facts stay, so that nothing is measured afterwards; the images are imported as if for the first time.
    shutil.rmtree(walk.home / "datasets" / walk.dataset)
    to = walk.new("gallery")
    walk.page("gallery", to, str(walk.archive))
    return calls(to)


def facts_to_advice(walk: Walk) -> set[Call]:
    to = walk.new("advice")
    walk.answer("advise", walk.dataset, to=to)
    return calls(to)


def click_to_trained_run(walk: Walk) -> set[Call]:
    to = walk.new("train")
    walk.page("train", to, walk.dataset)
    deadline = time.monotonic() + WAIT_S
    while (run := walk.answer("runs")[0])["state"] != "finished":
        if run["state"] not in ("queued", "running") or time.monotonic() > deadline:
            raise SystemExit(f"The run ended as '{run['state']}': {run['error']}")
        time.sleep(1)
    return calls(to)


def run_to_onnx(walk: Walk) -> set[Call]:
    to = walk.new("export")
    walk.answer("export", walk.answer("runs")[0]["id"], "--out", str(walk.folder / "onnx"), to=to)
    return calls(to)


STEPS = {
    "zip to gallery": zip_to_gallery, "facts to advice": facts_to_advice,
    "click to trained run": click_to_trained_run, "run to ONNX": run_to_onnx,
}  # fmt: skip
"""In the order in which each needs the ones before."""


def calls(folder: Path) -> set[Call]:
    """What every process that was followed wrote."""
    lines = [line for file in sorted(folder.iterdir()) for line in file.read_text(encoding="utf-8").splitlines()]
    return {(caller, callee, function) for caller, callee, function in (line.split("\t") for line in lines)}


def files_of(found: set[Call]) -> set[str]:
    return {place for caller, callee, _ in found for place in (caller, callee) if place}


def between(found: set[Call]) -> set[Call]:
    """The calls from one file to another."""
    return {call for call in found if call[0] and call[0] != call[1]}


def write_lists(folder: Path, found: dict[str, dict[str, set[Call]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, paths in found.items():
        for path, all_calls in paths.items():
            lines = [f"{caller} -> {callee} {function}" for caller, callee, function in sorted(between(all_calls))]
            (folder / f"{path} {name}.txt").write_text("\n".join(lines) + "\n")


def table(found: dict[str, dict[str, set[Call]]]) -> str:
    """Markdown: files and calls of each path, trees side by side."""
    heads = [f"{what}, {name}" for what in ("files", "calls between files") for name in found]
    lines = ["| path | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for path in STEPS:
        counts = [len(files_of(paths[path])) for paths in found.values()]
        counts += [len(between(paths[path])) for paths in found.values()]
        lines.append(f"| {path} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

"""What the benchmarks share: checkouts to measure, the commands that a user types there, and logs that a killed
benchmark goes on from.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]


def add_trees(parser: argparse.ArgumentParser) -> None:
    """--tree PATH, as often as wanted, for `named`."""
    parser.add_argument(
        "--tree", dest="trees", type=Path, action="append", default=[], metavar="PATH",
        help="a checkout to measure, as often as wanted (this one)",
    )  # fmt: skip


def named(trees: Sequence[Path]) -> dict[str, Path]:
    """The checkouts by their names, folders added where two have the same; this one when none was given."""
    found = [tree.resolve() for tree in trees] or [PROJECT]
    names = [name_of(tree) for tree in found]
    return {
        name if names.count(name) == 1 else f"{name} in {tree.name}": tree
        for name, tree in zip(names, found, strict=True)
    }


def name_of(tree: Path) -> str:
    """The commit that a checkout stands at, `-dirty` where it was edited; the folder's name where git knows none."""
    said = subprocess.run(
        ["git", "-C", str(tree), "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return said.stdout.strip() or tree.resolve().name


def thaw(
    home: Path, *words: str, tree: Path = PROJECT, environment: Mapping[str, str] | None = None
) -> tuple[float, dict[str, Any]]:
    """(wall seconds, last JSON line) of one `python -m training` command of a checkout, with these variables set
    besides; without a line, its last word as the error."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "training", *words, "--json", "--home", str(home.absolute())]
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    lines = done.stdout.strip().splitlines()
    return seconds, json.loads(lines[-1]) if lines else {"state": "failed", "error": last_line(done.stderr)}


def copy_home(home: Path, to: Path, patience_s: float = 60.0) -> None:
    """A home as it is once its last worker has gone: one that has told its result still has the database open for a
    moment, and takes the files beside it away when it ends."""
    until = time.monotonic() + patience_s
    while (home / "thaw.db-wal").exists() and time.monotonic() < until:
        time.sleep(0.05)
    shutil.copytree(home, to)


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "ended without a word")


def read(log: Path) -> list[dict[str, Any]]:
    """Every line of a log of JSON lines; none when there is no log yet."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def append(log: Path, record: dict[str, Any]) -> None:
    with log.open("a") as file:
        file.write(json.dumps(record) + "\n")

"""kill -9 at every line of the step of an import that writes, flushes and renames: is the set whole, or absent?

    python -m benchmarks.kill_commit OUT_FOLDER [--images 60]

Random moments (`benchmarks.kill_import`) almost never fall into this step, which takes milliseconds. Here the process
that imports counts the lines that it executes of the functions in STEP, and kills itself before one of them; each of
these moments is a point of its own, in an empty home. Then the home is looked at and the import is repeated. Prints a
table, one row a function; exits with 1 when a dataset was there in part, or a repeated import did not end whole.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.command import PROJECT
from benchmarks.kill_import import make_archive, whole
from core import disk
from dataset import commit
from dataset.folder import list_datasets
from dataset.ingest.sources import import_path

STEP = {
    one.__code__: one.__name__
    for one in (commit.commit, commit._save_thumbnails, disk.flush, disk.flush_one, commit.remember)
}


def die_at(archive: Path, home: Path, number: int) -> None:
    """Import, and die before the line of this number, from 1 (0 = none); says which lines there were."""
    seen: list[str] = []

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            seen.append(f"{STEP[frame.f_code]} {frame.f_lineno}")
            if len(seen) == number:
                print(seen[-1], flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    sys.settrace(lambda frame, event, _: line if frame.f_code in STEP else None)
    import_path(archive, home)
    sys.settrace(None)
    print("\n".join(seen), flush=True)


def child(archive: Path, home: Path, number: int) -> tuple[int, list[str]]:
    """(exit status, lines said) of a process that does this in an empty home."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks.kill_commit", str(archive), "--die", str(number), str(home)]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout.split("\n")[:-1]


def main() -> int:
    from benchmarks.machine import describe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--die", nargs=2, metavar=("LINE", "HOME"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.die:
        die_at(options.out, Path(options.die[1]), int(options.die[0]))
        return 0
    archive, home = make_archive(options.out, options.images), options.out / "home"
    status, lines = child(archive, home, 0)
    (like,) = list_datasets(home)
    assert status == 0 and whole(home, like.id) == "whole"
    left: dict[str, Counter[str]] = {}
    for number in range(1, len(lines) + 1):
        status, said = child(archive, home, number)
        assert status == -signal.SIGKILL and said == [lines[number - 1]], f"line {number}: {status}, {said}"
        there = list_datasets(home)
        found = whole(home, there[0].id, like) if there else "nothing"
        again = import_path(archive, home)
        strays = [one.name for one in (home / "datasets").iterdir() if one.name != like.id]
        repeated = f"left {', '.join(strays)}" if strays else whole(home, again.id, like)
        left.setdefault(said[0].split()[0], Counter())[f"{found}; repeated: {repeated}"] += 1
    print(f"Measured on {describe()}: {options.images:,} images in a zip, {len(lines)} lines.\n")
    print("| killed in | lines | left; repeated |\n|---|---|---|")
    for name, outcomes in left.items():
        told = ", ".join(f"{outcome} ({number})" for outcome, number in outcomes.items())
        print(f"| `{name}` | {outcomes.total()} | {told} |")
    fine = {"nothing; repeated: whole", "whole; repeated: whole"}
    return 0 if all(set(outcomes) <= fine for outcomes in left.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What an edit costs on a large dataset, and what taking one away costs the server's memory.

    python -m benchmarks.revisions [--images 100000] [--megabytes 500]

Makes manifests (and files of random bytes) in a temporary home; no image is decoded. Prints a table.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.browser import rss, served
from benchmarks.machine import describe
from core.types import IMAGES, DatasetRef
from dataset.cleaned_set import items
from dataset.commit import commit, staging
from dataset.edits import Edit
from dataset.folder import Row, content_id, counts_of
from dataset.revisions import history, revise
from dataset.splits import sides

CLASSES = tuple(f"class {number:02d}" for number in range(20))
REPEATS = 3
FILE_MB = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--megabytes", type=int, default=500)
    options = parser.parse_args()
    print(f"{describe()}\n\n| what | figure |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        _edits(Path(folder) / "home", options.images)
    with tempfile.TemporaryDirectory() as folder:
        _taking_away(Path(folder) / "home", options.megabytes)


def _edits(home: Path, images: int) -> None:
    ref = _dataset(home, images, 0)
    paths = [f"{CLASSES[number % 20]}/{number:06d}.jpg" for number in range(0, images, max(1, images // 100))]
    edits = [Edit("relabel", tuple(paths[number:]), CLASSES[1]) for number in range(REPEATS)]
    seconds = [_timed(partial(revise, home, ref, [edit])) for edit in edits]
    print(f"| relabelling {len(paths)} of {images:,} images, median of {REPEATS} | {_s(seconds)} |")
    new = history(home, ref)[0]
    size = sum(path.stat().st_size for path in Path(new.root).iterdir())
    print(f"| disk that a revision takes | {size / 1e6:.1f} MB |")
    print(f"| the split of a revision | {_s([_timed(lambda: sides(new, 0)) for _ in range(REPEATS)])} |")
    print(f"| names for its zip | {_s([_timed(lambda: items(new)) for _ in range(REPEATS)])} |")


def _taking_away(home: Path, megabytes: int) -> None:
    ref = _dataset(home, megabytes // FILE_MB, FILE_MB)
    with served(home, THAW_SPARE="0") as (url, pid):
        urllib.request.urlopen(f"{url}/thaw/cleaned/{ref.id}.csv").read()  # what is imported once, is imported now
        before = most = rss(pid)
        received, started = 0, time.perf_counter()
        with urllib.request.urlopen(f"{url}/thaw/cleaned/{ref.id}.zip") as answer:
            while piece := answer.read(2**20):
                received += len(piece)
                most = max(most, rss(pid))
        seconds = time.perf_counter() - started
    print(f"| zip of {received / 1e6:,.0f} MB taken from the server | {seconds:.1f} s |")
    print(f"| the server's memory before, and at most meanwhile | {before / 1e6:.0f} MB, {most / 1e6:.0f} MB |")


def _dataset(home: Path, images: int, megabytes: int) -> DatasetRef:
    """As an import would leave it, without thumbnails; files of random bytes where `megabytes` is not 0."""
    rows = []
    with staging(home) as stage:
        for number in range(images):
            path = f"{CLASSES[number % 20]}/{number:06d}.jpg"
            file = stage / IMAGES / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(os.urandom(megabytes * 2**20))
            rows.append(Row(path, number % 20, "", hashlib.sha256(path.encode()).hexdigest()[:32], 64, 64))
        rows.sort()
        new = content_id(rows, CLASSES)
        ref = DatasetRef(
            id=new, name="made", root=str(stage.parent / new), classes=CLASSES, counts=counts_of(rows, 20),
            source="benchmark", created=time.time(),
        )  # fmt: skip
        return commit(stage, ref, rows, None)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """(seconds, seconds of them on a core: the same on a busy machine)."""
    started, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - worked


def _s(seconds: list[tuple[float, float]]) -> str:
    wall, worked = (statistics.median(column) for column in zip(*seconds, strict=True))
    return f"{wall:.2f} s, {worked:.2f} s of it on a core"




if __name__ == "__main__":
    main()

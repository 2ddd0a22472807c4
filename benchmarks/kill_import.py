"""kill -9 at random moments of an import: is the dataset whole or not there, and does repeating it succeed?

    python -m benchmarks.kill_import OUT_FOLDER [--points 20] [--images 1500] [--seed 0]

Images are made on the spot and packed as a zip. One import runs undisturbed; then, a point each, the import's process
(as the Data page starts it) is killed at a moment drawn uniformly from the undisturbed one's time, the home is looked
at, and the import is repeated. "whole" means every image, byte for byte, the manifest and the thumbnails. Prints a
table; exits with 1 when anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from core import processes
from core.types import DatasetRef
from dataset.folder import list_datasets, load_dataset, read_manifest, read_thumbnails
from training.jobs.executor import executor
from training.requests import submit
from training.requests.imports import ImportImages
from training.store.store import Store

POLL_S = 0.005
ORPHANS_S = 10.0


@dataclass(frozen=True)
class Point:
    after: float
    """Seconds from the start of the import to the kill."""
    doing: str
    """What it did then, by what lay in the home."""
    left: str
    """'nothing', 'whole', 'ended before', or what is wrong."""
    repeated: str
    """'whole', or what is wrong."""
    orphans: int
    """Decoding processes that were still there a while after the kill."""


def make_archive(folder: Path, images: int, px: int = 48) -> Path:
    rng = np.random.default_rng(0)
    for number in range(images):
        place = folder / "photos" / f"class {number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (px, px, 3), dtype=np.uint8)).save(place / f"{number:05d}.png")
    return Path(shutil.make_archive(str(folder / "photos"), "zip", folder / "photos"))


def whole(home: Path, dataset_id: str, like: DatasetRef | None = None) -> str:
    """'whole', or what is missing or differs. like: an undisturbed import of the same."""
    ref = load_dataset(home, dataset_id)
    manifest = read_manifest(ref)
    if like and (ref.id, ref.counts, ref.set_aside) != (like.id, like.counts, like.set_aside):
        return "another record"
    if len(manifest) != ref.images or read_thumbnails(ref) is None:
        return "manifest or thumbnails do not match"
    for path, digest in zip(manifest["path"], manifest["digest"], strict=True):
        file = Path(ref.root) / "images" / path
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest()[:32] != digest:
            return f"{path} is missing or differs"
    return "whole"


def run(home: Path, asked: ImportImages, kill_after: float | None) -> tuple[str, float, str, list[int]]:
    """(state at the end, seconds, what it did when killed, its decoding processes then) of one import."""
    started = time.monotonic()
    jobs = executor(home)
    job = jobs.submit(submit(Store(home), asked).id)
    pid, pid_started = job.pid, job.pid_started
    doing, decoders = "", list[int]()
    while job.active:
        if pid and kill_after is not None and not doing and time.monotonic() - started >= kill_after:
            doing = stage_of(home)
            decoders = decoders_of(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)
        job = jobs.status(job.id)
    took = time.monotonic() - started
    while pid and processes.alive(pid, pid_started):  # its last act is to look for other work, in this home
        time.sleep(POLL_S)
    return job.state, took, doing, decoders


def stage_of(home: Path) -> str:
    """What an import is doing, from the outside."""
    stages = list((home / "datasets").glob(".staging-*"))
    if not stages:
        return "committing" if list((home / "datasets").glob("[0-9a-f]*")) else "starting"
    if (stages[0] / "manifest.csv").exists():
        return "committing"
    if (stages[0] / "images").exists():
        return "decoding"
    return "unpacking"


def decoders_of(pid: int) -> list[int]:
    """The decoding processes that an import has started."""
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def still_there(pids: list[int]) -> int:
    """How many of these decoding processes live."""
    found = 0
    for pid in pids:
        with suppress(psutil.Error):
            found += "dataset.ingest.decode_workers" in psutil.Process(pid).cmdline()
    return found


def point(home: Path, asked: ImportImages, like: DatasetRef, after: float) -> Point:
    """One kill in an empty home, what it left, and the same import again."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    state, _, doing, decoders = run(home, asked, after)
    there = list_datasets(home)
    left = "ended before" if state == "finished" else whole(home, there[0].id, like) if there else "nothing"
    deadline = time.monotonic() + ORPHANS_S
    while still_there(decoders) and time.monotonic() < deadline:
        time.sleep(0.1)
    still = still_there(decoders)
    state, *_ = run(home, asked, None)
    repeated = whole(home, like.id, like) if state == "finished" else state
    if strays := [path.name for path in (home / "datasets").iterdir() if path.name != like.id]:
        repeated = f"left {', '.join(strays)}"
    return Point(after, doing, left, repeated, still)


def undisturbed(home: Path, asked: ImportImages) -> tuple[DatasetRef, float]:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    state, seconds, *_ = run(home, asked, None)
    (ref,) = list_datasets(home)
    assert state == "finished" and whole(home, ref.id) == "whole"
    return ref, seconds


def right(one: Point) -> bool:
    return one.left in ("nothing", "whole", "ended before") and one.repeated == "whole" and not one.orphans


def main() -> int:
    from benchmarks.machine import describe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    order = ImportImages(str(make_archive(options.out, options.images)))
    like, seconds = undisturbed(options.out / "home", order)
    rng = np.random.default_rng(options.seed)
    points: list[Point] = []
    while len(points) < options.points:
        one = point(options.out / "home", order, like, float(rng.uniform(0, seconds)))
        if one.left == "ended before":  # the moment fell after the end: another one is drawn
            continue
        points.append(one)
        print(f"killed after {one.after:.2f} s ({one.doing}): {one.left}; repeated: {one.repeated}", flush=True)
    doing = Counter(one.doing for one in points)
    print(f"\nMeasured on {describe()}: {options.images:,} images in a zip, {seconds:.1f} s undisturbed.\n")
    print("| points | killed while | left | repeated | processes left over |")
    print("|---|---|---|---|---|")
    left, repeated = Counter(one.left for one in points), Counter(one.repeated for one in points)
    print(
        f"| {len(points)} | {', '.join(f'{name} {count}' for name, count in doing.most_common())} "
        f"| {', '.join(f'{name} {count}' for name, count in left.most_common())} "
        f"| {', '.join(f'{name} {count}' for name, count in repeated.most_common())} "
        f"| {sum(one.orphans for one in points)} |"
    )
    return 0 if all(map(right, points)) else 1


if __name__ == "__main__":
    sys.exit(main())

"""How the cost of a run grows with the number of images: seconds of each part, and the power they grow by.

    python -m benchmarks.growth PHOTOS OUT [--sizes 500 2000 8000] [--frozen 32000] [--hours H] [--table FILE]

PHOTOS: an archive or folder of class folders. A larger set is made of it by repeating its photos with noise of their
own, so that no two files are copies and none looks like another to the check for near-duplicates. Each run is the whole
command in an empty home, smallest first: a linear probe of each size, and one epoch of 'partial' and of 'full'. A line
a run goes to OUT/runs.jsonl: a killed benchmark goes on.

- import: the command without its run, so starting it, checking and filing the images, loading a worker.
- frozen features: decoding and the passes that fill caches. judging: validation and test images, and saving.
- The power is the slope of log seconds over log images between the two largest sizes: 1 = in proportion.
"""

from __future__ import annotations

import argparse
import math
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from core.home import home as make_home
from dataset import read_manifest
from dataset.ingest import import_path

NOISE = 12.0
"""Standard deviation of the noise on a repeated photo, of 255, drawn in blocks of 8 px: finer noise is averaged out
where near-duplicates are compared."""
PARTS = ("import", "frozen features", "training", "judging", "whole")
KINDS = {"linear_probe": (), "partial": ("--epochs", "1"), "full": ("--epochs", "1")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("out", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 8000])
    parser.add_argument("--frozen", type=int, nargs="*", default=[32000], help="further sizes, of the probe alone")
    parser.add_argument("--hours", type=float, help="begin with no further run after so many")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log, began = options.out / "runs.jsonl", time.monotonic()
    runs = [(kind, size) for size in options.sizes for kind in KINDS] + [("linear_probe", n) for n in options.frozen]
    for kind, size in runs:
        if any((run["kind"], run["images"]) == (kind, size) for run in read(log)):
            continue
        if options.hours is not None and time.monotonic() - began > 3600 * options.hours:
            break
        append(log, one(options.out, grown(options.photos, options.out, size), kind, size))
    text = table(read(log), Path(options.photos).name)
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


def grown(photos: str, out: Path, images: int) -> Path:
    """A folder of so many photos, every class its share."""
    folder = out / f"photos-{images}"
    if folder.exists():
        return folder
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    ref = import_path(photos, make_home(str(out / "home-source")))
    manifest = read_manifest(ref)
    rng = np.random.default_rng(images)
    order = rng.permutation(len(manifest))
    for number in range(images):
        turn, row = divmod(number, len(manifest))
        path, label = manifest["path"].iloc[order[row]], ref.classes[int(manifest["label"].iloc[order[row]])]
        with Image.open(ref.images_root / path) as opened:
            pixels = np.asarray(opened.convert("RGB"), float)
        if turn:
            height, width = pixels.shape[:2]
            blocks = rng.normal(0, NOISE, (-(-height // 8), -(-width // 8), 3))
            pixels = pixels + blocks.repeat(8, 0).repeat(8, 1)[:height, :width]
        into = part / label / f"{number:06d}.jpg"
        into.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(into, quality=90)
    part.rename(folder)
    return folder


def one(out: Path, photos: Path, kind: str, images: int) -> dict[str, Any]:
    home = out / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    whole, found = thaw(home, "fit", str(photos), "--strategy", kind, *KINDS[kind])
    shutil.rmtree(home, ignore_errors=True)
    if found.get("state") != "finished":
        raise SystemExit(f"{kind} of {images} images: {found.get('error')}")
    frozen, judging = found["cache_seconds"], found["overhead_seconds"]
    parts = (whole - found["seconds"], frozen, found["seconds"] - frozen - judging, judging, whole)
    print(f"{kind} of {images:,}: {whole:.1f} s", flush=True)
    return {
        "kind": kind, "images": images, "parts": dict(zip(PARTS, parts, strict=True)),
        "peak_bytes": found["peak_memory_bytes"], "test_accuracy": found["test_accuracy"],
    }  # fmt: skip


def table(runs: list[dict[str, Any]], name: str) -> str:
    lines = [
        "# How the cost of a run grows with its images", "",
        f"`python -m benchmarks.growth {name} OUT`, {describe()}, {time.strftime('%Y-%m-%d')}. Whole commands in an",
        "empty home, seconds; 'partial' and 'full' train one epoch. The power is that of the number of images by which",
        "a part grows between the two largest sizes: 1 = in proportion.", "",
        f"| strategy | images | {' | '.join(PARTS)} | worker's memory, MB |",
        f"|---|---|{'---|' * len(PARTS)}---|",
    ]  # fmt: skip
    for kind in KINDS:
        own = sorted((run for run in runs if run["kind"] == kind), key=lambda run: run["images"])
        for run in own:
            seconds = " | ".join(f"{run['parts'][part]:.1f}" for part in PARTS)
            lines.append(f"| {kind} | {run['images']:,} | {seconds} | {run['peak_bytes'] / 1e6:,.0f} |")
        if len(own) > 1:
            less, more = own[-2:]
            powers = " | ".join(_power(less, more, part) for part in PARTS)
            lines.append(f"| {kind} | power | {powers} | |")
    return "\n".join(lines) + "\n"


def _power(less: dict[str, Any], more: dict[str, Any], part: str) -> str:
    a, b = less["parts"][part], more["parts"][part]
    if a < 0.3 or b < 0.3:  # nothing that a clock could tell apart
        return "-"
    return f"{math.log(b / a) / math.log(more['images'] / less['images']):.2f}"


if __name__ == "__main__":
    main()

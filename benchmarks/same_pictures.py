"""Whether two folders of screenshots show the same: names every picture that differs, and by how much.

    python -m benchmarks.same_pictures BEFORE AFTER [--out FOLDER]

A pixel differs when a channel does by more than TOLERANCE of 255; a picture, when more than MOST of its pixels do (text
on a graphics card's whim) or its size does. --out gets, for each of these, both side by side and red where they differ.
Exit 1 when one differs or is in one folder only. `benchmarks.screenshots --copy --ageless` takes pictures to compare.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TOLERANCE = 16
MOST = 0.0001
RED = (214, 30, 30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    names = sorted({path.name for folder in (options.before, options.after) for path in folder.glob("*.png")})
    said = {name: different(options.before / name, options.after / name) for name in names}
    for name, text in said.items():
        if text:
            print(f"{name}: {text}")
            if options.out and all((folder / name).exists() for folder in (options.before, options.after)):
                options.out.mkdir(parents=True, exist_ok=True)
                beside(read(options.before / name), read(options.after / name)).save(options.out / name)
    print(f"{sum(not text for text in said.values())} of {len(said)} pictures are the same.")
    return int(not said or any(said.values()))


def different(before: Path, after: Path) -> str:
    """How two pictures differ, in words; '' when they are the same."""
    for path, other in ((before, after), (after, before)):
        if not path.exists():
            return f"only in {other.parent}"
    one, two = read(before), read(after)
    if one.shape != two.shape:
        return f"{one.shape[1]} x {one.shape[0]} px | {two.shape[1]} x {two.shape[0]} px"
    found = differing(one, two)
    if found.mean() <= MOST:
        return ""
    rows = np.flatnonzero(found.any(axis=1))
    return f"{100 * found.mean():.2f} % of the pixels, between {rows[0]} and {rows[-1]} px from the top"


def read(path: Path) -> NDArray[np.uint8]:
    """[height, width, 3]"""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def differing(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """[height, width] of two pictures of one size."""
    found: NDArray[np.bool_] = (np.abs(one.astype(np.int16) - two) > TOLERANCE).any(axis=2)
    return found


def beside(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> Image.Image:
    """Both, and where their common part differs in red."""
    height, width = min(one.shape[0], two.shape[0]), min(one.shape[1], two.shape[1])
    marked = two[:height, :width].copy()
    marked[differing(one[:height, :width], two[:height, :width])] = RED
    shown = Image.new("RGB", (one.shape[1] + two.shape[1] + width, max(one.shape[0], two.shape[0])))
    for place, picture in ((0, one), (one.shape[1], two), (one.shape[1] + two.shape[1], marked)):
        shown.paste(Image.fromarray(picture), (place, 0))
    return shown


if __name__ == "__main__":
    sys.exit(main())

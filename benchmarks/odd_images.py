"""Accuracy of a probe on pictures in many sample formats, beside the same pictures in 8 bits.

    python -m benchmarks.odd_images OUT_FOLDER [--each 24]

Two classes of grey pictures, discs and stripes in noise, with a test set, written in each format of `sample_formats`.
Each is imported as it is; the features come from the bundled backbone by the path that runs take, the head is solved as
a run solves it. Before, what photographs of 108 and 200 megapixels take, in a process of their own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.machine import describe
from benchmarks.sample_formats import EIGHT_BITS, HANDED, MORE, SampleFormat, Values
from core.home import home as make_home
from core.zoo import DEFAULT_BACKBONE
from dataset.ingest import import_path
from training.caches import Bench
from training.engine import head_solver

SIDE, STEPS, TESTED = 96, 30, 25
WITHIN = 0.02
"""Difference of an accuracy to that of the same pictures in 8 bits that counts as none."""
ALONE = """
import sys, time
from pathlib import Path
from dataset.ingest.decoding import Decoded, decode, load_decoders
from core.portable.pictures import square
load_decoders()
began = time.perf_counter()
assert isinstance(decode(Path(sys.argv[1])), Decoded)
decoded = time.perf_counter()
square(sys.argv[1], 224)
(most,) = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(f"{decoded - began:.1f} {time.perf_counter() - decoded:.1f} {most / 1000:.0f}")
"""
PHONES = {"108 megapixels": (12_000, 9_000), "200 megapixels": (16_320, 12_240)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--each", type=int, default=24, help="training images a class (24)")
    options = parser.parse_args()
    home = make_home(str(options.out / "home"))
    print(f"Measured on {describe()}. {2 * options.each} training and {2 * TESTED} test images a format.\n")
    print("| photograph, JPEG | MB | seconds at import | seconds for training's square | most memory, MB |")
    print("|---|---|---|---|---|")
    for name, size in PHONES.items():
        print(photograph(options.out, name, size), flush=True)
    print()
    print("| format | what the import tells | accuracy on training images | on test images | as in 8 bits |")
    print("|---|---|---|---|---|")
    bench, wanted = None, (0.0, 0.0)
    for name, kind in {"8 bits (PNG)": EIGHT_BITS, **HANDED, **MORE}.items():
        ref = import_path(write(options.out / name, kind, options.each), home, name=name)
        bench = bench.beside(ref) if bench else Bench.of(ref, DEFAULT_BACKBONE, home)
        found = probed(bench)
        wanted = found if kind is EIGHT_BITS else wanted
        same = all(abs(one - other) <= WITHIN for one, other in zip(found, wanted, strict=True))
        told = " ".join(note.partition(" (another")[0] for note in ref.notes) or "nothing"
        print(f"| {name} | {told} | {found[0]:.1%} | {found[1]:.1%} | {'yes' if same else 'NO'} |", flush=True)


def grey(disc: bool, number: int) -> Values:
    """One picture [SIDE, SIDE]: a disc, or stripes, somewhere, faint in noise."""
    draw = np.random.default_rng(1000 * disc + number)
    y, x = np.mgrid[:SIDE, :SIDE]
    left, top = draw.integers(-9, 10, 2)
    shape = (x - 48 - left) ** 2 + (y - 48 - top) ** 2 < 500 if disc else (x + left + 9) // 8 % 2 == 0
    return np.floor((70 + 60 * shape + draw.normal(0, 30, (SIDE, SIDE))).clip(0, 255))


def write(folder: Path, kind: SampleFormat, each: int) -> Path:
    for disc, label in enumerate(("stripes", "disc")):
        for split, numbers in (("train", range(each)), ("test", range(each, each + TESTED))):
            (folder / split / label).mkdir(parents=True, exist_ok=True)
            for number in numbers:
                file = folder / split / label / f"{number}.{kind.ending}"
                file.write_bytes(kind.write(grey(bool(disc), number)))
    return folder


def probed(bench: Bench) -> tuple[float, float]:
    """Accuracy on the training and on the test images."""
    sides = {side: bench.data.rows[side] for side in ("train", "val", "test")}
    train, val, test = ((bench.features(rows).numpy(), bench.data.labels[rows]) for rows in sides.values())
    steps: list[head_solver.ProbeStep] = []
    head_solver.solve(train, val, len(bench.ref.classes), STEPS, steps.append)
    best = min(steps, key=lambda step: step.val_loss)

    def right(features: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        return float(((features @ best.weight.T + best.bias).argmax(1) == labels).mean())

    return right(*train), right(*test)


def photograph(folder: Path, name: str, size: tuple[int, int]) -> str:
    """A row of the table: what one photograph of this size takes at import, and for the square that training reads."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.jpg"
    noise = Image.effect_noise((size[0] // 16, size[1] // 16), 60).resize(size)
    noise.convert("RGB").save(file, quality=80)
    command = [sys.executable, "-c", ALONE, str(file)]
    seconds, again, memory = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return f"| {name} | {file.stat().st_size / 1e6:.0f} | {seconds} | {again} | {memory} |"


if __name__ == "__main__":
    main()

"""How much better a test looks than it is when pictures of one lesion stand on both sides of the split.

    python -m benchmarks.groups [--sets N] [--splits N]

200 pictures of 50 drawn lesions in two classes, four of each as one would photograph it again (moved, turned, lit
otherwise, with other noise), are imported twice: with the groups that their names say, and without. Each is split as
runs are, by several seeds; a linear probe on the default backbone's features learns from the training side. Both are
then asked about 400 lesions that nobody has seen, one picture of each: that is what a test is to foretell. A test of
ten lesions is mostly luck, so every set of lesions is split `--splits` times, and what counts are the means of the
sets, each of other lesions. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy.special import stdtrit

from benchmarks import features
from dataset.folder import read_manifest
from dataset.groups import torn
from dataset.ingest.sources import import_path
from dataset.splits import sides
from training.engine import head_solver

LESIONS, PICTURES, NEW = 50, 4, 400
SIDE = 160
STEPS = 30
"""Of the probe's regularisation path; validation picks one."""


def draw(folder: Path, lesions: range, pictures: int) -> Path:
    """`folder/<class>/L012_3.png`, `pictures` of each lesion. The class shows in how ragged the edge is, which differs
    less between the classes than colour, size and spots do between any two lesions."""
    for number in lesions:
        own = random.Random(number)
        name = ("plain", "ragged")[number % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        lesion = _lesion(own, ragged=0.05 + 0.05 * (number % 2) + own.gauss(0, 0.02))
        for picture in range(pictures):
            _photographed(lesion, own).save(folder / name / f"L{number:03}_{picture + 1}.png")
    return folder


def _lesion(own: random.Random, ragged: float) -> Image.Image:
    """A spot on skin, twice SIDE wide."""
    skin = (own.randrange(190, 240), own.randrange(150, 190), own.randrange(120, 170))
    tone = tuple(int(part * own.uniform(0.35, 0.8)) for part in skin)
    large = Image.new("RGB", (2 * SIDE, 2 * SIDE), skin)
    pen = ImageDraw.Draw(large)
    radius, waves = own.uniform(0.35, 0.6) * SIDE, [(own.randrange(3, 14), own.uniform(0, 7)) for _ in range(4)]
    stretch = own.uniform(0.7, 1.3)
    edge = []
    for at in np.linspace(0, 2 * math.pi, 120, endpoint=False):
        wave = sum(math.sin(many * at + phase) for many, phase in waves)
        far = radius * (1 + max(0.0, ragged) * wave)
        edge.append((SIDE + far * math.cos(at) * stretch, SIDE + far * math.sin(at) / stretch))
    pen.polygon(edge, fill=tone)
    for _ in range(own.randrange(0, 9)):
        x, y, r = SIDE + own.gauss(0, radius / 2), SIDE + own.gauss(0, radius / 2), own.uniform(2, 12)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(part * own.uniform(0.5, 1.3)) for part in tone))
    return large.filter(ImageFilter.GaussianBlur(own.uniform(0.5, 2)))


def _photographed(lesion: Image.Image, own: random.Random) -> Image.Image:
    turned = lesion.rotate(own.uniform(-25, 25), Image.Resampling.BILINEAR, fillcolor=lesion.getpixel((2, 2)))
    side = own.uniform(0.75, 0.95) * 2 * SIDE
    left, top = (own.uniform(0, 2 * SIDE - side) for _ in range(2))
    cut = turned.crop((int(left), int(top), int(left + side), int(top + side))).resize((SIDE, SIDE))
    light = np.asarray(cut, np.float32) * own.uniform(0.8, 1.15)
    noise = np.random.default_rng(own.randrange(2**32)).normal(0, 6, light.shape)
    return Image.fromarray(np.clip(light + noise, 0, 255).astype(np.uint8))


def judged(own: features.Features, new: features.Features, split: NDArray[np.str_]) -> tuple[float, float]:
    """(accuracy on the test side, accuracy on new lesions) of a probe that learned from the training side."""
    at = {side: np.flatnonzero(split == side) for side in ("train", "val", "test")}
    labels = own.labels
    steps: list[head_solver.ProbeStep] = []
    train, val = ((own.vectors[at[side]], labels[at[side]]) for side in ("train", "val"))
    head_solver.solve(train, val, 2, STEPS, steps.append)
    best = min(steps, key=lambda step: step.val_loss)

    def right(vectors: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
        return float(((vectors @ best.weight.T + best.bias).argmax(1) == truth).mean())

    return right(own.vectors[at["test"]], labels[at["test"]]), right(new.vectors, new.labels)


def mean_and_interval(values: Sequence[float]) -> str:
    """'+12.3 (+8.1 to +16.5)' in points: the mean over sets with its 95 % interval by Student's t."""
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = float(stdtrit(len(values) - 1, 0.975)) * spread
    return f"{100 * mean:+.1f} ({100 * (mean - half):+.1f} to {100 * (mean + half):+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=5)
    parser.add_argument("--splits", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        home = place / "home"
        unseen = import_path(draw(place / "unseen", range(1000, 1000 + NEW), 1), home, groups="none")
        sets = [draw(place / f"set{number}", range(100 * number, 100 * number + LESIONS), PICTURES)
                for number in range(options.sets)]  # fmt: skip
        report(sets, features.read(unseen, home), home, options.splits)


def report(sets: Sequence[Path], new: features.Features, home: Path, splits: int) -> None:
    print(f"| set | groups kept | lesions on two sides | test, % | {NEW} new lesions, % | optimism, points |")
    print("|---|---|---|---|---|---|")
    tests: dict[str, list[float]] = {"no": [], "yes": []}
    optimism: dict[str, list[float]] = {"no": [], "yes": []}
    for number, folder in enumerate(sets):
        refs = {"no": import_path(folder, home, groups="none"), "yes": import_path(folder, home)}
        own, names = features.read(refs["yes"], home), read_manifest(refs["yes"])["group"].tolist()
        for kept, ref in refs.items():  # the same pictures in the same order, so the same features
            drawn = [sides(ref, seed) for seed in range(splits)]
            test, later = np.mean([judged(own, new, split) for split in drawn], axis=0)
            apart = np.mean([torn(names, split)[0] for split in drawn])
            tests[kept].append(test)
            optimism[kept].append(test - later)
            print(f"| {number} | {kept} | {apart:.1f} | {100 * test:.1f} | {100 * later:.1f} | "
                  f"{100 * (test - later):+.1f} |", flush=True)  # fmt: skip
    differences = [without - held for without, held in zip(tests["no"], tests["yes"], strict=True)]
    print(f"\nTest accuracy without groups minus with them: {mean_and_interval(differences)} points.")
    for kept, values in optimism.items():
        print(f"Test minus new lesions, groups kept: {kept}: {mean_and_interval(values)} points.")


if __name__ == "__main__":
    main()

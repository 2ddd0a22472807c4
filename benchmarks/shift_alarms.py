"""How often the test for a shift between training and test images cries where there is none, and what real ones give.

    python -m benchmarks.shift_alarms HOME DATA.zip [DATA.zip ...] [--splits 100]

The features of each set are made once. Then its images are split anew, at random within each class, as many to the test
side as came in the test folder, and `training.profile.feature_check.data_shift` looks for a difference that cannot be
there.
"Leaks": a fifth of the test side are copies of training images. "Copies": a fifth of either side are copies of others
there, as moments of a film are. Neither is a shift. "As given" is the set's own test folder (--splits 0: that alone).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import faults, features
from core.home import home as make_home
from dataset.audit.doubts import SHIFT_CAUTION, SHIFT_P
from dataset.audit.feature_check import Shift
from training.profile.feature_check import data_shift

COPIED = 0.2
KINDS = ("random", "leaks", "copies")


def main() -> None:
    from benchmarks.machine import describe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home")
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--splits", type=int, default=100)
    options = parser.parse_args()
    home = make_home(options.home)
    print(f"Measured on {describe()}.\n")
    print("| set | split | splits | images a side | told apart, median | p < 0.05 | p < 0.01 | alarms | s each |")
    print(f"|{'---|' * 9}", flush=True)
    for archive in options.data:
        ref, _, _ = faults.imported(archive, None, home)
        data = features.read(ref, home)
        given = data_shift(data.vectors, data.labels, data.given_test, data.groups)
        for kind in KINDS if options.splits else ():
            started = time.perf_counter()
            seen = [look(data, kind, seed) for seed in range(options.splits)]
            each = (time.perf_counter() - started) / options.splits
            print(row(archive.stem, kind, [one for one in seen if one], each), flush=True)
        print(as_given(archive.stem, given), flush=True)


def look(data: features.Features, kind: str, seed: int) -> Shift | None:
    """What the test says of one split in which both sides are drawn alike."""
    source = np.random.default_rng(seed)
    test = np.zeros(len(data.labels), bool)
    for label in np.unique(data.labels):
        own = np.flatnonzero(data.labels == label)
        test[source.permutation(own)[: int((data.given_test & (data.labels == label)).sum())]] = True
    at = np.arange(len(test))
    for side in (test,) if kind == "leaks" else (test, ~test) if kind == "copies" else ():
        here = source.permutation(np.flatnonzero(side))
        replaced, kept = np.split(here, [round(COPIED * len(here))])
        at[replaced] = source.choice(np.flatnonzero(~test) if kind == "leaks" else kept, len(replaced), replace=False)
    return data_shift(data.vectors[at], data.labels[at], test, data.groups[at], seed)


def alarm(shift: Shift) -> bool:
    """Whether the report would say something."""
    return shift.p < SHIFT_P and shift.accuracy.value >= SHIFT_CAUTION


def row(name: str, kind: str, seen: list[Shift], each: float) -> str:
    told = f"{np.median([one.accuracy.value for one in seen]):.1%}"
    shares = (f"{np.mean([one.p < level for one in seen]):.1%}" for level in (0.05, 0.01))
    alarms = f"{sum(map(alarm, seen))} of {len(seen)}"
    images = f"{np.median([one.images for one in seen]):,.0f}"
    return f"| {name} | {kind} | {len(seen)} | {images} | {told} | {' | '.join(shares)} | {alarms} | {each:.1f} |"


def as_given(name: str, shift: Shift | None) -> str:
    if shift is None:
        return f"| {name} | as given | - | too few | - | - | - | - | - |"
    shares = " | ".join("yes" if shift.p < level else "no" for level in (0.05, 0.01))
    cries = "alarm" if alarm(shift) else "none"
    return f"| {name} | as given | 1 | {shift.images:,} | {shift.accuracy.value:.1%} | {shares} | {cries} | |"


if __name__ == "__main__":
    main()

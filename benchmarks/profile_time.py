"""A whole profile, all facts of the measured panel included, against one bare bf16 forward pass over the same photos.

    python -m benchmarks.profile_time ARCHIVE [--images 500] [--runs 3]

Takes the first `--images` photos of the archive (classes in turn). Each run, in a fresh home: (a) a bare forward pass,
as in `benchmarks.probe_time`, before and after; (b) `python -m training profile`. Prints the profile's own seconds
(from the loaded worker to the stored facts) and the whole command's. The goal: at most 1.5 times the pass plus 5 s.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.command import thaw
from benchmarks.machine import describe
from benchmarks.probe_time import forward_seconds, subset

FACTOR, EXTRA_S = 1.5, 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(describe())
    met = 0
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "photos.zip"
        count = subset(options.archive, small, options.images)
        for run in range(options.runs):
            before = forward_seconds(count)
            whole, result = thaw(Path(folder) / f"home{run}", "profile", str(small))
            bare = (before + forward_seconds(count)) / 2
            if not result.get("facts"):
                print(f"failed: {result.get('error')}")
                continue
            seconds, allowed = result["facts"]["seconds"], FACTOR * bare + EXTRA_S
            met += seconds <= allowed
            print(
                f"{count} photos: forward pass {bare:.1f} s ({count / bare:.0f} images/s), profile {seconds:.1f} s "
                f"(command {whole:.1f} s), allowed {allowed:.1f} s: {'met' if seconds <= allowed else 'missed'}",
                flush=True,
            )
    print(f"met in {met} of {options.runs} runs")


if __name__ == "__main__":
    main()

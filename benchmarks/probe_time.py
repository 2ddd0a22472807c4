"""A linear probe from archive to tested model, against one bare bf16 forward pass over the same photos.

    python -m benchmarks.probe_time ARCHIVE [--images 500] [--runs 3]

Takes the first `--images` photos of the archive (classes in turn) as a new zip. Each run, in a fresh home:
(a) `python -m training fit ZIP --strategy linear_probe`, whole command; (b) EfficientNet-Lite0 in bf16 autocast,
channels_last, batch 32, over as many images already decoded and in memory. Prints both and their ratio, per run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import median

import torch

from benchmarks.machine import describe
from training.backbones.backbone import build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "photos.zip"
        count = subset(options.archive, small, options.images)
        ratios = []
        for run in range(options.runs):
            bare = forward_seconds(count)
            started = time.perf_counter()
            command = [sys.executable, "-m", "training", "--home", f"{folder}/home{run}", "fit", str(small)]
            done = subprocess.run(
                [*command, "--strategy", "linear_probe", "--json"], capture_output=True, text=True, check=True
            )
            whole = time.perf_counter() - started
            result = json.loads(done.stdout.splitlines()[-1])
            ratios.append(whole / bare)
            print(
                f"{count} photos: forward pass {bare:.1f} s ({count / bare:.0f} images/s), archive to tested model "
                f"{whole:.1f} s (worker {result['seconds']:.1f} s), ratio {whole / bare:.2f}, "
                f"test accuracy {result['test_accuracy']:.3f}",
                flush=True,
            )
    print(f"median ratio {median(ratios):.2f} (goal: at most 3)")


def subset(archive: Path, target: Path, images: int) -> int:
    """Copy `images` pictures, classes in turn, from train and test alike; returns how many were there."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as out:
        by_class: dict[str, list[str]] = {}
        for name in source.namelist():
            if not name.endswith("/"):
                by_class.setdefault(Path(name).parent.name, []).append(name)
        turns = [name for group in zip(*(sorted(names) for names in by_class.values()), strict=False) for name in group]
        rest = sorted(set().union(*by_class.values()) - set(turns))
        chosen = (turns + rest)[:images]
        for name in chosen:
            split, label, file = Path(name).parts[-3:]
            out.writestr(f"{label}/{split}-{file}", source.read(name))
        return len(chosen)


def forward_seconds(images: int) -> float:
    """Seconds for one bf16 pass over `images` inputs in batches of 32, second pass timed."""
    backbone = build("efficientnet_lite0", 2).eval().to(memory_format=torch.channels_last)
    batch = torch.randn(32, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        backbone.below(batch, backbone.head_index)
        started = time.perf_counter()
        for _ in range(-(-images // 32)):
            backbone.below(batch, backbone.head_index)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

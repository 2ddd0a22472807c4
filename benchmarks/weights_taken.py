"""Is every file of weights taken or refused as stated beforehand, with the right words?

    python -m benchmarks.weights_taken OUT [--only NAME ...] [--table benchmarks/results/weights_taken.md]

The kinds are those of `weight_files`. Each is added by a real job, as the page and the terminal do. Of one that is
taken, features of random images are held against those of the network that it was written from. Random weights of
ResNet-18, a small transformer and a small ConvNeXt; nothing is downloaded. The exit code is 1 when anything comes
otherwise than stated.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import timm
import torch
from torch import nn

from benchmarks.families import worked
from benchmarks.machine import describe
from benchmarks.weight_files import HANDED, RESIZED, Kind, Own, changed, kinds
from core.errors import ThawError
from training import requests
from training.backbones import stages
from training.backbones.backbone import build
from training.store.store import Store

NETWORKS = {"plain": "resnet18", "vit": "vit_tiny_patch16_224", "convnext": "convnext_atto"}
TOLERANCE = 1e-6
"""Largest difference of a feature, where nothing had to be resized."""


@dataclass(frozen=True)
class Outcome:
    kind: Kind
    outcome: Literal["taken", "refused"]
    said: str
    difference: float | None
    """Largest, of a feature; None for one that was refused."""
    trace: bool
    """Whether something in the file was run."""

    @property
    def as_stated(self) -> bool:
        same = self.outcome == self.kind.outcome and self.kind.words in self.said and not self.trace
        silent = self.kind.words or not self.said or self.outcome == "refused"
        close = self.difference is None or self.kind.words == RESIZED or self.difference <= TOLERANCE
        return bool(same and silent and close)


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = timm.create_model(name, pretrained=False).eval()
    return net


def tried(kind: Kind, name: str, folder: Path, home: Path) -> Outcome:
    """What became of one kind of file, added to a home by a real job."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    net, Own.trace = network(name), str(folder / "was run")
    path = kind.write(folder, net)
    try:
        job = worked(Store(home), requests.AddBackbone.of(name, path))
    except ThawError as error:
        return Outcome(kind, "refused", str(error), None, Path(Own.trace).exists())
    ran = Path(Own.trace).exists()
    if job.state != "finished":
        return Outcome(kind, "refused", str(job.error or job.state), None, ran)
    said = " ".join((job.result or {}).get("said", []))
    backbone = build(name, 2, home=home).eval()
    assert backbone.preprocessing is not None
    px = backbone.preprocessing.size
    x = torch.randn(2, 3, px, px, generator=torch.Generator().manual_seed(0))
    if kind.name in ("float16", "bfloat16"):
        rounded = getattr(torch, kind.name)
        net.load_state_dict(changed(net, lambda t: t.to(rounded).float()))
    with torch.inference_mode():
        difference = (backbone.below(x, backbone.head_index) - stages.features(net, x)).abs().max().item()
    return Outcome(kind, "taken", said, difference, ran)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", default=[], help="these kinds")
    parser.add_argument("--table", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    outcomes = []
    for kind in kinds():
        if options.only and kind.name not in options.only:
            continue
        home = options.out / "home"
        home.mkdir(parents=True, exist_ok=True)
        outcomes.append(tried(kind, NETWORKS[kind.network], options.out / "file", home))
        shutil.rmtree(home)
        print(f"{kind.name}: {outcomes[-1].outcome}, {outcomes[-1].said}", file=sys.stderr, flush=True)
    text = table(outcomes)
    if options.table:
        options.table.write_text(text)
    print(text)
    return int(not all(one.as_stated for one in outcomes))


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown: the count first, then a line per kind."""
    handed = sum(one.kind.name in {kind.name for kind in kinds()[:HANDED]} for one in outcomes)
    taken = sum(one.outcome == "taken" for one in outcomes)
    lines = [
        "# Other people's weights",
        "",
        "`python -m benchmarks.weights_taken OUT`: files of weights with random numbers, as other people's scripts "
        "write and lose them, added as the page and the terminal add them. What must become of each, and words of the "
        "sentence, were stated beforehand.",
        "",
        f"{sum(one.as_stated for one in outcomes)} of {len(outcomes)} came as stated ({handed} of them handed over as "
        f"cases): {taken} taken, {len(outcomes) - taken} refused; nothing in any file was run. Measured on "
        f"{describe()}, timm {version('timm')}.",
        "",
        "| file | stated | came | largest difference of a feature | what a user reads |",
        "|---|---|---|---|---|",
    ]
    for one in outcomes:
        far = "" if one.difference is None else f"{one.difference:.1g}"
        came = one.outcome if one.as_stated else f"**{one.outcome}**"
        said = one.said.replace("|", "/").replace("\n", " ")
        lines.append(f"| {one.kind.name} | {one.kind.outcome} | {came} | {far} | {said} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

"""A linear probe from command to tested model in a home without anything but graphs, beside an earlier checkout.

    python -m benchmarks.frozen OLD DATA [--limit 500] [--pairs 5] [--out FOLDER] [--profile] [--table FILE]

In turns within each round: OLD with its arithmetic pinned to bf16, folded, channels last, which its timing mostly
chooses; OLD pinned to fp32, which it chooses in a busy moment; this checkout by each engine that is installed. Ratios
are of one round, their median is told. With --profile instead: `profile` of each, once a round, and the facts beside
OLD's. Graphs are made before the clock runs: once per machine, backbone and size.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.command import PROJECT, append, name_of, read, thaw
from benchmarks.machine import describe
from benchmarks.speed_data import Ground, prepare
from core.zoo import DEFAULT_BACKBONE, catalog
from training.backbones import build
from training.graphs import engines, graph, making

FACTS = ("ready_made", "probe_accuracy", "domain_gap", "depth_gap", "logme")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("data")
    parser.add_argument("--limit", type=int, default=500, help="images in all; 0 = all")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "thaw-frozen")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    ground = prepare(options.data, options.limit or None, options.out)
    card = catalog.backbone(DEFAULT_BACKBONE)
    os.environ[graph.PLACE] = str((options.out / "graphs").absolute())
    making.find_or_make(build(card.name, 2).eval(), card, card.image_px, options.out)
    ways = systems(options.old, options.out)
    log = options.out / ("profiles.jsonl" if options.profile else "probes.jsonl")
    for turn in range(len(read(log)), options.pairs):
        found = {}
        for name in ways if turn % 2 == 0 else reversed(ways):
            seconds, document = ways[name](ground, options.profile)
            found[name] = {**document, "seconds_whole": seconds}
            print(turn, name, f"{seconds:.2f} s", document.get("test_accuracy"), flush=True)
        append(log, found)
    text = "\n".join(table(read(log), ground, options)) + "\n"
    print(text)
    if options.table:
        options.table.write_text(text, encoding="utf-8")


Way = Callable[[Ground, bool], tuple[float, dict[str, Any]]]


def systems(old: Path, out: Path) -> dict[str, Way]:
    """By its name, what runs one command in an empty home."""

    def way(tree: Path, pinned: str | None, **environment: str) -> Way:
        def run(ground: Ground, profile: bool) -> tuple[float, dict[str, Any]]:
            home = out / "home"
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            if pinned:
                key = f"frozen/{DEFAULT_BACKBONE}/3x224x224/cpu/{torch.__version__}/{torch.get_num_threads()}"
                (home / "machine.json").write_text(json.dumps({key: pinned}))
            verb = ["profile", ground.images] if profile else ["fit", ground.images, "--strategy", "linear_probe"]
            seconds, document = thaw(home, *verb, tree=tree, environment=environment)
            known = {**document, **(document.get("facts") or {})}
            return seconds, {name: known.get(name) for name in ("test_accuracy", "seconds", "error", *FACTS)}

        return run

    name = name_of(old)
    ways = {f"{name} in bf16": way(old, "bf16-nhwc"), f"{name} in fp32": way(old, "fp32-nhwc")}
    for engine in ("onnxruntime", "openvino"):
        if engines.installed(engine):
            ways[engine] = way(PROJECT, None, **{engines.SWITCH: engine})
    return ways


def table(rounds: list[dict[str, Any]], ground: Ground, options: argparse.Namespace) -> list[str]:
    names, what = list(rounds[0]), "profile" if options.profile else "probe"
    sides = ", ".join(f"{count} {side}" for side, count in ground.sides.items())
    lines = [
        f"`python -m benchmarks.frozen OLD {Path(options.data).name} --limit {options.limit}"
        f"{' --profile' if options.profile else ''}`, {describe()}, {time.strftime('%Y-%m-%d')}.",
        f"{ground.name}: {sides} images of {ground.classes} classes; whole command, {len(rounds)} rounds.", "",
        f"| {what} by | seconds, median | least, most | {names[0]} / it, median | {names[1]} / it | test accuracy |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name in names:
        seconds = [one[name]["seconds_whole"] for one in rounds]
        ratios = [
            median(one[base]["seconds_whole"] / one[name]["seconds_whole"] for one in rounds) for base in names[:2]
        ]
        accuracy = rounds[0][name]["test_accuracy"]
        lines.append(
            f"| {name} | {median(seconds):.2f} | {min(seconds):.2f}, {max(seconds):.2f} | {ratios[0]:.2f} | "
            f"{ratios[1]:.2f} | {'' if accuracy is None else f'{accuracy:.3f}'} |"
        )
    if options.profile:
        lines += ["", *facts(rounds[0])]
    return lines


def facts(one: dict[str, Any]) -> list[str]:
    def said(value: Any) -> str:
        value = value.get("value", value.get("raw")) if isinstance(value, dict) else value
        return "-" if value is None else f"{value:.4g}"

    lines = [f"| fact | {' | '.join(one)} |", f"|{'---|' * (1 + len(one))}"]
    return [*lines, *(f"| {name} | {' | '.join(said(found[name]) for found in one.values())} |" for name in FACTS)]


if __name__ == "__main__":
    main()

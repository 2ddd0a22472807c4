"""The check against libraries that do parts of it: the same planted faults, what each finds, and how long it takes.

    python -m benchmarks.audit_peers HOME PEERS_PYTHON DATA.zip [DATA.zip ...] [--seeds 2] [--only labels] [--flips any]

PEERS_PYTHON: an interpreter with cleanlab, cleanvision and imagededup (`benchmarks/peers/requirements.txt`); Thaw needs
none. Copies and flipped labels are planted as in `benchmarks.faults`; cleanlab is given the probabilities on which
Thaw's own ranking rests. Seconds of copies are from the folder to the pairs, decoding included; Thaw's are a whole
import.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from benchmarks import faults, features, planting
from benchmarks.command import PROJECT
from core.home import home as make_home
from core.types import DatasetRef
from core.zoo.catalog import DEFAULT_BACKBONE
from dataset.audit.feature_check import SURE, FeatureCheck
from dataset.folder import read_manifest
from dataset.ingest.sources import import_path
from training.engine.head_solver import of_unit_length
from training.evaluation import folds
from training.profile import out_of_fold

Pairs = set[frozenset[str]]
FLIPS = ("any", "alike")
"""What a flipped label becomes: any other class, or the one that it is most easily taken for."""


def main() -> None:
    from benchmarks.machine import describe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home")
    parser.add_argument("python", type=Path)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", choices=("copies", "labels", "looks"))
    parser.add_argument("--flips", nargs="+", choices=FLIPS, default=list(FLIPS))
    options = parser.parse_args()
    home, peers = make_home(options.home), Peers(options.python)
    print(f"Measured on {describe()}.", flush=True)
    if options.only in (None, "copies"):
        copies(options.data, options.seeds, home, peers)
    if options.only in (None, "labels"):
        labels(options.data, options.seeds, home, peers, options.flips)
    if options.only in (None, "looks"):
        looks(options.data, options.seeds, home, peers)


class Peers:
    """The other environment."""

    def __init__(self, python: Path) -> None:
        self._python = str(python)

    def ask(self, work: str, given: Path) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as place:
            task, answer = Path(place) / "task.json", Path(place) / "answer.json"
            task.write_text(json.dumps({"work": work, "given": str(given), "answer": str(answer)}))
            command = [self._python, "-m", "benchmarks.peers.data_checks", str(task)]
            subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
            found: dict[str, Any] = json.loads(answer.read_text())
            return found


# -- copies -----------------------------------------------------------------------------------------------------------


def copies(archives: list[Path], seeds: int, home: Path, peers: Peers) -> None:
    """One row a set and library, over all seeds: planted pairs found, and others named."""
    same = planting.EXACT + planting.LEAKS + planting.TORN
    print(
        f"\n| set | by | same file, of {seeds * same} | alike, of {seeds * planting.NEAR} "
        f"| alike across the test split, of {seeds * planting.NEAR_LEAKS} | other pairs named | pairs in the clean set "
        f"| s |\n|{'---|' * 8}",
        flush=True,
    )
    for archive in archives:
        before, _, _ = named_pairs(archive, None, home, peers)
        found = {by: [0, 0, 0, 0] for by in before}
        seconds: dict[str, float] = dict.fromkeys(before, 0.0)
        for seed in range(seeds):
            after, planted, took = named_pairs(archive, seed, home, peers)
            everything = {frozenset((path, origin)) for path, origin in planted.origin.items()}
            for by, pairs in after.items():
                for at, kinds in enumerate((("exact", "leak", "two labels"), ("near",), ("near leak",))):
                    wanted = {frozenset((path, planted.origin[path])) for kind in kinds for path in planted.of(kind)}
                    found[by][at] += len(wanted & pairs)
                found[by][3] += len(pairs - everything)
                seconds[by] += took[by] / seeds
        for by, (exact, near, leaks, other) in found.items():
            row = f"| {archive.stem} | {by} | {exact} | {near} | {leaks} | {other:,} | {len(before[by]):,}"
            print(f"{row} | {seconds[by]:.1f} |", flush=True)


def named_pairs(
    archive: Path, seed: int | None, home: Path, peers: Peers
) -> tuple[dict[str, Pairs], planting.Planted, dict[str, float]]:
    """Who -> pairs named in the set, clean or with copies planted; who -> seconds."""
    with tempfile.TemporaryDirectory() as place:
        folder = planting.unpack(archive, Path(place))
        planted = planting.Planted() if seed is None else planting.plant(folder, seed)
        started = time.perf_counter()
        ref = import_path(folder, home)
        own = faults.pairs_of(ref)
        found, seconds = {"Thaw": own["exact"] | own["near"]}, {"Thaw": time.perf_counter() - started}
        for work in ("hashes", "sets"):
            answer = peers.ask(work, folder)
            found |= {by: set(map(frozenset, pairs)) for by, pairs in answer["pairs"].items()}
            seconds |= answer["seconds"]
    return found, planted, seconds


# -- labels -----------------------------------------------------------------------------------------------------------


def labels(archives: list[Path], seeds: int, home: Path, peers: Peers, flips: Sequence[str]) -> None:
    """Two tables: who names which labels; and how well each order puts the flipped ones first."""
    named: list[str] = []
    ranked: list[str] = []
    for archive in archives:
        clean, _, _ = faults.imported(archive, None, home)
        for kind in flips:
            taken_for = most_alike(clean, home) if kind == "alike" else None
            rules: dict[str, list[int]] = {}
            orders: dict[str, list[tuple[float, float]]] = {}
            count = 0
            for seed in range(seeds):
                flipped, where = faults.flip(clean, home, seed, taken_for)
                own, given, probabilities, rows = judged(flipped, home)
                with tempfile.TemporaryDirectory() as place:
                    np.savez(Path(place) / "task.npz", labels=given, probabilities=probabilities)
                    answer = peers.ask("labels", Path(place) / "task.npz")
                truth = np.isin(rows, sorted(where))
                count += int(truth.sum())
                everyone = {"Thaw": (probabilities.max(1) >= SURE) & (probabilities.argmax(1) != given)}
                everyone |= {by: np.isin(np.arange(len(rows)), at) for by, at in answer["named"].items()}
                for by, mask in everyone.items():
                    hits, total = rules.setdefault(by, [0, 0])
                    rules[by] = [hits + int((mask & truth).sum()), total + int(mask.sum())]
                scores = {"Thaw": -own, **{by: np.asarray(quality) for by, quality in answer["quality"].items()}}
                for by, quality in scores.items():
                    orders.setdefault(by, []).append((in_top(quality, truth), average_precision(quality, truth)))
            start = f"| {archive.stem} | {kind}"
            for by, (hits, total) in rules.items():
                named.append(f"{start} | {by} | {count} | {total} | {hits / count:.0%} | {hits / max(1, total):.0%} |")
            for by, pairs in orders.items():
                top, mean = np.mean(pairs, axis=0)
                ranked.append(f"{start} | {by} | {top:.1%} | {mean:.3f} |")
    print(f"\n| set | flipped to | by | flipped | named | recall | precision |\n|{'---|' * 7}", flush=True)
    print("\n".join(named), flush=True)
    print(f"\n| set | flipped to | order | in the top 10 % | average precision |\n|{'---|' * 5}", flush=True)
    print("\n".join(ranked), flush=True)


def most_alike(ref: DatasetRef, home: Path) -> dict[str, str]:
    """Class -> the one that it is most easily taken for: whose mean feature lies nearest by cosine."""
    data = features.read(ref, home)
    means = np.stack([data.vectors[data.labels == at].mean(0) for at in range(len(ref.classes))])
    means = of_unit_length(means - data.vectors.mean(0))
    alike = means @ means.T
    np.fill_diagonal(alike, -2)
    near = alike.argmax(1).tolist()
    return {name: ref.classes[other] for name, other in zip(ref.classes, near, strict=True)}


def judged(ref: DatasetRef, home: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Of the images that are fitted on, none beyond those that are cross-validated: Thaw's suspicion, the labels, every
    class's out-of-fold probability, and the rows of the manifest. All from the same folds and the same probe."""
    data, classes = features.read(ref, home), len(ref.classes)
    fit = np.flatnonzero(np.isin(data.split, ("train", "val")))
    assert len(fit) <= out_of_fold.MOST_PROBED, "a set small enough to be cross-validated whole"
    x, y = data.vectors[fit], data.labels[fit]
    opinions = out_of_fold.judge(x, y, classes, groups=data.groups[fit])
    assert opinions is not None
    probabilities = np.zeros((len(fit), classes), np.float32)
    for held in folds(y, classes, data.groups[fit]):
        probe = out_of_fold.probe_at((x[~held], y[~held]), classes, opinions.judged.step)
        probabilities[held] = softmax(x[held] @ probe.weight.T + probe.bias, axis=1)
    np.testing.assert_allclose(probabilities[np.arange(len(fit)), y], opinions.own, atol=1e-3)
    check = FeatureCheck(
        ref.id, DEFAULT_BACKBONE, y, opinions.own, opinions.favoured, opinions.favoured_p, opinions.judged.how
    )
    return check.suspicion(y), y, probabilities, data.rows[fit]


def in_top(quality: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    """Share of the flipped labels among the tenth of the images with the lowest quality."""
    order = np.argsort(quality, kind="stable")[: round(faults.LOOKED_AT * len(quality))]
    return float(truth[order].sum() / truth.sum())


def average_precision(quality: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    """Mean, over the flipped labels, of the precision of the list down to each."""
    hits = truth[np.argsort(quality, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


# -- single pictures --------------------------------------------------------------------------------------------------


def looks(archives: list[Path], seeds: int, home: Path, peers: Peers) -> None:
    """Faults of single pictures: found by Thaw and by cleanvision, and how many unspoilt ones either names."""
    print(
        f"\n| set | fault | planted | Thaw | cleanvision | Thaw names of the others | cleanvision names of them |"
        f"\n|{'---|' * 7}",
        flush=True,
    )
    for archive in archives:
        rows: dict[str, list[int]] = {fault: [0] * 5 for fault in planting.SPOILT}
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as place:
                folder = planting.unpack(archive, Path(place))
                spoilt = planting.spoil(folder, seed)
                ref = import_path(folder, home)
                theirs = peers.ask("looks", folder)["found"]
            mine = {kind: set(paths) for kind, paths in paths_of(ref).items()}
            for fault, (own_kinds, their_kinds) in planting.SPOILT.items():
                own = set().union(*(mine.get(kind, set()) for kind in own_kinds))
                their = set().union(*(theirs[kind] for kind in their_kinds))
                made = {path for path, one in spoilt.items() if one == fault}
                kept = own - spoilt.keys(), their - spoilt.keys()
                for at, files in enumerate((made, made & own, made & their, *kept)):
                    rows[fault][at] += len(files)
        for fault, numbers in rows.items():
            print(f"| {archive.stem} | {fault} | {' | '.join(map(str, numbers))} |", flush=True)


def paths_of(ref: DatasetRef) -> dict[str, list[str]]:
    """Kind of finding -> all its files."""
    from dataset.audit.report import audit

    paths = read_manifest(ref)["path"].tolist()
    found: dict[str, list[str]] = {}
    for one in audit(ref).findings:
        found.setdefault(one.kind, []).extend(paths[row] for shown in one.shown for row in shown.rows)
    return found


if __name__ == "__main__":
    main()

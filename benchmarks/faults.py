"""Faults planted into real sets: how many the check finds, and how much of what it names is one of them.

    python -m benchmarks.faults HOME DATA.zip [DATA.zip ...] --seeds 3

Copies and near-duplicates are planted as files and imported; flipped labels are a revision, profiled and checked as any
other. What a clean set holds already ("natural") is looked for first and counted apart, also when it is found again
through a planted copy.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks import planting
from core.home import home as make_home
from core.types import DatasetFacts, DatasetRef
from core.zoo.catalog import DEFAULT_BACKBONE
from dataset.audit import feature_check
from dataset.audit.findings import MAX_SHOWN
from dataset.audit.report import audit
from dataset.edits import Edit
from dataset.folder import read_manifest
from dataset.ingest.sources import import_path
from dataset.revisions import revise
from training.profile.profiling import profile
from training.store.store import Store

FLIPPED = 0.05
"""Of the training labels."""
LOOKED_AT = 0.1
"""Share of the training images that a person is shown, the most doubtful first."""
Pair = frozenset[str]
EXACT, NEAR = ("duplicate", "leak", "two_labels"), ("near_duplicate", "near_leak", "near_labels")
"""Kinds of finding."""


@dataclass(frozen=True)
class Score:
    """Of one kind of fault in one set."""

    found: int
    planted: int
    natural: int
    """Named, not planted, and named in the clean set as well (or its planted copy is)."""
    false: int
    """Named, and neither."""

    def __str__(self) -> str:
        recall = f"{self.found}/{self.planted}"
        named = self.found + self.false
        precision = f"{self.found / named:.0%}" if named else "-"
        return f"{recall} | {precision} | {self.natural}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home")
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("copies", "labels"))
    options = parser.parse_args()
    home = make_home(options.home)
    if options.only != "labels":
        print("\n".join(COPIES), flush=True)
        for path in options.data:
            copies(path, options.seeds, home)
    if options.only != "copies":
        print("\n".join(LABELS), flush=True)
        for path in options.data:
            labels(path, options.seeds, home)


# -- copies -----------------------------------------------------------------------------------------------------------

COPIES = (
    "| set | seed | exact | prec. | natural | leaks | prec. | natural | near | prec. | natural | re-encoded, resized, "
    "cropped | near leaks | prec. | natural | two labels | import, check s |",
    f"|{'---|' * 17}",
)


def copies(archive: Path, seeds: int, home: Path) -> None:
    """One row a seed."""
    clean, _, _ = imported(archive, None, home)
    before = pairs_of(clean)
    for seed in range(seeds):
        ref, planted, seconds = imported(archive, seed, home)
        started = time.perf_counter()
        after = pairs_of(ref)
        took = time.perf_counter() - started
        scores = {kind: score(planted, after, before, *kind) for kind in KINDS}
        changes = [
            f"{sum(frozenset((path, planted.origin[path])) in after['near'] for path in paths)}/{len(paths)}"
            for paths in ([p for p in planted.of("near") if planted.change[p] == change] for change in planting.CHANGES)
        ]
        exact, leaks, near, near_leaks, torn = (scores[kind] for kind in KINDS)
        print(
            f"| {archive.stem} | {seed} | {exact} | {leaks} | {near} | {', '.join(changes)} | {near_leaks} | "
            f"{torn.found}/{torn.planted} | {seconds:.1f}, {took:.2f} |",
            flush=True,
        )


KINDS = (("exact", "exact"), ("leak", "exact"), ("near", "near"), ("near leak", "near"), ("two labels", "exact"))
"""(planted, what it is named by)."""


def score(
    planted: planting.Planted, after: dict[str, set[Pair]], before: dict[str, set[Pair]], kind: str, by: str
) -> Score:
    """Precision is over the pairs of the same sort: within training, or across the test split."""
    wanted = {frozenset((path, planted.origin[path])) for path in planted.of(kind)}
    across = "leak" in kind
    named = {pair for pair in after[by] if crosses(pair) == across and torn(pair) == (kind == "two labels")}
    everything = {frozenset((path, origin)) for path, origin in planted.origin.items()}
    false = natural = 0
    for pair in named - everything:
        origins = frozenset(planted.origin.get(path, path) for path in pair)
        if len(origins) == 1 or origins in before["exact"] | before["near"]:
            natural += 1
        else:
            false += 1
    return Score(len(wanted & after[by]), len(wanted), natural, false)


def pairs_of(ref: DatasetRef) -> dict[str, set[Pair]]:
    """Every two pictures that the report shows side by side, by whether they are the same byte for byte."""
    paths = read_manifest(ref)["path"].tolist()
    found: dict[str, set[Pair]] = {"exact": set(), "near": set()}
    for finding in audit(ref).findings:
        if finding.kind in EXACT + NEAR:
            assert len(finding.shown) < MAX_SHOWN, "not all pairs are shown"
            for one in finding.shown:
                pairs = combinations((paths[row] for row in one.rows), 2)
                found["exact" if finding.kind in EXACT else "near"].update(map(frozenset, pairs))
    return found


def crosses(pair: Pair) -> bool:
    return len({path.split("/")[0] for path in pair}) > 1


def torn(pair: Pair) -> bool:
    return len({path.split("/")[1] for path in pair}) > 1


def imported(archive: Path, seed: int | None, home: Path) -> tuple[DatasetRef, planting.Planted, float]:
    """The set, clean or with copies planted, as the product imports a folder; seconds of the import."""
    with tempfile.TemporaryDirectory() as place:
        folder = planting.unpack(archive, Path(place))
        planted = planting.Planted() if seed is None else planting.plant(folder, seed)
        started = time.perf_counter()
        return import_path(folder, home), planted, time.perf_counter() - started


# -- labels -----------------------------------------------------------------------------------------------------------

LABELS = (
    "",
    "| set | probe accuracy | seed | flipped | in the top 10 % | named | recall | precision | check s |",
    f"|{'---|' * 9}",
)


def labels(archive: Path, seeds: int, home: Path) -> None:
    ref, _, _ = imported(archive, None, home)
    facts = Store(home).facts(ref.id, DEFAULT_BACKBONE) or profiled(ref, home, None)
    assert facts.ready_made is not None
    for seed in range(seeds):
        flipped, where = flip(ref, home, seed)
        started = time.perf_counter()
        profiled(flipped, home, facts)
        seconds = time.perf_counter() - started
        check = feature_check.load(feature_check.find(home, flipped, DEFAULT_BACKBONE))
        assert check is not None and check.dataset_id == flipped.id
        manifest = read_manifest(flipped)
        now, train = manifest["label"].to_numpy(), np.flatnonzero(manifest["split"] == "train")
        order = train[np.argsort(-check.suspicion(now)[train], kind="stable")]
        top = set(order[: round(LOOKED_AT * len(train))].tolist())
        named = set(check.suspects(now).tolist()) & set(train.tolist())
        hits, high = len(named & where), len(top & where) / len(where)
        print(
            f"| {archive.stem} | {facts.ready_made.value:.1%} | {seed} | {len(where)} | {high:.0%} | {len(named)} "
            f"| {hits / len(where):.0%} | {hits / max(1, len(named)):.0%} | {seconds:.1f} |",
            flush=True,
        )


def flip(
    ref: DatasetRef, home: Path, seed: int, taken_for: Mapping[str, str] | None = None
) -> tuple[DatasetRef, set[int]]:
    """A revision in which FLIPPED of the training labels are another class's; the rows. taken_for: class -> the one it
    becomes; None = each other class as likely."""
    source, manifest = random.Random(seed), read_manifest(ref)
    train = np.flatnonzero(manifest["split"] == "train").tolist()
    rows = source.sample(train, round(FLIPPED * len(train)))
    wrong: dict[str, list[str]] = {}
    for row in rows:
        own, path = ref.classes[int(manifest.at[row, "label"])], str(manifest.at[row, "path"])
        other = taken_for[own] if taken_for else source.choice([name for name in ref.classes if name != own])
        wrong.setdefault(other, []).append(path)
    return revise(home, ref, [Edit("relabel", tuple(paths), to) for to, paths in wrong.items()]), set(rows)


def profiled(ref: DatasetRef, home: Path, known: DatasetFacts | None) -> DatasetFacts:
    return profile(ref, DEFAULT_BACKBONE, home, lambda fraction, doing, left: None, known)


if __name__ == "__main__":
    main()

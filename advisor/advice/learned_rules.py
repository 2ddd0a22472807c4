"""What was learned from the evidence: the measured rulebook, its leaves' records, forecasts, and reference gaps.

`advisor/rulebooks/measured.json` is written by `python -m benchmarks.rulebook` from `assets/evidence.csv`, and a test
holds it to that. A home may hold its own evidence besides (`evidence.csv`, "learn from my runs"): then the same command
learns from both, for that home alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from advisor.advice import evidence, forecasts, learning
from advisor.advice.evidence import TaskFacts
from advisor.advice.forecasts import Correction
from advisor.advice.learning import LeafRecord
from advisor.rulebooks.tree import Branch, Field, Leaf, Node, Op, Question, Rulebook
from core import DatasetFacts, Kind, PlanError, Similarity, Unreadable, files, percentile
from core.decode import decode

COMMITTED = Path(__file__).parents[1] / "rulebooks" / "measured.json"
LOCAL_EVIDENCE, LOCAL_RULES = "evidence.csv", "measured.json"
"""In a home: runs of its user as evidence, and what was learned from them and the committed evidence together."""
LEARN = "Learn from your runs again."
NEAR_BELOW, FAR_ABOVE = 100 / 3, 200 / 3
"""Percentiles of the domain gap below which similarity is 'high' and above which it is 'low': thirds of the reference
sets, for textbooks that ask in words."""


@dataclass(frozen=True)
class Learned:
    """Everything that advice takes from the evidence."""

    rulebook: Rulebook
    leaves: dict[str, LeafRecord]
    corrections: dict[Kind, Correction]
    references: dict[tuple[str, int], tuple[float, ...]]
    """Raw domain gaps of the reference sets, ascending, by (backbone, image side)."""
    runs: int
    sets: tuple[str, ...]
    local_runs: int = 0
    """Of these, the user's own."""


def learn(lines: Sequence[dict[str, str]], local: Sequence[dict[str, str]] = ()) -> Learned:
    """From lines of the evidence table. Raises ValueError when they hold no task."""
    lines = [*lines, *local]
    tasks = evidence.tasks(lines)
    grown = learning.grow(tasks)
    sets = tuple(sorted({task.dataset for task in tasks}))
    return Learned(
        rulebook=rulebook_of(grown.nodes, len(lines), sets),
        leaves=grown.leaves,
        corrections=forecasts.learn(tasks),
        references=evidence.gap_references(lines),
        runs=len(lines),
        sets=sets,
        local_runs=len(local),
    )


def rulebook_of(nodes: Sequence[Node], runs: int, sets: Sequence[str]) -> Rulebook:
    """Learned nodes as a rulebook that can be asked and drawn. runs, sets: what it rests on, for its source."""
    return Rulebook(
        name="measured",
        title="Measured rulebook",
        source=f"{runs:,} runs of this project on {len(sets)} image sets (assets/evidence.csv)",
        reading=(
            "Learned, not written. 'n tasks of m kinds, x points lost' means: on n tasks like this one, from m kinds "
            "of images, it ended x points of test accuracy below the best strategy on average."
        ),
        nodes=tuple(nodes),
    )


@lru_cache(maxsize=8)
def _load(path: Path, changed_ns: int) -> Learned | None:
    """None for a file that is broken, or of another version: what is learned can be learned again."""
    try:
        return from_json(files.read_json(path), f"The file {path}")
    except (Unreadable, PlanError):  # a tree that leads nowhere is a PlanError
        return None


def learned(home: Path | None = None) -> Learned | None:
    """What holds in this home: its own where it has learned, else the committed. None where neither is there."""
    for path in (*((home / LOCAL_RULES,) if home else ()), COMMITTED):
        known = _load(path, path.stat().st_mtime_ns) if path.exists() else None
        if known is not None:
            return known
    return None


def gap_percent(facts: DatasetFacts, known: Learned | None) -> float | None:
    """The domain gap as a percentile among the reference sets, 0-100; None where it or they were not measured."""
    if facts.domain_gap is None or known is None:
        return None
    references = known.references.get((facts.backbone, facts.domain_gap.image_px))
    if not references or facts.domain_gap.method != "batch_norm":
        return None
    return percentile(facts.domain_gap.raw, references)


def similarity(gap: float | None) -> Similarity | None:
    """The word that textbooks ask for, from the measured gap."""
    if gap is None:
        return None
    return "high" if gap < NEAR_BELOW else "low" if gap > FAR_ABOVE else "medium"


GAP_OF: dict[Similarity, float] = {"high": 100 / 6, "medium": 50.0, "low": 500 / 6}
"""What a similarity that the user sets by hand is worth on the measured scale: the middle of its third."""


def facts_for(facts: DatasetFacts, gap: float | None, affordable_epochs: float | None) -> TaskFacts:
    """A profile in the terms of the evidence. An unknown budget counts as the long one of the grid."""
    classes = max(1, len(facts.classes))
    return TaskFacts(
        images_per_class=facts.train_images / classes,
        classes=classes,
        affordable_epochs=12.0 if affordable_epochs is None else affordable_epochs,
        ready_made=facts.ready_made.value if facts.ready_made else None,
        probe_accuracy=facts.probe_accuracy.value if facts.probe_accuracy else None,
        domain_gap=gap,
        depth_gap=facts.depth_gap.value if facts.depth_gap else None,
    )


# ---- as a file -------------------------------------------------------------------------------------------------------


def to_json(known: Learned) -> dict[str, Any]:
    return {
        "runs": known.runs,
        "local_runs": known.local_runs,
        "sets": list(known.sets),
        "nodes": [_node_to_json(node) for node in known.rulebook.nodes],
        "leaves": {name: asdict(record) for name, record in known.leaves.items()},
        "corrections": {kind: asdict(own) for kind, own in known.corrections.items()},
        "references": {f"{b}/{px}": list(values) for (b, px), values in sorted(known.references.items())},
    }


@dataclass(frozen=True)
class _Question:
    """A question as it is written: its branches as lists."""

    id: str
    text: str
    field: Field
    branches: tuple[tuple[str, Op, float | tuple[str, ...], str], ...]


@dataclass(frozen=True)
class _Written:
    """What the file holds."""

    runs: int
    local_runs: int
    sets: tuple[str, ...]
    nodes: tuple[dict[str, Any], ...]
    leaves: dict[str, LeafRecord]
    corrections: dict[Kind, Correction]
    references: dict[str, tuple[float, ...]]
    """By backbone and image side, 'resnet50/224'."""

    def __post_init__(self) -> None:
        if not all(re.fullmatch(r"\S+/[0-9]+", key) for key in self.references):
            raise PlanError("The references go by backbone and image side, 'resnet50/224'.")


def from_json(data: Any, what: str = "The learned rulebook") -> Learned:
    """Inverse of `to_json`. Raises Unreadable."""
    found, references = decode(data, _Written, what, LEARN), {}
    for key, values in found.references.items():
        backbone, _, px = key.rpartition("/")
        references[backbone, int(px)] = values
    return Learned(
        rulebook=rulebook_of([_node_from_json(node, what) for node in found.nodes], found.runs, found.sets),
        leaves=found.leaves,
        corrections=found.corrections,
        references=references,
        runs=found.runs,
        sets=found.sets,
        local_runs=found.local_runs,
    )


def _node_to_json(node: Node) -> dict[str, Any]:
    if isinstance(node, Leaf):
        return {"id": node.id, "kind": node.kind, "says": node.says}
    return {
        "id": node.id, "text": node.text, "field": node.field,
        "branches": [[branch.label, branch.op, branch.value, branch.next] for branch in node.branches],
    }  # fmt: skip


def _node_from_json(data: dict[str, Any], what: str) -> Node:
    if "kind" in data:
        return decode(data, Leaf, what, LEARN)
    node = decode(data, _Question, what, LEARN)
    return Question(node.id, node.text, node.field, tuple(Branch(*branch) for branch in node.branches))

"""The evidence table: what every strategy reached on many small tasks, beside the facts that advice could see.

`benchmarks.evidence` writes it, `assets/evidence.csv` is the committed one; a user's own comparisons can stand in a
second file of the same columns. Here it is only read, into tasks. Pure Python.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import cast

from core import KINDS, DataError, Kind

COMMITTED = Path(__file__).resolve().parents[2] / "assets" / "evidence.csv"

FAMILIES = {
    "pacs_photo": "pacs", "pacs_sketch": "pacs", "emoji_google": "emoji", "emoji_twitter": "emoji",
}  # fmt: skip
"""Sets that share classes or drawings count as one where a whole set is left out."""
DERIVED = "+"
"""Follows the parent's name in that of a set that was made from it (`benchmarks.derived_sets`)."""


def family_of(dataset: str) -> str:
    """What a set is left out with: a derived one with its parent."""
    parent = dataset.partition(DERIVED)[0]
    return FAMILIES.get(parent, parent)


@dataclass(frozen=True)
class TaskFacts:
    """What is known of a task before training; None = not measured. Accuracies and gaps in [0, 1] or [-1, 1]."""

    images_per_class: float
    """Training and validation images / classes."""
    classes: int
    affordable_epochs: float
    """How often the budget would pass the training images through the whole backbone in training."""
    ready_made: float | None = None
    """Balanced accuracy of the cross-validated probe."""
    probe_accuracy: float | None = None
    """Its plain accuracy."""
    domain_gap: float | None = None
    """0-100, see `gap_percent`."""
    depth_gap: float | None = None


@dataclass(frozen=True)
class Task:
    """One dataset at one size and budget, with one draw of images and one training seed."""

    dataset: str
    backbone: str
    image_px: int
    per_class: int
    """As the grid names it: 0 = all."""
    budget: str
    seed: int
    facts: TaskFacts
    scores: dict[Kind, float]
    """Test accuracy of every strategy that ended within the budget."""

    @property
    def family(self) -> str:
        return family_of(self.dataset)

    @property
    def cell(self) -> tuple[str, str, int, int, str]:
        """What seeds of one task share."""
        return self.dataset, self.backbone, self.image_px, self.per_class, self.budget


def read(path: Path = COMMITTED) -> list[dict[str, str]]:
    """The table's lines; none when there is no such file. Raises DataError for a file that is no evidence table."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = {"dataset", "strategy", "test_accuracy", "affordable_epochs"} - set(reader.fieldnames or ())
        if missing:
            raise DataError(f"{path.name} is not an evidence table: it has no column {', '.join(sorted(missing))}.")
        return list(reader)


def tasks(lines: Iterable[dict[str, str]]) -> list[Task]:
    """Lines of the table grouped into tasks, in the order of the table. Tasks of a single strategy are left out: they
    compare nothing."""
    lines = list(lines)
    references = gap_references(lines)
    groups: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for line in lines:
        groups[tuple(line[name] for name in ("dataset", "backbone", "image_px", "per_class", "budget", "seed"))].append(
            line
        )
    found = []
    for (dataset, backbone, px, per_class, budget, seed), own in groups.items():
        scores = {cast(Kind, line["strategy"]): float(line["test_accuracy"]) for line in own}
        if len(scores) < 2:
            continue
        facts = _facts(own[0], references.get((backbone, int(px)), ()))
        ordered = {kind: scores[kind] for kind in KINDS if kind in scores}
        found.append(Task(dataset, backbone, int(px), int(per_class), budget, int(seed), facts, ordered))
    return found


def averaged(of: Iterable[Task]) -> list[Task]:
    """One task for all seeds of a cell: means of the facts and, for strategies that every seed ran, of the scores."""
    cells: dict[tuple[str, str, int, int, str], list[Task]] = defaultdict(list)
    for task in of:
        cells[task.cell].append(task)
    merged = []
    for own in cells.values():
        common = [kind for kind in own[0].scores if all(kind in task.scores for task in own)]
        first = own[0]
        facts = TaskFacts(
            images_per_class=mean(task.facts.images_per_class for task in own),
            classes=first.facts.classes,
            affordable_epochs=first.facts.affordable_epochs,
            ready_made=_mean([task.facts.ready_made for task in own]),
            probe_accuracy=_mean([task.facts.probe_accuracy for task in own]),
            domain_gap=_mean([task.facts.domain_gap for task in own]),
            depth_gap=_mean([task.facts.depth_gap for task in own]),
        )
        scores = {kind: mean(task.scores[kind] for task in own) for kind in common}
        merged.append(
            Task(first.dataset, first.backbone, first.image_px, first.per_class, first.budget, -1, facts, scores)
        )
    return merged


def gap_references(lines: Iterable[dict[str, str]]) -> dict[tuple[str, int], tuple[float, ...]]:
    """Raw domain gaps of the reference sets, ascending, one (the median) for each set, by (backbone, image side)."""
    values: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        raw = _number(line.get("domain_gap_raw", ""))
        if raw is not None:
            values[line["backbone"], int(line["image_px"])][line["dataset"]].append(raw)
    return {key: tuple(sorted(median(own) for own in sets.values())) for key, sets in values.items() if len(sets) > 1}


def _facts(line: dict[str, str], references: tuple[float, ...]) -> TaskFacts:
    from core import percentile

    raw = _number(line["domain_gap_raw"])
    return TaskFacts(
        images_per_class=int(line["train_images"]) / int(line["classes"]),
        classes=int(line["classes"]),
        affordable_epochs=float(line["affordable_epochs"]),
        ready_made=_number(line["ready_made"]),
        probe_accuracy=_number(line["probe_accuracy"]),
        domain_gap=percentile(raw, references) if raw is not None and len(references) > 1 else None,
        depth_gap=_number(line["depth_gap"]),
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None

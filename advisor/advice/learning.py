"""From the evidence table to a rulebook: a shallow tree whose leaves name the strategy that lost least.

Deterministic: no random number, ties by order. Thresholds come from short readable lists rather than from the data, so
that one more set moves a leaf's figures and not the whole tree. Every family of sets weighs the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from advisor.advice.evidence import Task, averaged
from advisor.rulebooks.tree import Branch, Field, Leaf, Node, Question
from core import KINDS, Kind

THRESHOLDS: dict[Field, tuple[float, ...]] = {
    "ready_made": (0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    "images_per_class": (10, 30, 60, 150),
    "affordable_epochs": (2, 6),
    "domain_gap": (25, 50, 75),
    "depth_gap": (0.0, 0.02, 0.05),
    "classes": (4, 8),
}
"""Where the tree may part, by field."""
DEPTH = 3
LEAST_TASKS, LEAST_FAMILIES = 8, 4
"""A leaf rests on at least so many tasks (seeds of one count once), from so many families of sets. Six tasks of three
families gave questions that families left out did not bear out."""
LEAST_GAIN = 0.002
"""A question must lower the mean regret over all tasks by this much, 0.2 points."""
NOISE = 0.005
"""Strategies whose mean regret in a leaf differs by less are called equal, and the cheaper is taken: half a point, one
image in two hundred."""
LADDER: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "prototype")


@dataclass(frozen=True)
class LeafRecord:
    """What a leaf rests on."""

    tasks: int
    families: int
    regrets: dict[Kind, float]
    """Mean accuracy below the best strategy of each task, in [0, 1], for every strategy that could be asked."""


@dataclass(frozen=True)
class Grown:
    """A learned tree: nodes for a `Rulebook`, and the record of each leaf by its id."""

    nodes: tuple[Node, ...]
    leaves: dict[str, LeafRecord]


def carried_out(kind: Kind, scores: dict[Kind, float]) -> Kind:
    """What is trained when `kind` is advised: itself, or the most-trained below it that ended within the budget."""
    steps = LADDER[LADDER.index(kind) :: -1] if kind in LADDER else (kind, *LADDER[:1])
    return next((step for step in steps if step in scores), min(scores, key=KINDS.index))


def regret(kind: Kind, task: Task) -> float:
    """Accuracy that following `kind` leaves on the table, in [0, 1]."""
    return max(task.scores.values()) - task.scores[carried_out(kind, task.scores)]


def grow(evidence: Sequence[Task], depth: int = DEPTH) -> Grown:
    """Learn a tree from tasks; seeds of one task are averaged first. Raises ValueError without tasks."""
    cells = averaged(evidence)
    if not cells:
        raise ValueError("A rulebook cannot be learned without tasks.")
    kinds = [kind for kind in KINDS if any(kind in cell.scores for cell in cells)]
    rows = _Rows(cells, kinds)
    nodes: list[Node] = []
    leaves: dict[str, LeafRecord] = {}
    _split(rows, list(range(len(cells))), depth, "root", nodes, leaves)
    return Grown(tuple(nodes), leaves)


class _Rows:
    """Every task's weight and regrets, looked up once."""

    def __init__(self, cells: list[Task], kinds: list[Kind]) -> None:
        self.cells, self.kinds = cells, kinds
        sizes = Counter(cell.family for cell in cells)
        self.weights = [1 / sizes[cell.family] for cell in cells]
        self.total = sum(self.weights)
        self.regrets = [{kind: regret(kind, cell) for kind in kinds} for cell in cells]

    def mean(self, kind: Kind, of: list[int]) -> float:
        weight = sum(self.weights[i] for i in of)
        return sum(self.weights[i] * self.regrets[i][kind] for i in of) / weight

    def choose(self, of: list[int]) -> Kind:
        """The cheapest of those within the noise of the lowest mean regret."""
        means = {kind: self.mean(kind, of) for kind in self.kinds}
        lowest = min(means.values())
        return next(kind for kind in self.kinds if means[kind] <= lowest + NOISE)

    def cost(self, of: list[int]) -> float:
        """The lowest mean regret of one answer for all of them, weighed within all tasks."""
        share = sum(self.weights[i] for i in of) / self.total
        return share * min(self.mean(kind, of) for kind in self.kinds)

    def supports(self, of: list[int]) -> bool:
        return len(of) >= LEAST_TASKS and len({self.cells[i].family for i in of}) >= LEAST_FAMILIES


def _split(
    rows: _Rows, of: list[int], depth: int, name: str, nodes: list[Node], leaves: dict[str, LeafRecord]
) -> None:
    best: tuple[float, Field, float, list[int], list[int]] | None = None
    if depth:
        for field, values in THRESHOLDS.items():
            for value in values:
                low = [i for i in of if (given := getattr(rows.cells[i].facts, field)) is not None and given < value]
                high = [i for i in of if (given := getattr(rows.cells[i].facts, field)) is not None and given >= value]
                if len(low) + len(high) < len(of) or not (rows.supports(low) and rows.supports(high)):
                    continue
                gain = rows.cost(of) - rows.cost(low) - rows.cost(high)
                if gain >= LEAST_GAIN and (best is None or gain > best[0] + 1e-12):
                    best = (gain, field, value, low, high)
    if best is None:
        kind = rows.choose(of)
        record = LeafRecord(
            tasks=len(of),
            families=len({rows.cells[i].family for i in of}),
            regrets={k: round(rows.mean(k, of), 4) for k in rows.kinds},
        )
        leaves[name] = record
        nodes.append(Leaf(id=name, kind=kind, says=says(kind, record)))
        return
    _, field, value, low, high = best
    below, above = f"{name}-low", f"{name}-high"
    shown = written(field, value)
    nodes.append(
        Question(
            id=name, text=QUESTIONS[field], field=field,
            branches=(Branch(f"below {shown}", "<", value, below), Branch(f"{shown} or more", ">=", value, above)),
        )
    )  # fmt: skip
    _split(rows, low, depth - 1, below, nodes, leaves)
    _split(rows, high, depth - 1, above, nodes, leaves)


QUESTIONS: dict[Field, str] = {
    "ready_made": "How accurate is a ready-made probe?",
    "images_per_class": "How many images per class?",
    "affordable_epochs": "How many epochs of full training does the budget afford?",
    "domain_gap": "How far from the pre-training are the images?",
    "depth_gap": "Do earlier stages know more than the last?",
    "classes": "How many classes?",
}


def written(field: Field, value: float) -> str:
    """A threshold as it stands on an edge: '80%', '30', '+2 points'."""
    if field == "ready_made":
        return f"{100 * value:g}%"
    if field == "depth_gap":
        return f"{100 * value:+g} points" if value else "0 points"
    return f"{value:g}"


def says(kind: Kind, record: LeafRecord) -> str:
    """A leaf in few words, which have to fit a box of the drawn tree: what it advises, and what that rests on."""
    from core.zoo import STRATEGIES

    lost = 100 * record.regrets[kind]
    return f"{STRATEGIES[kind].title}: {record.tasks} tasks of {record.families} kinds, {lost:.1f} points lost"


def mean_regret(kind: Kind, of: Sequence[Task]) -> float:
    """Of following one strategy everywhere."""
    return mean(regret(kind, task) for task in of)

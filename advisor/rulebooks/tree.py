"""Decision trees as data, and the one walker that reads them.

A rulebook is what a textbook says, no more: questions with branches, leaves with an answer, and its source.
Because predicates are data (field, operator, value), a tree can be walked, drawn, listed and checked for
dead ends by the same few functions. Nothing here may know a dataset's measurements, a price or a screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from core import Answer, Kind, PathStep, PlanError, Priority, Similarity

Field = Literal[
    "train_images", "similarity", "minutes", "priority",
    "images_per_class", "classes", "ready_made", "domain_gap", "depth_gap", "affordable_epochs",
]  # fmt: skip
"""The first four are what textbooks ask; the others are measured, and asked by the measured rulebook."""
Op = Literal["<", "<=", ">", ">=", "in"]


@dataclass(frozen=True)
class Situation:
    """What a rulebook may ask about."""

    train_images: int
    """Images for training and validation together."""
    similarity: Similarity
    """How alike the images are to the pre-training ones."""
    minutes: float
    """Wall time the user can spend on training."""
    priority: Priority
    images_per_class: float | None = None
    classes: int | None = None
    ready_made: float | None = None
    """Balanced accuracy of a probe, in [0, 1]."""
    domain_gap: float | None = None
    """0-100."""
    depth_gap: float | None = None
    """In [-1, 1]."""
    affordable_epochs: float | None = None

    def __post_init__(self) -> None:
        if self.train_images < 1:
            raise PlanError(f"Advice needs at least 1 training image, not {self.train_images}.")
        if self.similarity not in get_args(Similarity):
            raise PlanError(f"Similarity is 'high', 'medium' or 'low', not '{self.similarity}'.")
        if not self.minutes > 0:
            raise PlanError(f"The budget must be more than 0 minutes, not {self.minutes:g}.")
        if self.priority not in get_args(Priority):
            raise PlanError(f"The priority is 'speed' or 'accuracy', not '{self.priority}'.")


@dataclass(frozen=True)
class Branch:
    """One answer to a question: taken when `<the question's field> <op> <value>` holds."""

    label: str
    """As it is written on the edge of the drawn tree: 'medium (1,000 to 10,000)'."""
    op: Op
    value: float | tuple[str, ...]
    """A threshold for the four comparisons; the accepted words for 'in'."""
    next: str
    """Id of the node it leads to."""

    def __post_init__(self) -> None:
        if (self.op == "in") != isinstance(self.value, tuple):
            raise PlanError(
                f"Branch '{self.label}': 'in' takes a tuple of words, a comparison takes a number."
            )

    def holds(self, given: float | str) -> bool:
        """Whether this branch accepts the given value."""
        if isinstance(self.value, tuple):
            return given in self.value
        if isinstance(given, str):
            raise PlanError(f"Branch '{self.label}' compares numbers and was given '{given}'.")
        if self.op == "<":
            return given < self.value
        if self.op == "<=":
            return given <= self.value
        if self.op == ">":
            return given > self.value
        return given >= self.value


@dataclass(frozen=True)
class Question:
    """An inner node. Its branches are tried in order; the first that holds is taken."""

    id: str
    text: str
    field: Field
    branches: tuple[Branch, ...]

    def choose(self, given: float | str) -> Branch:
        """The branch for a value of the question's field. Raises PlanError when none holds."""
        for branch in self.branches:
            if branch.holds(given):
                return branch
        raise PlanError(f"Question '{self.id}' has no branch for {self.field} = {given}.")


@dataclass(frozen=True)
class Leaf:
    """An answer. What the text does not say is an empty string, never a guess of ours."""

    id: str
    kind: Kind
    says: str
    """The answer in the textbook's own terms."""
    frozen: str = ""
    """What stays frozen, as the text gives it."""
    learning_rate: str = ""
    epochs: str = ""
    trained_stages: int | None = None
    """For 'partial': stages below the head that are trained; None = the strategy's default."""
    caveats: tuple[str, ...] = ()
    """What the text adds that this version cannot do, and where the text had to be interpreted."""


Node = Question | Leaf


@dataclass(frozen=True)
class Rulebook:
    """One textbook's tree. Construction checks it: every edge leads somewhere, every node has one parent."""

    name: str
    title: str
    source: str
    reading: str
    """How the text was read where it leaves room."""
    nodes: tuple[Node, ...]
    """The root first."""

    def __post_init__(self) -> None:
        ids = [node.id for node in self.nodes]
        targets = [
            branch.next for node in self.nodes if isinstance(node, Question) for branch in node.branches
        ]
        problems = [f"'{i}' is defined twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
        problems += [f"'{t}' is led to but not defined" for t in sorted(set(targets) - set(ids))]
        problems += [f"'{t}' has two parents" for t in sorted({t for t in targets if targets.count(t) > 1})]
        problems += [f"nothing leads to '{i}'" for i in ids[1:] if i not in targets]
        problems += [f"the root '{i}' is led back to" for i in ids[:1] if i in targets]
        if problems or not ids:
            raise PlanError(f"Rulebook '{self.name}' is not a tree: {'; '.join(problems) or 'it is empty'}.")

    @cached_property
    def by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @property
    def root(self) -> Node:
        return self.nodes[0]

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """From left to right, as drawn."""
        return tuple(node for _, node in self.walk() if isinstance(node, Leaf))

    def children(self, node_id: str) -> tuple[tuple[Branch, Node], ...]:
        """The branches of a question with the nodes they lead to, in order; empty for a leaf."""
        node = self.by_id[node_id]
        if isinstance(node, Leaf):
            return ()
        return tuple((branch, self.by_id[branch.next]) for branch in node.branches)

    def walk(self, node_id: str | None = None, depth: int = 0) -> Iterator[tuple[int, Node]]:
        """(depth, node) for every node, depth first, left to right."""
        node = self.by_id[node_id] if node_id is not None else self.root
        yield depth, node
        for _, child in self.children(node.id):
            yield from self.walk(child.id, depth + 1)

    def thresholds(self, field: Field) -> tuple[float, ...]:
        """Every number this book compares a field with, ascending."""
        found = {
            branch.value
            for node in self.nodes
            if isinstance(node, Question) and node.field == field
            for branch in node.branches
            if not isinstance(branch.value, tuple)
        }
        return tuple(sorted(found))


def leaf_for(rulebook: Rulebook, situation: Situation) -> tuple[Leaf, tuple[PathStep, ...]]:
    """Walk from the root to a leaf; the answered questions come with it. Raises PlanError for a question about
    something that was not measured."""
    node, path = rulebook.root, []
    while isinstance(node, Question):
        given = getattr(situation, node.field)
        if given is None:
            raise PlanError(f"The {rulebook.title.lower()} asks '{node.text}', which was not measured.")
        branch = node.choose(given)
        path.append(PathStep(node=node.id, question=node.text, answer=branch.label))
        node = rulebook.by_id[branch.next]
    return node, tuple(path)


def can_answer(rulebook: Rulebook, situation: Situation) -> bool:
    """Whether everything that this book asks on the way was measured."""
    try:
        leaf_for(rulebook, situation)
    except PlanError:
        return False
    return True


def answer(rulebook: Rulebook, situation: Situation) -> Answer:
    """What one rulebook says about a situation, with the lit path."""
    leaf, path = leaf_for(rulebook, situation)
    return Answer(
        rulebook=rulebook.name,
        kind=leaf.kind,
        trained_stages=leaf.trained_stages,
        leaf=leaf.id,
        says=leaf.says,
        path=path,
        source=rulebook.source,
        caveats=leaf.caveats,
    )

"""The rulebooks: what three textbooks say, each as a tree of data with its source.

They are kept exactly as their texts give them, also where measurements speak against them: judging is the
work of `advisor.advice.recommendation`.
"""

from __future__ import annotations

from advisor.rulebooks.classic import CLASSIC
from advisor.rulebooks.course import COURSE
from advisor.rulebooks.tree import Branch, Leaf, Question, Rulebook, Situation, answer, leaf_for
from advisor.rulebooks.workflow import WORKFLOW
from core import PlanError

RULEBOOKS: dict[str, Rulebook] = {book.name: book for book in (COURSE, WORKFLOW, CLASSIC)}


def rulebook(name: str) -> Rulebook:
    """One rulebook by name. Raises PlanError, listing the names there are."""
    try:
        return RULEBOOKS[name]
    except KeyError:
        raise PlanError(
            f"There is no rulebook called '{name}'; choose one of {', '.join(RULEBOOKS)}."
        ) from None


__all__ = [
    "RULEBOOKS",
    "Branch",
    "Leaf",
    "Question",
    "Rulebook",
    "Situation",
    "answer",
    "leaf_for",
    "rulebook",
]

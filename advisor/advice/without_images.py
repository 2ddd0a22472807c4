"""What every rulebook says for numbers set by hand: no images, nothing measured, nothing planned."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.advice.learned_rules import GAP_OF, Learned
from advisor.rulebooks import RULEBOOKS
from advisor.rulebooks.tree import Rulebook, Situation, answer
from core import Answer, PlanError, Priority, Similarity


@dataclass(frozen=True)
class Said:
    """One rulebook's answer, or why it has none."""

    title: str
    answer: Answer | None
    why_not: str = ""


def by_numbers(
    images: int, similarity: Similarity, minutes: float, priority: Priority, *, classes: int | None = None,
    learned: Learned | None = None,
) -> tuple[Said, ...]:  # fmt: skip
    """images: for training and validation together. similarity: of the images to everyday photographs. minutes: for
    training. Raises PlanError for numbers that no rulebook can be asked about."""
    if classes is not None and classes < 2:
        raise PlanError(f"A choice is between at least 2 classes, not {classes}.")
    there = Situation(
        images, similarity, minutes, priority, classes=classes, domain_gap=GAP_OF[similarity],
        images_per_class=None if classes is None else images / classes,
    )  # fmt: skip
    return tuple(_ask(book, there) for book in ([learned.rulebook] if learned else []) + list(RULEBOOKS.values()))


def _ask(book: Rulebook, there: Situation) -> Said:
    try:
        return Said(book.title, answer(book, there))
    except PlanError as error:
        more = " Say how many with --classes." if there.classes is None and "class" in str(error) else ""
        return Said(book.title, None, f"{error}{more}")

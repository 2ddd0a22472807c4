"""Short lessons, one module each: words of our own, a formula where it helps, and a part that runs while you look.

A module offers LESSON. Every figure on a lesson is either measured live or stands beside its source.
"""

from __future__ import annotations

from ui.learn import domains, forgetting, pitfalls, rates, strategies, transfer, when_not
from ui.learn.parts import Lesson

LESSONS: dict[str, Lesson] = {
    lesson.key: lesson
    for lesson in (
        transfer.LESSON, strategies.LESSON, rates.LESSON, forgetting.LESSON, domains.LESSON, when_not.LESSON,
        pitfalls.LESSON,
    )
}  # fmt: skip
"""In reading order."""

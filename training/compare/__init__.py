"""Runs side by side, under the same conditions or not at all: tests and words. No opinion."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.compare.before_after import BeforeAfter, group_of, run_before
    from training.compare.comparison import Comparison, Row, compare
    from training.compare.pareto import pareto_front
    from training.compare.side_by_side import WHICH, Which, counts, places
    from training.compare.verdicts import remarks
else:
    __getattr__ = door(__name__)

__all__ = [
    "WHICH",
    "BeforeAfter",
    "Comparison",
    "Row",
    "Which",
    "compare",
    "counts",
    "group_of",
    "pareto_front",
    "places",
    "remarks",
    "run_before",
]

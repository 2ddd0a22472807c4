"""Runs side by side, under the same conditions or not at all: tests and words. No opinion."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.compare.before_after import BeforeAfter, group_of, run_before
    from training.compare.chosen import beside, usual
    from training.compare.comparison import Comparison, Row, compare
    from training.compare.pareto import pareto_front
    from training.compare.remarks import remarks_on
    from training.compare.side_by_side import WHICH, Which, counts, places
else:
    __getattr__ = door(__name__)

__all__ = [
    "WHICH",
    "BeforeAfter",
    "Comparison",
    "Row",
    "Which",
    "beside",
    "compare",
    "counts",
    "group_of",
    "pareto_front",
    "places",
    "remarks_on",
    "run_before",
    "usual",
]

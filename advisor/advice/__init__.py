"""Facts and a budget become a recommendation with its reasons; what was learned from the evidence."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from advisor.advice.learned_rules import LOCAL_EVIDENCE, LOCAL_RULES, Learned, gap_percent, learned, similarity
    from advisor.advice.pilot_runs import Pilot, decide, pilots
    from advisor.advice.reasons import book, cuts, epochs_in_words, moment_in_words, what_is_trained
    from advisor.advice.recommendation import recommend
    from advisor.advice.without_images import Said, by_numbers
else:
    __getattr__ = door(__name__)

__all__ = [
    "LOCAL_EVIDENCE",
    "LOCAL_RULES",
    "Learned",
    "Pilot",
    "Said",
    "book",
    "by_numbers",
    "cuts",
    "decide",
    "epochs_in_words",
    "gap_percent",
    "learned",
    "moment_in_words",
    "pilots",
    "recommend",
    "similarity",
    "what_is_trained",
]

"""How much of a difference between two runs the luck of their seeds can be. Pure; no torch.

Two runs of one strategy that differ in their seed alone give models that really differ. A run's luck is half of the
correlation that `stats.paired_p` allows for between two such runs; that of a pair is the sum of both sides'.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core import Strategy
from training.evaluation import rho_of_all

SOLVED, FINE_TUNED, SCRATCH = 0.0, 0.015, 0.05
"""Where no seeds were repeated. A solved head starts nowhere at random; the others were measured on real runs:
`python -m benchmarks.verdicts` (benchmarks/results/verdicts.md)."""
ENOUGH_SEEDS = 3
"""Repeated runs from which luck is measured rather than assumed."""


def assumed(strategy: Strategy) -> float:
    """The luck of one run where nothing was measured."""
    if all(phase.solved for phase in strategy.phases):
        return SOLVED
    return FINE_TUNED if strategy.pretrained else SCRATCH


def measured(right: Sequence[NDArray[np.bool_]]) -> float | None:
    """The luck of one run from the answers of several that differ in their seed alone; None with too few of them."""
    if len(right) < ENOUGH_SEEDS:
        return None
    return rho_of_all(np.stack(right)) / 2


def luck(strategy: Strategy, right: Sequence[NDArray[np.bool_]]) -> float:
    """What to allow for: measured where seeds were repeated, but never less than what is assumed without."""
    return max(assumed(strategy), measured(right) or 0.0)

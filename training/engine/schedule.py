"""Learning rates as pure functions of where a phase is. No scheduler object, so nothing of it to save or restore."""

from __future__ import annotations

import math

PCT_START = 0.3
DIV = 25.0
"""One-cycle as in fastai and torch's OneCycleLR: up from peak/25 over the first 30 % of steps, then down to ~0,
both along a cosine (Smith, arXiv 1803.09820)."""
FINAL = 1e-4


def factor(schedule: str, step: int, steps: int) -> float:
    """Share of the peak learning rate at `step` of `steps` (0-based), in (0, 1]."""
    return 1.0 if steps <= 1 else factor_at(schedule, min(1.0, step / (steps - 1)))


def factor_at(schedule: str, t: float) -> float:
    """Share of the peak learning rate where a share `t` of the schedule is behind, both in [0, 1]."""
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return _cosine(1.0, FINAL, t)
    if t < PCT_START:
        return _cosine(1 / DIV, 1.0, t / PCT_START)
    return _cosine(1.0, FINAL, (t - PCT_START) / (1 - PCT_START))


def _cosine(start: float, end: float, t: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * t)) / 2

"""What a strategy will reach on images like these: the probe's accuracy plus a correction learned from the evidence.

The correction of each strategy is a ridge regression on a few readable numbers; intervals are conformal: their width
is what the same procedure got wrong on kinds of images that it had not seen. Pure Python, milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.advice.evidence import Task, TaskFacts
from core import KINDS, Estimate, Kind

RIDGE = 0.3
"""Penalty on the coefficients, in examples: it matters where a strategy was run on few tasks only."""
Z = 1.96
"""Of the 95 % Wilson interval that accuracies are drawn to the centre of."""
COVERAGE = 0.8
"""Of the intervals."""
LEAST_TASKS, LEAST_FAMILIES = 20, 5
"""Fewer examples of a strategy make no forecast."""


@dataclass(frozen=True)
class Correction:
    """Of one strategy: accuracy = `settled` probe accuracy + sum of coefficients * features."""

    coefficients: tuple[float, ...]
    width: float
    """Half the interval, in units of `spread`: the quantile that covered `COVERAGE` of unseen kinds of images."""
    tasks: int
    error: float
    """Mean absolute error on kinds of images left out, in [0, 1]."""


def settled(facts: TaskFacts) -> float | None:
    """The probe's accuracy drawn towards one half as far as its sampling error says: the centre of its 95 % Wilson
    interval. Ten right out of ten is no certainty."""
    if facts.probe_accuracy is None:
        return None
    images = facts.images_per_class * facts.classes
    return (facts.probe_accuracy * images + Z * Z / 2) / (images + Z * Z)


def features(facts: TaskFacts) -> tuple[float, ...] | None:
    """What corrections are linear in; None where the probe was not measured.

    Each is small where a probe is right nearly always or never: there is little to correct, so little is added. The
    domain gap and the depth gap are left out: they changed the error on kinds of images left out by little.
    """
    p = settled(facts)
    if p is None:
        return None
    open_to_change = 2 * p * (1 - p)
    few = min(1.0, 5 / max(1.0, facts.images_per_class))
    epochs = math.log2(min(16.0, max(0.5, facts.affordable_epochs)) / 3)
    return open_to_change, open_to_change * few, open_to_change * epochs


def spread(facts: TaskFacts) -> float:
    """How far off a forecast can be expected to be: nothing is sure, and least where much is left to gain."""
    p = settled(facts) or 0.5
    return 0.02 + 0.5 * p * (1 - p)


def learn(evidence: Sequence[Task]) -> dict[Kind, Correction]:
    """Corrections of every strategy that was run on enough tasks."""
    found = {}
    for kind in KINDS:
        own = [task for task in evidence if kind in task.scores and features(task.facts) is not None]
        families = sorted({task.family for task in own})
        if len(own) < LEAST_TASKS or len(families) < LEAST_FAMILIES:
            continue
        misses: list[tuple[float, float]] = []
        for family in families:
            seen = [task for task in own if task.family != family]
            fitted = _ridge(seen, kind)
            misses += [
                (abs(task.scores[kind] - _value(fitted, task.facts)), spread(task.facts))
                for task in own
                if task.family == family
            ]
        ratios = sorted(miss / scale for miss, scale in misses)
        place = min(len(ratios) - 1, math.ceil(COVERAGE * (len(ratios) + 1)) - 1)
        error = sum(miss for miss, _ in misses) / len(misses)
        coefficients = tuple(round(c, 5) for c in _ridge(own, kind))
        found[kind] = Correction(coefficients, round(ratios[place], 4), len(own), round(error, 4))
    return found


def forecast(kind: Kind, facts: TaskFacts, corrections: dict[Kind, Correction]) -> Estimate | None:
    """Test accuracy with an 80 % interval; None where nothing was learned or the probe was not measured."""
    known = corrections.get(kind)
    if known is None or features(facts) is None:
        return None
    value = _value(known.coefficients, facts)
    half = known.width * spread(facts)
    how = f"probe plus a correction from {known.tasks} runs, 80% interval"
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), how)


def _value(coefficients: Sequence[float], facts: TaskFacts) -> float:
    x = features(facts)
    p = settled(facts)
    assert x is not None and p is not None
    value = p + sum(c * v for c, v in zip(coefficients, x, strict=True))
    return min(1.0, max(1 / max(2, facts.classes) / 2, value))


def _ridge(of: Sequence[Task], kind: Kind) -> tuple[float, ...]:
    """Penalised least squares; every family of sets weighs the same."""
    rows = []
    sizes: dict[str, int] = {}
    for task in of:
        sizes[task.family] = sizes.get(task.family, 0) + 1
    scale = len(of) / max(1, len(sizes))
    for task in of:
        x, p = features(task.facts), settled(task.facts)
        assert x is not None and p is not None
        rows.append((x, task.scores[kind] - p, scale / sizes[task.family]))
    n = len(rows[0][0])
    a = [[sum(w * x[i] * x[j] for x, _, w in rows) for j in range(n)] for i in range(n)]
    for i in range(n):
        a[i][i] += RIDGE
    b = [sum(w * x[i] * y for x, y, w in rows) for i in range(n)]
    return _solve(a, b)


def _solve(a: list[list[float]], b: list[float]) -> tuple[float, ...]:
    """Gaussian elimination with pivoting."""
    n = len(b)
    m = [[*row, value] for row, value in zip(a, b, strict=True)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(m[r][i]))
        m[i], m[pivot] = m[pivot], m[i]
        if abs(m[i][i]) < 1e-12:
            continue
        for r in range(i + 1, n):
            factor = m[r][i] / m[i][i]
            m[r] = [v - factor * u for v, u in zip(m[r], m[i], strict=True)]
    x = [0.0] * n
    for i in reversed(range(n)):
        if abs(m[i][i]) >= 1e-12:
            x[i] = (m[i][n] - sum(m[i][j] * x[j] for j in range(i + 1, n))) / m[i][i]
    return tuple(x)

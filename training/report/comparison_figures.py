"""Figures of a comparison: the scoreboard, and what accuracy cost in time and in trained parameters.

Pure: HTML strings come out, styled by `figures.css`; user text is escaped here. SVG instead of plotly, because this is
what the page opens with: a megabyte of script is not waited for. Positions in percent, so that the pictures stretch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from markupsafe import Markup

from core import Estimate
from core.words import duration, interval, params
from core.zoo import STRATEGIES
from training.compare import Comparison, Row, pareto_front
from training.report.accuracy_axis import AxisRow, Scale, accuracy_axis, axis_scale
from training.report.drawing import esc
from training.report.marks import mark, mark_shape

Cost = Literal["seconds", "params"]
Point = tuple[Row, Estimate, float]
"""A tested run, its accuracy, its cost."""
SAID: dict[Cost, tuple[str, str]] = {
    "seconds": ("Against training time", "training time here (log scale)"),
    "params": ("Against trained parameters", "trained parameters (log scale)"),
}
SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18_000, 36_000)
FEW_SECONDS = (0.1, 1, 10, 60, 600, 3600, 36_000)
MOST_TICKS = 7


def accuracy_of(comparison: Comparison) -> str:
    """What every accuracy in this comparison is: of the test images, or of the target's."""
    return "accuracy on the target" if comparison.target else "test accuracy"


def scoreboard(comparison: Comparison) -> Markup:
    """Accuracy of every strategy as a dot with its 95 % interval, best on top; its seeds as small ticks. '' where no
    run was tested."""
    by_id = {row.run_id: row for row in comparison.rows}
    tested = [(group, group.accuracy) for group in comparison.groups if group.accuracy is not None]
    tested.sort(key=lambda pair: -pair[1].value)
    if not tested:
        return Markup()
    rows = []
    for group, accuracy in tested:
        seeds = [own.value for run in group.runs if (own := by_id[run].test_accuracy) is not None]
        rows.append(AxisRow(group.label, group.kind, accuracy, others=tuple(seeds) if len(seeds) > 1 else ()))
    single = (Estimate(one, one, one) for row in rows for one in row.others)
    scale = axis_scale([*(row.estimate for row in rows), *single])
    ticks = "; a small tick is one seed" if any(row.others for row in rows) else ""
    return accuracy_axis(rows, scale, caption=f"{accuracy_of(comparison)}, with its 95% interval{ticks}")


def trade_off(comparison: Comparison, cost: Cost) -> Markup:
    """Accuracy of every run against what it cost, on a log axis, with the Pareto front. '' with fewer than two runs."""
    points = _points(comparison, cost)
    if len(points) < 2:
        return Markup()
    costs = [spent for *_, spent in points]
    low, high = math.log10(min(costs) / 2.2), math.log10(max(costs) * 2.2)
    scale = axis_scale(tested for _, tested, _ in points)

    def x(spent: float) -> float:
        return 100 * (math.log10(spent) - low) / (high - low)

    def y(accuracy: float) -> float:
        return 100 - scale.x(accuracy)

    say = duration if cost == "seconds" else lambda spent: params(int(spent))
    title, axis = SAID[cost]
    kinds = dict.fromkeys(row.kind for row, *_ in points)
    legend = "".join(f"<li>{mark(kind)}{esc(STRATEGIES[kind].title)}</li>" for kind in kinds)
    front = _front(points)
    line = ""
    if len(front) > 1:
        line = _steps([(x(spent), y(tested.value)) for _, tested, spent in front])
        legend += (
            '<li><svg width="26" height="8" aria-hidden="true"><line class="thaw-front" x2="26" y1="4" y2="4"/></svg>'
            "Pareto front</li>"
        )
    dots = "".join(_dot(*point, x, y, say) for point in points)
    name = f"{accuracy_of(comparison).capitalize()} against {axis}. {pareto_in_words(comparison, cost)}"
    return Markup(
        f'<figure class="thaw-scatter"><figcaption>{title}<ul>{legend}</ul></figcaption>'
        f'<svg class="s-y" aria-hidden="true">{_y_ticks(scale)}</svg>'
        f'<svg class="s-plot" role="img" aria-label="{esc(name)}">{_grid(scale, y)}{line}{dots}</svg>'
        f'<svg class="s-x" aria-hidden="true">{_x_ticks(cost, costs, x, say)}</svg>'
        f"<small>{esc(accuracy_of(comparison))}, 95% interval, against {axis}</small></figure>"
    )


def pareto_in_words(comparison: Comparison, cost: Cost) -> str:
    """'On the front: Linear probe (9 s) and Partial fine-tuning (2 min 40 s).' Empty with fewer than two runs."""
    points = _points(comparison, cost)
    if len(points) < 2:
        return ""
    said = [f"{row.label} ({duration(spent) if cost == 'seconds' else params(int(spent))})"
            for row, _, spent in _front(points)]  # fmt: skip
    return f"Pareto front, from cheap to accurate: {', '.join(said)}. One of these beats every other run in both."


def _points(comparison: Comparison, cost: Cost) -> list[Point]:
    """Tested runs whose cost is known, the most accurate first."""
    found = [
        (row, row.test_accuracy, row.seconds if cost == "seconds" else float(row.trainable_params or 0))
        for row in comparison.rows
        if row.test_accuracy is not None
    ]
    known = [(row, tested, max(spent, 0.1)) for row, tested, spent in found if spent > 0]
    return sorted(known, key=lambda point: -point[1].value)


def _front(points: Sequence[Point]) -> list[Point]:
    return [points[i] for i in pareto_front([(spent, tested.value) for _, tested, spent in points])]


def _dot(
    row: Row, tested: Estimate, spent: float, x: Callable[[float], float], y: Callable[[float], float],
    say: Callable[[float], str],
) -> str:  # fmt: skip
    colour, at = STRATEGIES[row.kind].colour, f"{x(spent):.2f}%"
    return (
        f'<g class="s-dot"><title>{esc(row.label)}: {esc(interval(tested))}, {esc(say(spent))}</title>'
        f'<line x1="{at}" x2="{at}" y1="{y(tested.low):.2f}%" y2="{y(tested.high):.2f}%" stroke="{colour}" '
        f'stroke-width="4" opacity="0.45" stroke-linecap="round"/>'
        f'<svg x="{at}" y="{y(tested.value):.2f}%" overflow="visible">{mark_shape(row.kind, 7)}</svg></g>'
    )


def _steps(corners: Sequence[tuple[float, float]]) -> str:
    """The front: to the right at the accuracy that was bought, then up to the next one."""
    lines = []
    for (x1, y1), (x2, y2) in pairwise(corners):
        lines.append(f'<line class="thaw-front" x1="{x1:.2f}%" x2="{x2:.2f}%" y1="{y1:.2f}%" y2="{y1:.2f}%"/>')
        lines.append(f'<line class="thaw-front" x1="{x2:.2f}%" x2="{x2:.2f}%" y1="{y1:.2f}%" y2="{y2:.2f}%"/>')
    return "".join(lines)


def _grid(scale: Scale, y: Callable[[float], float]) -> str:
    return "".join(
        f'<line class="thaw-grid" x1="0" x2="100%" y1="{y(tick):.2f}%" y2="{y(tick):.2f}%"/>' for tick in scale.ticks
    ) + '<line class="thaw-rail" x1="0" x2="100%" y1="100%" y2="100%"/>'


def _y_ticks(scale: Scale) -> str:
    return "".join(
        f'<text x="100%" y="{100 - scale.x(tick):.2f}%" dy="4" text-anchor="end">{100 * tick:.0f}%</text>'
        for tick in scale.ticks
    )


def _x_ticks(cost: Cost, costs: Sequence[float], x: Callable[[float], float], say: Callable[[float], str]) -> str:
    low, high = min(costs) / 2.2, max(costs) * 2.2
    rulers: tuple[Sequence[float], ...] = (FEW_SECONDS, SECONDS)
    if cost == "params":
        rulers = ([10**p for p in range(12)], [f * 10**p for p in range(12) for f in (1, 2, 5)])
    fitting = [[tick for tick in ruler if low <= tick <= high] for ruler in rulers]
    shown = next((ticks for ticks in fitting if 1 < len(ticks) <= MOST_TICKS), fitting[-1][:MOST_TICKS])
    return "".join(
        f'<text x="{x(tick):.2f}%" y="14" text-anchor="middle">{esc(say(tick))}</text>'
        f'<line class="thaw-rail" x1="{x(tick):.2f}%" x2="{x(tick):.2f}%" y1="0" y2="4"/>'
        for tick in shown
    )

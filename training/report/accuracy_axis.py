"""Accuracies with their intervals on one common axis, so that the eye compares them: as rows, or as a single line.

Pure: HTML strings come out, styled by `figures.css`; positions in percent, so that they stretch. User text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from core import Estimate, Kind
from core.words import interval
from core.zoo import STRATEGIES
from training.report.drawing import esc
from training.report.marks import mark, mark_shape


@dataclass(frozen=True)
class Scale:
    """The accuracy axis that several pictures share; both ends are shares in [0, 1]."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """Position in percent, clamped to the axis."""
        return 100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    @property
    def ticks(self) -> tuple[float, ...]:
        step = next((s for s in (0.01, 0.02, 0.05, 0.1) if (self.high - self.low) / s <= 6.5), 0.2)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple(i * step for i in range(first, last + 1))


@dataclass(frozen=True)
class AxisRow:
    """One dot with its interval on a common axis."""

    label: str
    kind: Kind
    estimate: Estimate | None
    note: str = ""
    others: tuple[float, ...] = ()
    """Single values behind the estimate, drawn as small ticks."""


def axis_scale(estimates: Iterable[Estimate | None]) -> Scale:
    """A common axis around all intervals, ends on round numbers, never narrower than 10 points."""
    known = [e for e in estimates if e is not None]
    if not known:
        return Scale(0.0, 1.0)
    low, high = min(e.low for e in known), max(e.high for e in known)
    step = 0.05 if high - low < 0.3 else 0.1
    low = math.floor((low - 0.01) / step) * step
    high = math.ceil((high + 0.005) / step) * step
    high = min(1.0, high)
    low = max(0.0, min(low, high - 0.1))
    return Scale(round(low, 3), round(max(high, low + 0.1), 3))


def accuracy_axis(rows: Sequence[AxisRow], scale: Scale | None = None, caption: str = "") -> Markup:
    """The scoreboard: one line per row, dot and interval on one axis, value in words at the end; `caption` below."""
    scale = scale or axis_scale(row.estimate for row in rows)
    parts = []
    for row in rows:
        note = f"<small>{esc(row.note)}</small>" if row.note else ""
        parts.append(
            f'<div class="thaw-who">{mark(row.kind)}<span>{esc(row.label)}{note}</span></div>'
            f"{accuracy_line(row.estimate, row.kind, scale, 36, row.label, row.others)}"
            f'<div class="thaw-value">{esc(interval(row.estimate))}</div>'
        )
    ticks = "".join(
        f'<text x="{scale.x(t):.2f}%" y="13" text-anchor="middle">{100 * t:.0f}%</text>' for t in scale.ticks
    )
    parts.append(f'<div></div><svg class="thaw-line thaw-ticks" aria-hidden="true">{ticks}</svg><div></div>')
    if caption:
        parts.append(f"<div></div><small>{esc(caption)}</small><div></div>")
    return Markup(f'<div class="thaw-axis">{"".join(parts)}</div>')


def accuracy_line(
    estimate: Estimate | None, kind: Kind, scale: Scale, height: int, name: str, others: Sequence[float] = ()
) -> str:
    """Rail, interval and dot; positions in percent, so that it stretches."""
    middle = height / 2
    grid = "".join(
        f'<line class="thaw-grid" x1="{scale.x(t):.2f}%" x2="{scale.x(t):.2f}%" y1="2" y2="{height - 2}"/>'
        for t in scale.ticks
    )
    rail = f'<line class="thaw-rail" x1="0" x2="100%" y1="{middle}" y2="{middle}"/>'
    start = f'<svg class="thaw-line" role="img" height="{height}"'
    if estimate is None:
        return f'{start} aria-label="{esc(name)}: {interval(None)}">{grid}{rail}</svg>'
    colour = STRATEGIES[kind].colour
    low, high, dot = scale.x(estimate.low), scale.x(estimate.high), scale.x(estimate.value)
    said = f"{name}: {interval(estimate)}, axis from {100 * scale.low:.0f}% to {100 * scale.high:.0f}%"
    said += f". {estimate.how}" if estimate.how else ""
    single = "".join(
        f'<line x1="{scale.x(one):.2f}%" x2="{scale.x(one):.2f}%" y1="{middle - 8}" y2="{middle + 8}" '
        f'stroke="{colour}" stroke-width="2"><title>one seed: {100 * one:.1f}%</title></line>'
        for one in others
    )
    return (
        f'{start} aria-label="{esc(said)}"><title>{esc(said)}</title>{grid}{rail}'
        f'<line x1="{low:.2f}%" x2="{high:.2f}%" y1="{middle}" y2="{middle}" '
        f'stroke="{colour}" stroke-width="5" stroke-linecap="round" opacity="0.45"/>{single}'
        f'<svg x="{dot:.2f}%" y="{middle}" overflow="visible">{mark_shape(kind, 7)}</svg></svg>'
    )

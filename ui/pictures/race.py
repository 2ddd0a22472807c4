"""The race as one picture: accuracy against wall time, one lane a rung, the budget as the axis below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core import Estimate, Kind
from core.zoo import STRATEGIES
from training.report import Scale, axis_scale, mark
from training.report.marks import mark_shape
from ui.pictures.words import duration, esc, interval

HEIGHT, BAR = 200, 10
LOOKED_AT = 0.12
"""How far below the best curves are drawn, in [0, 1]: a solver's first passes would press the rest together."""


@dataclass(frozen=True)
class Lane:
    """One rung: what it reached on the validation images, against the seconds of the race."""

    kind: Kind
    title: str
    begun_s: float
    ended_s: float | None
    """None while it runs."""
    points: tuple[tuple[float, float], ...]
    """(seconds of the race, validation accuracy), in order."""
    reached: Estimate | None
    """Of the weights it keeps, with the interval of so many images."""
    state: str
    taken: bool = False


def race_track(lanes: Sequence[Lane], budget_s: float, now_s: float, measured: Sequence[tuple[float, float]]) -> str:
    """Curves, intervals and the budget. now_s: seconds of the race that are over; measured: (from, to) seconds in which
    only what the choice needs was measured."""
    end = max(budget_s, now_s)
    scale = _scale(lanes)

    def x(seconds: float) -> str:
        return f"{100 * seconds / end:.2f}%"

    def y(share: float) -> float:
        return 8 + (HEIGHT - 16) * (1 - (max(scale.low, share) - scale.low) / (scale.high - scale.low))

    grid = "".join(
        f'<line class="thaw-grid" x1="0" x2="100%" y1="{y(t):.1f}" y2="{y(t):.1f}"/>'
        f'<text x="-40" y="{y(t) + 4:.1f}">{100 * t:.0f}%</text>'
        for t in scale.ticks
    )
    drawn = "".join(_lane(lane, now_s, x, y) for lane in lanes)
    said = "; ".join(f"{lane.title}: {interval(lane.reached)}, {lane.state}" for lane in lanes)
    top = (
        f'<svg class="thaw-race" role="img" height="{HEIGHT}" aria-label="{esc(said or "No rung has begun yet")}">'
        f"{grid}{drawn}</svg>"
    )
    return f'<div class="thaw-track">{top}{_bar(lanes, budget_s, now_s, end, measured)}{_legend(lanes)}</div>'


def _scale(lanes: Sequence[Lane]) -> Scale:
    tops = [lane.reached for lane in lanes if lane.reached]
    tops += [Estimate(value, value, value) for lane in lanes for _, value in lane.points[-1:]]
    if not tops:
        return Scale(0.0, 1.0)
    best = max(one.value for one in tops)
    return axis_scale([*(one for one in tops if one.high >= best - LOOKED_AT), Estimate(best, best - LOOKED_AT, best)])


def _lane(lane: Lane, now_s: float, x: Callable[[float], str], y: Callable[[float], float]) -> str:
    style, until = STRATEGIES[lane.kind], lane.ended_s if lane.ended_s is not None else now_s
    faded = "" if lane.taken or lane.ended_s is None else ' opacity="0.55"'
    band = ""
    if lane.reached:
        top, low = y(lane.reached.high), y(lane.reached.low)
        band = (
            f'<rect x="{x(lane.begun_s)}" y="{top:.1f}" width="{x(max(0.0, until - lane.begun_s))}" '
            f'height="{max(1.0, low - top):.1f}" fill="{style.colour}" opacity="0.13"/>'
        )
    steps = "".join(
        f'<line x1="{x(a)}" y1="{y(b):.1f}" x2="{x(c)}" y2="{y(d):.1f}" stroke="{style.colour}" stroke-width="2.2"/>'
        for (a, b), (c, d) in zip(lane.points, lane.points[1:], strict=False)
    )
    dot = ""
    if lane.points:
        at, value = lane.points[-1]
        dot = f'<svg x="{x(at)}" y="{y(value):.1f}" overflow="visible">{mark_shape(lane.kind, 6)}</svg>'
    return f"<g{faded}>{band}{steps}{dot}</g>"


def _bar(
    lanes: Sequence[Lane], budget_s: float, now_s: float, end: float, measured: Sequence[tuple[float, float]]
) -> str:
    """What the budget went into so far."""

    def part(begun: float, until: float, colour: str, says: str) -> str:
        width = max(0.0, until - begun)
        return (
            f'<rect x="{100 * begun / end:.2f}%" y="0" width="{100 * width / end:.2f}%" height="{BAR}" '
            f'fill="{colour}"><title>{esc(says)}: {duration(width)}</title></rect>'
        )

    parts = [part(a, b, "var(--thaw-muted)", "Measuring for the choice") for a, b in measured]
    parts += [
        part(one.begun_s, now_s if one.ended_s is None else one.ended_s, STRATEGIES[one.kind].colour, one.title)
        for one in lanes
    ]
    at = min(99.6, 100 * now_s / end)
    now = f'<line x1="{at:.2f}%" x2="{at:.2f}%" y1="-3" y2="{BAR + 3}" stroke="currentColor" stroke-width="2"/>'
    used = f"{duration(now_s)} of {duration(budget_s)}"
    return (
        f'<svg class="thaw-race-bar" role="img" height="{BAR}" aria-label="{used} used">'
        f'<rect x="0" y="0" width="100%" height="{BAR}" class="thaw-rail-box"/>{"".join(parts)}{now}</svg>'
        f'<div class="thaw-race-ends"><span>0</span><span>{used}</span><span>{duration(end)}</span></div>'
    )


def _legend(lanes: Sequence[Lane]) -> str:
    rows = "".join(
        f'<li class="{"is-taken" if lane.taken else ""}">{mark(lane.kind)}<b>{esc(lane.title)}</b>'
        f"<span>{esc(interval(lane.reached) if lane.reached else 'no figure yet')}</span>"
        f"<span>{esc(lane.state)}</span></li>"
        for lane in lanes
    )
    return f'<ul class="thaw-lanes">{rows}</ul>' if rows else ""

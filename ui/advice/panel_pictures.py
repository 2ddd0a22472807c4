"""Small pictures of the measured panel: where the images stand between near and far, gap by stage, the data curve.

Pure: SVG strings come out. Positions in percent where a line may stretch; colours by `style.css`.
"""

from __future__ import annotations

from collections.abc import Sequence

from core import Curve, CurvePoint
from ui.pictures.theme import FROZEN, TRAINED
from ui.pictures.words import count, esc


def gauge(percent: float | None, references: Sequence[float] = ()) -> str:
    """The domain gap on a line from near (0) to far (100); a tick for each reference set (their percentiles)."""
    ticks = "".join(
        f'<line class="thaw-grid" x1="{value:.1f}%" x2="{value:.1f}%" y1="8" y2="20" stroke-width="2"/>'
        for value in references
    )
    dot, said = "", "not measured"
    if percent is not None:
        said = f"{percent:.0f} of 100"
        dot = f'<circle cx="{percent:.1f}%" cy="14" r="7" fill="{TRAINED if percent > 66.7 else FROZEN}"/>'
    return (
        f'<div class="thaw-gauge"><svg class="thaw-line" role="img" height="28" aria-label="Domain gap: {esc(said)}">'
        f'<line class="thaw-rail" x1="0" x2="100%" y1="14" y2="14"/>{ticks}{dot}</svg>'
        "<div><span>like everyday photos</span><span>unlike them</span></div></div>"
    )


def stage_bars(values: Sequence[float], names: Sequence[str]) -> str:
    """One bar per stage, first stage first: where the images part from the pre-training."""
    most = max(values, default=0.0) or 1.0
    bars = "".join(
        f'<div title="{esc(name)}: {value:.2f}"><i style="height:{max(2.0, 44 * value / most):.0f}px"></i>'
        f"<small>{esc(name)}</small></div>"
        for value, name in zip(values, names, strict=False)
    )
    said = ", ".join(f"{name} {value:.2f}" for value, name in zip(values, names, strict=False))
    return f'<div class="thaw-stages" role="img" aria-label="Domain gap by stage: {esc(said)}">{bars}</div>'


WIDTH, HEIGHT, LEFT, BOTTOM = 320.0, 130.0, 44.0, 22.0


def data_curve(points: Sequence[CurvePoint], curve: Curve | None) -> str:
    """Measured accuracy against images (log scale), solid; its continuation to four times as many, dashed."""
    if not points:
        return ""
    from math import log2

    last = points[-1].images
    ahead = [(last * k, curve.accuracy(last * k)) for k in (1.5, 2, 3, 4)] if curve else []
    first, most = log2(points[0].images), log2(ahead[-1][0] if ahead else max(last, points[0].images + 1))
    values = [p.value for p in points] + [y for _, y in ahead] + [points[0].low]
    low, high = max(0.0, min(values) - 0.01), min(1.0, max(values) + 0.01)

    def x(images: float) -> float:
        return LEFT + (WIDTH - LEFT - 14) * (log2(images) - first) / max(1e-9, most - first)

    def y(value: float) -> float:
        return 8 + (HEIGHT - BOTTOM - 8) * (high - min(max(value, low), high)) / max(1e-9, high - low)

    line = " ".join(f"{x(p.images):.1f},{y(p.value):.1f}" for p in points)
    dots = "".join(
        f'<line x1="{x(p.images):.1f}" x2="{x(p.images):.1f}" y1="{y(p.low):.1f}" y2="{y(p.high):.1f}" '
        f'stroke="{FROZEN}" stroke-width="4" opacity="0.35" stroke-linecap="round"/>'
        f'<circle cx="{x(p.images):.1f}" cy="{y(p.value):.1f}" r="3.5" fill="{FROZEN}"/>'
        for p in points
    )
    dashed = ""
    if ahead:
        rest = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in [(last, points[-1].value), *ahead])
        dashed = f'<polyline points="{rest}" fill="none" stroke="{FROZEN}" stroke-width="2" stroke-dasharray="4 4"/>'
    labels = [points[0].images, last, *([int(ahead[-1][0])] if ahead else [])]
    ticks = "".join(
        f'<text x="{x(n):.1f}" y="{HEIGHT - 6:.0f}" text-anchor="middle">{count(n)}</text>' for n in labels
    )
    digits = 0 if high - low > 0.06 else 1
    sides = "".join(
        f'<text x="{LEFT - 6:.0f}" y="{y(v) + 4:.1f}" text-anchor="end">{100 * v:.{digits}f}%</text>'
        f'<line class="thaw-grid" x1="{LEFT}" x2="{WIDTH - 10}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        for v in (low + 0.15 * (high - low), (low + high) / 2, high - 0.15 * (high - low))
    )
    said = ", ".join(f"{p.images} images {100 * p.value:.0f}%" for p in points)
    return (
        f'<div class="thaw-curve"><svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" '
        f'aria-label="Accuracy of a probe by training images: {esc(said)}">{sides}'
        f'<polyline points="{line}" fill="none" stroke="{FROZEN}" stroke-width="2"/>{dashed}{dots}{ticks}</svg></div>'
    )

"""The figures that only a report has, as inline SVG: they print, scale and need no script. Pure; text is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from training.report.drawing import FROZEN, TRAINED, esc

DASHES = {"solid": "", "dot": "2 4", "dash": "7 4", "longdash": "12 5", "dashdot": "8 3 2 3", "longdashdot": "12 4 2 4"}
"""plotly's names of dashes, as `core.zoo.catalog` writes them, in SVG."""
WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 36


@dataclass(frozen=True)
class Line:
    """One curve. `points`: (x, y), x ascending."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: str
    dash: str = "solid"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers in [low, high], at most `most` + 1 of them."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def curves(lines: Sequence[Line], title: str, x_title: str, *, shares: bool = False) -> Markup:
    """Lines on common axes with a legend below; shares: y in per cent. '' when there is nothing to draw."""
    drawn = [line for line in lines if line.points]
    if not drawn:
        return Markup()
    xs = [x for line in drawn for x, _ in line.points]
    ys = [y for line in drawn for _, y in line.points]
    x_low, x_high = min(0.0, min(xs)), max(max(xs), min(xs) + 1e-9)
    y_low, y_high = (min(ys), max(ys)) if shares else (min(0.0, min(ys)), max(ys))
    pad = 0.05 * (y_high - y_low) or 0.05
    y_low, y_high = (max(0.0, y_low - pad), min(1.0, y_high + pad)) if shares else (y_low, y_high + pad)

    def x_at(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - x_low) / (x_high - x_low)

    def y_at(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - y_low) / (y_high - y_low)

    parts = []
    for y in ticks(y_low, y_high, 5):
        said = f"{100 * y:g}%" if shares else f"{y:g}"
        parts.append(
            f'<line class="thaw-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_at(y):.1f}" y2="{y_at(y):.1f}"/>'
        )
        parts.append(f'<text x="{LEFT - 6}" y="{y_at(y) + 4:.1f}" text-anchor="end">{said}</text>')
    for x in ticks(x_low, x_high):
        parts.append(f'<text x="{x_at(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 3}" text-anchor="middle">{esc(x_title)}</text>')
    for line in drawn:
        points = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in line.points)
        dash = f' stroke-dasharray="{DASHES.get(line.dash, "")}"' if DASHES.get(line.dash) else ""
        parts.append(f'<polyline fill="none" stroke="{line.colour}" stroke-width="2"{dash} points="{points}"/>')
        if len(line.points) < 16:
            parts += [
                f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="2.4" fill="{line.colour}"/>' for x, y in line.points
            ]
    legend = "".join(
        f'<li><svg width="26" height="8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" stroke="{line.colour}" '
        f'stroke-width="2" stroke-dasharray="{DASHES.get(line.dash, "")}"/></svg>{esc(line.label)}</li>'
        for line in drawn
    )
    return Markup(
        f'<figure class="curves"><figcaption>{esc(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{esc(title)}">{"".join(parts)}</svg><ul class="legend">{legend}</ul></figure>'
    )


def confusion(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> Markup:
    """Rows: what an image shows; columns: what was answered. Shade: share of the row."""
    cell = max(14, min(56, 420 // max(1, len(labels))))
    longest = max(map(len, labels), default=0)
    left, top = 22 + 6 * min(16, longest), 20 + 5 * min(14, longest)
    parts = []
    for i, label in enumerate(labels):
        total = sum(counts[i])
        middle = top + cell * i + cell / 2 + 4
        parts.append(f'<text x="{left - 6}" y="{middle:.1f}" text-anchor="end">{esc(_short(label, 16))}</text>')
        x = left + cell * i + cell / 2
        parts.append(f'<text transform="translate({x:.1f} {top - 6}) rotate(-45)">{esc(_short(label, 14))}</text>')
        for j, count in enumerate(counts[i]):
            share = count / total if total else 0.0
            colour = FROZEN if i == j else TRAINED
            said = f"{label} answered as {labels[j]}: {count} of {total}"
            box = f'x="{left + cell * j}" y="{top + cell * i}" width="{cell - 1}" height="{cell - 1}" rx="2"'
            parts.append(
                f'<g><title>{esc(said)}</title><rect class="cell" {box}/>'
                f'<rect {box} fill="{colour}" opacity="{0.9 * share:.3f}"/></g>'
            )
            if count and cell >= 20:
                at = f'x="{left + cell * j + cell / 2 - 0.5:.1f}" y="{middle:.1f}"'
                parts.append(f'<text {at} text-anchor="middle" class="count">{count}</text>')
    width, height = left + cell * len(labels) + 60, top + cell * len(labels) + 6
    return Markup(
        f'<figure class="matrix"><figcaption>Confusion on the test images (row: truth, column: answer)</figcaption>'
        f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" aria-label="Confusion matrix">'
        f"{''.join(parts)}</svg></figure>"
    )


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

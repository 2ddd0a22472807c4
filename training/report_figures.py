"""The figures of a report as inline SVG: they print, scale and need no script. Pure; user text is escaped here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from advisor.cards import BackboneCard
from advisor.plans import Phase
from advisor.types import Estimate

FROZEN, TRAINED = "#4C9BE8", "#F2784B"
DASHES = {"solid": "", "dot": "2 4", "dash": "7 4", "longdash": "12 5", "dashdot": "8 3 2 3", "longdashdot": "12 4 2 4"}
"""plotly's names of dashes, as `advisor.catalog` writes them, in SVG."""
WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 36


@dataclass(frozen=True)
class Line:
    """One curve. `points`: (x, y), x ascending."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Dot:
    """One row of a scoreboard."""

    label: str
    estimate: Estimate | None
    colour: str
    note: str = ""


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
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_at(y):.1f}" y2="{y_at(y):.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y_at(y) + 4:.1f}" text-anchor="end">{said}</text>')
    for x in ticks(x_low, x_high):
        parts.append(f'<text x="{x_at(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 3}" text-anchor="middle">{escape(x_title)}</text>'
    )
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
        f'stroke-width="2" stroke-dasharray="{DASHES.get(line.dash, "")}"/></svg>{escape(line.label)}</li>'
        for line in drawn
    )
    return Markup(
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg><ul class="legend">{legend}</ul></figure>'
    )


def scatter(dots: Sequence[tuple[float, Dot]], title: str, x_title: str) -> Markup:
    """Accuracy with its interval against a cost on a logarithmic axis; (cost, dot), costs above 0. '' without two."""
    known = [(cost, dot, dot.estimate) for cost, dot in dots if dot.estimate and cost > 0]
    if len(known) < 2:
        return Markup()
    powers = [math.log10(cost) for cost, _, _ in known]
    pad = max(0.15, (1.0 - max(powers) + min(powers)) / 2)  # at least a decade: else there are no round numbers
    x_low, x_high = min(powers) - pad, max(powers) + pad
    y_low, y_high = min(e.low for *_, e in known), max(e.high for *_, e in known)
    y_low, y_high = max(0.0, y_low - 0.02), min(1.0, y_high + 0.02)

    def x_at(power: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (power - x_low) / (x_high - x_low)

    def y_at(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - y_low) / (y_high - y_low)

    parts = []
    for y in ticks(y_low, y_high, 5):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_at(y):.1f}" y2="{y_at(y):.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y_at(y) + 4:.1f}" text-anchor="end">{100 * y:g}%</text>')
    for cost in _decades(x_low, x_high):
        at = f'x="{x_at(math.log10(cost)):.1f}" y="{HEIGHT - BOTTOM + 16}"'
        parts.append(f'<text {at} text-anchor="middle">{f"{cost:,.0f}" if cost >= 1 else f"{cost:g}"}</text>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 3}" text-anchor="middle">{escape(x_title)}</text>'
    )
    for power, (_, dot, e) in zip(powers, known, strict=True):
        x = x_at(power)
        said = f"{dot.label}: {100 * e.value:.1f}% ({100 * e.low:.0f}-{100 * e.high:.0f})"
        low, high = y_at(e.low), y_at(e.high)
        parts.append(
            f'<g><title>{escape(said)}</title><line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" '
            f'stroke="{dot.colour}" stroke-width="3" opacity=".4"/>'
            f'<circle cx="{x:.1f}" cy="{y_at(e.value):.1f}" r="5" fill="{dot.colour}"/></g>'
        )
    looks = dict.fromkeys((dot.label, dot.colour) for _, dot, _ in known)
    legend = "".join(
        f'<li><svg width="12" height="12" aria-hidden="true"><circle cx="6" cy="6" r="5" fill="{colour}"/></svg>'
        f"{escape(label)}</li>"
        for label, colour in looks
    )
    return Markup(
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg><ul class="legend dots">{legend}</ul></figure>'
    )


def _decades(low: float, high: float) -> list[float]:
    """Round numbers between 10^low and 10^high: powers of ten, with 2 and 5 between where there are few."""
    factors = (1, 2, 5) if high - low < 2 else (1,)
    found = [factor * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for factor in factors]
    return [one for one in found if low <= math.log10(one) <= high]


def scoreboard(dots: Sequence[Dot]) -> Markup:
    """Accuracies with their intervals on one axis."""
    known = [dot.estimate for dot in dots if dot.estimate]
    if not known:
        return Markup()
    low = max(0.0, math.floor(20 * (min(e.low for e in known) - 0.01)) / 20)
    high = min(1.0, max(math.ceil(20 * max(e.high for e in known)) / 20, low + 0.1))

    def x_at(value: float) -> float:
        return 100 * (value - low) / (high - low)

    rows = []
    for dot in dots:
        note = f"<small>{escape(dot.note)}</small>" if dot.note else ""
        value, picture = "not tested", ""
        if dot.estimate:
            e = dot.estimate
            value = f"{100 * e.value:.1f}% ({100 * e.low:.0f}-{100 * e.high:.0f})"
            picture = (
                f'<line x1="{x_at(e.low):.2f}%" x2="{x_at(e.high):.2f}%" y1="13" y2="13" stroke="{dot.colour}" '
                f'stroke-width="5" stroke-linecap="round" opacity=".45"/>'
                f'<circle cx="{x_at(e.value):.2f}%" cy="13" r="6" fill="{dot.colour}"/>'
            )
        grid = "".join(
            f'<line class="grid" x1="{x_at(t):.2f}%" x2="{x_at(t):.2f}%" y1="0" y2="26"/>' for t in ticks(low, high)
        )
        rows.append(
            f'<div class="who">{escape(dot.label)}{note}</div><svg class="rail" height="26" aria-hidden="true">{grid}'
            f"{picture}</svg>"
            f'<div class="value">{value}</div>'
        )
    axis = "".join(
        f'<text x="{x_at(t):.2f}%" y="12" text-anchor="middle">{100 * t:g}%</text>' for t in ticks(low, high)
    )
    return Markup(
        f'<div class="board">{"".join(rows)}<div></div><svg class="rail" height="16">{axis}</svg><div></div></div>'
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
        parts.append(f'<text x="{left - 6}" y="{middle:.1f}" text-anchor="end">{escape(_short(label, 16))}</text>')
        x = left + cell * i + cell / 2
        parts.append(f'<text transform="translate({x:.1f} {top - 6}) rotate(-45)">{escape(_short(label, 14))}</text>')
        for j, count in enumerate(counts[i]):
            share = count / total if total else 0.0
            colour = FROZEN if i == j else TRAINED
            said = f"{label} answered as {labels[j]}: {count} of {total}"
            box = f'x="{left + cell * j}" y="{top + cell * i}" width="{cell - 1}" height="{cell - 1}" rx="2"'
            parts.append(
                f'<g><title>{escape(said)}</title><rect class="cell" {box}/>'
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


def freeze_strip(card: BackboneCard, phase: Phase, classes: int) -> Markup:
    """The stages of one phase as a row of blocks: ice where frozen, ember where trained; width by parameters."""
    sizes = [math.sqrt(n + 1) for n in card.params(classes)]
    whole = sum(sizes)
    blocks = []
    for index, (name, part) in enumerate(zip(card.stage_names, sizes, strict=True)):
        trained = phase.trains(index)
        said = "trained" if trained else "frozen"
        blocks.append(
            f'<span title="{escape(name)}: {said}" style="flex:{max(part / whole, 0.03):.4f};'
            f'background:{TRAINED if trained else FROZEN}"><i>{escape(name)}</i></span>'
        )
    return Markup(f'<div class="freeze">{"".join(blocks)}</div>')


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

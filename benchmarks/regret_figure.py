"""The regret of every rule as one SVG: a bar for the mean, a mark for the median. Readable on light and dark ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from statistics import mean, median

ROW, LEFT, WIDTH, TOP = 24, 170, 720, 34
EMBER, ICE, GREY = "#F2784B", "#4C9BE8", "#7A828C"


def draw(regrets: Mapping[str, Sequence[float]], ours: str) -> str:
    """Rules from the lowest mean regret to the highest, in points of test accuracy. ours: the one that stands out."""
    ordered = sorted(regrets.items(), key=lambda one: mean(one[1]))
    most = max(max(mean(each), median(each)) for _, each in ordered) or 1.0
    scale = (WIDTH - LEFT - 70) / most
    rows = []
    for number, (name, each) in enumerate(ordered):
        value, middle = mean(each), max(0.0, median(each))
        y = TOP + ROW * number
        colour = EMBER if name == ours else ICE if name.endswith("tree") else GREY
        weight = "bold" if name == ours else "normal"
        x, length = LEFT + scale * middle, max(1.0, scale * max(0.0, value))
        rows.append(
            f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end" font-weight="{weight}">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{y + 2}" width="{length:.1f}" height="14" rx="3" fill="{colour}"/>'
            f'<path d="M{x:.1f} {y}v18" stroke="#7A828C" stroke-width="2"/>'
            f'<text x="{LEFT + scale * max(value, middle) + 8:.1f}" y="{y + 13}">{value:.1f}</text>'
        )
    height = TOP + ROW * len(ordered) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12.5" fill="#7A828C">'
        f"<title>Regret of the advice and of simple rules</title>"
        f'<text x="{LEFT}" y="18">points below the best strategy: mean (bar), median (line)</text>'
        f"{''.join(rows)}</svg>\n"
    )

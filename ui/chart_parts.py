"""What the plotly figures share: the dress without colours of its own, whiskers, markers, safe and short texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from advisor.types import Estimate
from training.compare import Group, Row
from ui.theme import strategy_style

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LONGEST = 26
"""Letters of a class name on an axis."""
INK = {"light": "#1B222C", "dark": "#E6EBF2"}
"""Text by theme; without a theme (tests, terminals) the figure keeps Streamlit's."""
GRID = "rgba(128,140,156,0.22)"


def span(estimates: Sequence[Estimate]) -> list[float]:
    """An axis around all intervals with a little room, inside [0, 1] but for the markers' half width."""
    if not estimates:
        return [0.0, 1.0]
    low, high = min(e.low for e in estimates), max(e.high for e in estimates)
    room = max(0.05 * (high - low), 0.01)
    return [max(-0.01, low - room), min(1.01, high + room)]


def whiskers(estimate: Estimate, colour: str, thickness: int) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [estimate.high - estimate.value],
        "arrayminus": [estimate.value - estimate.low],
        "color": colour,
        "thickness": thickness,
        "width": 0,
    }


def dress(figure: Figure, *, height: int, legend: bool = False) -> None:
    """The look that all figures share. Text colours stay unset: Streamlit's theme gives them."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 34 if legend else 12, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=legend,
        legend={
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "xanchor": "left",
            "x": 0,
            "title": {"text": ""},
            "traceorder": "normal",
        },
        dragmode="zoom",
    )
    figure.update_xaxes(zeroline=False, automargin=True)
    figure.update_yaxes(zeroline=False, automargin=True)


def marker(row: Row | Group, size: int) -> dict[str, Any]:
    style = strategy_style(row.kind)
    # A triangle of equal width looks smaller than a square.
    return {"symbol": style.marker, "size": size + 4 * style.marker.startswith("triangle"), "color": style.colour}


def faded(colour: str, opacity: float) -> str:
    """'#RRGGBB' with an opacity, as plotly takes it (also in the legend's swatch)."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def plain(text: str) -> str:
    """A user's text for plotly, which reads a few HTML tags and %{templates}."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "% {")


def short(name: str) -> str:
    return plain(name if len(name) <= LONGEST else name[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}")


def two_lines(label: str) -> str:
    """'Partial fine-tuning, seed 1' with a break near its middle, so that axes stay narrow."""
    if len(label) < 14 or " " not in label:
        return plain(label)
    breaks = [i for i, letter in enumerate(label) if letter == " "]
    middle = min(breaks, key=lambda i: abs(i - len(label) / 2))
    return f"{plain(label[:middle])}<br>{plain(label[middle + 1 :])}"


def graph_objects() -> Any:
    """plotly, imported with the first figure."""
    import plotly.graph_objects as go

    return go

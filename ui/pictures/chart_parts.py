"""What the plotly figures share: the dress without colours of its own, safe and short texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LONGEST = 26
"""Letters of a class name on an axis."""
INK = {"light": "#1B222C", "dark": "#E6EBF2"}
"""Text by theme; without a theme (tests, terminals) the figure keeps Streamlit's."""
GRID = "rgba(128,140,156,0.22)"


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


def faded(colour: str, opacity: float) -> str:
    """'#RRGGBB' with an opacity, as plotly takes it (also in the legend's swatch)."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def plain(text: str) -> str:
    """A user's text for plotly, which reads a few HTML tags and %{templates}."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "% {")


def short(name: str) -> str:
    return plain(name if len(name) <= LONGEST else name[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}")


def graph_objects() -> Any:
    """plotly, imported with the first figure."""
    import plotly.graph_objects as go

    return go

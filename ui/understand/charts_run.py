"""Plotly figures about one run: the reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from training.evaluation import Bin
from ui.pictures.chart_parts import GRID, dress, faded, graph_objects
from ui.pictures.theme import FROZEN, TRAINED

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def reliability(as_is: Sequence[Bin], calibrated: Sequence[Bin] = ()) -> Figure:
    """Accuracy against confidence: on the diagonal confidence means what it says; below it, it is too sure."""
    go = graph_objects()
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="confidence = accuracy", hoverinfo="skip",
        line={"color": "rgba(110,122,138,0.9)", "dash": "dot", "width": 2},
    )  # fmt: skip
    looks = (
        ("as trained", as_is, TRAINED, "circle", "solid"),
        ("after temperature scaling", calibrated, FROZEN, "square", "dash"),
    )
    for name, found, colour, symbol, dash in looks:
        if not found:
            continue
        most = max(one.images for one in found)
        figure.add_scatter(
            x=[one.confidence for one in found],
            y=[one.accuracy.value for one in found],
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": dash, "width": 2},
            marker={"symbol": symbol, "color": colour, "size": [7 + 15 * (one.images / most) ** 0.5 for one in found]},
            error_y={
                "type": "data", "symmetric": False, "color": faded(colour, 0.45), "thickness": 3, "width": 0,
                "array": [one.accuracy.high - one.accuracy.value for one in found],
                "arrayminus": [one.accuracy.value - one.accuracy.low for one in found],
            },
            customdata=[f"{one.images:,} images" for one in found],
            hovertemplate="%{x:.0%} sure, %{y:.0%} right, %{customdata}<extra>" + name + "</extra>",
        )  # fmt: skip
    dress(figure, height=360, legend=True)
    figure.update_xaxes(title_text="confidence", tickformat=".0%", range=[0, 1.03], gridcolor=GRID)
    figure.update_yaxes(title_text="accuracy, 95% interval", tickformat=".0%", range=[0, 1.05], gridcolor=GRID)
    return figure

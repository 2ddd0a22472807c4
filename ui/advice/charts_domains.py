"""Figures of two domains: the map of their features, and the few-shot curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from training.store import DomainMap, Shot
from ui.pictures.chart_parts import GRID, dress, faded, graph_objects, short
from ui.pictures.theme import FROZEN, TRAINED, strategy_style

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CLASS_COLOURS = ("#4C9BE8", "#F2784B", "#2E9E6B", "#8E6BC4", "#D9A21B", "#C2609F", "#7A828C", "#1F9E9E", "#B4532A",
                 "#5B7BD5")  # fmt: skip


def domain_map(note: DomainMap, *, by_class: bool) -> Figure:
    """Source (circles) and target (diamonds) on one plane, coloured by domain or by class."""
    go = graph_objects()
    figure = go.Figure()
    names = note.classes
    sides = (("source", note.source, "circle", FROZEN), ("target", note.target, "diamond", TRAINED))
    for side, points, symbol, plain_colour in sides:
        colours = [
            plain_colour if not by_class or p[2] is None else CLASS_COLOURS[p[2] % len(CLASS_COLOURS)] for p in points
        ]
        figure.add_scatter(
            x=[p[0] for p in points], y=[p[1] for p in points], mode="markers", name=side,
            marker={"symbol": symbol, "size": 7, "opacity": 0.7, "color": colours},
            text=["no label" if p[2] is None else short(names[p[2]]) if p[2] < len(names) else "" for p in points],
            hovertemplate=f"{side}: %{{text}}<extra></extra>",
        )  # fmt: skip
    dress(figure, height=320, legend=True)
    figure.update_xaxes(showticklabels=False, gridcolor=GRID)
    figure.update_yaxes(showticklabels=False, gridcolor=GRID)
    return figure


def few_shot(shots: Sequence[Shot]) -> Figure:
    """Accuracy of class means against images a class: the mean of the draws, with the span that 95 % of them lie in."""
    go = graph_objects()
    style = strategy_style("prototype")
    x = [shot.images for shot in shots]
    figure = go.Figure()
    figure.add_scatter(
        x=x + x[::-1], y=[s.high for s in shots] + [s.low for s in shots][::-1], fill="toself", mode="lines",
        line={"width": 0}, fillcolor=faded(style.colour, 0.25), hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=[s.mean for s in shots], mode="lines+markers", showlegend=False,
        line={"color": style.colour, "width": 2.4}, marker={"symbol": style.marker, "size": 12, "color": style.colour},
        customdata=[[s.low, s.high, s.draws] for s in shots],
        hovertemplate="%{x} images a class: %{y:.1%} (%{customdata[0]:.0%} to %{customdata[1]:.0%}, "
        "%{customdata[2]} draws)<extra></extra>",
    )  # fmt: skip
    dress(figure, height=280)
    names = [*map(str, x[:-1]), f"all ({x[-1]})"]
    figure.update_xaxes(type="log", tickvals=x, ticktext=names, title_text="images a class", gridcolor=GRID)
    figure.update_yaxes(tickformat=".0%", gridcolor=GRID, title_text="validation accuracy")
    return figure

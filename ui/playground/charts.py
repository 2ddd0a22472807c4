"""Figures of the Playground: loss and accuracy over epochs, final accuracy with its spread, the shift's sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from training.playground.settings import Arm, ArmResult, Settings, gain
from ui.pictures.chart_parts import GRID, dress, faded, graph_objects
from ui.playground.words import LOOKS, title

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MARKERS_EVERY = 10
"""Epochs between two markers on a curve: one on each would be a band."""


def curves(results: Mapping[Arm, ArmResult], settings: Settings) -> Figure:
    """Training loss and held-out accuracy by epoch: the mean over the seeds, with the span between them behind it."""
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.09, subplot_titles=("training loss", "held-out accuracy on the target")
    )
    for arm, result in results.items():
        for column, runs in ((1, result.loss), (2, result.held)):
            _band(figure, column, runs, LOOKS[arm].colour)
    for arm, result in results.items():
        look = LOOKS[arm]
        for column, runs, form in ((1, result.loss, ".3f"), (2, result.held, ".1%")):
            mean = _mean(runs)
            epochs = list(range(1, len(mean) + 1))
            figure.add_scatter(
                x=epochs, y=mean, row=1, col=column, mode="lines+markers", name=title(arm, settings),
                line={"color": look.colour, "dash": look.dash, "width": 2.2},
                marker={"symbol": look.marker, "size": [8 if e % MARKERS_EVERY == 0 else 0 for e in epochs]},
                legendgroup=arm, showlegend=column == 1,
                hovertemplate=f"{title(arm, settings)}, epoch %{{x}}: %{{y:{form}}}<extra></extra>",
            )  # fmt: skip
    dress(figure, height=360, legend=True)
    figure.update_layout(margin={"t": 74}, legend={"y": 1.12})
    figure.update_xaxes(title_text="epochs", gridcolor=GRID, rangemode="tozero")
    figure.update_yaxes(gridcolor=GRID)
    figure.update_yaxes(rangemode="tozero", row=1, col=1)
    figure.update_yaxes(tickformat=".0%", row=1, col=2)
    return figure


def finals(results: Mapping[Arm, ArmResult], settings: Settings) -> Figure:
    """Final held-out accuracy: the mean as the arm's marker, every seed as a small dot, best on top."""
    go = graph_objects()
    order = sorted(results.values(), key=lambda result: -result.mean)
    figure = go.Figure()
    for place, result in enumerate(order):
        look = LOOKS[result.arm]
        figure.add_scatter(
            x=list(result.finals), y=[place] * len(result.finals), mode="markers", showlegend=False,
            marker={"color": faded(look.colour, 0.45), "size": 8, "symbol": "circle"},
            hovertemplate="one seed: %{x:.1%}<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[result.mean], y=[place], mode="markers", showlegend=False,
            marker={"color": look.colour, "size": 15, "symbol": look.marker},
            error_x={
                "type": "data", "array": [result.spread], "color": faded(look.colour, 0.5), "thickness": 5, "width": 0,
            },
            hovertemplate=f"{title(result.arm, settings)}: %{{x:.1%}}<extra></extra>",
        )  # fmt: skip
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=10, y=place, showarrow=False, align="left",
            text=f"<b>{100 * result.mean:.1f}%</b> ± {100 * result.spread:.1f}", font={"size": 13},
        )  # fmt: skip
    dress(figure, height=44 * len(order) + 60)
    figure.update_layout(margin={"r": 122})
    low = min(min(result.finals) for result in order)
    figure.update_xaxes(
        tickformat=".0%", gridcolor=GRID, range=[max(-0.01, low - 0.04), 1.01],
        title_text="final held-out accuracy", nticks=4, tickangle=0,
    )  # fmt: skip
    figure.update_yaxes(
        automargin=True,
        tickvals=list(range(len(order))), ticktext=[title(result.arm, settings) for result in order],
        range=[len(order) - 0.5, -0.5], gridcolor=GRID, ticklabelstandoff=8,
    )  # fmt: skip
    return figure


def speeds(results: Mapping[Arm, ArmResult], settings: Settings) -> Figure:
    """Epochs until 90 % of the final accuracy, as bars."""
    go = graph_objects()
    order = sorted(results.values(), key=lambda result: -result.mean)
    figure = go.Figure()
    for place, result in enumerate(order):
        figure.add_bar(
            y=[place], x=[result.epochs_to_90], orientation="h", width=0.55, showlegend=False,
            marker={"color": LOOKS[result.arm].colour, "cornerradius": 4},
            text=f"{result.epochs_to_90:.0f}", textposition="outside", cliponaxis=False,
            hovertemplate=f"{title(result.arm, settings)}: %{{x:.1f}} epochs<extra></extra>",
        )  # fmt: skip
    dress(figure, height=44 * len(order) + 60)
    figure.update_layout(margin={"r": 40})
    figure.update_xaxes(title_text="epochs to 90% of it", gridcolor=GRID, rangemode="tozero", nticks=4)
    figure.update_yaxes(
        automargin=True,
        tickvals=list(range(len(order))), ticktext=[title(result.arm, settings) for result in order],
        range=[len(order) - 0.5, -0.5], showgrid=False, ticklabelstandoff=8,
    )  # fmt: skip
    return figure


def sweep(by_shift: Mapping[float, Mapping[Arm, ArmResult]], settings: Settings, now: float) -> Figure:
    """What each strategy has over scratch as the shift grows: below zero transfer is negative."""
    go = graph_objects()
    figure = go.Figure()
    shifts = sorted(by_shift)
    arms = [arm for arm in next(iter(by_shift.values())) if arm != "scratch"]
    for arm in arms:
        look = LOOKS[arm]
        found = [gain(by_shift[shift][arm], by_shift[shift]["scratch"]) for shift in shifts]
        figure.add_scatter(
            x=shifts, y=[100 * one.value for one in found], mode="lines+markers", name=title(arm, settings),
            line={"color": look.colour, "dash": look.dash, "width": 2.2},
            marker={"symbol": look.marker, "size": 10, "color": look.colour},
            error_y={
                "type": "data", "symmetric": False, "color": faded(look.colour, 0.35), "thickness": 3, "width": 0,
                "array": [100 * (one.high - one.value) for one in found],
                "arrayminus": [100 * (one.value - one.low) for one in found],
            },
            hovertemplate=f"{title(arm, settings)} at shift %{{x}}: %{{y:+.1f}} points<extra></extra>",
        )  # fmt: skip
    dress(figure, height=330, legend=True)
    figure.add_hline(y=0, line={"color": LOOKS["scratch"].colour, "width": 2, "dash": LOOKS["scratch"].dash})
    figure.add_annotation(x=0, y=0, xanchor="left", yanchor="bottom", text="from scratch", showarrow=False)
    figure.add_vline(x=now, line={"color": "rgba(128,140,156,0.6)", "width": 1, "dash": "dot"})
    named = "shift between the tasks (0 = none, 1 = unrelated)"
    figure.update_xaxes(title_text=named, range=[-0.03, 1.03], gridcolor=GRID)
    figure.update_yaxes(title_text="points above scratch", gridcolor=GRID, ticksuffix="")
    return figure


def tasks(answer: Mapping[str, Any]) -> Figure:
    """Both tasks' samples on the plane where the source's classes lie furthest apart."""
    go = graph_objects()
    figure = go.Figure()
    ramp = ("#4C9BE8", "#F2784B", "#2E9E6B", "#8E6BC4", "#D9A21B", "#C2609F", "#7A828C", "#1F9E9E")
    for side, symbol, opacity in (("source", "circle", 0.35), ("target", "diamond", 0.95)):
        points: Sequence[Sequence[float]] = answer[side]
        figure.add_scatter(
            x=[p[0] for p in points], y=[p[1] for p in points], mode="markers", name=side,
            marker={
                "symbol": symbol, "size": 6 if side == "source" else 8, "opacity": opacity,
                "color": [ramp[int(p[2]) % len(ramp)] for p in points],
                "line": {"width": 1 if side == "target" else 0, "color": "rgba(20,28,40,0.6)"},
            },
            hovertemplate=f"{side}, class %{{text}}<extra></extra>", text=[str(int(p[2])) for p in points],
        )  # fmt: skip
    dress(figure, height=300, legend=True)
    figure.update_xaxes(showticklabels=False, gridcolor=GRID)
    figure.update_yaxes(showticklabels=False, gridcolor=GRID)
    return figure


def _mean(runs: Sequence[Sequence[float]]) -> list[float]:
    return [sum(at) / len(at) for at in zip(*runs, strict=False)]


def _band(figure: Figure, column: int, runs: Sequence[Sequence[float]], colour: str) -> None:
    low = [min(at) for at in zip(*runs, strict=False)]
    high = [max(at) for at in zip(*runs, strict=False)]
    epochs = list(range(1, len(low) + 1))
    figure.add_scatter(
        x=epochs + epochs[::-1], y=high + low[::-1], row=1, col=column, fill="toself", mode="lines",
        line={"width": 0}, fillcolor=faded(colour, 0.1), hoverinfo="skip", showlegend=False,
    )  # fmt: skip

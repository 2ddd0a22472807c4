"""Plotly figures of the Compare page: the scoreboard, and what accuracy cost. Pure functions of a `Comparison`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from advisor.types import Estimate
from training.compare import Comparison, Row
from training.trade_offs import pareto_front
from ui.chart_parts import GRID, dress, faded, graph_objects, marker, plain, span, two_lines, whiskers
from ui.theme import strategy_style
from ui.words import duration, interval, params

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LETTER_PX = 10
"""Room for one bold letter of 14 px beside a chart, whatever the system's typeface."""
FRONT = "rgba(110,122,138,0.9)"
Cost = Literal["seconds", "params"]


def scoreboard(comparison: Comparison) -> Figure:
    """Test accuracy of every strategy as a dot with its 95 % interval, best on top; its seeds as small dots."""
    go = graph_objects()
    groups = [(group, group.accuracy) for group in comparison.groups if group.accuracy is not None]
    groups.sort(key=lambda pair: -pair[1].value)
    by_id = {row.run_id: row for row in comparison.rows}
    figure = go.Figure()
    for place, (group, tested) in enumerate(groups):
        style = strategy_style(group.kind)
        seeds = [row.test_accuracy.value for run in group.runs if (row := by_id[run]).test_accuracy is not None]
        if len(seeds) > 1:
            figure.add_scatter(
                x=seeds, y=[place] * len(seeds), mode="markers", showlegend=False,
                marker={"symbol": "line-ns-open", "size": 13, "color": faded(style.colour, 0.9), "line": {"width": 2}},
                hovertemplate="one seed: %{x:.1%}<extra></extra>",
            )  # fmt: skip
        figure.add_scatter(
            x=[tested.value],
            y=[place],
            mode="markers",
            marker=marker(group, 15),
            error_x=whiskers(tested, faded(style.colour, 0.5), 6),
            hovertemplate=f"{plain(group.label)}: {interval(tested)}<br>{plain(tested.how)}<extra></extra>",
            showlegend=False,
        )
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            xshift=12,
            y=place,
            text=f"<b>{interval(tested)}</b>",
            showarrow=False,
            font={"size": 14},
        )
    dress(figure, height=46 * max(len(groups), 1) + 66)
    longest = max((len(interval(tested)) for _, tested in groups), default=0)
    figure.update_layout(margin={"r": 24 + LETTER_PX * longest})
    figure.update_xaxes(
        tickformat=".0%",
        gridcolor=GRID,
        range=span([tested for _, tested in groups]),
        title_text="test accuracy, 95% interval",
    )
    figure.update_yaxes(
        tickvals=list(range(len(groups))), ticktext=[two_lines(group.label) for group, _ in groups],
        tickfont={"size": 14}, range=[len(groups) - 0.5, -0.5], gridcolor=GRID, ticklabelstandoff=8,
    )  # fmt: skip
    return figure


def accuracy_vs_time(comparison: Comparison) -> Figure:
    """What a second of training bought: test accuracy against training time (log axis), with the Pareto front."""
    points = [(row, tested, max(row.seconds, 0.1)) for row, tested in _tested(comparison) if row.seconds > 0]
    figure = _scatter(points, [f"in {duration(x)}" for _, _, x in points])
    figure.update_xaxes(title_text="training time here (log scale)", **_time_ticks([x for _, _, x in points]))
    return figure


def accuracy_vs_params(comparison: Comparison) -> Figure:
    """What accuracy cost in trained parameters (log axis), with the Pareto front."""
    points = [(row, tested, float(row.trainable_params)) for row, tested in _tested(comparison) if row.trainable_params]
    figure = _scatter(points, [f"with {params(int(x))} trained parameters" for _, _, x in points])
    figure.update_xaxes(title_text="trained parameters (log scale)", **_param_ticks([x for _, _, x in points]))
    return figure


def pareto_in_words(comparison: Comparison, cost: Cost) -> str:
    """'On the front: Linear probe (9 s) and Partial fine-tuning (2 min 40 s).' Empty with fewer than two runs."""
    costs = {
        row.run_id: row.seconds if cost == "seconds" else float(row.trainable_params or 0)
        for row, _ in _tested(comparison)
    }
    points = [(row, tested) for row, tested in _tested(comparison) if costs[row.run_id] > 0]
    if len(points) < 2:
        return ""
    front = [points[i][0] for i in pareto_front([(costs[row.run_id], tested.value) for row, tested in points])]
    said = [
        f"{row.label} ({duration(row.seconds) if cost == 'seconds' else params(row.trainable_params)})" for row in front
    ]
    return f"Pareto front, from cheap to accurate: {', '.join(said)}. One of these beats every other run in both."


def _scatter(points: Sequence[tuple[Row, Estimate, float]], said: Sequence[str]) -> Figure:
    go = graph_objects()
    figure = go.Figure()
    front = [points[i] for i in pareto_front([(x, tested.value) for _, tested, x in points])]
    if len(front) > 1:
        figure.add_scatter(
            x=[x for _, _, x in front], y=[tested.value for _, tested, _ in front], mode="lines", name="Pareto front",
            line={"shape": "hv", "dash": "dot", "width": 2, "color": FRONT}, hoverinfo="skip",
        )  # fmt: skip
    # One trace a strategy, not one a run: the browser draws twenty runs as fast as four.
    for kind in dict.fromkeys(row.kind for row, _, _ in points):
        style = strategy_style(kind)
        own = [(point, words) for point, words in zip(points, said, strict=True) if point[0].kind == kind]
        tests = [tested for (_, tested, _), _ in own]
        figure.add_scatter(
            x=[x for (_, _, x), _ in own],
            y=[tested.value for tested in tests],
            mode="markers",
            name=style.title,
            marker=marker(own[0][0][0], 14),
            error_y={
                **whiskers(tests[0], faded(style.colour, 0.5), 4),
                "array": [tested.high - tested.value for tested in tests],
                "arrayminus": [tested.value - tested.low for tested in tests],
            },
            customdata=[f"{plain(row.label)}: {interval(tested)} {words}" for (row, tested, _), words in own],
            hovertemplate="%{customdata}<extra></extra>",
        )
    # Names in a legend, not beside the points: fine-tuned runs lie too close together for labels.
    dress(figure, height=380, legend=True)
    low, high = span([tested for _, tested, _ in points])
    pad = 0.12 * (high - low)
    figure.update_yaxes(
        tickformat=".3~%", range=[low - pad, high + pad], gridcolor=GRID, title_text="test accuracy, 95% interval"
    )
    return figure


def _time_ticks(seconds: Sequence[float]) -> dict[str, Any]:
    low, high = (min(seconds) / 2.2, max(seconds) * 2.2) if seconds else (1, 100)
    few = (0.1, 1, 10, 60, 600, 3600, 36_000)
    many = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18_000, 36_000)
    shown = next((found for ticks in (few, many) if len(found := [t for t in ticks if low <= t <= high]) > 2), [*many])
    return _log_axis(low, high, shown, [duration(t) for t in shown])


def _param_ticks(trained: Sequence[float]) -> dict[str, Any]:
    low, high = (min(trained) / 2.2, max(trained) * 2.2) if trained else (100, 1e6)
    powers = [10**power for power in range(12) if low <= 10**power <= high]
    shown = powers if len(powers) > 1 else [f * 10**p for p in range(12) for f in (1, 2, 5) if low <= f * 10**p <= high]
    return _log_axis(low, high, shown, [params(t) for t in shown])


def _log_axis(low: float, high: float, ticks: Sequence[float], said: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": list(ticks), "ticktext": list(said),
        "gridcolor": GRID, "tickangle": 0,
    }  # fmt: skip


def _tested(comparison: Comparison) -> list[tuple[Row, Estimate]]:
    rows = [(row, row.test_accuracy) for row in comparison.rows if row.test_accuracy is not None]
    return sorted(rows, key=lambda pair: -pair[1].value)

"""Plotly figures of the Data and Compare pages.

Figures are plain functions of the nouns; backgrounds are transparent and text colours are left to Streamlit's plotly
theme, so that one figure serves light and dark. Strategies keep their colour and marker. plotly is imported when the
first figure is drawn: it costs half a second that no first page should pay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from advisor.types import DatasetRef, Estimate
from training.compare import Comparison, Row
from ui.chart_parts import GRID, INK, dress, faded, graph_objects, marker, plain, short, span, two_lines, whiskers
from ui.theme import FROZEN, strategy_style
from ui.words import count, duration, interval, params, percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
LETTER_PX = 10
"""Room for one bold letter of 14 px beside a chart, whatever the system's typeface."""
MOST_CLASSES = 40
"""With more classes, the balance chart shows the largest and the smallest ones."""
SHAPES = ((2.0, "2:1"), (4 / 3, "4:3"), (1.0, "1:1"), (3 / 4, "3:4"), (0.5, "1:2"))
"""Width / height and its name."""
SPLIT_LOOKS = (("train", 1.0), ("", 1.0), ("val", 0.65), ("test", 0.35))
SPLIT_WORDS = {"train": "training", "": "not split", "val": "validation", "test": "test"}


def show(figure: Figure, *, key: str, label: str) -> None:
    """Draw a figure here; `label` is what a screen reader says."""
    ink = INK.get(str(st.context.theme.type))
    if ink:
        # Streamlit's own chart theme greys light text below 4.5:1; a switch of theme runs the script again.
        figure.update_layout(font_color=ink, legend_font_color=ink)
        figure.update_xaxes(tickfont_color=ink, title_font_color=ink)
        figure.update_yaxes(tickfont_color=ink, title_font_color=ink)
        figure.update_annotations(font_color=ink)
    st.plotly_chart(figure, width="stretch", key=key, config=CONFIG, alt=label)


def class_balance(ref: DatasetRef) -> Figure:
    """Images per class, largest first, one shade per split."""
    go = graph_objects()
    order = sorted(range(len(ref.classes)), key=lambda i: -ref.per_class[i])
    left_out = 0
    if len(order) > MOST_CLASSES:
        left_out = len(order) - MOST_CLASSES
        order = order[: MOST_CLASSES // 2] + order[-MOST_CLASSES // 2 :]
    # Numbered ticks, because two long names may be cut to the same text.
    ticks = list(range(len(order)))
    figure = go.Figure()
    for split, opacity in SPLIT_LOOKS:
        counts = ref.counts.get(split)
        if counts is None or not any(counts):
            continue
        figure.add_bar(
            y=ticks,
            x=[counts[i] for i in order],
            orientation="h",
            name=SPLIT_WORDS[split],
            marker={"color": faded(FROZEN, opacity), "cornerradius": 3},
            customdata=[plain(ref.classes[i]) for i in order],
            hovertemplate="%{customdata}: %{x:,} images<extra>" + SPLIT_WORDS[split] + "</extra>",
        )
    figure.add_scatter(
        y=ticks,
        x=[ref.per_class[i] for i in order],
        mode="text",
        text=[f" {count(ref.per_class[i])}" for i in order],
        textposition="middle right",
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )
    dress(figure, height=max(150, 22 * len(order) + 76), legend=sum(1 for s in ref.counts if any(ref.counts[s])) > 1)
    title = "images" if not left_out else f"images; {left_out} classes of middling size are not drawn"
    figure.update_layout(barmode="stack", bargap=0.25, margin={"r": 48})
    figure.update_xaxes(title_text=title, gridcolor=GRID, rangemode="tozero")
    figure.update_yaxes(
        autorange="reversed",
        tickvals=ticks,
        ticktext=[short(ref.classes[i]) for i in order],
        showgrid=False,
        ticklabelstandoff=6,
    )
    return figure


def image_sizes(sizes: Sequence[tuple[float, float, int]]) -> Figure:
    """Width against height of the images as bubbles, an area per number of images; lines at common shapes.

    sizes: (width px, height px, images), as `browse.sizes` counts them: a few thousand points for any dataset.
    """
    go = graph_objects()
    figure = go.Figure()
    widths, heights, counts = zip(*sizes, strict=True) if sizes else ((), (), ())
    longest = max((*widths, *heights, 2.0)) * 1.35
    shortest = max(min((*widths, *heights, longest)) / 1.35, 1.0)
    for shape, name in SHAPES:
        low, high = max(shortest, shortest * shape), min(longest, longest * shape)
        figure.add_scatter(
            x=[low, high], y=[low / shape, high / shape], mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": GRID, "width": 1.5, "dash": "dot"},
        )  # fmt: skip
        figure.add_annotation(
            x=math.log10(high), y=math.log10(high / shape), text=name, showarrow=False, font={"size": 11},
            xshift=-14 if shape >= 1 else 2, yshift=8 if shape > 1 else -4 if shape == 1 else -14,
        )  # fmt: skip
    most = max(counts, default=1)
    figure.add_scattergl(
        x=widths,
        y=heights,
        mode="markers",
        marker={
            "size": [5 + 25 * math.sqrt(images / most) for images in counts],
            "color": faded(FROZEN, 0.55),
            "line": {"width": 1, "color": FROZEN},
        },
        customdata=[f"{images:,} {'image' if images == 1 else 'images'}, {_shape(w, h)}" for w, h, images in sizes],
        hovertemplate="%{x:.0f} × %{y:.0f} px: %{customdata}<extra></extra>",
        showlegend=False,
    )
    dress(figure, height=380)
    ticks = [px for px in (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384) if shortest <= px <= longest]
    axis = {
        "type": "log", "range": [math.log10(shortest), math.log10(longest)], "tickvals": ticks,
        "ticktext": [count(px) for px in ticks], "gridcolor": GRID,
    }  # fmt: skip
    figure.update_xaxes(title_text="width, px (log scale)", **axis)
    figure.update_yaxes(title_text="height, px", **axis)
    return figure


def _shape(width: float, height: float) -> str:
    """'4:3', or '1.62:1' where it is no common one."""
    shape = width / max(height, 1)
    near = next((name for value, name in SHAPES if abs(shape / value - 1) < 0.02), "")
    if near:
        return near
    return f"{shape:.2g}:1" if shape >= 1 else f"1:{1 / shape:.2g}"


def scoreboard(comparison: Comparison) -> Figure:
    """Test accuracy of every run as a dot with its 95 % interval, best on top."""
    go = graph_objects()
    rows = _ranked(comparison)
    figure = go.Figure()
    for place, (row, tested) in enumerate(rows):
        style = strategy_style(row.kind)
        figure.add_scatter(
            x=[tested.value],
            y=[place],
            mode="markers",
            marker=marker(row, 15),
            error_x=whiskers(tested, faded(style.colour, 0.5), 6),
            hovertemplate=f"{plain(row.label)}: {interval(tested)}<br>{plain(tested.how)}<extra></extra>",
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
    dress(figure, height=46 * max(len(rows), 1) + 66)
    longest = max((len(interval(tested)) for _, tested in rows), default=0)
    figure.update_layout(margin={"r": 24 + LETTER_PX * longest})
    figure.update_xaxes(
        tickformat=".0%",
        gridcolor=GRID,
        range=span([tested for _, tested in rows]),
        title_text="test accuracy, 95% interval",
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=[two_lines(row.label) for row, _ in rows], tickfont={"size": 14},
        range=[len(rows) - 0.5, -0.5], gridcolor=GRID, ticklabelstandoff=8,
    )  # fmt: skip
    return figure


def final_accuracy(comparison: Comparison) -> Figure:
    """Final test accuracy as bars from zero, with 95 % intervals, in the order of the catalogue."""
    go = graph_objects()
    rows = [(row, row.test_accuracy) for row in comparison.rows if row.test_accuracy is not None]
    figure = go.Figure()
    for place, (row, tested) in enumerate(rows):
        style = strategy_style(row.kind)
        figure.add_bar(
            x=[place],
            y=[tested.value],
            width=0.62,
            marker={"color": style.colour, "cornerradius": 5},
            error_y={**whiskers(tested, "rgba(110,122,138,0.95)", 2), "width": 7},
            hovertemplate=f"{plain(row.label)}: {interval(tested)}<extra></extra>",
            showlegend=False,
        )
        figure.add_annotation(
            x=place, y=tested.high, yshift=12, text=f"<b>{percent(tested.value)}</b>", showarrow=False
        )
    dress(figure, height=320)
    figure.update_yaxes(
        tickformat=".0%", range=[0, 1.1], tickvals=[0, 0.25, 0.5, 0.75, 1], gridcolor=GRID, title_text="test accuracy"
    )
    figure.update_xaxes(
        tickvals=list(range(len(rows))), ticktext=[two_lines(row.label) for row, _ in rows], showgrid=False,
        tickangle=0, range=[-0.6, max(len(rows), 3) - 0.4],
    )  # fmt: skip
    return figure


def accuracy_vs_time(comparison: Comparison) -> Figure:
    """What a second of training bought: test accuracy against training time (log axis)."""
    points = [(row, tested, max(row.seconds, 0.1)) for row, tested in _ranked(comparison) if row.seconds > 0]
    figure = _scatter(points, [duration(x) for _, _, x in points])
    figure.update_xaxes(title_text="training time here (log scale)", **_time_ticks([x for _, _, x in points]))
    return figure


def parameter_efficiency(comparison: Comparison) -> Figure:
    """What accuracy cost in trained parameters: bars on a log axis, fewest first, the accuracy reached written in."""
    go = graph_objects()
    rows = [(row, tested, row.trainable_params) for row, tested in _ranked(comparison) if row.trainable_params]
    rows.sort(key=lambda row: row[2])
    figure = go.Figure()
    for place, (row, tested, trained) in enumerate(rows):
        style = strategy_style(row.kind)
        figure.add_bar(
            y=[place],
            x=[trained],
            orientation="h",
            width=0.6,
            marker={"color": style.colour, "cornerradius": 5},
            text=f"<b>{percent(tested.value)}</b> with {params(trained)}",
            textposition="auto",
            insidetextanchor="start",
            insidetextfont={"color": "#0d1723", "size": 13},
            hovertemplate=f"{plain(row.label)}: {interval(tested)} with {count(trained)} parameters<extra></extra>",
            showlegend=False,
        )
    dress(figure, height=max(46 * len(rows) + 76, 200))
    most = max((trained for _, _, trained in rows), default=1000)
    powers = list(range(2, math.ceil(math.log10(most)) + 1))
    figure.update_xaxes(
        title_text="trained parameters (log scale)", type="log", range=[2, math.log10(most) + 0.1],
        tickvals=[10**power for power in powers], ticktext=[params(10**power) for power in powers], gridcolor=GRID,
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=[two_lines(row.label) for row, _, _ in rows], autorange="reversed",
        showgrid=False, ticklabelstandoff=8,
    )  # fmt: skip
    return figure


def _scatter(points: Sequence[tuple[Row, Estimate, float]], said: Sequence[str]) -> Figure:
    go = graph_objects()
    figure = go.Figure()
    for (row, tested, x), words in zip(points, said, strict=True):
        style = strategy_style(row.kind)
        figure.add_scatter(
            x=[x],
            y=[tested.value],
            mode="markers",
            name=plain(row.label),
            marker=marker(row, 14),
            error_y=whiskers(tested, faded(style.colour, 0.5), 4),
            hovertemplate=f"{plain(row.label)}: {interval(tested)} in {words}<extra></extra>",
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
    return {
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": shown,
        "ticktext": [duration(t) for t in shown],
        "gridcolor": GRID,
        "tickangle": 0,
    }


def _ranked(comparison: Comparison) -> list[tuple[Row, Estimate]]:
    rows = [(row, row.test_accuracy) for row in comparison.rows if row.test_accuracy is not None]
    return sorted(rows, key=lambda pair: -pair[1].value)

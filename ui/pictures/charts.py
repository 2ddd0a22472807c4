"""Plotly figures: how one is shown, and the Data page's figures. Compare draws its own in `training.report`.

Figures are plain functions of the nouns; backgrounds are transparent and text colours are left to Streamlit's plotly
theme, so that one figure serves light and dark. Strategies keep their colour and marker. plotly is imported when the
first figure is drawn: it costs half a second that no first page should pay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from core import DatasetRef
from ui.pictures.chart_parts import GRID, INK, dress, faded, graph_objects, plain, short
from ui.pictures.theme import FROZEN
from ui.pictures.words import count

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
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


ROOM_FOR_ALL = 30
"""Longest side / shortest from which the names of the lines at 3:4 and 4:3 would lie on their neighbours'."""


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
        wide = shape >= 1  # its line ends at the right edge, a tall one's at the upper
        if shape in (0.5, 1, 2) or longest / shortest < ROOM_FOR_ALL:
            figure.add_annotation(
                x=math.log10(high), y=math.log10(high / shape), text=name, showarrow=False, font={"size": 11},
                xanchor="left" if wide else "center", yanchor="middle" if wide else "bottom", xshift=4 if wide else 0,
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
    figure.update_layout(margin={"r": 34, "t": 22})
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

"""The learning-rate range test of a run, in a fold under its chart: loss over rising rates, and two rates marked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core import find_as
from training.store import Job, RangeTest, RunFolder
from ui.kit import state
from ui.pictures import charts
from ui.pictures.chart_parts import GRID, dress, graph_objects
from ui.pictures.theme import FROZEN, TRAINED
from ui.pictures.words import learning_rate

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HIGHEST = 2.0
"""The loss axis ends at this multiple of the first loss: a diverging tail would flatten everything before it."""


@dataclass(frozen=True)
class Drawn:
    """A range test as it can be drawn: finite points only, and rates above 0."""

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float | None
    used: float | None
    diverged_at: float | None


def lr_range(job: Job) -> None:
    """The fold, if this run has a range test that can be read; else nothing."""
    test = read(RunFolder(state.home(), job.id).note("lr_range"))
    if test is None:
        return
    with st.expander("Learning-rate range test"):
        st.caption(in_words(test))
        charts.show(draw(test), key=f"lr_range_{job.id}", label=in_words(test))


def read(path: Path) -> Drawn | None:
    """None where there is no such file, or none that can be drawn: the chart is an extra, never an obstacle."""
    found = find_as(path, RangeTest)
    if found is None or len(found.lrs) != len(found.losses):
        return None
    points = [(lr, loss) for lr, loss in zip(found.lrs, found.losses, strict=True) if _above_0(lr) and _finite(loss)]
    if len(points) < 2:
        return None
    lrs, losses = zip(*points, strict=True)
    rates = [rate if _above_0(rate) else None for rate in (found.suggestion, found.used, found.diverged_at)]
    return Drawn(lrs, losses, *rates)


def _finite(number: float | None) -> bool:
    return number is not None and math.isfinite(number)


def _above_0(rate: float | None) -> bool:
    return rate is not None and _finite(rate) and rate > 0


def in_words(test: Drawn) -> str:
    """The chart as one line."""
    low, high = learning_rate(test.lrs[0]), learning_rate(test.lrs[-1])
    parts = [f"Loss at rates from {low} to {high}, measured before training"]
    if test.suggestion:
        parts.append(f"it suggests {learning_rate(test.suggestion)}")
    if test.used:
        parts.append(f"this run uses {learning_rate(test.used)}")
    if test.diverged_at:
        parts.append(f"the loss diverges at {learning_rate(test.diverged_at)}")
    return "; ".join(parts) + "."


def draw(test: Drawn) -> Figure:
    """Loss against learning rate (log axis). The two rates differ in dash and word, not in colour alone."""
    figure = graph_objects().Figure()
    figure.add_scatter(
        x=test.lrs, y=test.losses, mode="lines", line={"color": FROZEN, "width": 2.2}, showlegend=False,
        hovertemplate="rate %{x:.2g}: loss %{y:.3g}<extra></extra>",
    )  # fmt: skip
    # Words stand on the outer sides of the two lines, which often lie close together.
    left = not (test.suggestion and test.used) or test.suggestion <= test.used
    marks = (("suggested", test.suggestion, FROZEN, "dash", left), ("used", test.used, TRAINED, "solid", not left))
    for word, rate, colour, dash, outside in marks:
        if rate:
            figure.add_vline(x=rate, line={"color": colour, "width": 1.6, "dash": dash})
            figure.add_annotation(
                x=math.log10(rate), y=1, yref="paper", xanchor="right" if outside else "left", yanchor="top",
                xshift=-5 if outside else 5, text=f"{word} {learning_rate(rate)}", showarrow=False,
            )  # fmt: skip
    dress(figure, height=280)
    low, high = min(test.losses), min(max(test.losses), HIGHEST * test.losses[0])
    room = 0.08 * (high - low or 1.0)
    ends = [rate for rate in (test.lrs[0], test.lrs[-1], test.suggestion, test.used) if rate]
    figure.update_xaxes(
        type="log", title_text="learning rate (log scale)", gridcolor=GRID, tickformat=".0e", dtick=1,
        range=[math.log10(min(ends)) - 0.05, math.log10(max(ends)) + 0.25],
    )  # fmt: skip
    figure.update_yaxes(title_text="training loss", gridcolor=GRID, range=[low - room, high + room])
    return figure

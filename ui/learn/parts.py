"""What the lessons share: their shape, how a live part asks, bars with the spread of their seeds, the last button."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.kit import frame, state
from ui.pictures import charts
from ui.pictures.chart_parts import GRID, dress, graph_objects
from ui.playground import ask_all, ticking

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Lesson:
    key: str
    """In the address."""
    title: str
    one_line: str
    """What one knows afterwards."""
    draw: Callable[[], None]
    try_label: str
    """The button at its end, on the user's own images."""
    page: str
    """Where it leads."""
    preset: Mapping[str, Any]
    """Fields of that page set beforehand: session_state by key."""


@dataclass(frozen=True)
class Bar:
    """One bar of a live part: a share in [0, 1] for each seed."""

    label: str
    values: tuple[float, ...]
    colour: str

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)


def ask(questions: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Answers from the live processes, with a bar while they come."""
    place = st.empty()
    tick = ticking(lambda done, all_: place.progress(done / all_, text=f"Training, {done} of {all_} small runs"))
    answers = ask_all(state.live_pool(), questions, tick)
    place.empty()
    return answers


def bars(groups: Sequence[tuple[str, Sequence[Bar]]], *, axis: str, key: str, label: str, height: int = 0) -> None:
    """Horizontal bars in groups, the mean written beside each and every seed a dot on it."""
    charts.show(_bars(groups, axis, height), key=key, label=label)


def _bars(groups: Sequence[tuple[str, Sequence[Bar]]], axis: str, height: int) -> Figure:
    go = graph_objects()
    figure = go.Figure()
    place, ticks, names = 0.0, [], []
    for title, group in groups:
        if title:
            figure.add_annotation(
                x=0, xref="paper", y=place, text=f"<b>{title}</b>", showarrow=False, xanchor="left", yanchor="middle"
            )
            place += 0.9
        for bar in group:
            figure.add_bar(
                y=[place], x=[bar.mean], orientation="h", width=0.62, showlegend=False,
                marker={"color": bar.colour, "cornerradius": 4},
                hovertemplate=f"{bar.label}: %{{x:.1%}}<extra></extra>",
            )  # fmt: skip
            figure.add_scatter(
                x=list(bar.values), y=[place] * len(bar.values), mode="markers", showlegend=False,
                marker={"size": 6, "color": "rgba(13,23,35,0.55)", "line": {"width": 1, "color": "#ffffff"}},
                hovertemplate="one seed: %{x:.1%}<extra></extra>",
            )  # fmt: skip
            said = f"<b>{100 * bar.mean:.1f}%</b>"
            figure.add_annotation(x=1, xref="paper", xanchor="left", xshift=8, y=place, text=said, showarrow=False)
            ticks.append(place)
            names.append(bar.label)
            place += 1
        place += 0.35
    dress(figure, height=height or int(34 * place + 60))
    figure.update_layout(margin={"r": 64}, bargap=0.2)
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02], gridcolor=GRID, title_text=axis)
    figure.update_yaxes(tickvals=ticks, ticktext=names, range=[place - 0.2, -0.7], showgrid=False, ticklabelstandoff=8)
    return figure


def source(text: str) -> None:
    """Where a claim comes from."""
    st.caption(f"Source: {frame.plain(text)}")


def try_it(lesson: Lesson) -> None:
    """The button at a lesson's end: to the page where it is done on the user's own images, its fields set."""
    with st.container(border=True):
        ref = state.current_dataset()
        where = f"With {frame.short(ref.name)}." if ref else "With your own images, or one of the samples."
        st.markdown(f"**Your turn.** {frame.plain(where)}")
        if st.button(lesson.try_label, type="primary", key=f"try_{lesson.key}"):
            for key, value in lesson.preset.items():
                st.session_state[key] = value
            st.switch_page(lesson.page if ref else state.DATA_PAGE)

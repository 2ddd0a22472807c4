"""The Advice page's inputs: similarity, minutes, priority and backbone. Each is kept in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from core import Budget, Priority, Similarity
from ui.advice.backbones import chooser
from ui.kit.url_inputs import keep, start
from ui.pictures.words import duration

SIMILARITIES: dict[Similarity, tuple[str, str]] = {
    "high": (
        "High",
        "Photos of things as ImageNet has them: animals, plants, food, vehicles, household objects.",
    ),
    "medium": (
        "Medium",
        "Photos, but of other things or seen otherwise: hand signs, aerial views, parts on a belt.",
    ),
    "low": ("Low", "Not everyday photos: X-rays, microscope slides, drawings, spectrograms, icons, digits."),
}
MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 240, 480)
DEFAULT_MINUTES = 10
PRIORITIES: dict[Priority, tuple[str, str]] = {
    "speed": ("Speed", "Good enough, soon."),
    "accuracy": ("Accuracy", "The best result inside the budget."),
}

T = TypeVar("T", bound=str)


AS_MEASURED = "measured"
"""The similarity that the page's control says when it is left to the domain gap."""


@dataclass(frozen=True)
class Inputs:
    similarity: Similarity | None
    """Set by hand; None = as measured."""
    budget: Budget
    backbone: str


def inputs() -> Inputs:
    """Draw the four inputs and return what they say."""
    titles: dict[str, str] = {AS_MEASURED: "Measured", **{key: title for key, (title, _) in SIMILARITIES.items()}}
    said = choice("Similarity to everyday photos", "similarity", titles, AS_MEASURED)
    similarity = next((key for key in SIMILARITIES if key == said), None)
    if similarity is None:
        st.caption("As the domain gap says; medium until that is measured.")
    else:
        st.caption(f"{SIMILARITIES[similarity][1]} Set by hand, in place of what is measured.")
    start("minutes", {str(minutes): minutes for minutes in MINUTES}, DEFAULT_MINUTES)
    minutes = st.select_slider(
        "Time for training",
        MINUTES,
        format_func=lambda value: duration(60 * value),
        key="minutes",
        persist_state="session",
    )
    keep("minutes", minutes, DEFAULT_MINUTES)
    priority = choice(
        "What matters more?", "priority", {key: title for key, (title, _) in PRIORITIES.items()}, "accuracy"
    )
    st.caption(PRIORITIES[priority][1])
    return Inputs(similarity, Budget(float(minutes), priority), chooser())


def choice(label: str, name: str, titles: Mapping[T, str], default: T, *, hidden_label: bool = False) -> T:
    """One of a few words, side by side; kept in the URL under `name`."""
    start(name, {key: key for key in titles}, default)
    chosen = st.segmented_control(
        label,
        list(titles),
        required=True,
        format_func=lambda key: titles[key],
        key=name,
        persist_state="session",
        width="content" if hidden_label else "stretch",
        label_visibility="collapsed" if hidden_label else "visible",
    )
    value: T = chosen if chosen in titles else default
    keep(name, value, default)
    return value

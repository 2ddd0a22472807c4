"""Learning rates per layer: the formula with sliders, on the stages of a real backbone."""

from __future__ import annotations

import streamlit as st

from core import Phase
from core.zoo import DEFAULT_BACKBONE, backbone
from ui import pictures
from ui.kit import state
from ui.kit.show import show
from ui.learn.parts import Lesson, source
from ui.pictures import charts
from ui.pictures.chart_parts import GRID, dress, graph_objects
from ui.pictures.theme import TRAINED
from ui.pictures.words import learning_rate

BASES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
GAMMAS = (0.1, 0.3, 0.5, 0.65, 0.75, 0.85, 0.95, 1.0)
FROZEN_IN_PRACTICE = 1e-6


def draw() -> None:
    st.markdown(
        "The first stages hold what is general and should change little; the last hold what is specific and must "
        "change "
        "much. So each stage gets a rate of its own, falling by a factor $\\gamma$ per stage towards the input:"
    )
    st.latex(r"\eta_l = \eta_\text{base}\cdot\gamma^{\,L-l}")
    st.markdown("With $\\gamma = 1$ all stages learn alike; the smaller $\\gamma$, the more the lower ones are spared.")
    left, right = st.columns(2, gap="large")
    base = left.select_slider("Base rate η", BASES, 1e-3, format_func=learning_rate, key="lesson_base")
    gamma = right.select_slider("Decay γ per stage", GAMMAS, 0.75, format_func=lambda g: f"{g:g}", key="lesson_gamma")
    card = backbone(DEFAULT_BACKBONE)
    phase = Phase(0, 1, base, base, gamma)
    rates = [phase.stage_lr(stage, card.head) for stage in range(card.head + 1)]
    show(pictures.freeze_map(card, [True] * len(rates), rates, 5))
    figure = graph_objects().Figure()
    figure.add_bar(
        x=list(card.stage_names), y=rates, marker={"color": TRAINED, "cornerradius": 4},
        text=[learning_rate(rate) for rate in rates], textposition="outside", cliponaxis=False,
        hovertemplate="%{x}: %{y:.2e}<extra></extra>",
    )  # fmt: skip
    dress(figure, height=280)
    figure.update_yaxes(type="log", gridcolor=GRID, title_text="learning rate (log)", exponentformat="e", dtick=1)
    charts.show(figure, key="lesson_rates", label="Learning rate of each stage")
    ratio = rates[-1] / rates[0]
    slow = sum(rate < FROZEN_IN_PRACTICE for rate in rates)
    said = f"The head learns {ratio:,.0f} times faster than the stem." if ratio > 1 else "Every stage learns alike."
    if slow:
        said += f" {slow} of {len(rates)} stages are below 1e-6: frozen in all but name."
    st.markdown(said)
    source("Howard and Ruder 2018 (ULMFiT, discriminative fine-tuning), arXiv 1801.06146; timm's layer decay is 0.75.")


LESSON = Lesson(
    "rates", "A learning rate for each layer", "Why the first stages should hardly move.", draw,
    "Set the rates by hand on my images", state.ADVICE_PAGE, {"hand_kind": "full", "open_by_hand": True},
)  # fmt: skip

"""The strategies and their freeze maps: choose one, walk through its phases."""

from __future__ import annotations

import streamlit as st

from advisor.advice import epochs_in_words, what_is_trained
from advisor.planning import PLANNED, plan, stage_lrs, state_at
from core import Kind
from core.zoo import DEFAULT_BACKBONE, STRATEGIES, backbone
from ui import pictures
from ui.kit import frame, state
from ui.kit.show import show
from ui.learn.parts import Lesson, source
from ui.pictures.words import params

IMAGES, CLASSES = 1000, 5


def draw() -> None:
    st.markdown(
        "Every strategy is a list of phases, and a phase is one cut through the chain of stages: what lies below "
        "the cut "
        "is frozen, what lies above it is trained. They differ in where they cut, and when they move the cut."
    )
    kind: Kind = st.selectbox(
        "Strategy", PLANNED, index=PLANNED.index("gradual"), key="lesson_strategy",
        format_func=lambda name: STRATEGIES[name].title,
    )  # fmt: skip
    about, card = STRATEGIES[kind], backbone(DEFAULT_BACKBONE)
    strategy = plan(kind, card, train_images=IMAGES, classes=CLASSES)
    last = len(strategy.phases)
    number = 1
    if last > 1:
        number = st.slider("Phase", 1, last, last, key=f"lesson_phase_{kind}")
    phase = strategy.phases[number - 1]
    states = state_at(strategy, card, number - 1)
    rates = [phase.stage_lr(stage, card.head) for stage in range(card.head + 1)] if not phase.solved else None
    show(pictures.freeze_map(card, states, rates or stage_lrs(strategy, card), CLASSES))
    show(pictures.freeze_legend())
    trained = sum(size for size, on in zip(card.params(CLASSES), states, strict=True) if on)
    total = sum(card.params(CLASSES))
    how = "solved at once, on features that were computed once" if phase.solved else f"{phase.epochs} epochs"
    st.markdown(
        f"**{frame.plain(about.title)}**, phase {number} of {last}: {frame.plain(what_is_trained(phase, card))}, "
        f"{params(trained)} of {params(total)} parameters, {how}."
    )
    st.markdown(f"{frame.plain(about.one_line)} *{frame.plain(about.for_whom)}*")
    st.caption(
        f"Also called: {frame.plain(about.also)}. The whole plan: {epochs_in_words(strategy)}, for {IMAGES:,} images "
        f"of {CLASSES} classes on {card.title}."
    )
    source(about.source)


LESSON = Lesson(
    "strategies", "The strategies, and what each freezes", "Seven ways to cut one chain of stages.", draw,
    "See all of them for my images", state.ADVICE_PAGE, {},
)  # fmt: skip

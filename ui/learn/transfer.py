"""Why features transfer: keep more or fewer of the source's stages, for a related and an unrelated task."""

from __future__ import annotations

import streamlit as st

from core.zoo import DEFAULT_BACKBONE, backbone
from training.playground.settings import Settings
from ui import pictures
from ui.kit import state
from ui.kit.show import show
from ui.learn.parts import Bar, Lesson, ask, bars, source
from ui.pictures.theme import FROZEN, TRAINED
from ui.pictures.words import params
from ui.playground import LOOKS

SEEDS = range(3)
CLASSES = 5
KEPT = {0: "nothing kept: from scratch", 1: "hidden 1 kept, frozen", 2: "both kept, frozen"}


def draw() -> None:
    st.markdown(
        "A network is a chain of stages. The first ones turn pixels into edges and colours, the middle ones into "
        "parts, "
        "the last ones into the very classes it was trained on. What the first stages do is useful for almost any "
        "picture, so it need not be learned again: that is all of transfer learning."
    )
    card = backbone(DEFAULT_BACKBONE)
    states = [False] * card.head + [True]
    show(pictures.freeze_map(card, states, None, CLASSES))
    show(
        '<div class="thaw-scale"><span>edges, colours</span><span>textures</span><span>parts</span>'
        "<span>whole things</span><span>your classes</span></div>"
    )
    st.caption(
        f"{card.title}, {params(card.body_params)} parameters kept as they came, a new head of "
        f"{params(card.params(CLASSES)[-1])} for {CLASSES} classes. General on the left, specific on the right."
    )
    st.latex(r"f(x) = g_\theta\bigl(\,\phi_\text{kept}(x)\,\bigr)")
    st.markdown(
        "Keep the stages $\\phi$ as they are, and learn a new head $g$ on what they see. How many to keep is the "
        "question that every strategy answers in its own way: the more the new task is like the old one, the more."
    )
    source("Yosinski et al. 2014, arXiv 1411.1792: features go from general to specific, layer by layer.")
    st.subheader("Live: keep none, one or both stages")
    shift = st.segmented_control(
        "How far is the new task from the old one?", [0.0, 0.5, 1.0], default=0.0, key="lesson_transfer_shift",
        format_func={0.0: "the same task", 0.5: "half way", 1.0: "unrelated"}.get,
    )  # fmt: skip
    shift = 0.0 if shift is None else shift
    asked = [(kept, seed) for kept in KEPT for seed in SEEDS]
    answers = ask(
        [
            (
                "arm",
                {
                    "settings": Settings(shift=shift, noise=2.0, target=40, frozen_stages=kept).as_json(),
                    "arm": "scratch" if kept == 0 else "frozen", "seed": seed,
                },
            )
            for kept, seed in asked
        ]
    )  # fmt: skip
    by_kept = {kept: [a["held"][-1] for (k, _), a in zip(asked, answers, strict=True) if k == kept] for kept in KEPT}
    colours = {0: LOOKS["scratch"].colour, 1: TRAINED, 2: FROZEN}
    bars(
        [("", [Bar(KEPT[kept], tuple(values), colours[kept]) for kept, values in by_kept.items()])],
        axis="held-out accuracy, 40 samples to learn from", key="lesson_transfer_chart",
        label="Accuracy by stages kept",
    )  # fmt: skip
    best = max(by_kept, key=lambda kept: sum(by_kept[kept]))
    st.markdown(f"Best here, over {len(SEEDS)} seeds: **{KEPT[best]}**.")


LESSON = Lesson(
    "transfer", "Why features transfer", "What a trained network knows that your task can use.", draw,
    "See what ready-made features know of my images", state.ADVICE_PAGE, {},
)  # fmt: skip

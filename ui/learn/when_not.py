"""When not to transfer: how much data it takes until training from scratch catches up."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.words import listing
from training.playground.settings import Arm, Settings
from ui.kit import state
from ui.learn.parts import Bar, Lesson, ask, bars, source
from ui.playground import LOOKS

SEEDS = range(3)
SIZES = (20, 100, 1000)
SHOWN: tuple[Arm, ...] = ("scratch", "frozen", "discriminative")


def draw() -> None:
    st.markdown(
        "Transfer is a bet that the source knows something about the target. It is lost when the tasks share nothing, "
        "and it stops mattering when the target has data enough to learn everything itself. When what was learned "
        "stands in the way, transfer is **negative**: worse than starting from nothing."
    )
    st.latex(r"\text{acc}(\text{transfer}) < \text{acc}(\text{scratch})")
    st.markdown(
        "On real images pre-trained weights are hard to beat. Over 19 tasks with 1,000 images each, fine-tuning "
        "averaged "
        "66.4 points and training from scratch 43.1; with all the data 89.7 and 75.4, and scratch won one task "
        "of 19 at "
        "1,000 images. So the honest rule is: do not believe it, measure both."
    )
    source("Zhai et al. 2019 (VTAB), arXiv 1910.04867, task_adaptation results.csv.")
    st.subheader("Live: the same strategies, more and more data")
    shift = st.segmented_control(
        "The tasks are", [0.1, 1.0], default=1.0, key="lesson_not_shift",
        format_func={0.1: "related", 1.0: "unrelated"}.get,
    )  # fmt: skip
    shift = 1.0 if shift is None else shift
    asked = [(size, arm, seed) for size in SIZES for arm in SHOWN for seed in SEEDS]
    settings = {size: Settings(shift=shift, noise=2.0, target=size, epochs=40).as_json() for size in SIZES}
    answers = ask([("arm", {"settings": settings[size], "arm": arm, "seed": seed}) for size, arm, seed in asked])
    by = {key: answer["held"][-1] for key, answer in zip(asked, answers, strict=True)}
    groups = [
        (
            f"{size:,} target samples",
            [Bar(LOOKS[arm].title, tuple(by[size, arm, seed] for seed in SEEDS), LOOKS[arm].colour) for arm in SHOWN],
        )
        for size in SIZES
    ]
    bars(groups, axis="held-out accuracy on the target", key="lesson_not_chart", label="Accuracy by target samples")
    st.markdown(_said(groups))


def _said(groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Which strategy lies behind scratch on every seed, and where."""
    behind: dict[str, list[str]] = {}
    for size, (scratch, *others) in groups:
        for bar in others:
            if all(mine < theirs for mine, theirs in zip(bar.values, scratch.values, strict=True)):
                behind.setdefault(bar.label, []).append(size.removesuffix(" target samples"))
    if not behind:
        return "**No negative transfer here**: at no size does a strategy lie behind scratch on every seed."
    said = "; ".join(f"**{label}** at {listing(sizes)}" for label, sizes in behind.items())
    return f"**Negative transfer**: behind scratch on every seed lies {said} target samples."


LESSON = Lesson(
    "when_not", "When not to transfer", "Negative transfer, and how to notice it.", draw,
    "Train my images from scratch, to compare", state.ADVICE_PAGE, {"hand_kind": "scratch", "open_by_hand": True},
)  # fmt: skip

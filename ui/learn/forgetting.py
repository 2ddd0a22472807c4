"""Catastrophic forgetting: how much of the source task is left after fine-tuning, and what holds it back."""

from __future__ import annotations

import streamlit as st

from training.playground.settings import Arm, Settings
from ui.kit import state
from ui.learn.parts import Bar, Lesson, ask, bars, source
from ui.pictures.theme import FROZEN
from ui.playground import LOOKS

SEEDS = range(3)
NOISE, SHIFT = 2.0, 0.5
"""Classes that overlap and a task half way off: what is overwritten shows."""
FACTORS = (1.0, 3.0, 10.0)
ALPHAS = (0.01, 0.1, 0.3, 1.0)
LAMBDAS = (0.01, 0.1, 1.0, 3.0)
HELD: dict[Arm, str] = {
    "full": "everything trained", "l2_sp": "held by L2-SP", "ewc": "held by EWC", "frozen": "frozen, head only",
}  # fmt: skip


def draw() -> None:
    st.markdown(
        "Fine-tuning pulls the weights towards the new task, and nothing pulls them back: what they knew is "
        "overwritten. Sometimes that does not matter. It does when the old task is still wanted, or when the new "
        "data is so little "
        "that the old knowledge is most of what there is."
    )
    st.latex(
        r"\mathcal{L} = \mathcal{L}_\text{new} + \tfrac{\alpha}{2}\lVert\theta-\theta_0\rVert^2"
        r"\qquad\text{or}\qquad \mathcal{L}_\text{new} + \tfrac{\lambda}{2}\sum_i F_i\,(\theta_i-\theta_{0,i})^2"
    )
    st.markdown(
        "**L2-SP** (left) pulls every weight back to where it started. **EWC** (right) pulls hardest where the old "
        "task is most sensitive: $F_i$, the Fisher information, says how much the old answers change when weight "
        "$i$ moves."
    )
    source("Li et al. 2018 (L2-SP), arXiv 1802.01483; Kirkpatrick et al. 2017 (EWC), arXiv 1612.00796.")
    st.subheader("Live: what is left of the old task")
    left, middle, right = st.columns(3, gap="large")
    factor = left.select_slider(
        "Learning rate", FACTORS, 10.0, format_func=lambda f: f"{0.01 * f:g}", key="lesson_forget_rate"
    )
    alpha = middle.select_slider("L2-SP α", ALPHAS, 0.1, format_func=lambda a: f"{a:g}", key="lesson_forget_alpha")
    weight = right.select_slider("EWC λ", LAMBDAS, 0.1, format_func=lambda a: f"{a:g}", key="lesson_forget_lambda")
    settings = Settings(shift=SHIFT, noise=NOISE, lr=factor, l2_sp=alpha, ewc=weight)
    asked = [(arm, seed) for arm in HELD for seed in SEEDS]
    # What an arm does not depend on stays as it is, so that a moved slider asks only for what it changes.
    plain = Settings(shift=SHIFT, noise=NOISE)
    answers = ask(
        [
            ("arm", {"settings": (plain if arm == "frozen" else settings).as_json(), "arm": arm, "seed": seed})
            for arm, seed in asked
        ]
    )
    by_arm = {arm: [a for (own, _), a in zip(asked, answers, strict=True) if own == arm] for arm in HELD}
    before = tuple(answer["source"][0] for answer in by_arm["full"])
    old = [Bar("before", before, LOOKS["scratch"].colour)]
    old += [Bar(HELD[arm], tuple(a["source"][1] for a in found), _colour(arm)) for arm, found in by_arm.items()]
    new = [Bar(HELD[arm], tuple(a["held"][-1] for a in found), _colour(arm)) for arm, found in by_arm.items()]
    bars(
        [("the old task, with its old head", old), ("the new task", new)], axis="held-out accuracy",
        key="lesson_forget_chart", label="Accuracy on the old and the new task",
    )  # fmt: skip
    lost = old[0].mean - old[1].mean
    kept = max(old[2:4], key=lambda bar: bar.mean)
    held = 100 * (kept.mean - old[1].mean)
    price = 100 * (max(new, key=lambda bar: bar.mean).mean - new[old.index(kept) - 1].mean)
    st.markdown(
        f"Training everything costs **{100 * lost:.1f} points** of the old task. "
        f"**{kept.label.removeprefix('held by ')}** keeps {held:.1f} of them; on the new task it ends {price:.1f} "
        "points behind the best."
    )


def _colour(arm: Arm) -> str:
    return FROZEN if arm == "frozen" else LOOKS[arm].colour


LESSON = Lesson(
    "forgetting", "Catastrophic forgetting", "What fine-tuning overwrites, and what holds it back.", draw,
    "Fine-tune my images with L2-SP", state.ADVICE_PAGE,
    {"hand_kind": "full", "hand_l2_sp": 0.1, "open_by_hand": True},
)  # fmt: skip

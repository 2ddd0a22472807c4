"""The pitfalls: each shown failing, then mended, on runs of a second."""

from __future__ import annotations

from typing import Any

import streamlit as st

from training.playground.settings import Settings
from ui.kit import state
from ui.learn.parts import Bar, Lesson, ask, bars
from ui.pictures.theme import BAD, GOOD

SEEDS = range(3)
RELATED = Settings(shift=0.1, noise=1.5, target=40)
PITFALLS: dict[str, tuple[str, str]] = {
    "rate": ("Learning rate too high", "Ten to a hundred times below the rate from scratch is usual for fine-tuning."),
    "freeze": ("Forgot to freeze", "Meant to train the head, trained everything: with few images that overfits."),
    "preprocessing": ("Wrong preprocessing", "The weights expect inputs as in training, scale and mean alike."),
}


def draw() -> None:
    st.markdown(
        "Three mistakes make most fine-tunes fail. Nothing crashes: the numbers are just worse, and one blames "
        "the data. "
        "Here each is made on purpose, and then mended. What Thaw does about it stands below."
    )
    which = st.segmented_control(
        "Pitfall", list(PITFALLS), default="rate", key="lesson_pitfall", format_func=lambda key: PITFALLS[key][0]
    )
    which = which or "rate"
    st.markdown(PITFALLS[which][1])
    {"rate": _rate, "freeze": _freeze, "preprocessing": _preprocessing}[which]()


def _rate() -> None:
    factor = st.select_slider(
        "Learning rate of the failing run", (1.0, 10.0, 100.0, 300.0), 300.0, key="lesson_pit_rate",
        format_func=lambda f: f"{0.01 * f:g}",
    )  # fmt: skip
    broken, mended = _both(
        {"settings": _with(lr=factor), "arm": "full"}, {"settings": RELATED.as_json(), "arm": "full"},
        (f"at {0.01 * factor:g}", "mended: at 0.01"),
    )  # fmt: skip
    saved = sum(answer["rollbacks"] for answer in broken)
    st.markdown(
        f"**In Thaw:** a loss that blows up is rolled back to the best weights and goes on at 0.3 of the rate; in "
        "these "
        f"{len(SEEDS)} runs that happened {saved} times. The range test measures a good rate first."
    )
    del mended


def _freeze() -> None:
    _both(
        {"settings": _with(frozen_stages=0, lr=1.0), "arm": "frozen"}, {"settings": RELATED.as_json(), "arm": "frozen"},
        ("nothing frozen, rate of the head everywhere", "mended: stages frozen"),
    )  # fmt: skip
    st.markdown(
        "**In Thaw:** every run counts what it promised to train against what is switched on, and the freeze map shows "
        "it. Frozen stages are also computed only once."
    )


def _preprocessing() -> None:
    scale = st.select_slider(
        "The inputs are scaled by", (1.0, 0.2, 0.05, 1 / 255), 0.05, key="lesson_pit_scale",
        format_func=lambda s: "1/255" if s < 0.01 else f"{s:g}",
    )  # fmt: skip
    _both(
        {"settings": RELATED.as_json(), "arm": "frozen", "scale": scale},
        {"settings": RELATED.as_json(), "arm": "frozen"},
        (f"inputs times {'1/255' if scale < 0.01 else f'{scale:g}'}", "mended: as in pre-training"),
    )  # fmt: skip
    st.markdown(
        "**In Thaw:** size, mean and standard deviation come from the weights' own card and are exported with "
        "the model; "
        "there is no field to get them wrong in."
    )


def _with(**changes: Any) -> dict[str, Any]:
    return {**RELATED.as_json(), **changes}


def _both(
    broken: dict[str, Any], mended: dict[str, Any], names: tuple[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Run both on every seed and draw them."""
    answers = ask([("arm", {**way, "seed": seed}) for way in (broken, mended) for seed in SEEDS])
    halves = answers[: len(SEEDS)], answers[len(SEEDS) :]
    shown = [
        Bar(name, tuple(answer["held"][-1] for answer in half), colour)
        for name, half, colour in zip(names, halves, (BAD, GOOD), strict=True)
    ]
    bars([("", shown)], axis="held-out accuracy on the target", key="lesson_pit_chart", label="Failing and mended")
    gap = 100 * (shown[1].mean - shown[0].mean)
    st.markdown(f"Mended, it ends **{gap:+.1f} points** from where it failed." if gap > 0 else
                f"Here the mistake costs nothing ({gap:+.1f} points): make it bigger, or the task harder.")  # fmt: skip
    return halves


LESSON = Lesson(
    "pitfalls", "Three pitfalls, failing and mended", "Rate too high, forgot to freeze, wrong preprocessing.", draw,
    "Measure a good learning rate for my images", state.ADVICE_PAGE,
    {"hand_kind": "full", "hand_range": True, "open_by_hand": True},
)  # fmt: skip

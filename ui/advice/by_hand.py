"""The fold "Set a run up by hand": every option of a strategy, what it would train and cost, and a Train button.

The fields are those of `advisor.planning.options.Options`, one to one; only those that go with the chosen strategy are
shown.
Nothing is decided here: the recipe fills in what is left alone.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import streamlit as st

from advisor.planning import DESCENDING, PLANNED, Options, estimate_seconds, plan
from core import (
    HIDDEN_WIDTH,
    Augment,
    Budget,
    DatasetFacts,
    DatasetRef,
    Head,
    HeadInit,
    Kind,
    Optimizer,
    PlanError,
    Strategy,
)
from core.zoo import STRATEGIES, BackboneCard
from training.requests import fitted, limits
from ui.advice.plan import plan_in_full
from ui.kit import frame, jobs, state
from ui.pictures.words import duration

WHAT_TO_TRAIN = {
    "top": "The top stages",
    "first": "First stage + head (surgical)",
    "chosen": "Stages of my choice",
    "layers": "All but the first layers",
}
KEPT: Literal["page"] = "page"
"""How long a field holds what was set: while another strategy is looked at, and no longer; the next lesson begins with
empty ones."""
SIZES_PX = (64, 96, 128, 160, 192, 224, 256, 288, 320, 384)


def by_hand(ref: DatasetRef, facts: DatasetFacts, card: BackboneCard, budget: Budget) -> None:
    """Draw the fold; a click on its button queues the run and opens it."""
    with st.expander("Set a run up by hand", expanded=bool(st.session_state.get("open_by_hand"))):
        st.caption("What is left alone comes from the strategy's recipe. The schedule is cut to the time for training.")
        kind: Kind = st.selectbox(
            "Strategy", PLANNED, index=PLANNED.index("partial"), key="hand_kind", persist_state=KEPT,
            format_func=lambda name: STRATEGIES[name].title,
        )  # fmt: skip
        st.caption(STRATEGIES[kind].one_line)
        given = _fields(kind, card)
        try:
            strategy = plan(
                kind, card, train_images=facts.train_images, classes=len(facts.classes), minutes=budget.minutes,
                costs=facts.costs, test_images=facts.test_images, options=Options(**given),
            )  # fmt: skip
        except PlanError as error:
            frame.show_error(error, "These settings do not go together")
            return
        given_batch, run = "batch_size" in given, jobs.plan_for(ref, strategy, budget.minutes)
        run = run if given_batch else fitted(state.store(), run)
        st.divider()
        plan_in_full(run.strategy, card, len(ref.classes))
        for limit in limits(state.store(), run, strategy.batch_size):
            st.caption(limit)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if st.button("Train this plan", key="train_by_hand"):
                with frame.calm("This run cannot be started"):
                    frame.open_run(jobs.train(run, by_hand=given_batch).id)
            st.caption(_cost(run.strategy, facts, card, budget))


def _cost(strategy: Strategy, facts: DatasetFacts, card: BackboneCard, budget: Budget) -> str:
    price = estimate_seconds(strategy, facts, card)
    if price is None:
        return "How long it takes is unknown until these images are measured."
    over = "" if price[0] <= 60 * budget.minutes else f", more than the {duration(60 * budget.minutes)} given"
    return f"About {duration(price[0])} on this machine{over}."


def _fields(kind: Kind, card: BackboneCard) -> dict[str, Any]:
    """The options that were set, by name."""
    given: dict[str, Any] = {}
    descends = kind in DESCENDING
    if kind == "partial":
        given.update(_what_to_train(card))
    if kind == "gradual":
        clock = st.radio(
            "Thaw the next stage", ["epochs", "plateau"], horizontal=True, key="hand_unfreeze", persist_state=KEPT,
            format_func=lambda way: {"epochs": "after some epochs", "plateau": "when validation stops improving"}[way],
        )  # fmt: skip
        given["unfreeze"] = clock
    if kind == "prototype":
        st.caption("Prototypes are computed in closed form: there is no rate or schedule to set.")
        given["refit"] = _refit()
        given["image_px"] = _size(card)
        return _set(given)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        given["epochs"] = _number(
            "Passes of the solver" if not descends else "Epochs", "hand_epochs", 1, 1000, help_text=_EPOCHS[descends]
        )
        given["image_px"] = _size(card)
        if descends:
            given["batch_size"] = _number("Batch size", "hand_batch", 1, 512)
    if not descends:
        with middle:
            given["head"] = _head(("linear", "stages"), "hand_solved_head")
        given["refit"] = _refit()
        return _set(given)
    with middle:
        given["lr"] = _decimal("Peak learning rate", "hand_lr", 1.0, "Of the topmost stage below the head.")
        given["weight_decay"] = _decimal("Weight decay", "hand_decay", 10.0)
        given["views"] = _number("Augmented views kept", "hand_views", 0, 16, help_text="0 = no augmentation.")
    with right:
        given["label_smoothing"] = _decimal("Label smoothing", "hand_smoothing", 0.99)
        given["mixup"] = _decimal("Mixup alpha", "hand_mixup", 10.0, "Mixes pairs of images; 0.1 to 0.4 is usual.")
        given["early_stopping"] = _number(
            "Stop early after", "hand_patience", 1, 1000, help_text="Epochs without a better validation loss."
        )
    left, middle, right = st.columns(3, gap="medium", vertical_alignment="bottom")
    with left:
        given["balance"] = st.selectbox(
            "Unequal classes", ["none", "weights", "sampler"], key="hand_balance", persist_state=KEPT,
            format_func=lambda way: {
                "none": "Leave as they are", "weights": "Weigh the loss", "sampler": "Draw classes equally often"
            }[way],
        )  # fmt: skip
    if kind != "scratch":
        with middle:
            given["l2_sp"] = _decimal(
                "L2-SP alpha", "hand_l2_sp", 100.0, "Holds weights near the pre-trained ones. 0.01 to 0.1 is usual."
            )
        with right:
            given["ewc"] = _decimal(
                "EWC lambda", "hand_ewc", 100.0,
                "As L2-SP, each weight by how much it mattered on ImageNet. Measured at 1 it prevented no forgetting: "
                "what has to be kept is better frozen.",
            )  # fmt: skip
    left, middle, right = st.columns(3, gap="medium")
    with left:
        given["optimizer"] = st.selectbox(
            "Optimizer", get_args(Optimizer), key="hand_optimizer", persist_state=KEPT,
            format_func=lambda name: {"adamw": "AdamW", "sgd": "SGD with momentum"}[name],
            help="SGD trains with momentum 0.9, at rates of its own.",
        )  # fmt: skip
    with middle:
        given["head"] = _head(("linear", "hidden"), "hand_head")
    with right:
        given["augment"] = st.selectbox(
            "Augmented views show", [None, *get_args(Augment)], key="hand_augment", persist_state=KEPT,
            format_func=lambda name: {
                None: "recipe", "light": "Crops, mirrored too", "crop": "Crops, never mirrored",
                "colour": "Crops, mirrored, in changed colours", "trivial": "TrivialAugment",
            }[name],
            help="Never mirrored: where a mirror image is of another class, as of letters, digits, left and right.",
        )  # fmt: skip
    given["lr_range_test"] = st.checkbox(
        "Learning-rate range test first", key="hand_range", persist_state=KEPT,
        help="60 steps at rising rates before training. It changes nothing in the run, and is shown beside its curves.",
    )  # fmt: skip
    if kind == "full":
        given["head_init"] = st.selectbox(
            "The new head begins", [None, *get_args(HeadInit)], key="hand_head_init", persist_state=KEPT,
            format_func=lambda name: {
                None: "recipe", "solved": "Solved on frozen features", "random": "At random, with everything else"
            }[name],
            help="At random its first gradients pull the pre-trained stages about (LP-FT, arXiv 2202.10054).",
        )  # fmt: skip
    if kind in ("full", "lp_ft", "scratch"):
        given["progressive"] = st.checkbox(
            "Progressive resizing", key="hand_progressive", persist_state=KEPT,
            help="Starts with images of half the side: faster epochs.",
        )  # fmt: skip
    return _set(given)


def _head(offered: tuple[Head, ...], key: str) -> Head:
    chosen: Head = st.selectbox(
        "Head", offered, key=key, persist_state=KEPT,
        format_func=lambda name: {
            "linear": "Linear", "stages": "Linear, on all stages", "hidden": f"With a hidden layer of {HIDDEN_WIDTH}"
        }[name],
        help="On all stages: it reads their pooled outputs, not the last one's alone. Worth a try where pictures look "
        "little like photographs." if "stages" in offered else None,
    )  # fmt: skip
    return chosen


def _refit() -> bool | None:
    chosen: bool | None = st.selectbox(
        "When the head is chosen", [None, True, False], key="hand_refit", persist_state=KEPT,
        format_func=lambda way: {
            None: "recipe", True: "Solve it once more on all but the test images", False: "Leave it"
        }[way],
        help="Validation images choose the head; with few images they are worth more if it then learns from them too.",
    )  # fmt: skip
    return chosen


def _what_to_train(card: BackboneCard) -> dict[str, Any]:
    way = st.radio(
        "What is trained", list(WHAT_TO_TRAIN), horizontal=True, key="hand_what", persist_state=KEPT,
        format_func=lambda name: WHAT_TO_TRAIN[name],
    )  # fmt: skip
    if way == "first":
        return {"only_stages": (0,)}
    if not set(st.session_state.get("hand_stages", ())) <= set(card.stage_names[:-1]):
        del st.session_state["hand_stages"]  # of another backbone
    if st.session_state.get("hand_top", 1) > card.head:
        del st.session_state["hand_top"]
    if way == "chosen":
        names = st.multiselect(
            "Stages, besides the head", card.stage_names[:-1], key="hand_stages", persist_state=KEPT
        )
        return {"only_stages": tuple(sorted(card.stage_names.index(name) for name in names)) or None}
    if way == "layers":
        total = sum(stage.layers for stage in card.stages)
        text = st.text_input(
            "Freeze the first", "80%", key="hand_freeze", persist_state=KEPT,
            help=f"A number of layers (of {total}), or a share like 80%.",
        )  # fmt: skip
        return {"freeze": text.strip() or None}
    top = st.slider("Stages below the head", 1, card.head, min(2, card.head), key="hand_top", persist_state=KEPT)
    return {"trained_stages": top}


_EPOCHS = {
    True: "In all, after the head is solved or trained alone. Empty: what the recipe takes, cut to the time.",
    False: "Passes over the cached features.",
}


def _size(card: BackboneCard) -> int | None:
    sizes = [None, *(px for px in SIZES_PX if px != card.image_px)]
    chosen: int | None = st.selectbox(
        "Image side", sizes, key="hand_px", persist_state=KEPT,
        format_func=lambda px: f"{card.image_px} px (the weights' own)" if px is None else f"{px} px",
    )  # fmt: skip
    return chosen


def _number(label: str, key: str, low: int, high: int, help_text: str | None = None) -> int | None:
    value = st.number_input(
        label, low, high, None, key=key, placeholder="recipe", help=help_text, persist_state=KEPT
    )
    return None if value is None else int(value)


def _decimal(label: str, key: str, high: float, help_text: str | None = None) -> float | None:
    value = st.number_input(
        label, 0.0, high, None, key=key, placeholder="recipe", help=help_text, format="%.6g", step=None,
        persist_state=KEPT,
    )
    return None if value is None else float(value)


def _set(given: dict[str, Any]) -> dict[str, Any]:
    """Only what was set: an empty field leaves the recipe alone."""
    return {name: value for name, value in given.items() if value is not None}

"""What was found inside one run: calibration, how far the weights moved, what was forgotten; and the job for it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from advisor.planning import state_at
from core import DatasetRef
from core.zoo import BACKBONES
from dataset import list_current
from training.evaluation import bins, calibration_error
from training.requests import Explain
from training.store import Job
from training.understand.findings import Explained, read
from ui import pictures
from ui.advice import plan
from ui.kit import frame, jobs, progress, state
from ui.kit.show import show
from ui.pictures import charts
from ui.pictures.words import percent
from ui.understand import charts_run
from ui.understand.moved_map import moved_map


def ask(run: Job) -> Explained | None:
    """What is known of this run; without it the button that starts the look, or how far it is."""
    found = read(state.home(), run.id)
    job = jobs.latest_about(run, Explain)
    if job is not None and job.active:
        progress.follow(job)
        return found
    if found is None:
        if job is not None and job.error:
            show(pictures.notice("bad", "The look into this run failed", job.error))
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.markdown(
            "A look inside adds losses, activation maps, nearest training images, calibration, and what the network "
            "forgot. It reads the trained network and changes nothing."
        )
        with right:
            source = _source(run)
            if st.button("Look inside this run", type="primary", key="explain", width="stretch"):
                with frame.calm("This run cannot be looked into"):
                    jobs.start(Explain.of(run, source))
                    st.rerun()
    return found


def _source(run: Job) -> str:
    """A dataset of ImageNet's classes on which the old task is to be measured too; '' for none. Offered where the home
    holds others."""
    others = {ref.id: ref for ref in list_current(state.home()) if ref.id != run.dataset_id}
    if not others:
        return ""
    names = {"": "these images only"} | {key: frame.short(ref.name) for key, ref in others.items()}
    chosen = st.selectbox(
        "Old task, measured on", list(names), key="source", format_func=frame.apart(names).__getitem__,
        help="Images whose class folders carry ImageNet's names: is the backbone's old task still known?",
    )  # fmt: skip
    return str(chosen or "")


def calibration(found: Explained) -> None:
    """The reliability diagram with temperature scaling, and the calibration errors in words."""
    st.subheader("Does its confidence mean what it says?")
    right = np.array(found.truth) == np.array(found.predicted)
    if not len(right):
        return
    as_is, calibrated = np.array(found.confidence), np.array(found.calibrated)
    scaled = found.temperature != 1.0
    charts.show(
        charts_run.reliability(bins(as_is, right), bins(calibrated, right) if scaled else ()),
        key="reliability",
        label="Accuracy against confidence on the test images",
    )
    before, after = calibration_error(as_is, right), calibration_error(calibrated, right)
    if scaled:
        way = "too sure" if found.temperature > 1 else "not sure enough"
        said = (
            f"Expected calibration error {percent(before, 1)} as trained, {percent(after, 1)} after dividing "
            f"the logits by {found.temperature:.2f}: it was {way}. The temperature was fitted on "
            f"{found.fitted_on} and changes no answer."
        )
    else:
        said = f"Expected calibration error {percent(before, 1)}. Too few mistakes on validation to fit a temperature."
    st.caption(said)


def movement(run: Job, ref: DatasetRef, found: Explained) -> None:
    """The freeze map, and under each block how far its weights moved."""
    config = jobs.config_of(run)
    if config is None or config.strategy.backbone not in BACKBONES:
        return
    card, strategy = BACKBONES[config.strategy.backbone], config.strategy
    if card.stage_names[:-1] != found.stages:
        return
    st.subheader("How far the weights moved")
    last = len(strategy.phases) - 1
    lrs = plan.lrs_of(strategy, card, last)
    show(pictures.freeze_map(card, state_at(strategy, card, last), lrs, len(ref.classes), head=strategy.head))
    if not any(found.moved):
        st.caption("No weight below the head moved: the weights kept are the head's alone.")
        return
    show(moved_map(card, found.moved, len(ref.classes), strategy.head))
    start = "their pre-trained values" if strategy.pretrained else "their random start"
    st.caption(f"Length of the change over the length of the weights, from {start}. The head began anew.")


def forgetting(found: Explained) -> None:
    """What is left of the backbone's old task."""
    if found.agreement is None:
        return
    st.subheader("What is left of its old task")
    source = found.source
    text = (
        f"On {percent(found.agreement.value)} of the test images ({100 * found.agreement.low:.0f}"
        f"–{100 * found.agreement.high:.0f}%) the backbone still gives its original ImageNet prediction."
    )
    if source is not None:
        text += (
            f" On '{source.name}' ({source.classes} of ImageNet's classes) its original classifier was right on "
            f"{percent(source.before.value, 1)} before and is on {percent(source.after.value, 1)} after."
        )
    st.markdown(frame.plain(text))

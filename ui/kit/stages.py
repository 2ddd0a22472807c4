"""Multi-stage transfer on the pages: choose a finished run whose weights the next runs start from."""

from __future__ import annotations

import streamlit as st

from core import Strategy, ThawError
from training.store import Job, lineage
from ui import pictures
from ui.kit import frame, ids, state
from ui.kit.show import show
from ui.pictures.lineage import chain


def choose(job: Job) -> None:
    """Start from this run's weights from now on, and choose the images to go on with."""
    ids.remember("start", job.id)
    state.choose_dataset(None)
    st.switch_page(state.DATA_PAGE)


def start_of(strategy: Strategy) -> str:
    """Id of the run that a run with this strategy starts from; '' where none is chosen or its weights cannot serve."""
    job = _chosen()
    if job is None or strategy.kind == "scratch":
        return ""
    try:
        lineage.check(job, strategy.backbone)
    except ThawError:
        return ""
    return job.id


def banner(backbone: str) -> None:
    """On the Advice page: which run the next ones start from, and the way back."""
    job = _chosen()
    if job is None:
        return
    try:
        config = lineage.check(job, backbone)
    except ThawError as error:
        show(pictures.notice("caution", f"Run {job.id} cannot be started from", str(error)))
    else:
        stages = [*lineage.stages_of(state.home(), job.id), lineage.origin(job, config, state.home())]
        text = "Whether the stages before help shows only beside a run without them: train that too, and compare."
        show(pictures.notice("info", f"Runs from here start from the weights of run {job.id}", text))
        show(chain(stages, "the next run"))
    if st.button("Start from the backbone's own weights instead", key="forget_start"):
        ids.remember("start", None)
        st.rerun()


def _chosen() -> Job | None:
    run_id = ids.current("start")
    if run_id is None:
        return None
    try:
        return state.store().job(run_id)
    except ThawError as error:
        frame.show_error(error, "The run to start from is not here any more")
        ids.remember("start", None)
        return None

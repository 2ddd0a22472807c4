"""How far a job is, in one way everywhere: a bar, what is being done, the time that is left, a button that cancels."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from training.jobs import hanging
from training.store import Job
from ui.kit import frame, jobs, state
from ui.pictures.words import duration

POLL_S = 1.0


def told(job: Job, what: str = "Starting") -> tuple[float, str]:
    """(share done, sentence) of a job that waits or runs. what: said while it says nothing of itself."""
    done = min(1.0, max(0.0, job.progress))
    if job.state == "queued":
        first = next(iter(state.store().queue(job.lane)), job)
        return done, what if first.id == job.id else f"Waiting for the {first.noun.lower()} before it to end"
    if trouble := hanging.trouble(job):
        return done, trouble
    if job.stop_requested:
        return done, "Stopping"
    left = f", about {duration(job.eta_s)} left" if job.eta_s and job.eta_s >= 1 else ""
    return done, f"{job.doing or what}{left}"


def follow(
    job: Job,
    what: str = "Starting",
    *,
    cancel: str = "Cancel",
    under: str = "",
    ended: Callable[[Job], None] | None = None,
    moved: Callable[[Job], bool] | None = None,
) -> None:
    """A bar that goes on by itself until the job has ended; the page is then run anew.

    cancel: the button's words, "" = no button. under: a line below. ended: called once, before the page is run anew.
    moved: whether the page has to be run anew although the job goes on.
    """
    frame.fragment(_bar, POLL_S)(job.id, what, cancel, under, ended, moved)


def _bar(
    job_id: str,
    what: str,
    cancel: str,
    under: str,
    ended: Callable[[Job], None] | None,
    moved: Callable[[Job], bool] | None,
) -> None:
    state.pump()
    job = state.store().job(job_id)
    if not job.active:
        if ended:
            ended(job)
        st.rerun()
    if moved and moved(job):
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(*told(job, what))
        if hanging.trouble(job):
            jobs.end_button(job)
        elif cancel and st.button(cancel, key=f"cancel_{job_id}", disabled=job.stop_requested):
            jobs.stop(job)
            st.rerun()
    if under:
        st.caption(under)

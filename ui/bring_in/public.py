"""Public image sets by name: a choice with size and licence, fetched by a worker. Never imports torch."""

from __future__ import annotations

import streamlit as st

from dataset.ingest import PUBLIC_SETS, PublicSet
from training.requests import FetchPublic
from training.store import Job
from ui import pictures
from ui.kit import frame, progress, state
from ui.kit import jobs as parts_jobs
from ui.kit.show import show
from ui.pictures.words import count, size


def fold() -> None:
    """What can be fetched, what is being fetched, and what came of the last attempt."""
    jobs = state.store().jobs(kind="public")
    active = next((job for job in jobs if job.active), None)
    with st.expander("Or fetch a public set", expanded=active is not None):
        if active:
            title = PUBLIC_SETS[active.config["name"]].title
            progress.follow(active, f"Fetching {title}", ended=_choose)
            return
        name = st.selectbox("Set", list(PUBLIC_SETS), format_func=lambda key: PUBLIC_SETS[key].title, key="public_set")
        card = PUBLIC_SETS[name]
        st.caption(f"{frame.plain(facts_line(card))}  \n{frame.plain(card.detail)}")
        if jobs:
            _failure(jobs[0], card)
        st.caption(
            "It comes from its publisher's server; nothing is sent. This machine needs the network for it. "
            "Size and licence are as we know them: the publisher's page decides."
        )
        if st.button(f"Fetch {card.title} ({size(card.download_bytes)})", key="fetch_public"):
            parts_jobs.start(FetchPublic(name))
            st.rerun()


def facts_line(card: PublicSet) -> str:
    """'8,189 images · 102 classes · licence: MIT'."""
    return f"{count(card.images)} images · {card.classes} classes · licence: {card.licence}"


def _choose(job: Job) -> None:
    if job.result:
        state.choose_dataset(str(job.result["dataset_id"]))


def _failure(job: Job, card: PublicSet) -> None:
    """The latest attempt, when it failed and is what the reader looks at."""
    if job.state in ("failed", "lost") and job.config.get("name") == card.name:
        show(pictures.notice("bad", f"{card.title} was not fetched", job.error or "The worker gave no reason."))

"""Runs as people read them: title, one line of facts, the queue and the list of past runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from advisor.advice import epochs_in_words
from core import ThawError
from core.zoo import BACKBONES
from training.jobs import hanging
from training.requests import registry
from training.store import KEEPING, Job, RunResult
from ui import pictures
from ui.kit import frame, keep, state
from ui.kit import jobs as parts_jobs
from ui.kit.show import show
from ui.pictures.words import ago, duration, percent

FIRST_ROWS, MORE_ROWS = 10, 50
COLUMNS = [4, 3, 2, 2, 2]


def title(job: Job) -> str:
    """'Partial fine-tuning', 'Measuring the dataset'."""
    try:
        return registry.read(job).title
    except ThawError:
        return f"A {job.noun.lower()} of another version"


def facts_line(job: Job) -> str:
    """'EfficientNet-Lite0 · a probe and 12 epochs · planned for 10 min · seed 0 · run ab12cd34 · by Ann'."""
    config, by = parts_jobs.config_of(job), [f"by {job.queued_by}"] if job.queued_by else []
    if config is None:
        return " · ".join([f"run {job.id}", *by])
    strategy = config.strategy
    name = BACKBONES[strategy.backbone].title if strategy.backbone in BACKBONES else strategy.backbone
    parts = [name, epochs_in_words(strategy)]
    if config.minutes:
        parts.append(f"planned for {duration(60 * config.minutes)}")
    parts += [f"seed {config.seed}", f"run {job.id}", *by]
    return " · ".join(parts)


def called(job: Job) -> str:
    """What a list calls a run: the name that it was given and its strategy, or its strategy alone."""
    return f"{job.name} · {title(job)}" if job.name else title(job)


def accuracy(job: Job) -> str:
    """The test accuracy of a run that has one."""
    value = RunResult.of(job).test_accuracy
    return percent(value, 1) if isinstance(value, (int, float)) else "–"


def waiting(job: Job, queue: Sequence[Job]) -> str:
    """Where a queued job stands: 'Next', '3rd in the queue' ..."""
    before = [other.id for other in queue if other.state == "queued"]
    place = before.index(job.id) + 1 if job.id in before else 0
    if place == 1:
        return "next"
    return f"{place - 1} before it" if place else "waiting"


def queue_panel(shown: str | None) -> None:
    """What runs and what waits, over all datasets, each with a way to open and to cancel it."""
    queue = state.store().queue()
    st.subheader("Queue")
    if not queue:
        st.caption("Nothing is running and nothing waits.")
        return
    for job in queue:
        with st.container(border=True, gap="small", key=f"queue_{job.id}"):
            name = frame.plain(called(job) + (f" · by {job.queued_by}" if job.queued_by else ""))
            if trouble := hanging.trouble(job):
                said = "It does not move." if job.id == shown else frame.plain(trouble)
                st.markdown(f"**{name}** · {percent(job.progress)}. {said}")
            elif job.state == "running":
                left = f", about {duration(job.eta_s)} left" if job.eta_s else ""
                st.markdown(f"**{name}** · {percent(job.progress)}{left}")
            else:
                st.markdown(f"{name} · {waiting(job, [one for one in queue if one.lane == job.lane])}")
            with st.container(horizontal=True, gap="small"):
                if job.kind in KEEPING and job.id != shown and st.button("Open", key=f"open_{job.id}"):
                    (frame.open_race if job.kind == "race" else frame.open_run)(job.id)
                if trouble and job.id != shown:
                    parts_jobs.end_button(job)
                if job.state == "queued" and st.button(
                    "Cancel", key=f"cancel_{job.id}", help=f"Take {name} out of the queue"
                ):
                    parts_jobs.stop(job)
                    st.rerun()


def past_runs(jobs: Sequence[Job], shown: str | None) -> None:
    """Runs of this dataset that have ended, newest first, a row each."""
    ended = [job for job in jobs if not job.active]
    if not ended:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Past runs of these images")
        finished = [job.id for job in ended if job.result]
        if len(finished) > 1 and st.button("Compare the finished runs", key="compare_finished"):
            frame.open_compare(finished)
    words = ""
    if len(ended) > FIRST_ROWS:
        words = st.text_input(
            "Search", key="past_words", placeholder="Search by strategy, name, tag or id", label_visibility="collapsed"
        )
    found = [job for job in ended if matches(job, words)] if words else ended
    rows = int(st.session_state.get("past_rows", FIRST_ROWS))
    heads = st.columns(COLUMNS, vertical_alignment="center")
    for column, text in zip(heads, ("Run", "State", "Test accuracy", "Time", "Ended"), strict=True):
        column.caption(text)
    for job in found[:rows]:
        columns = st.columns(COLUMNS, vertical_alignment="center")
        if columns[0].button(
            frame.plain(called(job)) + keep.tags(job),
            key=f"past_{job.id}",
            type="tertiary",
            help=f"{facts_line(job)}  \n{frame.plain(job.note)}" if job.note else facts_line(job),
            disabled=job.id == shown,
        ):
            frame.open_run(job.id)
        with columns[1]:
            show(pictures.badge(job.state))
        columns[2].markdown(f":small[{accuracy(job)}]")
        columns[3].markdown(f":small[{duration(job.seconds) if job.seconds else '–'}]")
        columns[4].markdown(f":small[{ago(job.finished) if job.finished else '–'}]")
    if len(found) > rows:
        more = min(MORE_ROWS, len(found) - rows)
        if st.button(f"Show {more} more of {len(found):,} runs", key="more_runs"):
            st.session_state["past_rows"] = rows + more
            st.rerun()
    elif not found:
        st.caption("No run is called so.")


def matches(job: Job, words: str) -> bool:
    """Whether all these words stand in what a list says of a run."""
    text = " ".join((called(job), *job.tags, job.note, job.state, job.id)).casefold()
    return all(word in text for word in words.casefold().split())

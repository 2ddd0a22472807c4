"""Pilots on the Advice page: offered where the budget has room, followed while they run, their answer shown after."""

from __future__ import annotations

import secrets

import streamlit as st

from advisor.advice import Pilot, decide, pilots
from core import Budget, DatasetFacts, DatasetRef, Recommendation
from core.zoo import STRATEGIES, BackboneCard
from training.requests import room
from training.store import Job, RunResult
from ui import pictures
from ui.kit import frame, state
from ui.kit import jobs as parts_jobs
from ui.kit.show import show
from ui.pictures.words import duration

PREFIX = "pilot-"
RECENT = 200
"""Runs among which pilots are looked for: older ones are no news."""


def section(ref: DatasetRef, facts: DatasetFacts, advice: Recommendation, card: BackboneCard, budget: Budget) -> None:
    """The last pilots' answer if there are any, and the button to run some."""
    jobs = latest(ref, card.name)
    if jobs and any(job.active for job in jobs):
        done = sum(not job.active for job in jobs)
        st.progress((done + sum(job.progress for job in jobs if job.active)) / len(jobs), text="Pilots are running")
        return
    reached = {job.config["strategy"]["kind"]: value for job in jobs
               if (value := RunResult.of(job).val_accuracy) is not None}  # fmt: skip
    if len(reached) > 1:
        kind, said = decide(reached)
        agrees = kind == advice.best.strategy.kind
        tone = "good" if agrees else "caution"
        show(pictures.notice(tone, f"Pilots: {STRATEGIES[kind].title}", said))
    offered = pilots(advice, facts, card, budget, room(state.store()))
    if not offered:
        return
    total = sum(pilot.seconds for pilot in offered)
    names = ", ".join(STRATEGIES[pilot.strategy.kind].title.lower() for pilot in offered)
    if st.button("Run pilots first", key="pilots", help=f"{names}: a short complete schedule each"):
        with frame.calm("The pilots cannot be started"):
            start(ref, offered)
            st.rerun()
    st.caption(f"Pilots: {names}, a short run each, about {duration(total)} in all: at most 15% of the budget.")


def latest(ref: DatasetRef, backbone: str) -> list[Job]:
    """The jobs of the newest set of pilots of these images with this backbone."""
    recent = state.store().jobs(kind="train", dataset_id=ref.id, limit=RECENT)
    jobs = [job for job in recent if job.group.startswith(PREFIX)]
    jobs = [job for job in jobs if job.config["strategy"]["backbone"] == backbone]
    newest = max(jobs, key=lambda job: job.created, default=None)
    return [job for job in jobs if newest and job.group == newest.group]


def start(ref: DatasetRef, offered: list[Pilot]) -> None:
    group = PREFIX + secrets.token_hex(4)
    for pilot in offered:
        parts_jobs.start_run(ref, pilot.strategy, pilot.minutes, group=group)

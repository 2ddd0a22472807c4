"""From a click to a queued job: profiles, single runs, and "compare all strategies" under one budget.

Planning plus calls to the store and the executor; draws nothing but the button of `end_button`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import streamlit as st

from advisor.planning import PLANNED, Sizes, estimate_seconds, fit_batch, fits, memory_for, plan, within
from core import DatasetFacts, DatasetRef, Kind, RunConfig, StateError, Strategy, ThawError
from core.zoo import BackboneCard
from training.compare import group_of
from training.graphs import resuming
from training.jobs import hanging
from training.record import to_train
from training.requests import Explain, Export, Request, room, submit
from training.store import Job, RunFolder
from ui.kit import stages, state
from ui.sharing import visitor

SEED = 0
"""Every run started from a page: the same seed and split, so that any two may be compared."""

SLACK = 1.25
"""Room over an estimate before a run's own budget would cut it short."""


@dataclass(frozen=True)
class Planned:
    """One strategy of a set, with the share of the budget it was planned for."""

    strategy: Strategy
    minutes: float
    seconds: float | None
    """Estimated; None without measured throughput."""


def share_budget(needs: Mapping[Kind, float | None], minutes: float) -> dict[Kind, float]:
    """Minutes for each strategy, together `minutes`: what needs less than an equal share leaves the rest to others.

    `needs` are the seconds of each strategy's full-length plan (None = unknown: it takes its equal share).
    """
    shares: dict[Kind, float] = {}
    left = dict(needs)
    remaining = minutes
    while left:
        equal = remaining / len(left)
        content = {kind: need / 60 for kind, need in left.items() if need is not None and need / 60 < equal}
        if not content:
            return shares | dict.fromkeys(left, equal)
        for kind, need_minutes in content.items():
            shares[kind] = need_minutes
            remaining -= need_minutes
            del left[kind]
    # Everything fits: what is over may be used by anyone, so give each the same slack.
    return {kind: share + remaining / len(shares) for kind, share in shares.items()}


def plan_set(facts: DatasetFacts, card: BackboneCard, minutes: float) -> list[Planned]:
    """Every strategy that this version trains and memory has room for, planned so that all take about `minutes`."""
    classes = len(facts.classes)
    sizes, there = Sizes.measured(facts), memory_for(facts, room(state.store()))

    def planned(kind: Kind, share: float | None) -> Strategy:
        return plan(
            kind,
            card,
            train_images=facts.train_images,
            classes=classes,
            minutes=share,
            costs=facts.costs,
            test_images=facts.test_images,
        )

    needs: dict[Kind, float | None] = {}
    for kind in PLANNED:
        whole = fit_batch(planned(kind, None), card, sizes, facts, there)
        if not fits(whole, card, sizes, facts, there):
            continue
        full_length = estimate_seconds(whole, facts, card)
        needs[kind] = SLACK * full_length[0] if full_length else None
    shares = share_budget(needs, minutes)
    result = []
    for kind in needs:
        strategy = fit_batch(planned(kind, shares[kind]), card, sizes, facts, there)
        estimate = estimate_seconds(strategy, facts, card)
        seconds = within(strategy, estimate[0], shares[kind]) if estimate else None
        result.append(Planned(strategy, shares[kind], seconds))
    return result


def total_seconds(planned: Sequence[Planned]) -> float | None:
    """The whole set's estimate; None as soon as one part is unknown."""
    seconds = [part.seconds for part in planned if part.seconds is not None]
    return sum(seconds) if len(seconds) == len(planned) else None


def start(request: Request) -> Job:
    """Submit what is asked for and wake the executor. Raises ThawError, with what to do, where it could only fail."""
    return state.jobs_executor().submit(submit(state.store(), request, visitor().name).id)


def plan_for(ref: DatasetRef, strategy: Strategy, minutes: float | None, *, group: str = "") -> RunConfig:
    """The plan of a run that starts from a page, from the weights that were chosen there."""
    return RunConfig(
        ref.id, strategy, seed=SEED, split_seed=SEED, minutes=minutes, group=group,
        from_run=stages.start_of(strategy),
    )  # fmt: skip


def train(plan: RunConfig, *, by_hand: bool = False) -> Job:
    """Queue one run, with its forecast, and start it if nothing else runs. by_hand: its batch is the user's own."""
    return start(to_train(state.store(), plan, by_hand=by_hand))


def start_run(ref: DatasetRef, strategy: Strategy, minutes: float | None, *, group: str = "") -> Job:
    return train(plan_for(ref, strategy, minutes, group=group))


def start_set(ref: DatasetRef, parts: Sequence[Planned], group: str) -> list[Job]:
    """Queue a set of runs under one group id: same data, same split, same seed."""
    return [start_run(ref, part.strategy, part.minutes, group=group) for part in parts]


def start_again(run: Job, ref: DatasetRef) -> Job:
    """Queue the same plan and seed on another revision of the same images. Raises ThawError."""
    return train(replace(run.plan, dataset_id=ref.id, group=group_of(run.id)))


def latest(request: Request) -> Job | None:
    """The newest job that was asked for the same, whatever became of it."""
    jobs = state.store().jobs(kind=request.kind, dataset_id=request.dataset_id)
    return next((job for job in jobs if job.config == request.config()), None)


def latest_about(run: Job, kind: type[Explain | Export]) -> Job | None:
    """The newest look into this run, or export of it, whatever became of it."""
    jobs = state.store().jobs(kind=kind.kind, dataset_id=run.dataset_id)
    return next((job for job in jobs if job.config.get("run") == run.id), None)


def resume(job: Job, *, other_engine: bool = False) -> None:
    """Put a stopped, failed or lost job back into the queue; it goes on from its last checkpoint.

    other_engine: by what computes frozen features here, where what it began with is not.
    """
    if other_engine:
        resuming.take_another(RunFolder(state.store().home, job.id))
    state.store().requeue(job.id)
    state.jobs_executor().submit(job.id)


def stop(job: Job) -> None:
    """Ask a job to stop. One that has just ended by itself is left as it is."""
    try:
        state.jobs_executor().stop(job.id)
    except StateError:
        return


def end_button(job: Job) -> None:
    """For a worker that does not answer: ends it by force. One that has just ended by itself is left as it is."""
    if st.button("End it now", key=f"end_{job.id}", help="Its process is killed; what the job saved so far is kept."):
        with suppress(StateError):
            state.jobs_executor().end(job.id)
        state.pump()
        st.rerun()


def stop_buttons(job: Job) -> None:
    """What ends a run or a race that waits or runs."""
    if job.state == "queued":
        if st.button("Take out of the queue", key="unqueue"):
            stop(job)
            st.rerun()
        return
    if st.button("Stop and keep the best", disabled=job.stop_requested, key="stop"):
        stop(job)
        st.rerun()
    if hanging.trouble(job):
        end_button(job)


def why_unknown(job: Job) -> str:
    """Why the run's plan cannot be read, in a sentence; "" where it can."""
    try:
        _ = job.plan
    except ThawError as error:
        return str(error)
    return ""


def config_of(job: Job) -> RunConfig | None:
    """The run's config; None when it was written by a version that this one cannot read."""
    try:
        return job.plan
    except ThawError:
        return None

"""A race on the Train page: its lanes as they grow, what was decided and why, and the model that it came to."""

from __future__ import annotations

import streamlit as st

from core import ThawError
from core.zoo import BACKBONES
from training.evaluation import wilson
from training.jobs import hanging
from training.race import RaceRecord, RaceResult, record_of, rungs_of
from training.race.record import AFTERWARDS, title_of
from training.requests import JudgeLater, Race, registry
from training.requests.race import race_of
from training.store import Job, RunResult
from ui import pictures
from ui.kit import frame, ids, jobs, progress, state
from ui.kit.show import show
from ui.pictures.words import ago, duration, esc, percent

EVERY_S = 1.0
LISTED = 20
"""Past races at most."""


def page(job: Job) -> None:
    """The whole of the Train page while a race is looked at."""
    title, buttons = st.columns([1, 4], vertical_alignment="center")
    title.title("Race")
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        _controls(job)
    st.caption(_facts_line(job))
    _headline(job)
    rungs = tuple((rung.id, rung.state) for rung in rungs_of(state.store(), job.id))
    frame.fragment(_live, EVERY_S if job.active else None)(job.id, job.state, rungs)
    _lanes_opened(job)


def past(dataset_id: str) -> None:
    """The races of these images, newest first, a row each; nothing where there was none."""
    races = state.store().jobs(kind=Race.kind, dataset_id=dataset_id, limit=LISTED)
    if not races:
        return
    st.subheader("Past races of these images")
    for job in races:
        columns = st.columns([4, 3, 2, 2, 2], vertical_alignment="center")
        if columns[0].button(frame.plain(registry.read(job).title), key=f"past_race_{job.id}", type="tertiary"):
            frame.open_race(job.id)
        with columns[1]:
            show(pictures.badge(job.state))
        reached = RaceResult.of(job).test_accuracy
        columns[2].markdown(f":small[{'–' if reached is None else percent(reached, 1)}]")
        columns[3].markdown(f":small[{duration(job.seconds) if job.seconds else '–'}]")
        columns[4].markdown(f":small[{ago(job.finished) if job.finished else '–'}]")


def asked() -> Job | None:
    """The race in the URL, while no run is asked for; one that is gone is forgotten."""
    race_id = ids.current("race")
    if race_id is None or ids.current("run") is not None:
        return None
    try:
        job = state.store().job(race_id)
    except ThawError:
        ids.remember("race", None)
        return None
    return job if job.kind == Race.kind else None


def of_run(job: Job) -> None:
    """That a run is a rung of a race: the way back, and what its test images wait for."""
    race_id = race_of(job)
    if not race_id:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Show its race", key="to_race"):
            frame.open_race(race_id)
        _judging(job, race_id)


def _judging(job: Job, race_id: str) -> None:
    result = RunResult.of(job)
    if result.note and AFTERWARDS in result.note:
        st.caption(AFTERWARDS)
    if job.active or not result.weights or result.test_total is not None:
        return
    latest = jobs.latest(JudgeLater.of(job))
    if latest is not None and latest.active:
        progress.follow(latest, "Judging")
    elif not _active(race_id):
        if st.button("Judge on the test images", key="judge_later", help="Afterwards: it is no part of the choice."):
            with frame.calm("This run cannot be judged"):
                jobs.start(JudgeLater.of(job))
                st.rerun()
        if latest is not None and latest.error:
            st.caption(frame.plain(latest.error))
    else:
        st.caption("Its test images wait: the race judges its winner alone.")


def _active(race_id: str) -> bool:
    try:
        return state.store().job(race_id).active
    except ThawError:
        return False


def _asked_for(job: Job) -> Race:
    request = registry.read(job)
    assert isinstance(request, Race)
    return request


def _facts_line(job: Job) -> str:
    request = _asked_for(job)
    name = BACKBONES[request.backbone].title if request.backbone in BACKBONES else request.backbone
    parts = [request.title, name, f"seed {request.seed}", f"race {job.id}"]
    return frame.plain(" · ".join([*parts, *([f"by {job.queued_by}"] if job.queued_by else [])]))


def _controls(job: Job) -> None:
    if job.active:
        jobs.stop_buttons(job)
    elif job.resumable and st.button("Resume", type="primary", key="resume_race"):
        with frame.calm("This race cannot be resumed"):
            jobs.resume(job)
            st.rerun()
    winner = RaceResult.of(job).winner
    if winner and st.button("Use this model", type="primary", key="use_winner", help="Drop pictures into it; take it"):
        ids.remember("run", winner)
        st.switch_page(state.PREDICT_PAGE)
    if winner and st.button("Understand it", key="winner_inside"):
        frame.open_run_inside(winner)
    if st.button("Back to the advice", key="race_to_advice"):
        st.switch_page(state.ADVICE_PAGE)


def _headline(job: Job) -> None:
    """What became of it, in one box."""
    result = RaceResult.of(job)
    if job.state == "failed":
        show(pictures.notice("bad", "This race failed", job.error or "The worker gave no reason."))
    elif job.state == "lost":
        title = "The worker process ended unexpectedly"
        show(pictures.notice("caution", title, job.error or "", "Resume goes on with the rung that was interrupted."))
    elif job.state == "queued":
        st.caption("Waiting in the queue; it starts by itself, also when this page is closed.")
    elif result.winner:
        winner = RunResult.of(state.store().job(result.winner))
        title = title_of(state.store().job(result.winner).plan.strategy, _asked_for(job).backbone)
        said = f"{title}: {percent(result.test_accuracy, 1)} of the test images"
        if tested := winner.on("test"):
            own = wilson(tested.correct, tested.total)
            said += f" ({100 * own.low:.0f} to {100 * own.high:.0f}%, 95% interval, {tested.total:,} images)"
        most = None if result.left is None else f"{100 * result.left:.1f} points"
        gain = f" What was left could have gained at most {most}." if most else ""
        measured = f", {duration(result.measured_s)} of them to measure for the choice" if result.measured_s else ""
        spent = f"{duration(result.seconds)} of {duration(60 * _asked_for(job).minutes)} were used{measured}."
        show(pictures.notice("good" if job.state == "finished" else "caution", said, f"{spent}{gain}"))


def _live(race_id: str, seen: str, rungs: tuple[tuple[str, str], ...]) -> None:
    """Lanes and decisions; the page is run anew when a rung or the race has begun or ended."""
    state.pump()
    job = state.store().job(race_id)
    runs = rungs_of(state.store(), race_id)
    if job.state != seen or tuple((run.id, run.state) for run in runs) != rungs:
        st.rerun()
    record = record_of(state.store().home, race_id)
    winner = RaceResult.of(job).winner
    lanes = _lanes(record, runs, winner, _asked_for(job).backbone)
    measured = [(record.measured_at_s, record.measured_at_s + record.measured_s)] if record.measured_s else []
    show(pictures.race_track(lanes, 60 * _asked_for(job).minutes, job.seconds, measured))
    if trouble := hanging.trouble(job):
        st.caption(frame.plain(trouble))
    elif job.active:
        left = f", {duration(job.eta_s)} left" if job.eta_s else ""
        st.caption(frame.plain(f"{job.doing or 'Starting'}{left}"))
    if record.answers:
        plans = [run.plan.strategy for run in runs if run.id == winner]
        taken = next((one.kind for one in plans if one.backbone == _asked_for(job).backbone), None)
        st.subheader("What the rulebooks said")
        show(pictures.rulebook_chips(record.answers, taken=taken))
    if record.decisions:
        st.subheader("What was decided")
        lines = "".join(
            f"<li><time>{duration(one.at_s)}</time><span>{esc(one.says)}</span></li>" for one in record.decisions
        )
        show(f'<ul class="thaw-decisions">{lines}</ul>')


def _lanes(record: RaceRecord, runs: list[Job], winner: str, backbone: str) -> list[pictures.Lane]:
    begun = {one.run: one.at_s for one in record.decisions if one.run}
    found = []
    for run in runs:
        start, strategy = begun.get(run.id, 0.0), run.plan.strategy
        held, title = strategy.judged or record.val_images, title_of(strategy, backbone)
        result, rows = RunResult.of(run), state.store().validated(run.id)
        points = tuple((start + row["seconds"], row["val_accuracy"]) for row in rows)
        best = result.val_accuracy if result.val_accuracy is not None else max((p[1] for p in points), default=None)
        reached = wilson(round(best * held), held) if best is not None and held else None
        taken = run.id == winner
        ended = None if run.active else start + run.seconds
        said = _state(run, result, taken=taken)
        found.append(pictures.Lane(strategy.kind, title, start, ended, points, reached, said, taken))
    return found


def _state(run: Job, result: RunResult, *, taken: bool) -> str:
    if taken:
        return f"taken, {percent(result.test_accuracy, 1)} of the test images"
    if run.active:
        return "training"
    if run.state != "finished":
        return f"{run.state} after {duration(run.seconds)}"
    return f"ended after {duration(run.seconds)}"


def _lanes_opened(job: Job) -> None:
    """A way into every rung, which is a run of its own."""
    runs = rungs_of(state.store(), job.id)
    if not runs:
        return
    st.subheader("Its runs")
    if job.active and any(RunResult.of(run).weights for run in runs):
        st.caption("One that has ended can be used already, while the race goes on.")
    for run in runs:
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"rung_{run.id}"):
            title = title_of(run.plan.strategy, _asked_for(job).backbone)
            st.markdown(frame.plain(f"{title} · run {run.id}"))
            if st.button("Open", key=f"open_rung_{run.id}"):
                frame.open_run(run.id)
            if RunResult.of(run).weights and st.button("Try it", key=f"try_rung_{run.id}"):
                ids.remember("run", run.id)
                st.switch_page(state.PREDICT_PAGE)

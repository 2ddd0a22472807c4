"""The Train page: one run live, what it is doing and how to stop or resume it, the queue, past runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from advisor.advice import moment_in_words
from core import NotFound
from core.zoo import BACKBONES
from training.graphs import resuming
from training.jobs import hanging
from training.store import Job, RunFolder, RunResult
from ui import pictures
from ui.advice import domains, plan_in_full
from ui.data import revisions
from ui.kit import frame, ids, jobs, keep, stages, state
from ui.kit import runs as parts_runs
from ui.kit.show import show
from ui.pictures.words import percent
from ui.server import report_url
from ui.train import race, range_test
from ui.train.live_chart import live_chart

POLL_S = 2.0
CHART_PX = 300


def main() -> None:
    state.pump()
    asked, racing = asked_run(), race.asked()
    if asked is not None and asked.dataset_id != ids.current("dataset"):
        ids.remember("dataset", asked.dataset_id)
        st.rerun()  # the header, drawn before this page, names the dataset
    ref = frame.dataset_or_stop("Train", "A run needs images: a zip of class folders, or one of the samples.")
    if racing is not None and racing.dataset_id == ref.id:
        race.page(racing)
        return
    runs = state.store().jobs(kind="train", dataset_id=ref.id)
    job = asked or first_choice(runs)
    if job is None:
        nothing_yet(ref.name)
        frame.set_aside(state.store().set_aside(ref.id))
        revisions.other_runs(ref)
        return
    if asked is None:
        ids.remember("run", job.id)
    title, buttons = st.columns([1, 4], vertical_alignment="center")
    title.title("Train")
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        controls(job)
    left, right = st.columns([5, 2], gap="large")
    with left:
        heading(job)
        race.of_run(job)
        wake = f"{job.state} {job.attempt} {RunResult.of(job).test_total}"  # a rung may be judged after its end
        live_chart([job.id], key="train_live", height=CHART_PX, wake=wake)
        range_test.lr_range(job)
        domains.of_run(job)
        run_details(job, len(ref.classes))
    with right:
        watched = tuple(map(seen, [*state.store().queue(), job]))
        every = POLL_S if any(one in state.ACTIVE for _, one, _ in watched) else None
        frame.fragment(queue, every)(watched, job.id)
    parts_runs.past_runs(runs, job.id)
    race.past(ref.id)
    frame.set_aside(state.store().set_aside(ref.id))
    revisions.other_runs(ref)


def asked_run() -> Job | None:
    """The run in the URL. One that does not exist is said in a box, and forgotten."""
    run_id = ids.current("run")
    if run_id is None:
        return None
    try:
        job = state.store().job(run_id)
    except NotFound as error:
        frame.show_gone(error, "run")
        ids.remember("run", None)
        return None
    return job if job.kind == "train" else None


def first_choice(runs: Sequence[Job]) -> Job | None:
    """Without a run in the URL: what runs, else what waits, else the newest."""
    for wanted in ("running", "queued"):
        chosen = [job for job in runs if job.state == wanted]
        if chosen:
            return chosen[-1]
    return runs[0] if runs else None


def nothing_yet(name: str) -> None:
    st.title("Train")
    frame.empty(
        "Nothing has been trained on these images yet",
        f"Advice says which strategy suits {name}, and starts it.",
    )
    if st.button("Get advice", type="primary"):
        st.switch_page(state.ADVICE_PAGE)
    if state.store().queue():
        parts_runs.queue_panel(None)


def heading(job: Job) -> None:
    """Which run this is and what became of it."""
    st.caption(frame.plain(f"{parts_runs.called(job)} · {parts_runs.facts_line(job)}") + keep.tags(job))
    if job.note:
        st.caption(frame.plain(job.note))
    if job.state == "queued":
        place = parts_runs.waiting(job, state.store().queue(job.lane))
        st.caption(f"Waiting in the queue ({place}); it starts by itself, also when this page is closed.")
    elif hanging.trouble(job):
        since = "Since when, and what was last seen of it, stands under its progress."  # where the time moves on
        show(pictures.notice("caution", "This run does not move", since, "End it now, and resume it from there."))
    elif job.state == "running" and job.stop_requested:
        show(pictures.notice("info", "Stopping", "It saves its best weights, tests them, and ends."))
    elif job.state == "stopped":
        kept = "Its best weights so far are kept." if job.result else "It had not saved any weights yet."
        show(pictures.notice("caution", "Stopped", f"{kept} Resume continues from the last checkpoint."))
    elif job.state == "failed":
        show(pictures.notice("bad", "This run failed", job.error or "The worker gave no reason."))
    elif job.state == "lost":
        title = "The worker process ended unexpectedly"
        show(pictures.notice("caution", title, job.error or "", "Resume continues from the last checkpoint."))
    result = RunResult.of(job)
    if result.weights:
        st.caption(reached(job, result))


def reached(job: Job, result: RunResult) -> str:
    """What a run that has ended reached, for whoever cannot see the chart's headline."""
    waits = result.test_total is None
    text = "Its test images are not judged yet" if waits else f"Test accuracy {percent(result.test_accuracy, 1)}"
    if tested := result.on("test"):
        text += f" ({tested.correct:,} of {tested.total:,} test images)"
    if there := result.on("target"):
        text += f"; target accuracy {percent(result.target_accuracy, 1)}"
        text += f" ({there.correct:,} of {there.total:,} target images)"
    if result.val_accuracy is not None and (when := result.best_epoch) is not None:
        best, config = percent(result.val_accuracy, 1), jobs.config_of(job)
        said = moment_in_words(config.strategy, when) if config else f"epoch {when:g}"
        text += f"; validation accuracy {best} at {said}, whose weights are kept"
    if result.refitted_on:
        text += f", before the head was solved once more on all {result.refitted_on:,} images but the test's"
    return text + "."


def controls(job: Job) -> None:
    """Stop, resume, cancel: whatever this state allows, and the way on."""
    if job.active:
        jobs.stop_buttons(job)
    elif job.resumable:
        resume_button(job)
    tested = bool(RunResult.of(job).test_total) and not job.active
    if tested and st.button("Understand this run", key="to_inside"):
        frame.open_run_inside(job.id)
    # A run that was stopped has kept its best: it is compared like any other.
    if tested or job.state == "finished":
        how: Literal["primary", "secondary"] = "secondary" if job.resumable else "primary"
        if st.button("Compare with other runs", type=how, key="to_compare"):
            frame.open_beside_others(job)
    trained = bool(RunResult.of(job).weights_sha256) and not job.active
    if trained and st.button("Predict", key="to_predict", help="Drop pictures into this model; take it along"):
        st.switch_page(state.PREDICT_PAGE)
    if RunResult.of(job).weights and st.button(
        "Start another run from it", key="start_from", help="Its weights, on other images: one more stage of transfer."
    ):
        stages.choose(job)
    if st.button("Try another strategy", key="to_advice"):
        st.switch_page(state.ADVICE_PAGE)
    keep.of_run(job)


def resume_button(job: Job) -> None:
    engine = resuming.absent(RunFolder(state.store().home, job.id))
    label = "Resume by another engine" if engine else "Resume"
    if engine:
        show(pictures.notice(
            "caution", f"This run began with {engine.name} {engine.version}, which is not installed here",
            f"To the bit it goes on only with that: pip install {engine.name}=={engine.version}",
            "Another engine's frozen features round otherwise; the run's record will say so.",
        ))  # fmt: skip
    if st.button(label, type="secondary" if engine else "primary", key="resume"):
        with frame.calm("This run cannot be resumed"):
            jobs.resume(job, other_engine=engine is not None)
            st.rerun()


def seen(job: Job) -> tuple[str, str, bool]:
    """What of a job changes this page: (id, state, whether it seems to hang)."""
    return job.id, job.state, bool(hanging.trouble(job))


def queue(watched: tuple[tuple[str, str, bool], ...], shown: str) -> None:
    """Runs by itself while anything is active: moves the queue, and reruns the page when a state has changed."""
    state.pump()
    now = tuple(map(seen, [*state.store().queue(), state.store().job(shown)]))
    if now != watched:
        st.rerun()
    parts_runs.queue_panel(shown)


def run_details(job: Job, classes: int) -> None:
    """The immutable plan of this run."""
    config = jobs.config_of(job)
    if config is None or config.strategy.backbone not in BACKBONES:
        return
    if job.result and not job.active:
        st.link_button("Report to print", report_url([job.id]), help="One page about this run")
    with st.expander("The plan of this run"):
        plan_in_full(config.strategy, BACKBONES[config.strategy.backbone], classes)


main()

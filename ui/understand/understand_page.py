"""One run understood: what it takes for what, the images behind it, where it looked, what moved and what was forgotten.

Reached from Train and Compare; not in the navigation, because it is always about one run (`?run=ID`).
"""

from __future__ import annotations

import streamlit as st

from core import Estimate, NotFound
from dataset import load_dataset
from training.evaluation import Answers, answers_of
from training.evaluation.scores import scores
from training.store import Job, RunResult
from ui import pictures
from ui.kit import frame, ids, jobs, keep, progress, runs, state
from ui.kit.show import show
from ui.pictures.words import duration, percent
from ui.understand import before_after, confusion, corrections, errors, inside


def main() -> None:
    state.pump()
    run = asked()
    if run is None:
        return
    if run.dataset_id != ids.current("dataset"):
        ids.remember("dataset", run.dataset_id)
        st.rerun()  # the header, drawn before this page, names the dataset
    ref = load_dataset(state.home(), run.dataset_id)
    heading(run)
    before_after.of_run(run)
    answers = answers_of(state.home(), run)
    if not len(answers):
        if run.active:
            frame.empty("Nothing to look into yet", "The run's answers appear here when it has been tested.")
            progress.follow(run, cancel="")
        elif waits_for_its_test(run):
            waits = "It is a rung of a race, which judges its winner alone. The Train page can judge it afterwards."
            frame.empty("Its test images were left alone", waits)
        else:
            frame.empty("No answers to look into", f"This run ended without a test result: {run.state}.")
        return
    figures(run, answers)
    found = inside.ask(run)
    st.subheader("What it takes for what")
    confusion.confusion(answers, ref)
    st.subheader("Images worth a look")
    corrections.corrected(run, ref)
    errors.errors(run.id, ref, answers, found)
    later(run)
    if found is not None:
        inside.calibration(found)
        inside.movement(run, ref, found)
        inside.forgetting(found)


def asked() -> Job | None:
    """The run in the URL; without one, or for one that is gone, a sentence and the way to the runs."""
    run_id = ids.current("run")
    job = None
    if run_id is not None:
        try:
            job = state.store().job(run_id)
        except NotFound as error:
            st.title("Understand a run")
            frame.show_gone(error, "run")
            ids.remember("run", None)
    else:
        st.title("Understand a run")
        frame.empty("No run chosen", "Choose one on the Train page.")
    if job is None or job.kind != "train":
        if st.button("Go to the runs", type="primary"):
            st.switch_page(state.TRAIN_PAGE)
        return None
    return job


def waits_for_its_test(run: Job) -> bool:
    config = jobs.config_of(run)
    return config is not None and not config.tested and RunResult.of(run).test_total is None


def heading(run: Job) -> None:
    title, buttons = st.columns([2, 1], vertical_alignment="center")
    title.title(frame.plain(runs.called(run)))
    title.caption(frame.plain(runs.facts_line(run)) + keep.tags(run))
    if run.note:
        title.caption(frame.plain(run.note))
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if st.button("Its curves", key="to_train"):
            frame.open_run(run.id)
        if st.button("Compare with other runs", key="to_compare"):
            frame.open_beside_others(run)
        keep.of_run(run)


def figures(run: Job, answers: Answers) -> None:
    """The run's scores as tiles, with their intervals."""
    found = scores(answers)

    def tile(name: str, estimate: Estimate) -> tuple[str, str, str]:
        return name, percent(estimate.value, 1), f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f}"

    items = [
        tile("Test accuracy", found.accuracy),
        tile("Balanced accuracy", found.balanced_accuracy),
        tile("Macro-F1", found.macro_f1),
    ]
    if found.calibration_error is not None:
        items.append(tile("Calibration error", found.calibration_error))
    seconds = RunResult.of(run).seconds or run.seconds
    items.append(("Time", duration(seconds), "from start to tested model"))
    show(pictures.tiles(items))


def later(run: Job) -> None:
    """Runs of the same plan on corrected images."""
    for job in corrections.retrained(run):
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.markdown(f"{frame.plain(corrections.title_of(job))}: {job.state}, {runs.accuracy(job)}")
        if right.button("Before and after", key=f"after_{job.id}", width="stretch"):
            frame.open_run_inside(job.id)


main()

"""Corrections made from a run's images: relabel or exclude, undo, and train the same plan on the revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core import EXCLUDED, DatasetRef, NotFound, ThawError
from dataset import Edit, current, load_dataset, make_current, revise
from training.compare import group_of
from training.store import Job
from ui import pictures
from ui.kit import frame, progress, runs, state
from ui.kit import jobs as parts_jobs
from ui.kit.show import show
from ui.pictures.words import counted


def actions(ref: DatasetRef, paths: Sequence[str], guess: str) -> None:
    """What can be done with the images picked. guess: the class offered first."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="corrections"):
        st.markdown(
            f"**{counted(len(paths), 'image')} picked**" if paths else ":small[Pick images to correct their labels]"
        )
        classes = current(state.home(), ref).classes
        to = st.selectbox(
            "Relabel as", classes, index=classes.index(guess) if guess in classes else 0, key=f"relabel_to {guess}",
            disabled=not paths, width=240, label_visibility="collapsed",
        )  # fmt: skip
        relabel = st.button("Relabel", key="relabel", disabled=not paths, type="primary" if paths else "secondary")
        exclude = st.button(
            "Exclude", key="exclude", disabled=not paths, help="They count nowhere any more; nothing is deleted"
        )
    if relabel or exclude:
        edit = Edit("relabel", tuple(paths), to=to) if relabel else Edit("exclude", tuple(paths))
        with frame.calm("These images cannot be corrected this way"):
            revise(state.home(), current(state.home(), ref), [edit])
            st.rerun()


def corrected(run: Job, ref: DatasetRef) -> None:
    """What was corrected since this run, the way back, and the way on."""
    now = current(state.home(), ref)
    if now.id == ref.id:
        return
    what = now.edit or "the import, as it was"
    show(
        pictures.notice(
            "info", "The data was corrected since this run",
            f"{what} This run keeps what it saw; the corrected images are revision {now.id}.",
        )
    )  # fmt: skip
    with st.container(horizontal=True, gap="small", key="corrected"):
        again = _again(run, now)
        if again is None:
            if st.button("Train the same plan on the corrected images", type="primary", key="retrain"):
                with frame.calm("This run cannot be repeated"):
                    parts_jobs.start_again(run, now)
                    st.rerun()
        elif st.button(f"Open the run on the corrected images ({again.state})", key="open_again"):
            frame.open_run_inside(again.id)
        if now.parent and st.button("Undo the last correction", key="undo"):
            with frame.calm("This cannot be undone"):
                make_current(state.home(), load_dataset(state.home(), now.parent))
                st.rerun()
    if again is not None and again.active:
        progress.follow(again, "Training on the corrected images")


def _again(run: Job, now: DatasetRef) -> Job | None:
    """The newest run of this plan on this revision that did not fail."""
    jobs = state.store().jobs(kind="train", dataset_id=now.id, group=group_of(run.id))
    return next((job for job in jobs if job.state not in ("failed", "lost")), None)


def retrained(run: Job) -> list[Job]:
    """Runs of the same plan on later revisions, newest first."""
    return state.store().jobs(kind="train", group=group_of(run.id))


def title_of(job: Job) -> str:
    """'Partial fine-tuning on revision ab12: Relabelled 2 images as ...'."""
    try:
        ref = load_dataset(state.home(), job.dataset_id)
    except NotFound:
        return runs.title(job)
    return f"{runs.title(job)}, {ref.edit or 'as imported'}"


def labels_now(ref: DatasetRef) -> Callable[[str], str]:
    """The label that an image has in the current revision: a class, 'excluded', or '' for an unknown image."""
    try:
        now = current(state.home(), ref)
    except ThawError:
        return lambda path: ""
    if now.id == ref.id:
        return lambda path: ""
    table, rows = state.images(now), state.row_numbers(now)

    def label(path: str) -> str:
        row = rows.get(path)
        if row is None:
            return ""
        return EXCLUDED if table.split(row) == EXCLUDED else table.class_of(row)

    return label

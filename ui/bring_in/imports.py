"""Bringing images in: the drop zone, the path field and the samples; and an import that is under way.

An import is a job with a worker of its own: leaving the page or reloading it changes nothing, and this page, opened
again, goes on telling how far it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import DatasetRef, NotFound, StateError
from dataset import load_dataset
from dataset.ingest import SAMPLES
from training.jobs import deleting
from training.requests import ImportImages
from training.store import Job
from ui import pictures, sharing
from ui.bring_in import again, question
from ui.bring_in.drop_zone import drop_zone
from ui.bring_in.samples import sample_picture
from ui.kit import frame, jobs, state, told
from ui.kit.show import show

PATH_FIELD = "Folder, archive or table of labels"
POLL_S = 0.15
TOLD_S = 86_400.0
"""What came of an import is told to whoever comes within a day."""
FEW = 5
PICKER = "picker"
LAYOUT = """flowers.zip
├── daisy/    1.jpg  2.jpg  …
├── rose/     1.jpg  2.jpg  …
└── tulip/    1.jpg  2.jpg  …

or, with a test set of your own:

flowers.zip
├── train/    daisy/ …  rose/ …  tulip/ …
└── test/     daisy/ …  rose/ …  tulip/ …

or, with the labels in a table (CSV, Excel, Parquet) or JSON:

flowers.zip
├── labels.csv    path,label  or  path,label,split
└── images/   1.jpg  2.jpg  …"""


def ways_in() -> ImportImages | None:
    """Draw every way to bring in images; what the user has just asked for, or None."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        uploaded = drop_zone("Drop a zip, a tar or a folder with one folder of images per class", key="drop_zone")
    with right:
        path = path_field(PATH_FIELD, "Import this path", key="folder_path")
        with st.expander("How the folders should lie"):
            st.code(LAYOUT, language=None)
            st.caption(
                "One folder per class, named like the class. JPEG, PNG, WebP, BMP, GIF, TIFF or JPEG 2000. Files that "
                "cannot be read are listed and set aside. A class needs at least two images."
            )
            read_as = again.reading("reading", list(again.READINGS))
    sample = _samples()
    if uploaded:
        return ImportImages(uploaded.source, uploaded.name or None, read_as=read_as)
    if path:
        return ImportImages(path, read_as=read_as)
    return ImportImages(f"sample:{sample}") if sample else None


def bring_in(asked: ImportImages | None, where: DeltaGenerator) -> None:
    """Start what was asked for, or find the import that is under way; follow it in `where`, then show its dataset."""
    if asked is not None:
        state.prepare()  # the profile that follows
    for job in [jobs.start(asked)] if asked else under_way():
        ref = follow(job, where)
        if ref is not None:
            state.choose_dataset(ref.id)
            st.rerun()


def under_way(dataset_id: str = "") -> list[Job]:
    """Imports that run, or of which nobody has been told what came of them, oldest first. dataset_id: whose target they
    become; "" = none."""
    imports = state.store().jobs(kind=ImportImages.kind, dataset_id=dataset_id)[::-1]
    long_ago = time.time() - TOLD_S
    return [job for job in imports if job.active or (job.finished or 0.0) > long_ago]


def follow(job: Job, where: DeltaGenerator, *, what: str = "These images") -> DatasetRef | None:
    """Tell in `where` how far an import is until it has ended. Its dataset, or None when there is none, and why."""
    with where.container():
        st.subheader("Importing")
        bar = st.progress(0.0, text="Reading the files")
        st.button("Cancel import", key=f"cancel_{job.id}", on_click=jobs.stop, args=(job,))
    try:
        while job.active:
            bar.progress(*told(job, "Reading the files"))
            time.sleep(POLL_S)
            state.pump()
            job = state.store().job(job.id)
        if job.result and "question" in job.result:
            return _answered(job, where, what)
        deleting.forget(state.store(), job)
        where.empty()
        if job.state == "finished" and job.result:
            return load_dataset(state.home(), str(job.result["dataset_id"]))
    except (NotFound, StateError):  # another tab was told of it, and may have deleted what it made
        where.empty()
        return None
    with where.container():
        if job.state == "stopped":
            show(pictures.notice("info", "The import was cancelled", "Nothing of it was kept."))
        else:
            said, *problems = (job.error or "The worker gave no reason.").split("\n")
            frame.show_problem(f"{what} could not be imported", said, problems)
    return None


def _answered(job: Job, where: DeltaGenerator, what: str) -> DatasetRef | None:
    """Ask how the images of an import are to be read; with an answer, follow the import that reads them so."""
    with where.container():
        key = question.ask(job)
    if key is None:
        return None
    deleting.forget(state.store(), job)
    where.empty()
    if key == question.NONE:
        return None
    asked = ImportImages.read(job.dataset_id, job.config)
    again = replace(asked, read_as=replace(asked.read_as, read_as=key))
    return follow(jobs.start(again), where, what=what)


def path_field(label: str, button: str, *, key: str) -> str:
    """A field for a path on the computer that Thaw runs on; what was typed and sent, once, or ''."""
    label = f"{label} on {'this computer' if (within := sharing.roots()) is None else 'the server'}"
    if within == ():
        st.text_input(label, disabled=True, placeholder="/home/me/flowers", key=f"{key}_off")
        st.caption(sharing.OFF)
        return ""
    with st.form(key, border=False, enter_to_submit=True):
        path = st.text_input(label, placeholder=f"{within[0] if within else '/home/me'}/flowers")
        asked = st.form_submit_button(button)
    if not asked:
        return ""
    with frame.calm("This path cannot be read"):
        if given := sharing.typed(path):
            return given
        st.caption("Type the path of a folder, a zip, a tar or a table first.")
    return ""


def _samples() -> str | None:
    """The sample that was asked for."""
    asked: str | None = None
    st.subheader("Or start with a sample")
    for column, sample in zip(st.columns(len(SAMPLES)), SAMPLES.values(), strict=True):
        with column.container(border=True, height="stretch", vertical_alignment="distribute"):
            with st.container():
                picture = sample_picture(sample.key)
                if picture is not None:
                    st.image(picture, width="stretch", alt=f"Four pictures of the sample '{sample.title}'")
                st.markdown(f"**{sample.title}**  \n:small[{sample.images:,} images, {sample.classes} classes]")
                st.caption(sample.detail)
            if st.button(f"Try: {sample.title}", key=f"sample_{sample.key}", width="stretch"):
                asked = sample.key
    return asked


def earlier(datasets: Sequence[DatasetRef]) -> None:
    """Earlier imports, newest first: a few as buttons, all of them in a list when there are more."""
    if not datasets:
        return
    st.subheader("Or go on with an earlier import")
    with st.container(horizontal=True, gap="small"):
        for ref in datasets[:FEW]:
            label = f"{frame.plain(frame.short(ref.name, 40))}{_edited(ref)} · {ref.images:,} images"
            if st.button(label, key=f"earlier_{ref.id}"):
                state.choose_dataset(ref.id)
                st.rerun()
    if len(datasets) > FEW:
        picker(datasets, None)
    else:
        no_picker()


def _edited(ref: DatasetRef) -> str:
    return " (edited)" if ref.base else ""


def picker(datasets: Sequence[DatasetRef], current: DatasetRef | None) -> None:
    """A list of all imports; choosing one makes it the current dataset."""
    if current is not None:  # the revision that is being looked at, in place of the one worked with last
        datasets = [current if ref.images_id == current.images_id else ref for ref in datasets]
    names = frame.apart(
        {ref.id: f"{frame.short(ref.name, 40)}{_edited(ref)} · {ref.images:,} images" for ref in datasets}
    )
    now = current.id if current and current.id in names else None
    if st.session_state.get(PICKER) != now:
        st.session_state[PICKER] = now  # the URL is the truth, the widget follows
    st.selectbox(
        "Dataset", list(names), index=None, format_func=names.__getitem__, placeholder="Earlier imports", key=PICKER,
        required=now is not None, label_visibility="collapsed", on_change=_picked,
    )  # fmt: skip


def no_picker() -> None:
    """There is no choice to make here: what a browser still reports of one counts no more."""
    st.session_state.pop(PICKER, None)


def _picked() -> None:
    if chosen := st.session_state.get(PICKER):
        state.choose_dataset(chosen)

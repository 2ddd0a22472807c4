"""The section of the Data page about its edits: merge classes, the history with a way back, and taking the set away."""

from __future__ import annotations

import streamlit as st

from core import SPLITS, DatasetRef, ThawError
from core.words import counted
from dataset import Edit, half_split, history
from training.store import Job, RunResult
from ui.data import edits as parts_edits
from ui.kit import frame, state
from ui.pictures.words import ago, count
from ui.server import datasets

FEW = 12
"""Revisions listed before 'Show all'."""


def section(ref: DatasetRef) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Revisions")
        revisions(ref)
    with right:
        st.subheader("Merge or rename classes")
        merge(ref)
        st.subheader("Take the images away")
        take_away(ref)


# -- history ----------------------------------------------------------------------------------------------------------


def revisions(ref: DatasetRef) -> None:
    """Every revision of these images, newest first: what it changed, what ran on it, and the way to it."""
    family = history(state.home(), ref)
    if len(family) == 1:
        st.caption(
            "Not edited so far. Every edit makes a revision: no image is copied, earlier runs keep the one they saw, "
            "and each can be opened again here."
        )
        return
    number = {one.id: len(family) - 1 - place for place, one in enumerate(family)}
    everything = len(family) <= FEW or st.session_state.get("all_revisions", False)
    for place, one in enumerate(family if everything else family[:FEW]):
        _revision(one, ref, number, newest_before=family[place + 1].id if place + 1 < len(family) else "")
    if not everything:
        st.button(f"Show all {len(family)}", key="show_revisions", on_click=_show_all)


def _revision(one: DatasetRef, ref: DatasetRef, number: dict[str, int], *, newest_before: str) -> None:
    name = f"Revision {number[one.id]}" if one.base else "As imported"
    if one.parent and one.parent != newest_before and one.parent in number:
        name += f", made of {_name(one.parent, number)}"
    facts = [f"{count(one.images)} images", ago(one.created), *runs_in_words(one)]
    with st.container(key=f"revision_{one.id}"):
        said, button = st.columns([3, 1], vertical_alignment="center")
        said.markdown(
            f"**{name}.** {frame.plain(one.edit)}  \n:small[:gray[{frame.plain(' · '.join(facts))}]]"
        )
        shown = one.id == ref.id
        button.button(
            "Shown" if shown else "Open", key=f"open_{one.id}", disabled=shown, width="stretch",
            on_click=parts_edits.open_revision, args=(one,),
        )  # fmt: skip


def _name(revision: str, number: dict[str, int]) -> str:
    return f"revision {number[revision]}" if number[revision] else "the import"


def _show_all() -> None:
    st.session_state["all_revisions"] = True


def runs_of(ref: DatasetRef) -> list[Job]:
    return state.store().jobs(kind="train", dataset_id=ref.id)


def runs_in_words(ref: DatasetRef) -> list[str]:
    """['2 runs, the best 94.1% on test'], or nothing."""
    runs = runs_of(ref)
    if not runs:
        return []
    tested = [value for job in runs if (value := RunResult.of(job).test_accuracy) is not None]
    best = f", the best {100 * max(tested):.1f}% on test" if tested else ""
    return [f"{counted(len(runs), 'run')}{best}"]


def other_runs(ref: DatasetRef) -> None:
    """On the Train and Compare pages: where the runs are that saw another revision of these images."""
    others = [(one, len(runs_of(one))) for one in history(state.home(), ref) if one.id != ref.id]
    others = [(one, runs) for one, runs in others if runs]
    if not others:
        return
    st.caption("Runs belong to the revision that they saw. There are others of these images:")
    with st.container(horizontal=True, gap="small", key="other_runs"):
        for one, runs in others[:FEW]:
            what = frame.plain(frame.short(one.edit or "As imported", 60))
            label = f"{counted(runs, 'run')} · {what}"
            st.button(label, key=f"runs_{one.id}", on_click=parts_edits.open_revision, args=(one,))


# -- merging ----------------------------------------------------------------------------------------------------------


def merge(ref: DatasetRef) -> None:
    """Classes into one of them, or into a new name; one class alone is renamed."""
    chosen = st.multiselect(
        "Classes", ref.classes, key=f"merge_{ref.id}", placeholder="Choose one or more classes", persist_state="page"
    )
    into = st.selectbox(
        "Become",
        chosen,
        index=None,
        accept_new_options=True,
        key=f"merge_into_{ref.id}",
        placeholder="One of them, or type a new name",
        disabled=not chosen,
    )
    ready = bool(chosen) and bool(into) and set(chosen) != {into}
    renames = len(chosen) == 1 and into not in ref.classes
    if st.button("Rename" if renames else "Merge", key="merge", disabled=not ready) and into:
        try:
            edits = [Edit("merge", classes=tuple(chosen), to=into.strip())]
        except ThawError as error:
            frame.show_error(error, "These classes were not merged")
            return
        parts_edits.apply(ref, edits)
        st.rerun()


# -- taking away ------------------------------------------------------------------------------------------------------


def take_away(ref: DatasetRef) -> None:
    """Links that stream the cleaned set: a zip of class folders, and a table of labels."""
    out = ", without those excluded" if ref.excluded else ""
    st.caption(
        f"{counted(ref.images, 'image')} in {counted(len(ref.classes), 'class', 'classes')} as they stand now{out}. "
        "Imported again, either gives the same images, labels and splits."
    )
    forced, whole = half_split(ref), all(split in ref.counts for split in SPLITS)
    if forced:
        st.caption("Some images have a split of their own and some have none: the split that runs use goes along.")
    asked = not forced and not whole and st.checkbox("With the split that runs use", key="with_split")
    split = forced or asked
    with st.container(horizontal=True, gap="small"):
        for ending, title in (("zip", "Zip of class folders"), ("csv", "Table of labels (CSV)")):
            st.link_button(title, datasets.url(ref, ending, split), icon=":material/download:")
    columns = "path, label and split" if split or "train" in ref.counts else "path and label"
    st.caption(
        f"The table has the columns {columns}. Put it beside the images as you brought them in. It is for Thaw to read "
        "again, names and all: a spreadsheet computes what begins with =, +, - or @."
    )

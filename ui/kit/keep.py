"""What a person may do with a run or a dataset besides training: give it a name, tags and a note, or delete it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import DatasetRef
from training.jobs import deleting
from training.store import MOST_NAME, MOST_NOTE, Job, Label
from ui.kit import frame, ids, state
from ui.pictures.words import size


def of_run(job: Job) -> None:
    """The menu of one run: its label, and the way to delete it."""
    with st.popover("Name, tags, delete", key=f"keep_{job.id}"):
        with st.form(f"label_{job.id}", border=False):
            name = st.text_input("Name", job.name, max_chars=MOST_NAME, placeholder="none")
            tags = st.text_input("Tags", ", ".join(job.tags), placeholder="with commas between")
            note = st.text_area("Note", job.note, max_chars=MOST_NOTE, placeholder="for yourself and others")
            kept = st.form_submit_button("Keep")
        if kept:
            with frame.calm("This label was not kept"):
                state.store().describe(job.id, Label.of(name, tags, note))
                st.rerun()
        delete(f"run_{job.id}", "Delete this run", lambda: deleting.of_run(state.store(), job.id), lambda: _left(job))


def of_dataset(ref: DatasetRef) -> None:
    """The fold that deletes a dataset with all that hangs on it."""
    with st.expander("Delete this dataset", key="delete_dataset"):
        st.caption("With every edit of it, its runs and models, what was measured and what is cached.")
        delete(
            f"dataset_{ref.images_id}", "Delete this dataset", lambda: deleting.of_dataset(state.store(), ref.id),
            lambda: state.choose_dataset(None),
        )  # fmt: skip


def delete(key: str, button: str, find: Callable[[], deleting.Doomed], after: Callable[[], None]) -> None:
    """Asked back once, with what goes and what it frees; refused, with the reason, while something needs it."""
    asked = f"asked_{key}"
    if not st.session_state.get(asked):
        if st.button(button, key=f"delete_{key}"):
            st.session_state[asked] = True
            st.rerun()
        return
    with frame.calm("This cannot be deleted now"):
        state.jobs_executor().check()
        doomed = find()
        st.warning(frame.plain(doomed.sentence))
        with st.container(horizontal=True, gap="small"):
            if st.button("Delete it for good", key=f"sure_{key}", type="primary"):
                freed = deleting.delete(state.store(), doomed)
                st.session_state.pop(asked)
                st.toast(f"{frame.plain(doomed.what)} is deleted: {size(freed)} freed.")
                after()
                st.rerun()
    if st.button("Keep it", key=f"keep_it_{key}"):
        st.session_state.pop(asked)
        st.rerun()


def tags(job: Job) -> str:
    """' #paper #final', escaped for Markdown; '' without tags."""
    return "".join(f" :gray-badge[{frame.plain(tag)}]" for tag in job.tags)


def _left(job: Job) -> None:
    if ids.current("run") == job.id:
        ids.remember("run", None)
    ids.remember_runs([one for one in ids.current_runs() if one != job.id])

"""Edits on the Data page: the one door through which a click changes a dataset, and the line that says so.

Every edit is a revision on disk (`dataset.revisions`) at the moment it is made: leaving the page loses nothing, and
undoing is going back to the revision before. session_state holds only what is to be said once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from core import EXCLUDED, SPLITS, DatasetRef, ThawError, WeightsError
from core.words import counted
from core.zoo import DEFAULT_BACKBONE
from dataset import SIDES, Edit, history, make_current, revise
from training.requests import Profile
from ui import pictures
from ui.kit import frame, jobs, state
from ui.kit.show import show

SAID = "edit_said"
"""(tone, title, sentence) about the last edit, kept until `say` has said it."""


def apply(ref: DatasetRef, edits: Iterable[Edit]) -> bool:
    """Make these edits and look at the revision they give. False when they were refused; `say` then says why.

    Made for a widget's callback: `on_click=parts_edits.apply, args=(ref, [Edit("exclude", paths)])`. Called in the
    middle of a script run, follow it with `st.rerun()`.
    """
    try:
        new = revise(state.home(), ref, list(edits))
    except ThawError as error:
        st.session_state[SAID] = ("bad", "This edit was not made", str(error))
        return False
    if new.id == ref.id:
        st.session_state[SAID] = ("info", "Nothing changed", "It is so already.")
        return True
    known = f"As in an earlier revision: {new.edit}" if new.edit else "All is as imported again."
    st.session_state[SAID] = ("good", "", new.edit if new.parent == ref.id else known)
    _cancel_measuring(ref)
    open_revision(new)
    return True


def open_revision(ref: DatasetRef) -> None:
    """Look at this revision from now on, and measure it unless that was done or is on its way."""
    make_current(state.home(), ref)
    state.choose_dataset(ref.id)
    measuring = Profile(ref.id, DEFAULT_BACKBONE)
    latest = jobs.latest(measuring)
    never_begun = latest is not None and latest.state == "stopped" and latest.started is None
    if state.store().facts(ref.id, DEFAULT_BACKBONE) is None and (latest is None or never_begun):
        with contextlib.suppress(WeightsError):  # the measured panel says so
            jobs.start(measuring)


def tools(ref: DatasetRef, rows: Sequence[int], done: Callable[[], None] | None = None) -> None:
    """Buttons that edit the images of these manifest rows, side by side in the container they are drawn in.

    done: called after an edit was made, before the page is drawn anew (to let go of the selection).
    """
    table = state.images(ref)
    excluded = tuple(table.paths[row] for row in rows if table.split(row) == EXCLUDED)
    live = tuple(table.paths[row] for row in rows if table.split(row) != EXCLUDED)
    edits: list[Edit] = []
    if live:
        with st.popover("Relabel", icon=":material/label:"):
            to = st.selectbox("Class", ref.classes, index=None, key="relabel_to", placeholder="Class they belong to")
            what = f"Relabel {counted(len(live), 'image')}"
            if st.button(what, key="relabel", type="primary", disabled=to is None) and to is not None:
                edits = [Edit("relabel", live, to)]
        with st.popover("Move", icon=":material/move_item:"):
            for split in SPLITS:
                if st.button(f"To {SIDES[split]}", key=f"move_{split}", width="stretch"):
                    edits = [Edit("split", live, split)]
        if st.button("Exclude", key="exclude", icon=":material/block:", help="They count nowhere until restored."):
            edits = [Edit("exclude", live)]
    if excluded and st.button("Restore", key="restore", icon=":material/restart_alt:"):
        edits = [Edit("restore", excluded)]
    if not edits:
        return
    if not apply(ref, edits):
        say()
        return
    if done is not None:
        done()
    st.rerun()


def say() -> None:
    """What became of the last edit, once: a toast if it was made, as its button may be far from the heading; else a
    box."""
    tone, title, sentence = st.session_state.pop(SAID, ("", "", ""))
    if tone == "good":
        st.toast(frame.plain(sentence), icon=":material/check:")
    elif tone:
        show(pictures.notice(tone, title, sentence))


def line(ref: DatasetRef) -> None:
    """Under the heading: what was refused just now; what this revision changed, with undo; what was undone, with redo.

    Draws nothing for an import that was never edited.
    """
    say()
    family = history(state.home(), ref)
    later = next((one for one in family if one.parent == ref.id), None)
    before = next((one for one in family if one.id == ref.parent), None)
    if before is None and later is None:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="edited"):
        if ref.edit:
            st.caption(f"**Edited.** {frame.plain(ref.edit)}", width="content")
        else:
            st.caption("**As imported.**", width="content")
        for name, to, what in (("Undo", before, None), ("Redo", later, later.edit if later else None)):
            if to is not None:
                icon = f":material/{name.lower()}:"
                st.button(
                    name, key=name.lower(), type="tertiary", icon=icon, help=what, on_click=open_revision, args=(to,)
                )


def _cancel_measuring(ref: DatasetRef) -> None:
    """What still waits to measure the revision that was just edited would only keep the new one waiting."""
    for job in state.store().jobs(kind="profile", dataset_id=ref.id, states=("queued",)):
        jobs.stop(job)

"""The bar under gallery and map: how many images are selected, and what can be done with them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import DatasetRef, NotFound
from dataset import ImageTable
from ui.data import edits, selection
from ui.kit import frame, ids, state
from ui.pictures.words import counted

HINT = "Click an image to see it large. Its corner, or Space, selects it; Shift selects up to it."


def bar(ref: DatasetRef, table: ImageTable, shown: Any, *, hint: str = HINT, everything: bool = True) -> None:
    """shown: every row that the current filters find, over all pages. everything: offer to select them all."""
    chosen = selection.selected(ref.id)
    if chosen:
        _actions(ref, chosen, shown if everything else ())
    elif st.session_state.get("just_edited") == ref.id and ref.parent:
        _just_edited(ref)
    elif len(shown):
        st.caption(hint)


def _actions(ref: DatasetRef, chosen: set[int], shown: Any) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="picked_bar"):
        st.markdown(f"**{counted(len(chosen), 'image')} selected**", width="content")
        edits.tools(ref, sorted(chosen), done=_done)
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            rows = [int(row) for row in shown]
            if not chosen.issuperset(rows):
                st.button(
                    f"Select all {len(rows):,} found", key="pick_all", type="tertiary",
                    on_click=selection.select, args=(ref.id, rows),
                )  # fmt: skip
            st.button("Clear selection", key="pick_none", type="tertiary", on_click=selection.clear)


def _done() -> None:
    selection.clear()
    edited = st.session_state["just_edited"] = ids.current("dataset")
    if edited and state.dataset(edited).parent:
        st.session_state.pop(edits.SAID, None)  # `_just_edited` says it: no toast besides


def _just_edited(ref: DatasetRef) -> None:
    """What the click did, and its undo, where the click was: the line under the heading may be far away."""
    try:
        before = state.dataset(ref.parent)
    except NotFound:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="picked_bar"):
        st.markdown(frame.plain(ref.edit), width="stretch")
        if st.button("Undo", key="undo_here", icon=":material/undo:"):
            edits.open_revision(before)
            st.rerun()

"""The bar under gallery and map: how many images are selected, and what can be done with them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from advisor.browse import ImageTable
from advisor.types import DatasetRef
from ui import parts_edits, picking
from ui.words import counted

HINT = "Click an image to see it large. Its corner, or Space, selects it; Shift selects up to it."


def bar(ref: DatasetRef, table: ImageTable, shown: Any, *, hint: str = HINT, everything: bool = True) -> None:
    """shown: every row that the current filters find, over all pages. everything: offer to select them all."""
    chosen = picking.selected(ref.id)
    if not chosen:
        if len(shown):
            st.caption(hint)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="picked_bar"):
        st.markdown(f"**{counted(len(chosen), 'image')} selected**", width="content")
        more = len(set(shown.tolist()) - chosen)
        if more and everything:
            st.button(
                f"Select all {len(shown):,} found", key="pick_all", type="tertiary",
                on_click=picking.select, args=(ref.id, shown.tolist()),
            )  # fmt: skip
        st.button("Clear selection", key="pick_none", type="tertiary", on_click=picking.clear)
        parts_edits.tools(ref, sorted(chosen), done=picking.clear)

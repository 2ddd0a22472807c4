"""The fold of the Data page that says what a dataset's caches take on disk, with a button to clear them."""

from __future__ import annotations

import streamlit as st

from core import DatasetRef, ThawError
from training.caches import budget
from ui.kit import frame, state
from ui.pictures.words import size


def fold(ref: DatasetRef) -> None:
    """Nothing at all while this dataset has no caches."""
    found = {one.kind: one.bytes for one in budget.sizes(state.home(), ref.images_id)}
    if not found:
        return
    parts = ", ".join(f"{size(found[kind])} {kind}" for kind in budget.KINDS if kind in found)
    with st.expander(f"Caches of this dataset: {parts}", key="caches"):
        st.caption("They save decoding and computing again. Cleared, the next run builds what it needs anew.")
        if st.button("Clear", key="clear_caches"):
            try:
                budget.clear(state.home(), ref.images_id)
            except ThawError as error:
                frame.show_error(error, "The caches were not cleared")
            else:
                st.rerun()

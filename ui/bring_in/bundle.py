"""Bringing in a run that was bundled elsewhere: the zip is checked, its images are imported, the run is shown."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core import ThawError, processes
from ui.kit import frame, ids, state

if TYPE_CHECKING:
    from training.store import Job


def fold() -> None:
    """A drop zone, folded away; a bundle that was read opens on the Train page."""
    with st.expander("Or bring in a run that was bundled by another Thaw"):
        upload = st.file_uploader("Run bundle (zip)", type=["zip"], key=f"bundle_{st.session_state.get('bundles', 0)}")
        st.caption("It shows the run with its curves and answers, and can train it again to the same weights.")
        if upload is None:
            return
        bar = st.progress(0.0, text="Reading the bundle …")

        def tick(done: int, total: int) -> None:
            bar.progress(done / total, text=f"{done:,} of {total:,} images checked")

        try:
            run = read(upload.getvalue(), tick)
        except ThawError as error:
            bar.empty()
            frame.show_error(error, "This bundle could not be read")
            return
    st.session_state["bundles"] = st.session_state.get("bundles", 0) + 1
    ids.remember("dataset", run.dataset_id)
    frame.open_run(run.id)


def read(data: bytes, tick: Callable[[int, int], None]) -> Job:
    """Raises DataError, UnsafeArchive."""
    from training.bundles import reading

    folder = state.home() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, suffix=f".{processes.tag()}.tmp") as place:
        file = Path(place) / "bundle.zip"
        file.write_bytes(data)
        return reading.read(file, state.store(), tick=tick)

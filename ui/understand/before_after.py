"""Before and after an edit of the data: two runs over the test images that both revisions share."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import CompareError, DatasetRef, NotFound
from dataset import load_dataset
from training.compare import BeforeAfter, run_before
from training.compare.before_after import before_after
from training.report import AxisRow
from training.store import Job
from ui import pictures
from ui.kit import frame, jobs, state
from ui.kit.show import show
from ui.pictures.cards import thumb_url
from ui.pictures.words import counted, esc

SHOWN = 8
TONES = {"better": "good", "worse": "bad"}


def of_run(run: Job) -> None:
    """For a run on corrected images: itself against the run it came from. Draws nothing for any other run."""
    before_id = run_before(run.group)
    if before_id is None:
        return
    try:
        before = state.store().job(before_id)
    except NotFound:
        return
    st.subheader("Before and after the correction")
    if not run.result:
        st.caption(f"This run is {run.state}; the comparison appears when it has been tested.")
        return
    try:
        found = before_after(state.store(), before, run)
        ref = load_dataset(state.home(), run.dataset_id)
    except (CompareError, NotFound) as error:
        frame.show_error(error, "Before and after cannot be compared")
        return
    draw(found, before, run, ref)


def draw(found: BeforeAfter, before: Job, after: Job, ref: DatasetRef) -> None:
    """The verdict in words, both runs on one axis, the images whose answer became right or wrong."""
    show(pictures.notice(TONES.get(found.verdict, "info"), found.sentence(), ref.edit))
    config = jobs.config_of(after)
    if config is not None:
        kind = config.strategy.kind
        rows = [
            AxisRow("Before", kind, found.before, "by today's labels"),
            AxisRow("After", kind, found.after, "by today's labels"),
        ]
        if found.relabelled:
            rows.insert(0, AxisRow("Before", kind, found.by_old_labels, "as it was judged then"))
        show(pictures.accuracy_axis(rows))
    st.caption(f"Compared on {frame.plain(found.how())}. Both runs have the same plan, seed and split.")
    _images("Right only after", found.fixed, ref)
    _images("Right only before", found.broken, ref)
    with st.container(horizontal=True, gap="small"):
        if st.button("Open the run before", key="open_before"):
            frame.open_run_inside(before.id)


def _images(what: str, paths: Sequence[str], ref: DatasetRef) -> None:
    if not paths:
        return
    numbers = state.row_numbers(ref)
    shown = [
        f'<figure><img src="{esc(thumb_url(ref.id, numbers[path]))}" alt="{esc(path)}"/></figure>'
        for path in paths[:SHOWN]
        if path in numbers
    ]
    st.caption(f"{what}: {counted(len(paths), 'image')}")
    show(f'<div class="thaw-near">{"".join(shown)}</div>')

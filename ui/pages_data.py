"""The Data page: bring images in, see what they are, and what was measured about them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from advisor.catalog import DEFAULT_BACKBONE
from advisor.errors import NotFound, ThawError
from advisor.ingest import list_datasets
from advisor.types import EXCLUDED, DatasetRef
from advisor.words import counted
from ui import charts, frame, parts_caches, parts_facts, parts_import, pictures, state
from ui.show import show
from ui.words import count

THUMBS_A_CLASS = 6
GALLERY_CLASSES = 200
GALLERY_PX = 520
SHOWN_SET_ASIDE = 500


def main() -> None:
    state.pump()
    try:
        ref = state.current_dataset(newest=False)
    except NotFound as error:
        frame.show_error(error, "This dataset is not here any more")
        state.choose_dataset(None)
        ref = None
    if ref is None:
        first_visit()
    else:
        dataset(ref)


def first_visit() -> None:
    """Nothing chosen yet: the ways in, the samples, earlier imports."""
    st.title("Bring in labelled images")
    st.markdown(
        "Thaw measures them, says which way of transfer learning suits them and why, trains it here while you watch, "
        "and shows whether it is really better."
    )
    where = st.empty()
    work = parts_import.ways_in()
    if work is not None:
        try:
            ref = parts_import.run_import(work, where)
        except ThawError as error:
            with where.container():
                frame.show_error(error, "These images could not be imported")
        else:
            parts_import.after_import(ref)
            st.rerun()
    parts_import.earlier(list_datasets(state.home()))


def dataset(ref: DatasetRef) -> None:
    """One dataset: what it holds on the left, what was measured and found on the right."""
    heading(ref)
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.subheader("Measured on this machine")
        parts_facts.measured_panel(ref, DEFAULT_BACKBONE, start=True)
        st.subheader("What was checked")
        findings(ref)
        set_aside(ref)
        parts_caches.fold(ref)
    with left:
        st.subheader("Images by class")
        gallery(ref)
        st.subheader("Class balance")
        charts.show(charts.class_balance(ref), key="class_balance", label=balance_in_words(ref))


def heading(ref: DatasetRef) -> None:
    """Title and counts; beside them the way to other datasets and the one button onward."""
    title, onward = st.columns([3, 2], gap="large", vertical_alignment="center")
    with title:
        st.title(frame.plain(ref.name))
        st.markdown(frame.plain(size_in_words(ref)))
        for note in ref.notes:
            st.caption(frame.plain(note))
    with onward:
        if st.button("Get advice", type="primary", width="stretch"):
            st.switch_page(state.ADVICE_PAGE)
        imported = list_datasets(state.home())
        if len(imported) > 1:
            parts_import.picker(imported, ref)
        if st.button("Bring in other images", key="other", width="stretch"):
            state.choose_dataset(None)
            st.rerun()


def size_in_words(ref: DatasetRef) -> str:
    """'1,797 images in 10 classes: 1,439 train, 358 test'."""
    text = f"{count(ref.images)} images in {len(ref.classes)} classes"
    given = [(name, sum(ref.counts[name])) for name in ("train", "val", "test") if name in ref.counts]
    if given:
        text += ": " + ", ".join(f"{count(number)} {name}" for name, number in given)
    return text + (". A built-in sample." if ref.source.startswith("sample: ") else f". From {ref.source}.")


def balance_in_words(ref: DatasetRef) -> str:
    """The chart's message for a screen reader."""
    pairs = sorted(zip(ref.per_class, ref.classes, strict=True))
    return (
        f"Images per class: from {count(pairs[0][0])} ({pairs[0][1]}) to {count(pairs[-1][0])} ({pairs[-1][1]}) "
        f"over {len(ref.classes)} classes."
    )


def gallery(ref: DatasetRef) -> None:
    """A few images of every class, in a box that scrolls: 200 classes must not push the rest away."""
    manifest = state.manifest(ref)
    labels = manifest["label"].where(manifest["split"] != EXCLUDED, -1).to_numpy()
    groups = []
    for index, name in enumerate(ref.classes[:GALLERY_CLASSES]):
        rows = np.flatnonzero(labels == index)
        spread = np.linspace(0, len(rows) - 1, min(THUMBS_A_CLASS, len(rows))).round().astype(int)
        groups.append((name, len(rows), [int(row) for row in rows[spread]]))
    with st.container(height=GALLERY_PX if len(ref.classes) > 4 else "content", border=False, key="gallery"):
        show(pictures.gallery(ref.images_id, groups))
    if len(ref.classes) > GALLERY_CLASSES:
        st.caption(f"The first {GALLERY_CLASSES} of {len(ref.classes)} classes.")


def findings(ref: DatasetRef) -> None:
    """The audit: a card each, what is wrong first."""
    order = ("bad", "caution", "good")
    found = sorted(state.audited(ref).findings, key=lambda finding: order.index(finding.severity))
    if not found:
        show(pictures.notice("good", "Nothing to mend", "No duplicates, no leaks, no class too small."))
    for number, finding in enumerate(found):
        show(pictures.notice(finding.severity, finding.title, finding.detail, finding.remedy))
        if finding.paths:
            with st.expander(
                f"{finding.title}: {counted(len(finding.paths), 'file')}", key=f"finding_{number}"
            ):
                st.code("\n".join(finding.paths[:SHOWN_SET_ASIDE]), language=None)


def set_aside(ref: DatasetRef) -> None:
    """Every file that the import could not use, with the reason."""
    if not ref.set_aside:
        return
    with st.expander(f"{counted(len(ref.set_aside), 'file')} set aside"):
        shown = ref.set_aside[:SHOWN_SET_ASIDE]
        st.dataframe(
            {"File": [path for path, _ in shown], "Why": [why for _, why in shown]},
            hide_index=True,
            alt="Files that the import set aside, with the reason",
        )
        if len(ref.set_aside) > SHOWN_SET_ASIDE:
            st.caption(f"The first {SHOWN_SET_ASIDE} of {len(ref.set_aside):,}.")


main()

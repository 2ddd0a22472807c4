"""The target of a dataset: a second set of images from another domain, attached here and used by adaptation."""

from __future__ import annotations

import streamlit as st

from core import DatasetRef
from dataset.ingest import targets
from training.requests import ImportImages
from ui.bring_in import imports
from ui.bring_in.drop_zone import drop_zone
from ui.kit import frame, jobs, state
from ui.pictures.words import count

TAB = ":material/add_photo_alternate: Target"
"""Its tab on the Data page."""


def section(ref: DatasetRef) -> None:
    """Which target there is; the ways to attach another one."""
    home = state.home()
    target = targets.target_of(home, ref)
    under_way = imports.under_way(ref.id)
    if target:
        st.markdown(f"**{frame.plain(target.name)}**  \n{frame.plain(in_words(target))}")
        for note in target.notes:
            st.caption(frame.plain(note))
        if st.button("Detach this target", key="detach_target"):
            targets.detach(home, ref)
            st.rerun()
    else:
        st.markdown(
            "Will the model be used on other pictures than these, from another camera, or on drawings instead of "
            "photographs? Attach some of them as the *target*, and adaptation can learn from both. They need no "
            "labels; folders named like the classes give some, to measure with."
        )
    where = st.empty()
    left, right = st.columns([3, 2], gap="large")
    with left:
        uploaded = drop_zone("Drop a zip, a tar or a folder of such images", key=f"target_zone_{ref.id}")
    with right:
        path = imports.path_field("Or a folder or archive", "Attach this path", key="target_path")
    if uploaded:
        under_way = [jobs.start(ImportImages(uploaded.source, uploaded.name or None, target_of=ref.id))]
    elif path:
        under_way = [jobs.start(ImportImages(path, target_of=ref.id))]
    for one in under_way:
        if imports.follow(one, where):
            st.rerun()


def in_words(target: DatasetRef) -> str:
    """'512 images, 100 of them labelled. From sketches.zip.'"""
    labelled = target.images - target.unlabelled
    said = "none of them labelled" if not labelled else f"{count(labelled)} of them labelled"
    return f"{count(target.images)} images, {said}. From {target.source}."

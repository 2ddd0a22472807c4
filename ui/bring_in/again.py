"""The images of a dataset read once more in another way, as its page offers it: other classes, another range of values,
other pages, with or without groups. Each makes another dataset of the same images; the one that is there stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core import DataError, DatasetRef, Decoding
from dataset import GroupsFrom
from dataset.readings import ReadAs, by_folders
from training.requests import ImportImages
from ui import sharing
from ui.kit import frame, state

FOUND = ""
READINGS: dict[str, str] = {
    FOUND: "as Thaw finds them",
    "folders": "the outermost folders",
    "folders:2": "the second folders from outside",
    "folders:3": "the third folders from outside",
    "folders:innermost": "the innermost folders",
    "folders:path": "the whole paths of folders",
}
"""Key of a reading (`ReadAs.read_as`) -> the choice as it reads."""


def asked(ref: DatasetRef) -> ImportImages | None:
    """Draw what fits an import; what was just asked for, or None."""
    every = (
        read_again(ref) if state.nested(ref) else None,
        read_otherwise(ref),
        group_again(ref),
        other_range(ref) if ref.decoding.value_range else None,
        other_pages(ref) if state.several_pages(ref) else None,
    )
    return next((one for one in every if one), None)


def ways(ref: DatasetRef) -> list[tuple[str, str]]:
    """(key, line) of other readings of a dataset whose source is there; levels of folders are for `read_again`."""
    if not _source(ref):
        return []
    folders = by_folders(ref.reading_key)
    return [way for way in ref.other_readings if not (folders and by_folders(way[0]))]


def read_otherwise(ref: DatasetRef) -> ImportImages | None:
    """One of these, when it was just chosen."""
    there = ways(ref)
    if not there:
        return None
    with st.expander("Read these images in another way"):
        for number, (key, line) in enumerate(there):
            if st.button(frame.plain(line), key=f"otherwise_{ref.id}_{number}"):
                return _read_so(ref, ReadAs(key))
        st.caption("Makes another dataset of the same images; this one and its runs stay.")
    return None


def _source(ref: DatasetRef) -> str:
    """Where the files that a dataset was read from lie, if they are within reach: an upload is kept; else ''."""
    if ref.source_kept.is_dir():
        return str(ref.source_kept)
    return ref.source if sharing.reachable(ref.source) else ""


def reading(key: str, choices: Sequence[str]) -> ReadAs:
    return ReadAs(st.selectbox("The classes are", choices, format_func=lambda one: READINGS[one], key=key))


def read_again(ref: DatasetRef) -> ImportImages | None:
    """For a dataset with folders in folders: the choice which of them is the class, asked after it was seen."""
    with st.expander("Folders lie inside the class folders: take others as classes"):
        read_as = reading(f"again_{ref.id}", [key for key in READINGS if key])
        asked = st.button("Read the folders again", key=f"read_again_{ref.id}")
        st.caption("Makes another dataset of the same images; this one and its runs stay.")
    if not asked:
        return None
    return _read_so(ref, read_as)


def _read_so(ref: DatasetRef, read_as: ReadAs) -> ImportImages:
    """The files of a dataset in another way; what was chosen besides stays."""
    found = state.named_groups(ref)
    groups: GroupsFrom = "auto"
    if found is not None and found.sure != bool(ref.grouped_by):
        groups = "none" if found.sure else "names" if ref.grouped_by == found.by else "auto"
    source = _source(ref) or str(ref.images_root)
    return ImportImages(source, ref.name, groups=groups, said=ref.source, read_as=read_as, decoding=ref.decoding)


def other_range(ref: DatasetRef) -> ImportImages | None:
    """For a dataset with files of more than 8 bits: another range of values, asked after it was seen."""
    low, high = ref.decoding.value_range or (0.0, 0.0)
    with st.expander("More than 8 bits: choose which values become black and white"), st.form(f"range_{ref.id}"):
        left, right = st.columns(2)
        low = left.number_input("Black", value=low, format="%g", key=f"low_{ref.id}")
        high = right.number_input("White", value=high, format="%g", key=f"high_{ref.id}")
        asked = st.form_submit_button("Read the images again")
        st.caption("Makes another dataset of the same images; this one and its runs stay.")
    if not asked:
        return None
    try:
        decoding = replace(ref.decoding, value_range=(low, high))
    except DataError as error:
        frame.show_problem("These images cannot be read so", str(error))
        return None
    return ImportImages(f"dataset:{ref.id}", ref.name, decoding=decoding)


def other_pages(ref: DatasetRef) -> ImportImages | None:
    """For a dataset with files of several pages: others of them, asked after it was seen."""
    with st.expander("Files hold several pages: take others"), st.form(f"pages_{ref.id}"):
        taken = ref.decoding.pages
        page = st.number_input("Page", 1, value=taken[0], step=1, format="%d", key=f"page_{ref.id}")
        colours = st.checkbox("The first three as red, green and blue", len(taken) > 1, key=f"colours_{ref.id}")
        asked = st.form_submit_button("Read the images again")
        st.caption("Makes another dataset of the same images; this one and its runs stay.")
    if not asked:
        return None
    # Another page has other values: their range is chosen anew.
    decoding = Decoding(pages=(1, 2, 3) if colours else (int(page),))
    return ImportImages(f"dataset:{ref.id}", ref.name, decoding=decoding)


def group_again(ref: DatasetRef) -> ImportImages | None:
    """For a dataset whose names say, or may say, what belongs together: the other choice, asked after it was seen."""
    found = state.named_groups(ref)
    if found is None or (ref.grouped_by and ref.grouped_by != found.by):
        return None
    taken = bool(ref.groups)
    with st.expander("Groups were read from the names" if taken else "Names may say which images belong together"):
        st.caption(f"{found.example}.")
        label = "Read again without groups" if taken else "Keep these groups on one side"
        asked = st.button(label, key=f"group_again_{ref.id}")
        st.caption("Makes another dataset of the same images; this one and its runs stay.")
    if not asked:
        return None
    groups: GroupsFrom = "none" if taken else "names"
    return ImportImages(f"dataset:{ref.id}", ref.name, decoding=ref.decoding, groups=groups)

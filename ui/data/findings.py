"""What the check found, as cards: pictures that show it, a click that mends it, and how it was measured in a fold.

Every click is an edit (`parts_edits.apply`): it makes a revision, and the line under the heading undoes it.
"""

from __future__ import annotations

from typing import Literal

import streamlit as st

from core import DatasetRef
from core.zoo import DEFAULT_BACKBONE
from dataset import Edit
from dataset.audit import Finding, Remedy
from training.requests import Profile
from ui.data import edits as parts_edits
from ui.data import finding_card, gallery
from ui.kit import frame, jobs, state
from ui.kit.show import show
from ui.pictures.words import counted

PAGE, PAGE_TICKED, ACROSS = 24, 12, 4
"""Groups of pictures on one page of the large view; fewer, in so many columns, where each has a box to tick."""
LISTED = 500
"""Files named in a fold."""


def report(ref: DatasetRef) -> None:
    """All findings, what is wrong first."""
    found = state.audited(ref).findings
    show(finding_card.summary(found))
    labels_note(ref)
    for finding in found:
        with st.container(border=True, key=f"finding_{finding.kind}_{found.index(finding)}"):
            card(ref, finding, found.index(finding))


def card(ref: DatasetRef, finding: Finding, number: int) -> None:
    show(finding_card.finding_card(finding, ref.images_id))
    direct = [remedy for remedy in finding.remedies if not remedy.each]
    more = len(finding.shown) > finding_card.STRIP or len(direct) < len(finding.remedies)
    in_gallery = finding.kind in gallery.FINDINGS and bool(finding.shown)
    if direct or more or in_gallery:
        with st.container(horizontal=True, gap="small"):
            for at, remedy in enumerate(direct):
                st.button(
                    remedy.label, key=f"mend_{number}_{at}", on_click=parts_edits.apply, args=(ref, edits(remedy)),
                    help="Makes a revision of the dataset; nothing is deleted, and it can be undone.",
                )  # fmt: skip
            how: Literal["secondary", "tertiary"] = "tertiary" if direct else "secondary"
            if more and st.button(f"Look at {_how_many(finding)}", key=f"look_{number}", type=how):
                look(ref, finding)
            if in_gallery:
                st.button(
                    "Show in the gallery", key=f"gallery_{number}", type="tertiary",
                    on_click=gallery.show_finding, args=(finding.kind,),
                )  # fmt: skip
    if finding.how or finding.paths:
        with st.expander("How it was found, and the files" if finding.how else "The files", key=f"fold_{number}"):
            if finding.how:
                st.caption(frame.plain(finding.how))
            if finding.paths:
                st.code("\n".join(finding.paths[:LISTED]), language=None)


def labels_note(ref: DatasetRef) -> None:
    """That labels and shift were not judged yet, and how they would be."""
    if state.labels_checked(ref) is not None:
        return
    job = jobs.latest(Profile(ref.id, DEFAULT_BACKBONE))
    if job is not None and job.state in state.ACTIVE:
        st.caption("Labels that look wrong, and test images unlike the others, are looked for while measuring.")
    elif state.store().facts(ref.id, DEFAULT_BACKBONE) is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("A race, or an older version, measured these images and judged no labels.", width="content")
            if st.button("Judge the labels", key="judge_labels"):
                jobs.start(Profile(ref.id, DEFAULT_BACKBONE))
                st.rerun()


@st.dialog("What was found", width="large")
def look(ref: DatasetRef, finding: Finding) -> None:
    """All pictures of a finding, page by page; with boxes to tick where each needs an eye of its own."""
    st.markdown(f"**{frame.plain(finding.title)}.** {frame.plain(finding.remedy)}")
    chosen = [remedy for remedy in finding.remedies if remedy.each]
    size = PAGE_TICKED if chosen else PAGE
    pages = -(-len(finding.shown) // size)
    page = int(st.number_input(f"Page, of {pages}", 1, pages, key="look_page", width=160)) - 1 if pages > 1 else 0
    first, shown = page * size, finding.shown[page * size : (page + 1) * size]
    if not chosen:
        show(finding_card.groups(shown, ref.images_id, large=True))
        return
    key = f"ticked_{ref.id}_{finding.kind}"
    ticked: set[int] = st.session_state.setdefault(key, set())
    columns = st.columns(ACROSS)
    for at, one in enumerate(shown, start=first):
        with columns[(at - first) % ACROSS]:
            show(finding_card.groups([one], ref.images_id, large=True))
            if st.checkbox("Wrong", value=at in ticked, key=f"tick_{ref.id}_{at}"):
                ticked.add(at)
            else:
                ticked.discard(at)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{len(ticked)} ticked**", width="content")
        for at, remedy in enumerate(chosen):
            if st.button(
                remedy.label, key=f"each_{at}", disabled=not ticked, type="primary" if at == 0 else "secondary",
                on_click=_mend_ticked, args=(ref, remedy, key),
            ):  # fmt: skip
                st.rerun()  # closes the dialog


def _mend_ticked(ref: DatasetRef, remedy: Remedy, key: str) -> None:
    parts_edits.apply(ref, edits(remedy, sorted(st.session_state.pop(key))))


def edits(remedy: Remedy, chosen: list[int] | None = None) -> list[Edit]:
    """The edits of a remedy: of all its images, or of those at these places."""
    places = range(len(remedy.paths)) if chosen is None else chosen
    if remedy.action == "exclude":
        return [Edit("exclude", tuple(remedy.paths[at] for at in places))]
    by_class: dict[str, list[str]] = {}
    for at in places:
        by_class.setdefault(remedy.to[at], []).append(remedy.paths[at])
    return [Edit("relabel", tuple(paths), to) for to, paths in by_class.items()]


def _how_many(finding: Finding) -> str:
    number = len(finding.shown)
    if any(len(one.rows) > 1 for one in finding.shown):
        return "them" if number == 1 else f"all {number:,} groups"
    return counted(number, "picture") if number == 1 else f"all {number:,} pictures"

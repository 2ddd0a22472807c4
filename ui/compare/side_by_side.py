"""The same test images, each run's answer beside them: what the runs disagree on, and what all of them miss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core import DatasetRef, NotFound
from training.compare import WHICH, Comparison, Row, Which, counts, places
from training.evaluation import Answers, answers_of, class_name
from training.report import mark
from ui.kit import state
from ui.kit.show import show
from ui.pictures.cards import thumb_url
from ui.pictures.words import counted, esc, percent

PAGE = 12
LISTED_RUNS = 6
"""With more runs, those that answer alike share a line."""
EMPTY: dict[Which, str] = {
    "they disagree": "On every test image all of these runs give the same answer.",
    "all wrong": "No test image is missed by all of these runs.",
    "all right": "No test image is named right by all of these runs.",
    "every image": "There are no test images.",
}


def side_by_side(comparison: Comparison, ref: DatasetRef) -> None:
    """Filter, pictures, and a way to see more."""
    rows = [row for row in comparison.rows if row.scores is not None]
    store = state.store()
    answers = {row.run_id: answers_of(store.home, store.job(row.run_id), comparison.side) for row in rows}
    if not rows or not all(len(given) for given in answers.values()):
        return
    st.subheader("The same images, each run's answer")
    number = counts(answers)
    filters: Sequence[Which] = [which for which in WHICH if len(rows) > 1 or which != "they disagree"]
    which = st.segmented_control(
        "Which test images", filters, default=filters[0], key="which_images", required=True,
        format_func=lambda one: f"{one[:1].upper()}{one[1:]} ({number[one]:,})",
        label_visibility="collapsed",
    )  # fmt: skip
    found = places(answers, which or filters[0])
    if not len(found):
        st.caption(EMPTY[which or filters[0]])
        return
    shown = min(len(found), int(st.session_state.get(f"shown {which}", PAGE)))
    of, numbers = pictures_of(comparison, ref)
    cards = [case(int(place), rows, answers, ref.classes, of, numbers) for place in found[:shown]]
    show(f'<div class="thaw-cases">{"".join(cards)}</div>')
    if shown < len(found):
        left, right = st.columns([1, 3], vertical_alignment="center")
        more = min(len(found) - shown, 4 * PAGE)
        if left.button(f"Show {more} more", key=f"more {which}"):
            st.session_state[f"shown {which}"] = shown + more
            st.rerun()
        right.caption(f"{shown:,} of {counted(len(found), 'image')}")


def pictures_of(comparison: Comparison, ref: DatasetRef) -> tuple[str, Mapping[str, int]]:
    """The dataset whose test images are shown, and the row of each of its paths: the target's, where all runs have
    answered for it."""
    if not comparison.target:
        return ref.id, state.row_numbers(ref)
    try:
        return comparison.target, state.row_numbers(state.dataset(comparison.target))
    except NotFound:
        return comparison.target, {}


def case(
    place: int,
    rows: Sequence[Row],
    answers: Mapping[str, Answers],
    classes: Sequence[str],
    pictures: str,
    numbers: Mapping[str, int],
) -> str:
    """One image with its label and what each run said. pictures: the dataset that it belongs to."""
    first = answers[rows[0].run_id]
    path, truth = first.paths[place], class_name(classes, str(first.truth[place]))
    label = str(first.truth[place])
    said = [(row, str(answers[row.run_id].predicted[place])) for row in rows]
    lines = []
    if len(rows) <= LISTED_RUNS:
        for row, answer in said:
            sure, name = percent(float(answers[row.run_id].confidence[place])), class_name(classes, answer)
            lines.append(_line([row], name, answer == label, sure, f"{row.label}: {name}, {sure} sure"))
    else:
        given = dict.fromkeys(answer for _, answer in sorted(said, key=lambda one: one[1] != label))
        for answer in given:
            alike, name = [row for row, own in said if own == answer], class_name(classes, answer)
            title = f"{name}: {', '.join(row.label for row in alike)}"
            lines.append(_line(alike, name, answer == label, f"{len(alike)} of {len(rows)}", title))
    number = numbers.get(path)
    picture = (
        f'<img src="{esc(thumb_url(pictures, number))}" alt="{esc(truth)}" title="{esc(path)}" loading="lazy"/>'
        if number is not None
        else '<div class="thaw-gone">not in this revision</div>'
    )
    return (
        f'<figure class="thaw-case">{picture}<figcaption><b><bdi>{esc(truth)}</bdi></b>'
        f"<ul>{''.join(lines)}</ul></figcaption></figure>"
    )


def _line(rows: Sequence[Row], answer: str, right: bool, note: str, title: str) -> str:
    sign, look = ("\N{CHECK MARK}", "is-right") if right else ("\N{MULTIPLICATION SIGN}", "is-wrong")
    marks = "".join(mark(kind) for kind in dict.fromkeys(row.kind for row in rows))
    return (
        f'<li class="{look}" title="{esc(title)}"><i aria-label="{"right" if right else "wrong"}">{sign}</i>{marks}'
        f"<bdi>{esc(answer)}</bdi><small>{esc(note)}</small></li>"
    )

"""The test images of one run worth a look: of a cell of the matrix, the highest losses, the least sure answers.

Pictures can be picked and relabelled or excluded, which makes a revision of the data (`corrections`), and looked
at closer: where the network looked, and the training images nearest to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import streamlit as st

from core import DatasetRef
from training.evaluation import Answers, cell, class_name
from training.understand.findings import Explained
from ui.data import Tile
from ui.data.tiles import tiles
from ui.kit import frame, state
from ui.kit.show import show
from ui.pictures.cards import thumb_url
from ui.pictures.words import counted, esc, percent
from ui.server import map_url
from ui.understand import confusion, corrections

PAGE = 24
LISTS = {
    "cell": "One cell of the matrix",
    "surest": "Surest mistakes",
    "loss": "Highest loss",
    "unsure": "Least confident",
}


def errors(run_id: str, ref: DatasetRef, answers: Answers, found: Explained | None) -> None:
    """Which list, its pictures, what can be done with those picked."""
    lists = [name for name in LISTS if name != "loss" or found is not None]
    if st.session_state.get("which_errors") not in lists:
        st.session_state["which_errors"] = "cell" if confusion.chosen(len(ref.classes)) else "surest"
    left, right = st.columns([3, 1], vertical_alignment="center")
    with left:
        which = st.segmented_control(
            "Which images", lists, format_func=LISTS.__getitem__, key="which_errors", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
    maps = False
    if found is not None and found.maps:
        maps = right.toggle("Where it looked", key="maps", help=f"{found.map_kind} of the answer given")
    places, name = _places(which or "surest", ref, answers, found)
    if not len(places):
        st.caption(
            "Click a number in the matrix to see its images." if which == "cell" and not name else "No such image."
        )
        return
    shown = places[:PAGE]
    if len(places) > PAGE:
        name += f": the first {PAGE} of {counted(len(places), 'image')}"
    st.caption(frame.plain(name))
    numbers, now = state.row_numbers(ref), corrections.labels_now(ref)
    losses = dict(zip(found.rows, found.losses(), strict=True)) if found else {}
    items = [_tile(run_id, ref, answers, int(at), numbers, now, losses, found if maps else None) for at in shown]
    picked, look = tiles([item for item in items if item is not None], key="tiles", name=f"{run_id} {which} {name}")
    paths = {numbers[answers.paths[at]]: answers.paths[at] for at in shown if answers.paths[at] in numbers}
    guess = class_name(ref.classes, str(answers.predicted[shown[0]]))
    corrections.actions(ref, [paths[row] for row in picked if row in paths], guess)
    if look is not None:
        place = next(at for at in shown if numbers.get(answers.paths[at]) == look)
        closer(run_id, ref, answers, int(place), look, found)


def _places(
    which: str, ref: DatasetRef, answers: Answers, found: Explained | None
) -> tuple[Sequence[int] | np.ndarray, str]:
    """Places in the answers, and what they are in words."""
    sure = np.nan_to_num(answers.confidence)
    if which == "cell":
        chosen = confusion.chosen(len(ref.classes))
        if chosen is None:
            return [], ""
        truth, predicted = (ref.classes[label] for label in chosen)
        what = f"Labelled {truth}, answered {predicted}" if truth != predicted else f"{truth}, named right"
        return cell(answers, *chosen), what
    if which == "loss" and found is not None:
        rows = state.row_numbers(ref)
        at = {rows.get(path): place for place, path in enumerate(answers.paths)}
        ranked = sorted(zip(found.losses(), found.rows, strict=True), key=lambda pair: -pair[0])
        return [at[row] for _, row in ranked if row in at], "The highest loss first: what surprised the network most"
    if which == "unsure":
        return np.argsort(sure, kind="stable"), "The least confident answers first, right or wrong"
    wrong = np.flatnonzero(~answers.right)
    return wrong[
        np.argsort(-sure[wrong], kind="stable")
    ], "Mistakes, the surest first: here a label is often the mistake"


def _tile(
    run_id: str,
    ref: DatasetRef,
    answers: Answers,
    place: int,
    numbers: Mapping[str, int],
    now: Callable[[str], str],
    losses: Mapping[int, float],
    maps: Explained | None,
) -> Tile | None:
    path = answers.paths[place]
    row = numbers.get(path)
    if row is None:
        return None
    truth, answer = (class_name(ref.classes, str(of[place])) for of in (answers.truth, answers.predicted))
    right = bool(answers.truth[place] == answers.predicted[place])
    lines = [
        (truth, ""),
        (f"{'✓' if right else '×'} {answer}, {percent(float(answers.confidence[place]))}", "good" if right else "bad"),
    ]
    if row in losses:
        lines.append((f"loss {losses[row]:.2f}", "quiet"))
    changed = now(path)
    if changed and changed != truth:
        lines.append((f"now {changed}", "good"))
    mapped = maps is not None and row in maps.maps
    src = map_url(run_id, row) if mapped else thumb_url(ref.id, row)
    return Tile(row, src, f"{path}: {truth}, answered {answer}", tuple(lines))


def closer(run_id: str, ref: DatasetRef, answers: Answers, place: int, row: int, found: Explained | None) -> None:
    """One image large, its activation map beside it, its nearest training images below."""
    path = answers.paths[place]
    truth, answer = (class_name(ref.classes, str(of[place])) for of in (answers.truth, answers.predicted))
    figures = [_figure(thumb_url(ref.id, row), f"{path}: labelled {truth}")]
    if found is not None and row in found.maps:
        figures.append(
            _figure(map_url(run_id, row), f"{found.map_kind} for {answer}: ember where it looked")
        )
    with st.container(border=True, key="closer"):
        show(f'<div class="thaw-closer">{"".join(figures)}</div>')
        near = found.neighbours.get(row, ()) if found else ()
        if near and found:
            table = state.images(ref)
            st.caption(f"Nearest of {found.searched:,} training images, as the trained network sees them (cosine)")
            pictures = [_figure(thumb_url(ref.id, row), f"{table.class_of(row)} {cosine:.2f}") for row, cosine in near]
            show(f'<div class="thaw-near">{"".join(pictures)}</div>')
        elif found is None:
            st.caption("Look inside this run to see where it looked and which training images are nearest.")


def _figure(src: str, text: str) -> str:
    caption = f'<figcaption title="{esc(text)}"><bdi>{esc(text)}</bdi></figcaption>'
    return f'<figure><img src="{esc(src)}" alt="{esc(text)}"/>{caption}</figure>'

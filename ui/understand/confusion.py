"""The confusion matrix of one run, and its commonest mistakes: the way to the images of a cell."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import streamlit as st

from core import DatasetRef
from training.evaluation import Answers, matrix, most_confused, most_mistaken
from ui.kit import frame
from ui.pictures.words import counted

MOST_CLASSES = 30
"""Rows of the matrix; of more classes those with the most mistakes are drawn."""
MOST_PAIRS = 6
FEW_CLASSES = 8
"""Up to so many the matrix leaves half of the width to the list of mistakes."""

Cell = tuple[int, int]
"""(label, answer) as class indices."""


@functools.cache
def _component() -> Any:
    script = (Path(__file__).parent / "matrix.js").read_text(encoding="utf-8")
    return st.components.v2.component("thaw_matrix", js=script, isolate_styles=False)


def mount(data: dict[str, Any]) -> str:
    """Put the matrix here; returns the cell that was clicked just now, '' for none (a seam for tests)."""
    return _component()(key="matrix", data=data, on_cell_change=lambda: None).cell or ""


def confusion(answers: Answers, ref: DatasetRef) -> None:
    """Matrix and list of mistakes. A click puts the cell into the URL (`cell`) and shows its images."""
    counts = matrix(answers, len(ref.classes))
    shown = most_mistaken(counts, MOST_CLASSES)
    names = [ref.classes[label] for label in shown]
    left, right = st.columns([3, 1] if len(shown) > FEW_CLASSES else [1, 1], gap="large")
    with left:
        clicked = mount(
            {
                "names": names,
                "shown": shown,
                "counts": counts[shown][:, shown].tolist(),
                "support": counts[shown].sum(axis=1).tolist(),
                "chosen": st.query_params.get("cell", ""),
            }
        )
        if clicked:
            choose(clicked)
        more = ""
        if len(shown) < len(ref.classes):
            more = f" The {len(shown)} of {len(ref.classes)} classes with the most mistakes."
        st.caption(f"Test images: rows are labels, columns are answers. Click a number to see its images.{more}")
    with right:
        pairs = most_confused(counts, MOST_PAIRS)
        st.markdown("**Most confused**" if pairs else "**No mistakes** on the test images.")
        for pair in pairs:
            said = f"{frame.short(ref.classes[pair.truth], 22)} answered {frame.short(ref.classes[pair.predicted], 22)}"
            name = f"{frame.plain(said)}: {pair.count} of {counted(pair.images, 'image')}"
            if st.button(name, key=f"pair_{pair.truth}_{pair.predicted}", type="tertiary"):
                choose(f"{pair.truth}-{pair.predicted}")
                st.rerun()


def choose(cell: str) -> None:
    """Show the images of this cell from now on."""
    st.query_params["cell"] = cell
    st.session_state["which_errors"] = "cell"


def chosen(classes: int) -> Cell | None:
    """The cell in the URL, if it is one of this matrix."""
    truth, _, predicted = st.query_params.get("cell", "").partition("-")
    if truth.isdecimal() and predicted.isdecimal() and max(int(truth), int(predicted)) < classes:
        return int(truth), int(predicted)
    return None

"""The question how images are to be read: each reading in a sentence, with some of its images under its classes.

The question is the result of the import's job, so that a reload and a second tab show the same.
"""

from __future__ import annotations

import base64
from typing import Any

import streamlit as st

from training.store import Job
from ui import pictures
from ui.kit import frame
from ui.kit.show import show

NONE = ""
"""The answer of somebody who takes none of them."""
LONGEST = 30
SIDE = 64
"""Pixels of an example's width."""


def ask(job: Job) -> str | None:
    """Draw the question of an import; the key of the reading that was just chosen, NONE, or None before an answer."""
    asked: dict[str, Any] = job.result or {}
    show(pictures.notice("caution", "How are these images to be read?", str(asked["question"])))
    answer: str | None = None
    for number, reading in enumerate(asked["readings"]):
        with st.container(border=True):
            st.markdown(f"**{frame.plain(reading['line'])}**")
            _examples(reading, asked["pictures"])
            if st.button("Read them so", key=f"read_as_{job.id}_{number}"):
                answer = str(reading["key"])
    if st.button("None of these: do not import", key=f"read_as_{job.id}_none"):
        answer = NONE
    return answer


def _examples(reading: dict[str, Any], small: dict[str, str]) -> None:
    """A column a class, with its name and a few of its images; paths where there is no picture."""
    examples: dict[str, list[str]] = reading["examples"]
    for column, (name, paths) in zip(st.columns(max(1, len(examples))), examples.items(), strict=False):
        with column:
            st.caption(frame.plain(frame.short(name, LONGEST)))
            there = [base64.b64decode(small[path]) for path in paths if path in small]
            if there:
                with st.container(horizontal=True, gap="xsmall"):
                    for picture in there:
                        st.image(picture, width=SIDE)
            else:
                st.caption("  \n".join(frame.plain(frame.short(path, LONGEST)) for path in paths))
    if reading["classes"] > len(examples):
        st.caption(f"and {reading['classes'] - len(examples):,} more classes")

"""Progress of small live runs: drawn when it changes, and a script that a moved slider stops within a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

Tick = Callable[[int, int], None]
"""(answers there, answers wanted)."""
EVERY_S = 0.4
"""Seconds between two drawings at least."""


def ticking(draw: Callable[[int, int], Any]) -> Tick:
    """Calls `draw` when more answers are there, and not too often: each drawing takes the browser time that the runs
    need. In between it looks at the session, which is where Streamlit stops a script whose inputs have changed."""
    shown, drawn = -1, 0.0

    def tick(done: int, wanted: int) -> None:
        nonlocal shown, drawn
        if shown != done < wanted and time.monotonic() - drawn > EVERY_S:
            draw(done, wanted)
            shown, drawn = done, time.monotonic()
        else:
            st.session_state.get("tick")

    return tick

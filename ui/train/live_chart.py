"""The live chart: a components-v2 component that polls `/thaw/live` and keeps its zoom.

The script that mounts it runs once; everything that moves (headline, progress, freeze map, curves, flags) is drawn
in the browser by `live_chart.js`, so no page reruns, sleeps or polls while a run goes on.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from ui.address import at
from ui.pictures.cards import thumb_url
from ui.server import plotly_url
from ui.server.routes import routes

__all__ = ["live_chart", "load_ahead", "routes", "thumb_url"]

Axis = Literal["epochs", "seconds", "images"]
LOADER = "live_load.js"
SCRIPTS = (LOADER, "live_plot.js", "live_coach.js", "live_chart.js")
"""One module in the browser, in this order."""


@functools.cache
def _script(*names: str) -> str:
    here = Path(__file__).parent
    return "\n".join((here / name).read_text(encoding="utf-8") for name in names)


@functools.cache
def _component() -> Any:
    script = _script(*SCRIPTS)
    # Not isolated: it shares the pictures' style sheet, and plotly puts its own styles into the document's head.
    return st.components.v2.component("thaw_live_chart", js=script, isolate_styles=False)


def load_ahead() -> None:
    """Let the browser load plotly while the page is still being put together: call it where a live chart will follow.

    Streamlit shows a component half a second after the text around it; by then the script is there.
    """
    st.html(f"<script>{_script(LOADER)}\nthawLoadPlotly('{plotly_url()}');</script>", unsafe_allow_javascript=True)


def live_chart(
    run_ids: Sequence[str],
    *,
    key: str,
    height: int = 280,
    freeze: bool = True,
    axis: Axis = "epochs",
    wake: str = "",
) -> bool:
    """Mount the chart of one run, or of several overlaid.

    height: of one panel, in px. freeze: draw the freeze map (one run only). axis: the one shown first; the viewer can
    switch. A new `key` mounts anew and loses the zoom: keep it stable. wake: any text that changes when a run may have
    begun again or been judged (its state, its attempt, its test): a chart whose runs have ended asks no more until it
    changes. Returns True in the script run that follows a run's end (then read the store again).
    """
    if not run_ids:
        return False
    data = {
        "runs": list(dict.fromkeys(run_ids)),
        "height": height,
        "freeze": freeze and len(run_ids) == 1,
        "axis": axis,
        "wake": wake,
        "plotly": plotly_url(),
        "live": at("/thaw/live"),
    }
    result = _component()(key=key, data=data, on_finished_change=lambda: None)
    return bool(result.finished)

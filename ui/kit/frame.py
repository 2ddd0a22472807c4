"""What every page has in common: calm errors, useful empty states, and the dataset it speaks about.

The header line (dataset, size, "nothing leaves this machine") and the styles are drawn once by app.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import streamlit as st

from core import DataError, DatasetRef, NotFound, SetAside, ThawError
from core.disk import disk_errors
from core.home import where
from core.names import encodable
from training.compare import beside
from training.store import Job
from ui import pictures
from ui.kit import ids, state
from ui.kit.show import show

SHOWN_PROBLEMS = 8
_SIGNS = re.compile(r"([\\`*_\[\]<>$~|#]|:(?=\w)|^[-+](?=\s)|(?<=^\d)[.)])")


def plain(text: str) -> str:
    """Text for a label or st.markdown: whatever Markdown would read as a sign in it is escaped."""
    return _SIGNS.sub(r"\\\1", encodable(text))


def apart(labels: Mapping[str, str]) -> dict[str, str]:
    """Id -> label for a list to choose from, those that read alike with their ids behind: a browser knows a choice by
    its words, and of two that read alike it means the first."""
    times = Counter(labels.values())
    return {key: f"{label} · {key}" if times[label] > 1 else label for key, label in labels.items()}


def short(name: str, longest: int = 40) -> str:
    """A name cut in the middle, so that both its ends stay readable."""
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def show_error(error: ThawError, title: str = "This did not work") -> None:
    """The error's own sentence in a quiet box; a long list of problems folds away."""
    show_problem(title, str(error), error.problems if isinstance(error, DataError) else ())


def show_gone(error: NotFound, what: str) -> None:
    """A run or dataset of the URL that is not there, or is there and cannot be read."""
    show_error(error, f"This {what} {'cannot be read' if isinstance(error, SetAside) else 'is not here any more'}")


def show_problem(title: str, sentence: str, problems: Sequence[str] = ()) -> None:
    """What went wrong in a quiet box; a long list of problems folds away."""
    show(pictures.notice("bad", title, sentence))
    if problems:
        with st.expander(f"All problems found ({len(problems)})", expanded=len(problems) <= SHOWN_PROBLEMS):
            st.text("\n".join(problems))


def set_aside(whys: Sequence[str]) -> None:
    """What the list above leaves out because it cannot be read: a fold with a sentence for each; nothing for none."""
    if whys:
        with st.expander(f"Set aside: {len(whys):,} that cannot be read", key="set_aside"):
            for why in whys:
                st.caption(plain(why))


@contextmanager
def calm(title: str = "This did not work") -> Iterator[None]:
    """Show a ThawError raised inside as a box, and so what the disk of the home raises; anything else is a bug and is
    left to Streamlit."""
    try:
        with disk_errors(where()):
            yield
    except ThawError as error:
        show_error(error, title)


def fragment(draw: Callable[..., None], every: float | None = None) -> Callable[..., None]:
    """`st.fragment` that is as calm as the page it lies on; every: seconds between its own runs."""

    @wraps(draw)
    def calmly(*given: Any) -> None:
        with calm():
            draw(*given)

    drawn: Callable[..., None] = st.fragment(calmly, run_every=every)
    return drawn


def dataset_or_stop(title: str, why: str) -> DatasetRef:
    """The current dataset. Without one: the page's title, a sentence, and the one button that helps; then stop."""
    try:
        ref = state.current_dataset()
    except NotFound as error:
        st.title(title)
        show_gone(error, "dataset")
        to_data("Choose another dataset")
        st.stop()
    if ref is not None:
        return ref
    st.title(title)
    empty("No images yet", why)
    to_data("Bring in images")
    st.stop()
    raise AssertionError("st.stop() does not return")


def empty(title: str, text: str) -> None:
    show(pictures.notice("info", title, text))


def to_data(label: str) -> None:
    """The button to the Data page, with nothing chosen."""
    if st.button(label, type="primary"):
        state.choose_dataset(None)
        st.switch_page(state.DATA_PAGE)


def open_run(run_id: str) -> None:
    """Show this run on the Train page."""
    ids.remember("race", None)
    ids.remember("run", run_id)
    st.switch_page(state.TRAIN_PAGE)


def open_race(race_id: str) -> None:
    """Show this race on the Train page."""
    ids.remember("run", None)
    ids.remember("race", race_id)
    st.switch_page(state.TRAIN_PAGE)


def open_run_inside(run_id: str) -> None:
    """Show what can be understood of this run: its mistakes, where it looked, what moved."""
    ids.remember("run", run_id)
    st.switch_page(state.RUN_PAGE)


def open_compare(run_ids: list[str]) -> None:
    """Show these runs side by side."""
    ids.remember_runs(run_ids)
    st.switch_page(state.COMPARE_PAGE)


def open_beside_others(job: Job) -> None:
    """Show a run side by side with the others of the choice, else with those that belong to it."""
    if job.id not in ids.current_runs():
        ids.remember_runs(beside(job, state.store().jobs(kind="train", dataset_id=job.dataset_id)))
    st.switch_page(state.COMPARE_PAGE)

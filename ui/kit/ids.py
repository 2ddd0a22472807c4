"""What the user is looking at: ids in the URL and, beside it, in session_state. Nothing else is kept there.

The URL wins, so that a sent link or a reload shows the same thing; session_state only carries the ids from one page
to the next, because Streamlit drops query parameters when the page changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

import streamlit as st

from core.home import home
from ui.kit import choices

Name = Literal["dataset", "run", "runs", "start", "race"]
NAMES: tuple[Name, ...] = get_args(Name)
_PLAIN = re.compile(r"[A-Za-z0-9_,-]{1,40000}")
LONGEST = 400
"""Characters of ids in an address; more runs are there under a short name (`choices`)."""


def remember(name: Name, value: str | None) -> None:
    """Look at this id from now on (None: at nothing). Writes the URL and session_state."""
    if value:
        st.session_state[name] = value
        st.query_params[name] = value
        return
    st.session_state.pop(name, None)
    if name in st.query_params:
        del st.query_params[name]


def current(name: Name) -> str | None:
    """The id being looked at, if any. It may name something that no longer exists: look it up in the store."""
    value = st.query_params.get(name) or st.session_state.get(name)
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else None


def current_runs() -> list[str]:
    """The ids in `runs`, in order, each once; none for a short name that is not kept any more."""
    said = current("runs") or ""
    if said.startswith(choices.NAMED):
        return choices.kept(home(), said) or []
    return list(dict.fromkeys(part for part in said.split(",") if part))


def remember_runs(run_ids: Sequence[str]) -> None:
    """Look at these runs from now on, however many they are."""
    said = ",".join(run_ids)
    if len(said) > LONGEST:
        try:
            said = choices.keep(home(), run_ids)
        except OSError:  # a home that cannot be written: they are known until the page is loaded anew
            remember("runs", None)
            st.session_state["runs"] = said
            return
    remember("runs", said)


def carry() -> None:
    """Once per script run, before the page: bring URL and session_state to the same ids."""
    for name in NAMES:
        value = current(name)
        if name == "runs" and value and len(value) > LONGEST:
            remember_runs(current_runs())
        elif value is None:
            remember(name, None)
        elif st.query_params.get(name) != value or st.session_state.get(name) != value:
            remember(name, value)

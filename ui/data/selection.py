"""Which images are selected, and what the gallery and the map report about it.

A selection is work in the hand, not a result: it lives in session_state, per dataset, shared by gallery and map, and a
reload forgets it. The browser sends numbered events and repeats them until they are acknowledged, because Streamlit
keeps only the last value of a component: none is lost, none counts twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

Handler = Callable[..., None]
"""Called with an event's values."""


def selected(dataset_id: str) -> set[int]:
    """The selected rows of this dataset (a live set: use `select` and `clear` to change it)."""
    kept = st.session_state.get("selection")
    return kept[1] if kept and kept[0] == dataset_id else set()


def select(dataset_id: str, rows: Iterable[int], on: bool = True) -> None:
    """Add rows to the selection, or take them out."""
    now = selected(dataset_id)
    st.session_state["selection"] = (dataset_id, now | set(rows) if on else now - set(rows))


def clear() -> None:
    st.session_state.pop("selection", None)


def hear(key: str, images: int, dataset_id: str, handlers: dict[str, Handler]) -> None:
    """Take in what the component `key` reported: selection here, everything else by the handler of its name.

    images: rows from 0 to images - 1 exist; what is out of range, unknown or malformed is ignored.
    """
    report = _report(key)
    if report is None:
        return
    client, events = report
    heard = st.session_state.get(f"{key}_ack", {})
    last = heard["seq"] if heard.get("client") == client else 0
    for event in events:
        if not (isinstance(event, list) and len(event) > 1 and isinstance(event[0], int)) or event[0] <= last:
            continue
        last = event[0]
        _apply(event[1], event[2:], images, dataset_id, handlers)
    st.session_state[f"{key}_ack"] = {"client": client, "seq": last}


def acknowledged(key: str) -> dict[str, Any] | None:
    """What to tell the component: the number of the last event taken in."""
    return st.session_state.get(f"{key}_ack")


def _value(key: str) -> Any:
    """The component's state (a seam for tests, which have no browser)."""
    return st.session_state.get(key)


def _report(key: str) -> tuple[str, list[Any]] | None:
    value = _value(key)
    report = value.get("report") if hasattr(value, "get") else None
    if not isinstance(report, dict) or not isinstance(report.get("events"), list):
        return None
    return str(report.get("client")), report["events"]


def _apply(what: Any, values: list[Any], images: int, dataset_id: str, handlers: dict[str, Handler]) -> None:
    def real(row: Any) -> bool:
        return isinstance(row, int) and not isinstance(row, bool) and 0 <= row < images

    if what == "clear":
        clear()
    elif what == "pick" and len(values) == 2 and real(values[0]):
        select(dataset_id, [values[0]], bool(values[1]))
    elif what == "picks" and len(values) == 1 and isinstance(values[0], list):
        select(dataset_id, [row for row in values[0] if real(row)])
    elif what in handlers and len(values) == 1:
        handlers[what](values[0])

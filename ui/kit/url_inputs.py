"""Inputs that live in the URL: their first value comes from it, and what is not the default is written to it.

Streamlit's own bind="query-params" would do this, but st.switch_page raises while a bound parameter is in the URL
(measured with 1.67).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st


def start(name: str, known: Mapping[str, Any], default: Any) -> None:
    """A widget's first value in this session: the URL's if it is one that exists, else the default. Where the widget is
    kept over pages the session wins over older addresses in the browser's history."""
    if name not in st.session_state:
        st.session_state[name] = known.get(st.query_params.get(name, ""), default)


def keep(name: str, value: object, default: object) -> None:
    """Write a value to the URL, or nothing where it is the default."""
    if value == default:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != str(value):
        st.query_params[name] = str(value)

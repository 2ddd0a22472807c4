"""Puts the strings of `ui.pictures` on a page.

`st.html` sanitises with an HTML-only profile that strips every <svg>; `st.markdown(unsafe_allow_html=True)` keeps
SVG, but a newline or leading blanks would turn the rest into Markdown. Hence this one door.
"""

from __future__ import annotations

import streamlit as st


def show(html: str) -> None:
    """Draw one picture here. `html` comes from `ui.pictures`, which escapes whatever a user wrote."""
    st.markdown(f"<div class='thaw'>{' '.join(html.split())}</div>", unsafe_allow_html=True)

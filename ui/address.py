"""Where Thaw's own addresses lie when the server is one of several behind a name: below `server.baseUrlPath`.

Streamlit puts its own pages, pictures and websocket there, and leaves the routes of others where they are (seen in
1.67). May know nothing of what is served.
"""

from __future__ import annotations

import streamlit as st

__all__ = ["at", "base"]


def base() -> str:
    """The path that everything lies below, as '/lab/thaw'; '' where the server has its name for itself."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def at(path: str) -> str:
    """An address of this server, as a browser asks for it. path: below the base, from '/' on."""
    return base() + path

"""What the server says where it was started: for a shared one, the link that lets people in."""

from __future__ import annotations

import socket

import streamlit as st

from core import ThawError
from core.access import people, token
from core.home import home
from ui.sharing import oidc
from ui.sharing.locality import Bound, loopback


def invite(bound: Bound) -> str:
    """Lines to print; '' where only this computer can come in."""
    if not bound.everybodys:
        return ""
    try:
        word, known = token(home()), people()
    except ThawError as error:
        return f"  Thaw is shared, and nobody can come in: {error}"
    named = st.get_option("browser.serverAddress") if st.config.is_manually_set("browser.serverAddress") else ""
    wide = bound.address in ("", "0.0.0.0", "::")
    host = named if named and not loopback(named) else socket.gethostname() if wide else bound.address
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    link = f"{scheme}://{host}:{st.get_option('server.port')}{bound.base}/?token={word}"
    ways = ["the token", *["names and passwords"] * (known is not None), *["a provider"] * bool(oidc.providers())]
    return (
        f"  Thaw is shared: whoever comes signs in, by {' or '.join(ways)}.\n"
        f"  Open {link}\n"
        "  (behind a proxy: its own address, with what stands from '?' on; a new token: thaw token --rotate)\n"
    )

"""Streamlit's own sign-in through a provider of OpenID Connect, where `[auth]` of `.streamlit/secrets.toml` names it.

Streamlit leads the browser there and back and keeps a signed cookie; here it is only read. Whom the provider knows is
not yet who may come in: THAW_SIGN_IN names them, as `ann@lab.org, @institute.org`, or `*` for all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from urllib.parse import quote

from streamlit.auth_util import encode_provider_token, generate_default_provider_section, get_cookie_with_chunks
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

from ui.address import at

COOKIE = "_streamlit_user"
PATHS = ("/auth/login", "/auth/logout", "/oauth2callback")
"""Streamlit's addresses on the way there and back, below the base."""


def providers() -> tuple[str, ...]:
    """Names of the providers that visitors may come from; none where nobody is named, or nothing is set up."""
    if not _named() or not secrets_singleton.load_if_toml_exists():
        return ()
    auth = secrets_singleton.get("auth")
    if not auth:
        return ()
    more = tuple(name for name, value in auth.items() if isinstance(value, Mapping) and "client_id" in value)
    return (("default",) if generate_default_provider_section(auth).get("client_id") else ()) + more


def login_address(provider: str) -> str:
    """Where a browser begins. Good for some minutes."""
    return at(f"/auth/login?provider={quote(encode_provider_token(provider))}")


def signed_in(cookies: Mapping[str, str]) -> str | None:
    """The e-mail address, or else the subject, of a visitor whom the provider knows and who is named; else None."""
    if COOKIE not in cookies or not providers():
        return None
    secret = get_cookie_secret()

    def one(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value.encode("latin-1")) if value is not None else None

    try:
        about = json.loads(get_cookie_with_chunks(one, COOKIE) or b"null")
    except (ValueError, UnicodeError):
        return None
    if not isinstance(about, dict) or about.get("is_logged_in") is not True:
        return None
    email = str(about.get("email") or "").lower() if about.get("email_verified", True) is True else ""
    named = _named()
    domain = email[email.rfind("@") :] if "@" in email else ""
    if "*" in named:
        return email or str(about.get("sub") or "somebody")
    return email if email and (email in named or (domain and domain in named)) else None


def _named() -> frozenset[str]:
    said = os.environ.get("THAW_SIGN_IN", "").lower()
    return frozenset(part for part in said.replace(",", " ").split() if part)

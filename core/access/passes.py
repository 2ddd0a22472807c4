"""A pass: what a browser keeps, as a cookie, of a visitor who has signed in. Signed: nothing is remembered here.

It ends with the secret that it was given with: a new token, or another password of that person, ends it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable

LASTS_S = 30 * 86400
"""Seconds from signing in."""


def give(secret: str, who: str, now: float) -> str:
    """A pass from `now` (Unix time) on. who: the visitor's name; '' for one who gave none."""
    said = base64.urlsafe_b64encode(f"{int(now)}:{who}".encode()).decode().rstrip("=")
    return f"{said}.{_signed(secret, said)}"


def holder(value: str, secret_of: Callable[[str], str | None], now: float) -> str | None:
    """Whose pass this is; None for one that is not, or no longer, one. secret_of: what passes of a name are signed
    with; None for nobody's."""
    said, _, signature = value.partition(".")
    if len(value) > 400 or not signature.isascii():
        return None
    try:
        began, _, who = base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode().partition(":")
        age = now - int(began)
    except (ValueError, binascii.Error):
        return None
    secret = secret_of(who)
    if secret is None or not hmac.compare_digest(signature, _signed(secret, said)):
        return None
    return who if -60 <= age <= LASTS_S else None


def _signed(secret: str, said: str) -> str:
    return hmac.new(hashlib.sha256(b"thaw pass\0" + secret.encode()).digest(), said.encode(), "sha256").hexdigest()

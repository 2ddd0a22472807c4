"""The token of a home: who knows it may use its server. One file that its owner alone may read, or THAW_TOKEN."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from core.disk import disk_errors, gone
from core.errors import DataError
from core.files import write_whole

SHORTEST = 16
"""Characters of a token that somebody chose."""
FILE = Path("sign-in") / "token"


def token(home: Path) -> str:
    """THAW_TOKEN, else the home's own, which is made when there is none yet.

    Raises DataError for a THAW_TOKEN that could be guessed and a file that cannot be read, HomeError for a home that
    is gone or cannot be written.
    """
    if chosen := os.environ.get("THAW_TOKEN", "").strip():
        if len(chosen) < SHORTEST:
            raise DataError(
                f"THAW_TOKEN has {len(chosen)} characters and could be guessed: give it {SHORTEST} or more, or leave "
                "it unset for one that Thaw makes."
            )
        return chosen
    path = home / FILE
    if not home.is_dir():  # a disk that is not mounted is no new home
        raise gone(home)
    try:
        kept = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        kept = ""
    except OSError as error:
        raise DataError(f"The token in '{path}' cannot be read: {error.strerror}.") from error
    return kept if len(kept) >= SHORTEST else rotate(home)


def rotate(home: Path) -> str:
    """A new token; whoever signed in with the old one has to sign in again. Raises DataError as `token`, and for a
    token that THAW_TOKEN sets."""
    if os.environ.get("THAW_TOKEN", "").strip():
        raise DataError("The token is set by THAW_TOKEN: change it there, and start the server again.")
    path, made = home / FILE, secrets.token_urlsafe(24)
    with disk_errors(home):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(OSError):
            path.parent.chmod(0o700)  # a home that was copied may have another
        write_whole(path, made + "\n")
        path.chmod(0o600)
    return made

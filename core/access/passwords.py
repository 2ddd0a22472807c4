"""People with passwords of their own: a file with a line each, `name:scrypt$...`, that its keeper names.

Passwords are kept as scrypt's hashes (RFC 7914; N = 2^14, r = 8, p = 5 as OWASP's sheet on password storage asks for at
this memory, 16 MiB a try).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError

N, R, P = 2**14, 8, 5
SHORTEST = 8
NOBODY = f"scrypt${base64.b64encode(bytes(16)).decode()}${base64.b64encode(bytes(32)).decode()}"
"""What is hashed against for a name that is not there: as much work, and no password gives it."""
_NAME = re.compile(r"[^\s:,;$\\/<>\"'][^:,;$\\/<>\"'\n\r\t]{0,39}")


@dataclass(frozen=True)
class People:
    """Name -> what is kept of the password."""

    kept: Mapping[str, str]

    def knows(self, name: str, password: str) -> bool:
        """Takes as long for a name that is not there."""
        line = self.kept.get(name, NOBODY)
        salt = base64.b64decode(line.split("$")[1])
        return hmac.compare_digest(_hashed(password, salt), line) and name in self.kept


def people() -> People | None:
    """Of the file that THAW_PASSWORD_FILE names; None where none is named. Raises DataError, naming file and line."""
    if not (named := os.environ.get("THAW_PASSWORD_FILE", "").strip()):
        return None
    path, kept = Path(named).expanduser(), {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise DataError(f"THAW_PASSWORD_FILE, '{path}', cannot be read: {why}.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, hashed = line.strip().rpartition(":")
        if not _NAME.fullmatch(name) or not re.fullmatch(r"scrypt\$[\w+/=]{22,}\$[\w+/=]{43,}", hashed):
            raise DataError(f"Line {number} of '{path}' is not one that `thaw password NAME` wrote.")
        kept[name] = hashed
    return People(kept)


def line_for(name: str, password: str) -> str:
    """The line of the file for a person. Raises DataError for a name or password that cannot be one."""
    if not _NAME.fullmatch(name):
        raise DataError("A name has 1 to 40 characters and none of : , ; $ \\ / < > \" '.")
    if len(password) < SHORTEST:
        raise DataError(f"A password has {SHORTEST} characters or more.")
    return f"{name}:{_hashed(password, secrets.token_bytes(16))}"


def _hashed(password: str, salt: bytes) -> str:
    digest = hashlib.scrypt(password.encode(), salt=salt, n=N, r=R, p=P, maxmem=64 * 2**20, dklen=32)
    return f"scrypt${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"

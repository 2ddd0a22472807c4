"""Paths on the server's disk that a visitor may type: any at this computer; on a shared server those inside the folders
that its host names with THAW_IMPORT_ROOTS (several with ':' between, ';' on Windows); else none."""

from __future__ import annotations

import os
from pathlib import Path

from core import DataError
from ui.sharing.who import visitor

OFF = (
    "Switched off: other computers reach this server, and a path would let them read its disk. Drop a zip, or have "
    "whoever runs it name folders with THAW_IMPORT_ROOTS."
)


def roots() -> tuple[Path, ...] | None:
    """Folders inside which a path may lie, for the visitor of this page; None = anywhere, () = nowhere."""
    if visitor().local:
        return None
    named = os.environ.get("THAW_IMPORT_ROOTS", "").split(os.pathsep)
    return tuple(Path(one.strip()).expanduser().resolve() for one in named if one.strip())


def typed(text: str) -> str:
    """A path as typed or pasted, made whole; '' for nothing. Raises DataError for one outside `roots`."""
    given = text.strip().strip("'\"")
    if not given:
        return ""
    path, within = Path(given).expanduser(), roots()
    if within is None:
        return str(path)
    if not within:
        raise DataError(OFF)
    try:
        whole = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"'{given[:200]}' cannot be a path.") from error
    if not any(whole == root or root in whole.parents for root in within):
        named = ", ".join(map(str, within))
        raise DataError(f"'{given[:200]}' lies outside the folders that may be read here: {named}.")
    return str(whole)


def reachable(path: str) -> bool:
    """Whether a path that a dataset was read from may be read again by this visitor, and is there."""
    try:
        return Path(path).is_absolute() and Path(typed(path)).exists()
    except (DataError, OSError, ValueError):
        return False

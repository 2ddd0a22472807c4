"""Where Thaw keeps everything it writes: one folder, the home. Nothing of the user's lies outside it."""

from __future__ import annotations

import os
from pathlib import Path

from core.disk import ELSEWHERE, gone, read_only
from core.errors import HomeError

_used: set[Path] = set()
"""Homes that this process has worked in: one that vanishes under it is not made anew."""


def where(path: str | os.PathLike[str] | None = None) -> Path:
    """The home folder as an absolute path, whether it is there or not.

    `path` (the `--home` option) wins over the environment variable THAW_HOME, which wins over `~/.thaw`.
    """
    return Path(path or os.environ.get("THAW_HOME") or "~/.thaw").expanduser().absolute()


def home(path: str | os.PathLike[str] | None = None) -> Path:
    """As `where`, created (readable by its owner only) when it is not there yet.

    Raises HomeError when the folder cannot be made or written to, or is gone since this process has used it.
    """
    chosen = where(path)
    if chosen in _used and not chosen.is_dir():
        raise gone(chosen)
    try:
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise HomeError(
            f"Thaw cannot keep its files in '{chosen}': {reason}. Make that a folder that may be written, or "
            f"{ELSEWHERE}."
        ) from error
    if not os.access(chosen, os.W_OK | os.X_OK):
        raise read_only(chosen, "its permissions or its disk forbid it")
    _used.add(chosen)
    return chosen

"""Where Thaw keeps everything it writes: one folder, the home. Nothing of the user's lies outside it."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import DataError


def where(path: str | os.PathLike[str] | None = None) -> Path:
    """The home folder as an absolute path, whether it is there or not.

    `path` (the `--home` option) wins over the environment variable THAW_HOME, which wins over `~/.thaw`.
    """
    return Path(path or os.environ.get("THAW_HOME") or "~/.thaw").expanduser().absolute()


def home(path: str | os.PathLike[str] | None = None) -> Path:
    """As `where`, created (readable by its owner only) when it is not there yet.

    Raises DataError when the folder cannot be made or written to.
    """
    chosen = where(path)
    try:
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"Thaw cannot keep its files in '{chosen}': {reason}. "
            "Choose another folder with --home or THAW_HOME."
        ) from error
    if not os.access(chosen, os.W_OK | os.X_OK):
        raise DataError(f"Thaw may not write in '{chosen}'. Choose another folder with --home or THAW_HOME.")
    return chosen

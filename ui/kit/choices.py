"""A choice of many runs under a short name, kept in the home: an address holds a few dozen ids, not thousands.

The name is made of the ids, so the same choice has the same one. The least recently used go when there are too many.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from core import find_as, write_json

MOST = 500
"""Choices that are kept: 20 kB each for 2,000 runs."""
NAMED = "choice-"
"""How every such name begins, and no id of a run does."""
_NAME = re.compile(NAMED + r"[0-9a-f]{16}")


def keep(home: Path, run_ids: Sequence[str]) -> str:
    """The name of these runs from now on. Raises OSError where the home cannot be written."""
    name = f"{NAMED}{hashlib.sha256(','.join(run_ids).encode()).hexdigest()[:16]}"
    folder = home / "choices"
    if not (folder / f"{name}.json").exists():
        write_json(folder / f"{name}.json", list(run_ids), lasting=False)
        for old in sorted(folder.glob(f"{NAMED}*.json"), key=_used)[:-MOST]:
            old.unlink(missing_ok=True)
    return name


def kept(home: Path, name: str) -> list[str] | None:
    """The runs of a name; None for what is no such name, or one that is not kept any more."""
    if not _NAME.fullmatch(name):
        return None
    path = home / "choices" / f"{name}.json"
    with suppress(OSError):
        os.utime(path)
    return find_as(path, list[str])


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

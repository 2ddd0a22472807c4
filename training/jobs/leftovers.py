"""What processes that were killed left in a home, and uploads that nobody came back for: looked for when a server or a
terminal starts, and every hour.

Whatever is made under a temporary name, anywhere in the home, carries the process that makes it in that name, so that
this is the one place that has to know them: '.best.safetensors.4242-0a1b2c9f3c01ab.part', 'export.4242-0a1b2c.tmp'.
What its process may still need, or is younger than an hour, stays; what another container made goes after a day. No
torch.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from core import IMAGES, SOURCE, processes
from dataset.ingest import uploads
from training.store import Store

EVERY_S = 3600.0
STAMP = "swept"
"""The file of a home whose age says when it was last looked through, by whichever process."""
NAME = re.compile(
    r".+\.(\d+)(?:-([0-9a-f]+))?\.(?:part|tmp|old|part\.safetensors)|\.staging-(\d+)-([0-9a-f]+)"
)
FULL = frozenset({IMAGES, SOURCE, uploads.FILES})
"""Folders of people's files, up to millions of them: nothing of ours is in there."""

_looked: dict[Path, float] = {}
"""Home -> when this process last looked at the stamp, by `processes.steady`."""


def sweep_hourly(store: Store) -> list[Path]:
    """`sweep`, unless some process has done it within the hour. For whoever comes by, however often."""
    home, stamp = store.home, store.home / STAMP
    if home in _looked and processes.since(_looked[home]) < EVERY_S:
        return []
    _looked[home] = processes.steady()
    with suppress(OSError):
        if abs(time.time() - stamp.stat().st_mtime) < EVERY_S:
            return []
    try:
        stamp.touch()
    except OSError:
        return []  # nothing can be removed either; what the home is there for will say so
    return sweep(store)


def sweep(store: Store) -> list[Path]:
    """Remove what is left over; returns it."""
    wanted = {str(job.config.get("source", "")).removeprefix("upload:") for job in store.queue()}
    found = [*_parts(store.home), *(one for one in uploads.forgotten(store.home) if one.name not in wanted)]
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    return found


def _parts(home: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(home):
        matches = ((name, NAME.fullmatch(name)) for name in [*folders, *files])
        parts = {name: (int(m[1] or m[3]), m[2] or m[4] or "") for name, m in matches if m}
        folders[:] = [name for name in folders if name not in FULL and name not in parts]
        yield from (path for name, made in parts.items() if _is_left(path := Path(folder, name), *made))


def _is_left(path: Path, pid: int, rest: str) -> bool:
    here = processes.made_here(rest)
    try:
        old = time.time() - path.lstat().st_mtime > (EVERY_S if here else processes.ELSEWHERE_S)
    except OSError:
        return False  # gone, or named, since it was listed
    return old and not (here and processes.alive(pid, None))

"""Is that worker still the same process? A pid alone is not enough: the system reuses pids.

Linux answers from /proc, macOS from `ps`. A zombie (ended, not yet reaped) counts as dead. No torch.
"""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

PROC = Path("/proc")


def started(pid: int) -> str | None:
    """When process `pid` started, as an opaque text to compare; None when it is dead or a zombie."""
    if (PROC / "self" / "stat").exists():
        return _from_proc(pid)
    return _from_ps(pid)


def alive(pid: int, pid_started: str | None) -> bool:
    """Whether `pid` runs and is the process that started at `pid_started` (None = not known, any will do)."""
    now = started(pid)
    return now is not None and pid_started in (None, now)


def _from_proc(pid: int) -> str | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name stands in parentheses and may itself hold spaces and parentheses.
    values = stat.rpartition(")")[2].split()
    state, ticks = values[0], values[19]
    return None if state in ("Z", "X") else f"{_boot()}:{ticks}"


@functools.cache
def _boot() -> str:
    """Start times count from boot: without the boot's id, one from before a restart could match."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "boot"


def _from_ps(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/bin:/usr/bin:/usr/local/bin"},
    ).stdout.split(maxsplit=1)
    if len(shown) < 2 or shown[0].startswith("Z"):
        return None
    return " ".join(shown[1].split())

"""How much memory a worker takes, and how much there is. What cannot be measured is None, never invented. No torch.

On the CPU the figure is the process' anonymous memory (and what of it was swapped out): what it asked for and the
system cannot take back. Memory-mapped caches and libraries do not count: the system drops their pages when somebody
needs the room. psutil tells that on Linux, and on Windows as private bytes; on macOS it cannot tell a process' own
pages from those of mapped files. On CUDA it is what torch allocated on the device.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CGROUP = Path("/sys/fs/cgroup")
SAMPLE_EVERY_S = 0.05


def process_bytes(pid: int | None = None) -> int | None:
    """Anonymous memory of a process (default: this one) at this moment, with what of it was swapped out; None where the
    system does not tell or it has ended. It takes about 1 ms per GB: Linux walks the pages to count the swapped ones.
    """
    import psutil  # not before it is asked for: what a page shows first needs no figure

    try:
        return _anonymous(psutil.Process(pid).memory_full_info())
    except psutil.Error:
        return None


def available_bytes() -> int:
    """Memory that a new process could take without swapping: the machine's, or less inside a container."""
    import psutil

    free, inside = int(psutil.virtual_memory().available), _container_bytes()
    return free if inside is None else min(free, inside)


class Peak:
    """The highest figure seen so far. `sample` is called every `SAMPLE_EVERY_S` by the worker's pulse and leaves out
    what is swapped out, which `bytes` counts."""

    def __init__(self) -> None:
        import psutil

        self._process = psutil.Process()
        self._highest = process_bytes()

    def sample(self) -> None:
        self._see(_anonymous(self._process.memory_info()))

    def bytes(self) -> int | None:
        """Peak on the device that trains: allocated by torch on CUDA, else this process' anonymous memory."""
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            return int(torch.cuda.max_memory_allocated())
        self._see(process_bytes())
        return self._highest

    def _see(self, now: int | None) -> None:
        if now is not None:
            self._highest = max(self._highest or 0, now)


def _anonymous(told: Any) -> int | None:
    """Of what psutil tells of a process: its fields differ from system to system."""
    if hasattr(told, "private"):
        return int(told.private)
    return int(told.rss - told.shared + getattr(told, "swap", 0)) if hasattr(told, "shared") else None


def _container_bytes() -> int | None:
    """What the control group (v2) leaves free; None without one or without a limit."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    # Files' pages count as used there, and are dropped on demand.
    return None if limit == "max" else max(0, int(limit) - used + int(stat.get("file", 0)))

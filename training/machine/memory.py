"""How much memory a worker takes, and how much there is. What cannot be measured is None, never invented. No torch.

On the CPU the figure is the process' anonymous memory (and what of it was swapped out): what it asked for and the
system cannot take back. Memory-mapped caches and libraries do not count: the system drops their pages when somebody
needs the room. On CUDA it is what torch allocated on the device.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
SAMPLE_EVERY_S = 0.05


def process_bytes(pid: int | None = None) -> int | None:
    """Anonymous memory of a process (default: this one) at this moment; None where the system does not tell (no /proc)
    or it has ended."""
    status = STATUS if pid is None else STATUS.parents[1] / str(pid) / STATUS.name
    try:
        return _kilobytes(status.read_text(), ("RssAnon", "VmSwap"))
    except OSError:
        return None


def available_bytes() -> int | None:
    """Memory that a new process could take without swapping: the machine's, or less inside a container."""
    with contextlib.suppress(OSError):
        free = _kilobytes(MEMINFO.read_text(), ("MemAvailable",))
        inside = _container_bytes()
        if free is not None:
            return free if inside is None else min(free, inside)
    return None


class Peak:
    """The highest figure seen so far. `sample` is called every `SAMPLE_EVERY_S` by the worker's pulse."""

    def __init__(self) -> None:
        self._highest = process_bytes()

    def sample(self) -> None:
        now = process_bytes()
        if now is not None:
            self._highest = max(self._highest or 0, now)

    def bytes(self) -> int | None:
        """Peak on the device that trains: allocated by torch on CUDA, else this process' anonymous memory."""
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            return int(torch.cuda.max_memory_allocated())
        self.sample()
        return self._highest


def _kilobytes(text: str, names: tuple[str, ...]) -> int | None:
    """The sum of some 'Name:  123 kB' lines, in bytes; None when none of them is there."""
    lines = (line.split() for line in text.splitlines())
    found = [1024 * int(words[1]) for words in lines if words and words[0].rstrip(":") in names]
    return sum(found) if found else None


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

"""A process of its own for what strangers' files may do to a reader: it answers a line for each line that it is given.

When it crashes, takes too long or asks for more memory than it may, that costs the file in hand; whoever asked is told
why and starts another. It ends when its input ends, so also when the process that started it is killed.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

READY = "ready"
"""The first line of a process, when it has loaded."""
START_SECONDS = 30.0
PROJECT = Path(__file__).resolve().parents[1]


class Guarded:
    """One such process and what of its answers was not read yet. Raises OSError when it cannot be started."""

    def __init__(self, command: Sequence[str]) -> None:
        self.ended: Literal["", "late", "crashed"] = ""
        """Why it answers no more; '' while it does."""
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        """What it answered, a line each; b"" at its end."""
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=PROJECT,
            start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def ready(self) -> bool:
        """Wait until it has loaded; whether it has."""
        return self.line(START_SECONDS) == READY

    def ask(self, lines: str) -> None:
        """Give it lines, each with its end."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its end is noticed where the answers are read
            self._child.stdin.write(lines.encode())
            self._child.stdin.flush()

    def line(self, seconds: float) -> str | None:
        """The next answer, None when there is none in time or at all: `ended` says why."""
        try:
            line = self._lines.get(timeout=seconds)
        except Empty:
            self.ended = "late"
            return None
        if not line.endswith(b"\n"):  # its end, perhaps in the middle of an answer
            self.ended = "crashed"
            return None
        return line.decode().removesuffix("\n")

    def close(self) -> None:
        """End it, if it has not ended."""
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):
            self._child.stdin.close()
        self._child.kill()
        self._child.wait()

    def _read(self) -> None:
        """In a thread of its own: not every system can wait for a pipe and for the time at once."""
        assert self._child.stdout is not None
        with self._child.stdout as answers:
            for line in answers:
                self._lines.put(line)
        self._lines.put(b"")


def command(module: str) -> tuple[str, ...]:
    """How a module of this project is started as such a process."""
    return sys.executable, "-m", module


def hold_to(most_bytes: int, *, what: str = "AS") -> None:
    """Hold this process to so many bytes of address space ('AS') or of written memory ('DATA'), where the system can:
    what asks for more gets a MemoryError. May be changed later."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        limit = getattr(resource, f"RLIMIT_{what}")
        resource.setrlimit(limit, (most_bytes, resource.getrlimit(limit)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

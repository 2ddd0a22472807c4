"""A process of its own for what strangers' files may do to a reader: it answers a line for each line that it is given.

When it crashes, takes too long or asks for more memory than it may, that costs the file in hand; whoever asked is told
why and starts another. It ends when its input ends, so also when the process that started it is killed.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, LifoQueue, SimpleQueue
from typing import Literal, Self

from core import DataError

READY = "ready"
"""The first line of a process, when it has loaded."""
START_SECONDS = 30.0
PROJECT = Path(__file__).resolve().parents[1]


class Guarded:
    """One such process and what of its answers was not read yet. Raises OSError when it cannot be started."""

    def __init__(self, command: Sequence[str]) -> None:
        self.ended: Literal["", "late", "crashed", "closed"] = ""
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
        self.ended = self.ended or "closed"
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


def started(how: Sequence[str], failed: str) -> Guarded:
    """A process that has loaded. failed: the sentence's beginning where there is none: 'Tables cannot be read'. Raises
    DataError."""
    return loaded(begun(how, failed), failed)


def begun(how: Sequence[str], failed: str) -> Guarded:
    """A process that still loads; `loaded` waits for it. Raises DataError."""
    try:
        return Guarded(how)
    except OSError as error:
        raise DataError(f"{failed}: no process for it can be started ({error}).") from error


def loaded(process: Guarded, failed: str) -> Guarded:
    """The same, once it has loaded. Raises DataError when it does not."""
    if process.ready():
        return process
    process.close()
    raise DataError(f"{failed}: the process for it does not start. `pip install -r requirements.txt` mends that.")


class Pool:
    """Up to `count` such processes, started when first needed. May be used from several threads at once; those above
    the number of processes wait. Close it, or use it in a with statement."""

    def __init__(self, count: int, start: Callable[[], Guarded]) -> None:
        """start: a process that has loaded; raises DataError."""
        self._count, self._start = count, start
        self._free: LifoQueue[Guarded | None] = LifoQueue()  # one that is running comes before one to be started
        for _ in range(count):
            self._free.put(None)

    @contextlib.contextmanager
    def one(self) -> Iterator[Callable[[], Guarded]]:
        """What gives the process of this block; once it has ended, or was closed, another one."""
        process = self._free.get()

        def alive() -> Guarded:
            nonlocal process
            if process is None or process.ended:
                if process is not None:
                    process.close()
                process = None
                process = self._start()
            return process

        try:
            yield alive
        finally:
            if process is not None and process.ended:
                process.close()
                process = None
            self._free.put(process)

    def close(self) -> None:
        for _ in range(self._count):
            process = self._free.get()
            if process:
                process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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

"""What is asked of signals, in one place: a process that is to stop, and how one ended.

Whatever else Thaw needs of the system a library knows everywhere. Without POSIX signals (Windows) a stop reaches the
main thread only between two steps of its own, and a killed process shows no signal.
"""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def on_stop(stop: Callable[[], None]) -> None:
    """Call `stop`, in the main thread, whenever this process is asked to end: by SIGTERM, or Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def stop_main_thread() -> None:
    """From another thread: what `on_stop` was given is called, also while the main thread waits for something."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        _thread.interrupt_main(signal.SIGTERM)


def how_it_ended(code: int | None) -> str:
    """Of an exit code as `Popen.poll` gives it: ' (exit code 3)', ' (killed by signal 15)', ''."""
    if code is None:
        return ""
    if code == -9:
        return " (killed by signal 9: by hand, or because memory ran out)"
    return f" (killed by signal {-code})" if code < 0 else f" (exit code {code})"


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C is only noted (no exception in the middle of a transaction), the second one raised."""
    noted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: noted
    finally:
        signal.signal(signal.SIGINT, before)

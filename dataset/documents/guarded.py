"""Documents opened in a process of their own (`python -m dataset.documents.guarded`): one that crashes its reader, or
hangs it, or unpacks to gigabytes, is refused by name.

The process is started by the first document and kept for the next ones; what a document may take grows with its size on
disk, so that a large table is read and a small bomb is not.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec

from core import DataError
from dataset.documents.grid import Grid
from dataset.documents.opening import open_document
from dataset.guarded import READY, Guarded, command, hold_to, started

BASE_BYTES = 400 * 1024**2
BYTES_A_BYTE = 12
"""A text takes about ten times its size as rows of cells."""
BASE_SECONDS = 7.0
BYTES_A_SECOND = 5_000_000
PATIENCE = 4
"""Times the processor's seconds, after which it is ended on a busy machine, or where it cannot clock itself."""
COMMAND = command("dataset.documents.guarded")
ADVICE = "Keep only the columns for path, label and split, save the table as 'CSV UTF-8', and import again."

_lock = threading.Lock()
_kept: Guarded | None = None


def open_guarded(path: Path, file: str) -> list[Grid]:
    """As `open_document`, which runs elsewhere. Raises DataError."""
    global _kept
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"'{path.name}' cannot be read: {error.strerror or error}.") from error
    with _lock:
        process, _kept = _kept or started(COMMAND, "Tables cannot be read"), None
        seconds = BASE_SECONDS + size / BYTES_A_SECOND
        process.ask(json.dumps([os.path.abspath(path), file, BASE_BYTES + BYTES_A_BYTE * size, seconds]) + "\n")
        answer = process.line(PATIENCE * seconds)
        if answer is None:
            process.close()
            crashed = f"'{path.name}' makes its reader crash, which no table of labels should. {ADVICE}"
            raise DataError(_late(path, PATIENCE * seconds) if process.ended == "late" else crashed)
        _kept = process
    if answer.startswith("{"):
        refused = json.loads(answer)
        raise DataError(refused["why"], tuple(refused["more"]))
    return msgspec.json.decode(answer, type=list[Grid])


def _late(path: Path, seconds: float) -> str:
    return f"'{path.name}' takes longer than {seconds:.0f} s to read, which no table of labels should. {ADVICE}"


def _answer(path: Path, file: str, most_bytes: int, seconds: float) -> bytes:
    """A list of grids, or an object that says why there is none."""
    hold_to(most_bytes, what="DATA")
    try:
        with _clocked(seconds):
            grids = open_document(path, file)
            cells = chain.from_iterable(row for grid in grids for row in grid.rows)
            if sum(map(len, cells)) > most_bytes:  # one text a million times is held once, and written as often
                raise MemoryError
            return msgspec.json.encode(grids)
    except DataError as error:
        why, more = str(error), error.problems
    except _TooLong:
        why, more = _late(path, seconds), ()
    except MemoryError:
        megabytes = f"{most_bytes // 1024**2:,} MB"
        why, more = f"'{path.name}' needs more than {megabytes}, which no table of labels should. {ADVICE}", ()
    return msgspec.json.encode({"why": why, "more": more})


class _TooLong(BaseException):
    """Not for readers to catch."""


@contextlib.contextmanager
def _clocked(seconds: float) -> Iterator[None]:
    """Ends what takes more of the processor's seconds than this, where the system can clock them."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def end(*_: object) -> None:
        raise _TooLong

    signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main() -> None:
    """The process: a document in, its grids out, until the input ends."""
    print(READY, flush=True)
    for line in sys.stdin:
        path, *how = json.loads(line)
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(_answer(Path(path), *how) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

"""Decoding in processes of its own: a file that crashes, hangs or blows up a decoder costs that file, not the server.

Each process (`python -m dataset.ingest.decode_workers`) reads a line that says what to decode, and how, and answers a
line, both JSON. It may take `MOST_BYTES` of memory (Linux holds it to that) and `MOST_SECONDS` for one image; when it
dies or is ended for that, the image in hand is set aside by name and another process goes on with the next one. It ends
when its input ends, so also when this process is killed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from core import USUAL_DECODING, DataError, Decoding
from dataset.ingest.decoding import Decoded, decode, load_decoders
from dataset.value_range import Values

MOST_BYTES = 4 * 1024**3
"""Address space of one process. The largest image that is accepted takes about a quarter of it."""
MOST_SECONDS = 20.0
"""For one image; the largest ones take one or two."""
START_SECONDS = 30.0
PROJECT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "dataset.ingest.decode_workers")
READY = "ready"
_ahead: list[_Process] = []


def start_ahead() -> None:
    """Start a process for the next `Decoders` of this one to take: it loads while the rest of an import does."""
    with contextlib.suppress(DataError):  # whoever needs it is told
        _ahead.append(_Process(COMMAND))


class Decoders:
    """Up to `count` decoding processes, started when first needed. Close it, or use it in a with statement.

    `decode` may be called from several threads at once; those above the number of processes wait.
    """

    def __init__(self, count: int, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._free: SimpleQueue[_Process | None] = SimpleQueue()
        self._count = count
        for _ in range(count):
            self._free.put(None)

    def decode(self, paths: Sequence[Path], decoding: Decoding = USUAL_DECODING) -> list[Decoded | str]:
        """As `decoding.decode` for each path, in order. Raises DataError when no process can be started."""
        results: list[Decoded | str] = []
        process = self._free.get()
        try:
            while len(results) < len(paths):
                process = process or self._started()
                results += process.answers(paths[len(results) :], decoding)
                if process.ended:
                    results.append(process.ended)
                    process.close()
                    process = None
        finally:
            self._free.put(process)
        return results[: len(paths)]

    def _started(self) -> _Process:
        process = _ahead.pop() if _ahead and self._command == COMMAND else _Process(self._command)
        process.wait()
        return process

    def close(self) -> None:
        for _ in range(self._count):
            process = self._free.get()
            if process:
                process.close()

    def __enter__(self) -> Decoders:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Process:
    """One decoding process and what of its answers was not read yet."""

    def __init__(self, command: Sequence[str]) -> None:
        self.ended = ""
        """Why it answers no more, said of the image it had in hand; '' while it does."""
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        """What it answered, a line each; b"" at its end."""
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=PROJECT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise DataError(f"Images cannot be checked: no process for it can be started ({error}).") from error
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self) -> None:
        """Until it has loaded. Raises DataError when it does not start."""
        if self._line(START_SECONDS) != READY:
            self.close()
            raise DataError("Images cannot be checked: the process for it does not start. Is Pillow installed?")

    def answers(self, paths: Sequence[Path], decoding: Decoding) -> Iterator[Decoded | str]:
        """Results in order; fewer than asked for when the process ends in between."""
        assert self._child.stdin is not None
        how = (decoding.value_range, decoding.pages)
        asked = "".join(f"{json.dumps([os.fspath(path), *how])}\n" for path in paths)
        with contextlib.suppress(BrokenPipeError):  # its end is noticed where the answers are read
            self._child.stdin.write(asked.encode())
            self._child.stdin.flush()
        for _ in paths:
            line = self._line(MOST_SECONDS)
            if line is None:
                return
            yield _from_line(line)

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

    def _line(self, seconds: float) -> str | None:
        """The next line, None when there is none in time or at all: `ended` says why."""
        try:
            line = self._lines.get(timeout=seconds)
        except Empty:
            self.ended = f"takes longer than {seconds:.0f} s to decode"
            return None
        if not line.endswith(b"\n"):  # its end, perhaps in the middle of an answer
            self.ended = "makes the decoder crash"
            return None
        return line.decode().removesuffix("\n")


def _to_line(result: Decoded | str) -> str:
    if isinstance(result, str):
        return json.dumps({"why": result})
    thumbnail = base64.b64encode(result.thumbnail).decode()
    seen = result.values
    values = seen and [*seen[:-1], base64.b64encode(seen.spread).decode()]
    return json.dumps([result.digest, result.width, result.height, thumbnail, values, *result.traits])


def _from_line(line: str) -> Decoded | str:
    answer: Any = json.loads(line)
    if isinstance(answer, dict):
        return str(answer["why"])
    digest, width, height, thumbnail, values, *traits = answer
    found = None
    if values:
        kind, low, high, spread = values
        found = Values(kind, low, high, base64.b64decode(spread))
    return Decoded(digest, width, height, base64.b64decode(thumbnail), tuple(traits), found)


def main() -> None:
    """The decoding process: paths in, answers out, until the input ends."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's would reserve memory for each core
    load_decoders()
    print(READY, flush=True)
    for line in sys.stdin:
        path, value_range, pages = json.loads(line)
        try:
            result = decode(Path(path), Decoding(value_range, tuple(pages)))
        except OSError as error:
            result = f"cannot be read: {error.strerror or error}"
        print(_to_line(result), flush=True)


if __name__ == "__main__":
    main()

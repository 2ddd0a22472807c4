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
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from core import USUAL_DECODING, DataError, Decoding
from dataset.guarded import READY, Guarded, Pool, begun, command, hold_to, loaded
from dataset.ingest.decoding import Decoded, decode, load_decoders
from dataset.value_range import Values

MOST_BYTES = 4 * 1024**3
"""Address space of one process. The largest image that is accepted takes about a quarter of it."""
MOST_SECONDS = 20.0
"""For one image; the largest ones take one or two."""
COMMAND = command("dataset.ingest.decode_workers")
FAILED = "Images cannot be checked"
_ahead: list[Guarded] = []


def start_ahead() -> None:
    """Start a process for the next `Decoders` of this one to take: it loads while the rest of an import does."""
    with contextlib.suppress(DataError):  # whoever needs it is told
        _ahead.append(begun(COMMAND, FAILED))


class Decoders(Pool):
    """Up to `count` decoding processes."""

    def __init__(self, count: int, how: Sequence[str] = COMMAND) -> None:
        super().__init__(count, partial(_start, how))

    def decode(self, paths: Sequence[Path], decoding: Decoding = USUAL_DECODING) -> list[Decoded | str]:
        """As `decoding.decode` for each path, in order. Raises DataError when no process can be started."""
        results: list[Decoded | str] = []
        with self.one() as alive:
            while len(results) < len(paths):
                process = alive()
                results += _answers(process, paths[len(results) :], decoding)
                if process.ended:
                    late = f"takes longer than {MOST_SECONDS:.0f} s to decode"
                    results.append(late if process.ended == "late" else "makes the decoder crash")
        return results[: len(paths)]


def _start(how: Sequence[str]) -> Guarded:
    """One that was begun ahead, if there is one."""
    process = _ahead.pop() if _ahead and how == COMMAND else begun(how, FAILED)
    return loaded(process, FAILED)


def _answers(process: Guarded, paths: Sequence[Path], decoding: Decoding) -> Iterator[Decoded | str]:
    """Results in order; fewer than asked for when the process ends in between."""
    how = (decoding.value_range, decoding.pages)
    process.ask("".join(f"{json.dumps([os.path.abspath(path), *how])}\n" for path in paths))
    for _ in paths:
        line = process.line(MOST_SECONDS)
        if line is None:
            return
        yield _from_line(line)


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
    hold_to(MOST_BYTES)
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

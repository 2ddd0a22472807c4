"""Small files on disk: written whole or not at all, and read so that a broken one is named.

Everything that Thaw keeps as a file of its own goes through here. What grows while it is read (memory-mapped caches),
streams in from outside (uploads, downloads) or is a whole folder keeps a temporary name of its own, and says so there.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from zipfile import BadZipFile

from core.decode import MOST_TEXT, decode, parse
from core.errors import BrokenFile, Unreadable
from core.processes import tag

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")

AGAIN = "Remove it, or bring it back from a copy."
FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that a spreadsheet would compute, or that stands behind an apostrophe already."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


_held: Callable[[], AbstractContextManager[None]] = nullcontext
"""Entered around each moment in which something takes, or loses, its name."""


@contextmanager
def named_within(held: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Within, whatever this process names or removes it does inside `held()`, which may raise to refuse it: a worker
    whose job was given to another one replaces nothing of the other's."""
    global _held
    before, _held = _held, held
    try:
        yield
    finally:
        _held = before


def naming() -> AbstractContextManager[None]:
    """Around a rename or a removal by which what others read changes; short. As `named_within` says, it may raise."""
    return _held()


def take_place(stage: Path, final: Path) -> None:
    """A folder that was made whole takes its name, in the place of an older one."""
    old = final.with_name(f"{final.name}.{tag()}.old")
    with naming():
        if final.exists():
            final.rename(old)
        stage.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def take_away(folder: Path) -> None:
    """A folder goes: by one rename, its files after it. Nothing where there is none."""
    gone = folder.with_name(f".{folder.name}.{tag()}{secrets.token_hex(4)}.part")
    with naming():
        if not folder.exists():
            return
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def written_whole(path: Path, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """A new file to write into, which takes its name when the block ends and is gone when it ends with an error.

    Its temporary name, in the same folder (made if needed), is no other process's or thread's. lasting: flushed to the
    disk first, so that a power cut leaves the old file or the new one; False for what is written several times a second
    and worth nothing later.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{tag()}{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        with naming():
            os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes | str, *, lasting: bool = True) -> None:
    """These bytes, or this text in UTF-8, as `written_whole` does it."""
    with written_whole(path, lasting=lasting) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def write_json(path: Path, value: Any, *, indent: int | None = None, lasting: bool = True) -> None:
    """One JSON document, as `written_whole` does it."""
    write_whole(path, json.dumps(value, indent=indent), lasting=lasting)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table that people open in a spreadsheet: a text that would start a formula there is written behind an
    apostrophe, numbers as they are. `raw_cell` gives the text back."""
    text = io.StringIO()
    writer = csv.writer(text)  # with its own line ends: with others it leaves a return in a text unquoted
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    formula = isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value)
    return f"'{value}" if formula else value


def raw_cell(text: str) -> str:
    """The text of which `csv_text` made this cell."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def read_json(path: Path, do: str = AGAIN) -> Any:
    """What `write_json` wrote. Raises BrokenFile, naming it, when it is missing, empty or no JSON. do: what to do."""
    try:
        with path.open(encoding="utf-8") as file:
            return parse(file.read(MOST_TEXT + 1))
    except FileNotFoundError as error:
        raise BrokenFile(path, "is not there", do) from error
    except OSError as error:
        raise BrokenFile(path, f"cannot be read: {error.strerror}", do) from error
    except (ValueError, RecursionError) as error:
        raise BrokenFile(path, "is empty" if not path.stat().st_size else "is damaged or no JSON", do) from error


def read_as(path: Path, kind: type[T], do: str = AGAIN) -> T:
    """One document as `kind` (`decode.decode`). Raises Unreadable, naming file and field. do: what to do next."""
    return decode(read_json(path, do), kind, f"The file {path}", do)


def find_as(path: Path, kind: type[T]) -> T | None:
    """`read_as` for what Thaw can do without: None when it is missing, broken or something else."""
    try:
        return read_as(path, kind)
    except Unreadable:
        return None


def find_json(path: Path) -> dict[str, Any] | None:
    """A document of named values that Thaw can do without: None when it is missing, broken or something else."""
    try:
        found = read_json(path)
    except BrokenFile:
        return None
    return found if isinstance(found, dict) else None


def find_array(path: Path, *, mapped: bool = False) -> NDArray[Any] | None:
    """An array kept with `np.save`; None when it is missing or broken. mapped: read from the disk as it is needed."""
    import numpy as np

    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if isinstance(found, np.ndarray) else None


def find_arrays(path: Path) -> dict[str, NDArray[Any]] | None:
    """Arrays by name kept with `np.savez`; None when the file is missing or broken."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile, AttributeError, TypeError):
        return None

"""Small files on disk: written whole or not at all, and read so that a broken one is named.

Everything that Thaw keeps as a file of its own goes through here. What grows while it is read (memory-mapped caches),
streams in from outside (uploads, downloads) or is a whole folder keeps a temporary name of its own, and says so there.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zipfile import BadZipFile

from advisor.errors import BrokenFile

if TYPE_CHECKING:
    from numpy.typing import NDArray


@contextmanager
def written_whole(path: Path, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """A new file to write into, which takes its name when the block ends and is gone when it ends with an error.

    Its temporary name, in the same folder (made if needed), is no other process's or thread's. lasting: flushed to the
    disk first, so that a power cut leaves the old file or the new one; False for what is written several times a second
    and worth nothing later.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            if lasting:
                file.flush()
                os.fsync(file.fileno())
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


def read_json(path: Path) -> Any:
    """What `write_json` wrote. Raises BrokenFile, naming it, when it is missing, empty or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BrokenFile(path, "is not there") from error
    except OSError as error:
        raise BrokenFile(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BrokenFile(path, "is empty" if not path.stat().st_size else "is damaged or no JSON") from error


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

"""The disk under the home: whether there is room, what goes wrong on it in words, and writes that are really on it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DataError


def need_space(folder: Path, size: int) -> None:
    """Raise DataError when `size` more bytes would not fit on the disk that holds `folder`."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"The images need {_megabytes(size)}, but the disk of '{folder.parent}' has {_megabytes(free)} "
            "free. Free some space, or choose another home with THAW_HOME."
        )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what a full or read-only disk raises into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"The disk of '{folder}' is full. Free some space, or choose another home with THAW_HOME."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise DataError(f"Thaw may not write in '{folder}': {error.strerror}.") from error
        raise


def flush(folder: Path) -> None:
    """Put everything under `folder` on the disk: one call on Linux, else file by file."""
    if sys.platform == "linux":
        handle = os.open(folder, os.O_RDONLY)
        try:
            if ctypes.CDLL(None).syncfs(handle) == 0:
                return
        except AttributeError:
            pass  # a C library without syncfs: the general way below
        finally:
            os.close(handle)
    for parent, _, names in os.walk(folder):
        for name in names:
            flush_one(Path(parent) / name)
        flush_one(Path(parent))


def flush_one(path: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot flush what is opened for reading
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _megabytes(size: int) -> str:
    return f"{size / 1024**3:.1f} GB" if size >= 1024**3 else f"{size / 1024**2:.1f} MB"

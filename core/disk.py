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

from core.errors import DataError, HomeError


def need_space(folder: Path, size: int) -> None:
    """Raise DataError when `size` more bytes would not fit on the disk that holds `folder`."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"The images need {_megabytes(size)}, but the disk of '{folder.parent}' has {_megabytes(free)} "
            "free. Free some space, or choose another home with THAW_HOME."
        )


ELSEWHERE = "choose another home with --home or THAW_HOME"
FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
FAILING = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOTCONN)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what a disk raises that is full, read-only or gone into a sentence (HomeError)."""
    try:
        yield
    except OSError as error:
        if told := in_words(error, folder):
            raise told from error
        raise


def in_words(error: OSError, folder: Path) -> HomeError | None:
    """What is wrong with the disk of `folder`, and what to do; None for an error that is about something else."""
    if isinstance(error.filename, str) and not Path(error.filename).absolute().is_relative_to(folder):
        return None
    if error.errno in FULL:
        return full(folder)
    if error.errno in READ_ONLY:
        return read_only(folder, error.strerror or str(error))
    if error.errno in FAILING:
        return failing(folder, error.strerror or str(error))
    return None if folder.is_dir() else gone(folder)


def full(folder: Path) -> HomeError:
    return HomeError(f"The disk of '{folder}' is full. Free some space, or {ELSEWHERE}.")


def read_only(folder: Path, why: str) -> HomeError:
    return HomeError(f"Thaw may not write in '{folder}': {why}. Make it writable, or {ELSEWHERE}.")


def failing(folder: Path, why: str) -> HomeError:
    return HomeError(f"The disk of '{folder}' does not answer: {why}. See to that disk, or {ELSEWHERE}.")


def gone(folder: Path) -> HomeError:
    return HomeError(
        f"The folder '{folder}', in which Thaw keeps its files, is gone. Bring it back (is its disk mounted?), or "
        f"{ELSEWHERE}."
    )


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

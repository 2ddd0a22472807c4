"""Unpacks zip and tar files that may be hostile. Every member is checked before the first byte is written.

Refused by name (UnsafeArchive): paths that leave the folder, links, device files, encrypted members,
clashing names, and bombs by number of members, unpacked bytes or ratio. Sizes are counted again while
unpacking, because headers can lie. Only files that the caller wants are written, as plain files; no
permissions or owners are taken over.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import importlib.util
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from core import DataError, UnsafeArchive, processes
from core.disk import need_space
from core.names import Clashes, is_litter, printable, safe_relative
from dataset.ingest.zip_directory import count_members

MAX_MEMBERS = 300_000
"""Files and folders in one archive."""
MAX_UNPACKED_BYTES = 50 * 1024**3
"""All members together, unpacked."""
MAX_RATIO = 200
"""Unpacked bytes for a packed byte, of one zip member or the archive. Photos: below 2; a bomb: near 1000."""
RATIO_FROM_BYTES = 10 * 1024**2
"""The ratio is judged from this unpacked size on: small drawings on plain ground pack very well."""
MAX_HEADER_BYTES = 8 * 1024**2
"""One read by the tar reader. Members are read in smaller pieces: only an inflated header asks for more."""
CHUNK = 1024**2
ZSTANDARD = b"\x28\xb5\x2f\xfd"

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
            NotImplementedError, RuntimeError, IndexError, KeyError)  # fmt: skip
"""What the standard readers raise on a broken archive. RecursionError (chained headers) is a RuntimeError."""


@dataclass
class Unpacked:
    """What came out of an archive; all names are safe relative paths."""

    written: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Files that were not wanted (not images) and so not written."""
    folders: list[str] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    """(path, reason) of wanted members that the archive could not give back."""
    size: int = 0
    """Bytes written."""


@dataclass(frozen=True)
class _Member:
    path: str
    size: int
    handle: Any


def unpack(
    archive: Path, into: Path, *, wanted: Callable[[str], bool], tick: Callable[[int], None] | None = None
) -> Unpacked:
    """Check every member of `archive`, then write the wanted ones under the folder `into`.

    `tick(number of wanted members)` is called before each is written; what it raises ends the unpacking.
    Raises UnsafeArchive (nothing written) or DataError (not an archive, damaged, or not enough disk space).
    """
    out = Unpacked()
    with _open(archive) as (members, read):
        chosen = _check(members, archive.stat().st_size, wanted, out)
        into.mkdir(parents=True, exist_ok=True)
        need_space(into, sum(member.size for member in chosen))
        for member in chosen:
            if tick:
                tick(len(chosen))
            target = into / member.path
            target.parent.mkdir(parents=True, exist_ok=True)
            reason = _write(member, read, target)
            if reason:
                target.unlink(missing_ok=True)
                out.damaged.append((member.path, reason))
            else:
                out.written.append(member.path)
                out.size += member.size
    return out


def _check(
    members: Iterable[_Member], packed: int, wanted: Callable[[str], bool], out: Unpacked
) -> list[_Member]:
    """Refuse the archive, or return the members to write. Fills `out.folders` and `out.others`."""
    clashes = Clashes()
    chosen: list[_Member] = []
    total = 0
    for number, member in enumerate(members, start=1):
        total += max(member.size, 0)
        if member.size < 0:
            raise _refuse(member.path, "has a negative size in its header")
        if number > MAX_MEMBERS:
            raise _too_many()
        if total > MAX_UNPACKED_BYTES:
            raise _refuse(
                member.path, f"takes the archive above {MAX_UNPACKED_BYTES / 1024**3:g} GB unpacked"
            )
        if total > RATIO_FROM_BYTES and total > MAX_RATIO * packed:
            raise _refuse(
                member.path, f"unpacks to more than {MAX_RATIO} times the archive's size, as a bomb does"
            )
        folder = member.handle is None
        if not member.path or is_litter(member.path):
            continue
        clashes.add(member.path, folder=folder)
        if folder:
            out.folders.append(member.path)
        elif wanted(member.path):
            chosen.append(member)
        else:
            out.others.append(member.path)
    return chosen


def _write(member: _Member, read: Callable[[Any], IO[bytes]], target: Path) -> str:
    """Copy one member to `target`; returns why it could not be read, or ''."""
    left = member.size
    with open(target, "xb") as sink:
        try:
            source = read(member.handle)
        except _DAMAGED as error:
            return f"damaged inside the archive: {error}"
        with source:
            while True:
                try:
                    chunk = source.read(CHUNK)
                except _DAMAGED as error:
                    return f"damaged inside the archive: {error}"
                if not chunk:
                    break
                processes.step()
                left -= len(chunk)
                if left < 0:
                    raise _refuse(member.path, "is larger than its header says, as a bomb is")
                sink.write(chunk)
    return f"cut off inside the archive: {left:,} bytes are missing" if left else ""


def _too_many() -> UnsafeArchive:
    return UnsafeArchive(f"Nothing was unpacked: the archive holds more than {MAX_MEMBERS:,} members.")


def _refuse(path: str, why: str) -> UnsafeArchive:
    return UnsafeArchive(f"The archive was refused: '{printable(path)[:200]}' {why}.")


# --- the two formats ---------------------------------------------------------------------------------------


@contextmanager
def _open(archive: Path) -> Iterator[tuple[Iterable[_Member], Callable[[Any], IO[bytes]]]]:
    """Open by content, not by name. Yields the members (lazily) and a function that opens one for reading."""
    with open(archive, "rb") as file:
        head = file.read(512)
    name = archive.name
    broken = f"'{name}' is damaged or incomplete and cannot be unpacked"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if count_members(archive, MAX_MEMBERS) > MAX_MEMBERS:  # before the library makes an object of each
            raise _too_many()
        try:
            box = zipfile.ZipFile(archive)
        except _DAMAGED as error:
            raise DataError(f"{broken} ({error}). Make or download it again.") from error
        with box:
            yield _zip_members(box), box.open
        return
    opener = _decompressor(head)
    if opener is None and head.startswith(ZSTANDARD):
        raise DataError(
            f"'{name}' is packed with Zstandard, which Python can unpack from version 3.14 on. Pack the folder as .zip "
            "or .tar.xz and try again."
        )
    if opener is None:
        raise DataError(
            f"'{name}' is not a zip or tar archive. Pack the folder as .zip, .tar or .tar.gz and try again."
        )
    with opener(archive) as raw:
        limited = _LimitedReads(raw)
        try:
            tape = tarfile.open(fileobj=cast(IO[bytes], limited), mode="r:")  # noqa: SIM115
        except _DAMAGED as error:
            raise DataError(f"{broken} ({error}). Make or download it again.") from error
        with tape:
            yield _tar_members(tape, limited, broken), lambda info: cast(IO[bytes], tape.extractfile(info))


def _zip_members(box: zipfile.ZipFile) -> Iterator[_Member]:
    end_of_last = 0
    for info in sorted(box.infolist(), key=lambda one: one.header_offset):
        name = _zip_name(info)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind == stat.S_IFLNK:
            raise _refuse(name, "is a link")
        if kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
            raise _refuse(name, "is a device file")
        if info.flag_bits & 0x41:
            raise _refuse(name, "is encrypted; unpack it with its password and give Thaw the folder")
        if info.header_offset < end_of_last:
            raise _refuse(name, "overlaps the member before it, as in a bomb")
        end_of_last = info.header_offset + 30 + info.compress_size
        if info.file_size > RATIO_FROM_BYTES and info.file_size > MAX_RATIO * info.compress_size:
            raise _refuse(name, f"unpacks to more than {MAX_RATIO} times its packed size, as a bomb does")
        folder = name.endswith(("/", "\\")) or kind == stat.S_IFDIR
        yield _Member(safe_relative(name), info.file_size, None if folder else info)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The full name, before the reader cut it at a NUL; UTF-8 also where the tool did not say so (macOS)."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        try:
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            return name
    return name


def _tar_members(tape: tarfile.TarFile, raw: _LimitedReads, broken: str) -> Iterator[_Member]:
    while True:
        try:
            info = tape.next()
            if info is None:
                # The reader also stops, silently, at a damaged header: only zeros or nothing may follow.
                raw.seek(tape.offset)
                if raw.read(tarfile.BLOCKSIZE).strip(b"\0"):
                    raise tarfile.ReadError("a header is unreadable")
                return
        except _DAMAGED as error:
            raise DataError(f"{broken} ({error}). Make or download it again.") from error
        if info.issym() or info.islnk():
            raise _refuse(info.name, "is a link")
        if info.isdev():
            raise _refuse(info.name, "is a device file")
        if not (info.isdir() or info.isreg()) or info.issparse():
            raise _refuse(info.name, "is neither a plain file nor a folder")
        yield _Member(
            safe_relative(info.name), 0 if info.isdir() else info.size, None if info.isdir() else info
        )


def _decompressor(head: bytes) -> Callable[[Path], Any] | None:
    if head.startswith(b"\x1f\x8b"):
        return gzip.open
    if head.startswith(b"BZh"):
        return bz2.open
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.open
    if head.startswith(ZSTANDARD) and importlib.util.find_spec("compression"):
        return importlib.import_module("compression.zstd").open
    if head[257:262] == b"ustar" or (len(head) == 512 and _is_old_tar(head)):
        return lambda path: open(path, "rb")
    return None


def _is_old_tar(head: bytes) -> bool:
    """A v7 tar has no magic; its header's checksum tells."""
    try:
        return int(head[148:156].strip(b" \0"), 8) == sum(head[:148]) + 8 * 32 + sum(head[156:])
    except ValueError:
        return False


class _LimitedReads:
    """A file for the tar reader that refuses huge single reads: an inflated header would fill the memory."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self.tell = raw.tell
        self.seek = raw.seek
        self.name = ""

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > MAX_HEADER_BYTES:
            raise UnsafeArchive(
                f"The archive was refused: it holds a header above {MAX_HEADER_BYTES / 1024**2:g} MB."
            )
        return self._raw.read(size)

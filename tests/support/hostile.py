"""Hostile and broken archives: every kind that is known of, and what becomes of each.

`KINDS` maps a file name to (how its bytes are made, what is expected). Each holds four good images besides what is
wrong with it. Expected is `refused(pattern)`: an UnsafeArchive that names the member; `broken(pattern)`: a DataError;
or `aside(name, pattern)`: the good images are imported, this member is set aside with the reason.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.support.corpus import png_claiming, saved, scene

GOOD = {f"{label}/{number}.png": saved(scene(10 * number + len(label)), "PNG") for label in ("ape", "bear")
        for number in (1, 2)}  # fmt: skip
EVIL = saved(scene(99), "PNG")
ZEROS = bytes(20 * 1024**2)


class Expected(NamedTuple):
    kind: str
    pattern: str
    name: str = ""


def refused(pattern: str) -> Expected:
    return Expected("refused", pattern)


def broken(pattern: str) -> Expected:
    return Expected("broken", pattern)


def aside(name: str, pattern: str) -> Expected:
    return Expected("aside", pattern, name)


# --- zip -------------------------------------------------------------------------------------------------------


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The good images and these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as box:
        for name, data in [*GOOD.items(), *members]:
            box.writestr(name, data)
    return out.getvalue()


def raw_named(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = name  # as it stands: the constructor would mend it
    return info


def special(mode: int, target: bytes = b"/etc/passwd") -> bytes:
    info = zipfile.ZipInfo("ape/odd.png")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    return zipped((info, target))


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new) and old in data
    return data.replace(old, new)


def entry(data: bytes | bytearray, name: bytes) -> int:
    """Where this member's line of the central directory begins."""
    at = data.index(b"PK\x01\x02")
    while data[at + 46 : at + 46 + len(name)] != name:
        at = data.index(b"PK\x01\x02", at + 4)
    return at


def central(name: str, offset: int, value: bytes, member: bytes = EVIL) -> bytes:
    """A zip with one field of one member's central entry overwritten."""
    data = bytearray(zipped((name, member)))
    at = entry(data, name.encode()) + offset
    data[at : at + len(value)] = value
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(zipped(("ape/secret.png", EVIL)))
    data[entry(data, b"ape/secret.png") + 8] |= 1
    data[data.index(b"ape/secret.png") - 30 + 6] |= 1
    return bytes(data)


def overlapping() -> bytes:
    """The last member's entry points into the one before it, as in Fifield's bomb (2019)."""
    data = bytearray(zipped(("bear/a.png", EVIL), ("bear/b.png", EVIL)))
    first = struct.unpack_from("<I", data, entry(data, b"bear/a.png") + 42)[0]
    struct.pack_into("<I", data, entry(data, b"bear/b.png") + 42, first + 8)
    return bytes(data)


def same_bytes_twice() -> bytes:
    """Two entries, one local header: what is stored once comes out twice."""
    data = bytearray(zipped(("bear/a.png", EVIL), ("bear/b.png", EVIL)))
    data[entry(data, b"bear/b.png") + 42 : entry(data, b"bear/b.png") + 46] = data[
        entry(data, b"bear/a.png") + 42 : entry(data, b"bear/a.png") + 46
    ]
    return bytes(data)


def truncated_directory() -> bytes:
    data = zipped(("bear/3.png", EVIL))
    return data[: entry(data, b"bear/3.png") + 20]


# --- tar -------------------------------------------------------------------------------------------------------


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **more: Any) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    for key, value in more.items():
        setattr(member, key, value)
    return member


def taped(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tape:
        for member, data in [*((info(name), data) for name, data in GOOD.items()), *members]:
            member.size = len(data)
            tape.addfile(member, io.BytesIO(data))
    return out.getvalue()


def link(kind: bytes, to: str = "/etc/passwd") -> bytes:
    return taped((info("ape/odd.png", kind, to), b""))


def with_header(header: tarfile.TarInfo, size: int) -> bytes:
    """A tar that goes on with one header claiming `size` bytes, which do not follow."""
    header.size = size
    return _cut(taped()) + header.tobuf() + bytes(4096)


def _cut(tape: bytes) -> bytes:
    """Without the zeros that end a tar."""
    end = len(tape)
    while tape[end - 512 : end] == bytes(512):
        end -= 512
    return tape[:end]


def negative_size() -> bytes:
    header = bytearray(info("ape/minus.png").tobuf())
    header[124:136] = b"\xff" * 8 + struct.pack(">i", -4096)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return _cut(taped()) + bytes(header) + bytes(1024)


def chained_headers(number: int = 2000) -> bytes:
    return _cut(taped()) + info("././@LongLink", tarfile.GNUTYPE_LONGNAME).tobuf() * number + bytes(1024)


def damaged_header() -> bytes:
    data = bytearray(taped((info("bear/3.png"), EVIL)))
    data[data.index(b"bear/3.png") + 148] ^= 0xFF
    return bytes(data)


# --- all of them -----------------------------------------------------------------------------------------------

Z = zipfile.ZipInfo
KINDS: dict[str, tuple[Callable[[], bytes], Expected]] = {
    # -- names that leave their folder
    "climbs out.zip": (lambda: zipped(("../evil.png", EVIL)), refused(r"'\.\./evil\.png' climbs out")),
    "climbs from inside.zip": (lambda: zipped(("ape/../../evil.png", EVIL)), refused("climbs out of its folder")),
    "climbs with backslashes.zip": (lambda: zipped((raw_named("..\\evil.png"), EVIL)), refused("climbs out")),
    "climbs out.tar": (lambda: taped((info("../../evil.png"), EVIL)), refused("climbs out of its folder")),
    "climbs by a long header.tar": (
        lambda: taped((info("ape/x.png", pax_headers={"path": "../evil.png"}), EVIL)),
        refused("climbs out"),
    ),
    "absolute.zip": (lambda: zipped((raw_named("/etc/evil.png"), EVIL)), refused("'/etc/evil.png' is an absolute")),
    "absolute.tar": (lambda: taped((info("/etc/evil.png"), EVIL)), refused("is an absolute path")),
    "windows drive.zip": (lambda: zipped((raw_named("C:\\evil.png"), EVIL)), refused("starts with a drive letter")),
    "drive without a slash.tar": (lambda: taped((info("c:evil.png"), EVIL)), refused("starts with a drive letter")),
    "network share.zip": (lambda: zipped((raw_named("\\\\server\\c\\evil.png"), EVIL)), refused("an absolute path")),
    # -- links and devices
    "symbolic link.zip": (lambda: special(stat.S_IFLNK), refused(r"'ape/odd\.png' is a link")),
    "symbolic link.tar": (lambda: link(tarfile.SYMTYPE), refused(r"'ape/odd\.png' is a link")),
    "hard link.tar": (lambda: link(tarfile.LNKTYPE, "ape/1.png"), refused(r"'ape/odd\.png' is a link")),
    "link to a folder, then into it.tar": (
        lambda: taped((info("out", tarfile.SYMTYPE, "/tmp"), b""), (info("out/evil.png"), EVIL)),
        refused("'out' is a link"),
    ),
    "character device.tar": (lambda: link(tarfile.CHRTYPE), refused("is a device file")),
    "block device.tar": (lambda: link(tarfile.BLKTYPE), refused("is a device file")),
    "pipe.tar": (lambda: link(tarfile.FIFOTYPE), refused("is a device file")),
    "pipe.zip": (lambda: special(stat.S_IFIFO), refused("is a device file")),
    "socket.zip": (lambda: special(stat.S_IFSOCK), refused("is a device file")),
    "character device.zip": (lambda: special(stat.S_IFCHR), refused("is a device file")),
    "sparse file.tar": (
        lambda: taped((info("ape/hole.png", pax_headers={"GNU.sparse.size": "9", "GNU.sparse.map": "0,9"}), EVIL)),
        refused("is neither a plain file nor a folder"),
    ),
    # -- names that clash or cannot be names
    "only case differs.zip": (lambda: zipped(("ape/Cat.png", EVIL), ("ape/cat.png", EVIL)), refused("only in case")),
    "folders' case differs.tar": (lambda: taped((info("Ape/3.png"), EVIL)), refused("differ only in case")),
    "accents differ.zip": (
        lambda: zipped(("caf\u00e9/1.png", EVIL), ("cafe\u0301/2.png", EVIL)),
        refused("how accents are written"),
    ),
    "a file and a folder.zip": (lambda: zipped(("ape/1.png/x.png", EVIL)), refused("both as a file and as a folder")),
    "given twice.tar": (lambda: taped((info("ape/1.png"), EVIL)), refused(r"'ape/1\.png' is there twice")),
    "line break in a name.zip": (lambda: zipped((raw_named("ape/a\nb.png"), EVIL)), refused("control characters")),
    "hidden behind a nul.zip": (
        lambda: changed(zipped(("ape/evil.png#.txt", EVIL)), b"evil.png#", b"evil.png\0"),
        refused("control characters"),
    ),
    "escape sequence in a name.tar": (lambda: taped((info("ape/\x1b[2Jx.png"), EVIL)), refused("control characters")),
    "name too long.tar": (lambda: taped((info("ape/" + "n" * 300 + ".png"), EVIL)), refused("is too long")),
    "too deep.zip": (lambda: zipped(("/".join("d" * 40) + "/x.png", EVIL)), refused("folders deep")),
    # -- bombs
    "bomb by ratio.zip": (lambda: zipped(("ape/bomb.png", ZEROS)), refused(r"'ape/bomb\.png' unpacks to more")),
    "bomb by ratio.tar.gz": (
        lambda: gzip.compress(taped((info("ape/bomb.png"), ZEROS))),
        refused("unpacks to more than 200"),
    ),
    "bomb by ratio.tar.bz2": (
        lambda: bz2.compress(taped((info("ape/bomb.png"), ZEROS))),
        refused("unpacks to more than 200"),
    ),
    "bomb by ratio.tar.xz": (
        lambda: lzma.compress(taped((info("ape/bomb.png"), ZEROS))),
        refused("unpacks to more than 200"),
    ),
    "bomb by total bytes.zip": (
        lambda: central("ape/claim.png", 20, struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)),
        refused("unpacks to more than 200 times the archive"),
    ),
    "bomb by many members.zip": (lambda: many_members(), refused("holds more than 300,000 members")),
    "bomb by pixels.zip": (
        lambda: zipped(("ape/huge.png", png_claiming(60_000, 60_000))),
        aside("ape/huge.png", "above the limit of 89 million"),
    ),
    "overlapping members.zip": (overlapping, refused("overlaps the member before it")),
    "one member under two names.zip": (same_bytes_twice, refused("overlaps the member before it")),
    "header of a gigabyte.tar": (
        lambda: with_header(info("ape/x", b"x"), 1024**3),
        refused("holds a header above 8 MB"),
    ),
    # -- encrypted, nested
    "encrypted.zip": (encrypted, refused(r"'ape/secret\.png' is encrypted; unpack it with its password")),
    "archive beside images.zip": (
        lambda: zipped(("ape/more.zip", zipped())),
        aside("ape/more.zip", "an archive inside: unpack it first"),
    ),
    "nothing but an archive.zip": (lambda: only("photos.tar", taped()), broken("only another archive: 'photos.tar'")),
    # -- headers that lie, damage
    "larger than it says.zip": (
        lambda: central("ape/more.png", 24, struct.pack("<I", 10)),
        aside("ape/more.png", "damaged inside the archive|larger than"),
    ),
    "smaller than it says.zip": (
        lambda: central("ape/less.png", 24, struct.pack("<I", 9999)),
        aside("ape/less.png", "cut off inside the archive|damaged inside the archive"),
    ),
    "negative size.tar": (negative_size, refused(r"'ape/minus\.png' has a negative size")),
    "wrong checksum.zip": (
        lambda: central("ape/crc.png", 16, b"\x12\x34\x56\x78"),
        aside("ape/crc.png", "damaged inside the archive: Bad CRC"),
    ),
    "unknown packing.zip": (
        lambda: central("ape/method.png", 10, struct.pack("<H", 99)),
        aside("ape/method.png", "damaged inside the archive"),
    ),
    "two names for one member.zip": (
        lambda: central("ape/name.png", 46, b"ape/othr.png"),
        aside("ape/othr.png", "damaged inside the archive"),
    ),
    "points outside.zip": (
        lambda: central("ape/far.png", 42, struct.pack("<I", 0x7FFFFFFF)),
        aside("ape/far.png", "damaged inside the archive"),
    ),
    "truncated directory.zip": (truncated_directory, broken("is damaged or incomplete")),
    "first half.zip": (lambda: zipped()[: len(zipped()) // 2], broken("is damaged or incomplete")),
    "first half.tar": (lambda: taped()[: len(taped()) // 2 + 100], broken("is damaged or incomplete")),
    "first half.tar.gz": (lambda: gzip.compress(taped())[:900], broken("is damaged or incomplete")),
    "first half.tar.xz": (lambda: lzma.compress(taped())[:900], broken("is damaged or incomplete")),
    "damaged header.tar": (damaged_header, broken("is damaged or incomplete")),
    "a chain of headers.tar": (chained_headers, broken("is damaged or incomplete")),
    "packed, but no tar.gz": (lambda: gzip.compress(b"hello" * 200), broken("is damaged or incomplete")),
    "a pickle.zip": (lambda: b"\x80\x04\x95" + bytes(600), broken("is not a zip or tar archive")),
    "a program before it.zip": (lambda: b"MZ" + bytes(600) + zipped(), broken("is not a zip or tar archive")),
    "other formats.rar": (lambda: b"Rar!\x1a\x07\x01\x00" + bytes(600), broken("is not a zip or tar archive")),
    "nothing inside.zip": (lambda: b"PK\x05\x06" + bytes(18), broken("No images were found")),
    "nothing at all.zip": (lambda: b"", broken("is not a zip or tar archive")),
}


def only(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as box:
        box.writestr(name, data)
    return out.getvalue()


def many_members(number: int = 300_001) -> bytes:
    """A zip of empty members, put together by hand: the library would take many seconds."""
    crc = zlib.crc32(b"")
    locals_, entries, at = [], [], 0
    for index in range(number):
        name = b"m/%x" % index
        locals_.append(struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, crc, 0, 0, len(name), 0) + name)
        fields = (b"PK\x01\x02", 20, 20, 0, 0, 0, 0, crc, 0, 0, len(name), 0, 0, 0, 0, 0, at)
        entries.append(struct.pack("<4s6H3I5H2I", *fields) + name)
        at += len(locals_[-1])
    size = sum(map(len, entries))
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, number, number, size, at)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at + size, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return b"".join([*locals_, *entries, end64, locator, end])

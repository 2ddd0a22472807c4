"""Hostile and broken archives: refused by name before anything is written, or giving back what is sound."""

from __future__ import annotations

import contextlib
import io
import random
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from core.errors import DataError, UnsafeArchive
from core.names import Clashes, is_image_name, printable, safe_relative
from dataset.ingest import archives
from dataset.ingest.archives import unpack


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as box:
        for name, data in members.items():
            box.writestr(name, data)
    return path


def taped(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tape:
        for info, data in members:
            info.size = len(data)
            tape.addfile(info, io.BytesIO(data))
    return path


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def patched(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def refused(archive: Path, tmp_path: Path, match: str) -> None:
    into = tmp_path / "into"
    into.mkdir(exist_ok=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnsafeArchive, match=match):
        unpack(archive, into, wanted=is_image_name)
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


BAD_NAMES = [
    ("../evil.png", "climbs out of its folder"),
    ("a/../../evil.png", "climbs out of its folder"),
    ("..\\evil.png", "climbs out of its folder"),
    ("/etc/evil.png", "absolute path"),
    ("\\\\server\\share\\evil.png", "absolute path"),
    ("C:\\evil.png", "drive letter"),
    ("c:evil.png", "drive letter"),
    ("a\nb/evil.png", "control characters"),
    ("/".join("d" * 40) + "/evil.png", "folders deep"),
    ("n" * 300 + ".png", "too long"),
]


@pytest.mark.parametrize(("name", "why"), BAD_NAMES)
def test_names_that_leave_their_folder_are_refused_in_zip_and_tar(tmp_path, name, why):
    good = "a/good.png"
    refused(zipped(tmp_path / "a.zip", {good: b"1", name: b"2"}), tmp_path, why)
    refused(taped(tmp_path / "a.tar", [(info(good), b"1"), (info(name), b"2")]), tmp_path, why)


def test_a_name_hidden_behind_a_nul_is_refused(tmp_path):
    archive = patched(zipped(tmp_path / "a.zip", {"a/evil.png#.txt": b"1"}), b"#", b"\0")
    refused(archive, tmp_path, "control characters")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is a device file"),
        (tarfile.BLKTYPE, "is a device file"),
        (tarfile.FIFOTYPE, "is a device file"),
        (tarfile.CONTTYPE, None),
    ],
)
def test_links_and_devices_in_a_tar(tmp_path, kind, why):
    archive = taped(
        tmp_path / "a.tar", [(info("good.png"), b"1"), (info("odd.png", kind, "/etc/passwd"), b"")]
    )
    if why:
        refused(archive, tmp_path, f"'odd.png' {why}")
    else:
        unpack(archive, tmp_path / "into", wanted=is_image_name)


@pytest.mark.parametrize(("mode", "why"), [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "is a device file")])
def test_links_and_devices_in_a_zip(tmp_path, mode, why):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as box:
        member = zipfile.ZipInfo("odd.png")
        member.external_attr = (mode | 0o777) << 16
        box.writestr(member, "/etc/passwd")
    refused(tmp_path / "a.zip", tmp_path, f"'odd.png' {why}")


def test_encrypted_members_are_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"secret.png": b"1"})
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    refused(archive, tmp_path, r"'secret\.png' is encrypted; unpack it with its password")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["a/Cat.png", "a/cat.png"], "differ only in case"),
        (["Cats/1.png", "cats/2.png"], "differ only in case"),
        (["caf\u00e9/1.png", "cafe\u0301/2.png"], "how accents are written"),
        (["a.png", "a.png/b.png"], "both as a file and as a folder"),
        (["a.png/b.png", "a.png"], "both as a file and as a folder"),
        (["a/b.png", "a//b.png"], "is there twice"),
    ],
)
def test_names_that_clash_are_refused(tmp_path, names, why):
    refused(zipped(tmp_path / "a.zip", dict.fromkeys(names, b"1")), tmp_path, why)
    refused(taped(tmp_path / "a.tar", [(info(name), b"1") for name in names]), tmp_path, why)


def test_a_folder_may_be_listed_many_times():
    clashes = Clashes()
    clashes.add("a/b", folder=True)
    clashes.add("a/b", folder=True)
    clashes.add("a/b/c.png", folder=False)
    clashes.add("a", folder=True)


@pytest.mark.parametrize("pack", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_bombs_are_refused_by_ratio(tmp_path, pack):
    zeros = bytes(20 * 1024**2)
    if pack == "zip":
        archive = zipped(tmp_path / "b.zip", {"ok.png": b"1", "bomb.png": zeros}, zipfile.ZIP_DEFLATED)
    else:
        members = [(info("ok.png"), b"1"), (info("bomb.png"), zeros)]
        archive = taped(tmp_path / f"b.{pack}", members, f"w:{pack[4:]}")
    refused(archive, tmp_path, r"'bomb\.png' unpacks to more than 200 times")


def test_bombs_are_refused_by_bytes_and_by_number(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "a.zip", {f"{n}.png": b"12345" for n in range(10)})
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 42)
    refused(archive, tmp_path, r"'8\.png' takes the archive above")
    monkeypatch.undo()
    monkeypatch.setattr(archives, "MAX_MEMBERS", 9)
    refused(archive, tmp_path, "more than 9 members")


def test_overlapping_members_are_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"1.png": b"x" * 50, "2.png": b"x" * 50})
    data = archive.read_bytes()
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    archive.write_bytes(data[: second + 42] + struct.pack("<I", 0) + data[second + 46 :])
    refused(archive, tmp_path, "overlaps the member before it")


def test_a_huge_header_in_a_tar_is_refused(tmp_path):
    header = info("x" * 100, b"x")  # an extended header that claims 1 GB
    header.size = 1024**3
    (tmp_path / "a.tar").write_bytes(header.tobuf() + bytes(4096))
    refused(tmp_path / "a.tar", tmp_path, "holds a header above 8 MB")


def test_a_zip_whose_header_lies_about_the_size_gives_no_more_than_it_says(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"1.png": b"x" * 1000}, zipfile.ZIP_DEFLATED)
    patched(archive, struct.pack("<I", 1000), struct.pack("<I", 10))
    out = unpack(archive, tmp_path / "into", wanted=is_image_name)
    assert out.written == []
    assert out.damaged[0][0] == "1.png"
    assert not list((tmp_path / "into").rglob("*.png"))


def test_a_reader_that_gives_more_than_the_header_says_is_stopped_at_the_first_byte_too_many(tmp_path, monkeypatch):
    """Python's own readers cut members off at their size: this holds where one does not."""
    archive = zipped(tmp_path / "a.zip", {"1.png": b"x" * 10})
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: io.BytesIO(b"x" * 11))
    with pytest.raises(UnsafeArchive, match=r"'1\.png' is larger than its header says, as a bomb is"):
        unpack(archive, tmp_path / "into", wanted=is_image_name)
    assert (tmp_path / "into/1.png").read_bytes() == b""


def test_a_damaged_member_is_set_aside_and_the_others_come_out(tmp_path):
    archive = patched(zipped(tmp_path / "a.zip", {"1.png": b"aaaa", "2.png": b"bbbb"}), b"aaaa", b"axaa")
    out = unpack(archive, tmp_path / "into", wanted=is_image_name)
    assert out.written == ["2.png"]
    assert [path for path, _ in out.damaged] == ["1.png"]
    assert "damaged inside the archive" in out.damaged[0][1]


@pytest.mark.parametrize("pack", ["zip", "tar", "tar.gz", "tar.xz"])
def test_an_archive_that_was_cut_off_is_an_error(tmp_path, pack):
    data = random.Random(0).randbytes(30_000)
    if pack == "zip":
        archive = zipped(tmp_path / "a.zip", {"1.png": data})
    else:
        archive = taped(tmp_path / f"a.{pack}", [(info("1.png"), data)], f"w:{pack[4:]}")
    archive.write_bytes(archive.read_bytes()[:15_000])
    with pytest.raises(DataError, match=rf"'a\.{pack}' is damaged or incomplete"):
        unpack(archive, tmp_path / "into", wanted=is_image_name)


def test_a_damaged_header_in_the_middle_of_a_tar_is_not_taken_for_its_end(tmp_path):
    archive = taped(tmp_path / "a.tar", [(info(f"{n}.png"), b"x" * 512) for n in range(4)])
    data = bytearray(archive.read_bytes())
    data[2 * 1024 + 148] ^= 0xFF  # the checksum of the third header
    archive.write_bytes(data)
    with pytest.raises(DataError, match="damaged or incomplete"):
        unpack(archive, tmp_path / "into", wanted=is_image_name)


def test_other_files_are_no_archives(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"'a\.zip' is not a zip or tar archive"):
        unpack(tmp_path / "a.zip", tmp_path, wanted=is_image_name)


def test_what_comes_out(tmp_path):
    members = {"d/": b"", "d/1.png": b"1", "d/notes.txt": b"2", "__MACOSX/d/._1.png": b"3", "d\\2.png": b"4"}
    seen = []
    out = unpack(zipped(tmp_path / "a.zip", members), tmp_path / "x", wanted=is_image_name, tick=seen.append)
    assert (out.written, out.others, out.folders, out.size) == (
        ["d/1.png", "d/2.png"],
        ["d/notes.txt"],
        ["d"],
        2,
    )
    assert seen == [2, 2]
    assert (tmp_path / "x/d/2.png").read_bytes() == b"4"


def test_utf8_names_without_the_flag_are_read_as_macos_writes_them(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"b\u00e4ume/1.png": b"1"})
    data = archive.read_bytes().replace(b"\x00\x08", b"\x00\x00")  # clear the UTF-8 flag
    archive.write_bytes(data)
    assert unpack(archive, tmp_path / "x", wanted=is_image_name).written == ["b\u00e4ume/1.png"]


def test_safe_names_stay_as_they_are():
    for name in ("a/b.png", "קטן/תמונה.png", "مجلد/1.png", "花/写真 1.png", "a b/(1) ü.png"):
        assert safe_relative(name) == name == printable(name)
    assert safe_relative("./a//b\\c.png") == "a/b/c.png"
    assert safe_relative("./") == ""


@pytest.mark.parametrize("pack", ["zip", "tar", "tar.gz"])
def test_mutated_archives_never_crash_or_write_outside(tmp_path, pack):
    rng = random.Random(1)
    contents = [(f"a/{n}.png", rng.randbytes(200)) for n in range(5)]
    if pack == "zip":
        whole = zipped(tmp_path / "a.zip", dict(contents), zipfile.ZIP_DEFLATED).read_bytes()
    else:
        members = [(info(name), data) for name, data in contents]
        whole = taped(tmp_path / "a.tar", members, f"w:{pack[4:]}").read_bytes()
    outside = tmp_path / "outside"
    outside.mkdir()
    for number in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (outside / "m").write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
        into = outside / f"into{number}"
        into.mkdir()
        with contextlib.suppress(DataError):
            unpack(outside / "m", into, wanted=is_image_name)
        assert {path.name for path in outside.iterdir()} == {"m", into.name}
        into.rename(tmp_path / into.name)

"""What a browser sends: written under safe names, imported as a folder or an archive, and gone afterwards."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from core.errors import DataError, NotFound, TooFewImages, UnsafeArchive
from core.types import DatasetRef
from dataset.folder import list_datasets
from dataset.ingest import uploads
from dataset.ingest.assembly import AsRead
from tests.conftest import write_images


def sent(home: Path, files: dict[str, bytes]) -> str:
    upload = uploads.open_upload(home)
    for name, data in files.items():
        with uploads.new_file(home, upload, name) as sink:
            sink.write(data)
    return upload


def as_files(folder: Path, top: str) -> dict[str, bytes]:
    return {f"{top}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*.png")}


def taken(home: Path, upload: str) -> DatasetRef:
    return uploads.take_upload(upload, home, AsRead())


def test_a_folder_and_an_archive_of_it_give_the_same_dataset(home: Path, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "p", split=("train", "test"))
    upload = sent(home, {**as_files(folder, "p"), "p/.DS_Store": b"x"})
    uploads.leave_out(home, upload, ["p/read.me", "p/more.zip"])
    ref = taken(home, upload)
    assert (ref.name, ref.source, ref.images) == ("p", "browser upload", 24)
    assert ref.set_aside == (
        ("p/more.zip", "an archive inside: unpack it first"),
        ("p/read.me", "not an image file"),
    )
    archive = Path(shutil.make_archive(str(tmp_path / "Photos"), "zip", folder))
    again = taken(home, sent(home, {"Photos.zip": archive.read_bytes()}))
    assert again.id == ref.id
    assert list((home / "uploads").iterdir()) == []


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "C:\\x.png", "a\0b.png", ""])
def test_names_that_leave_the_upload_are_refused_before_anything_is_written(home: Path, name: str) -> None:
    upload = uploads.open_upload(home)
    before = sorted(home.rglob("*"))
    with pytest.raises(DataError), uploads.new_file(home, upload, name) as sink:
        sink.write(b"x")
    assert sorted(home.rglob("*")) == before


def test_a_file_sent_twice_or_as_a_folder_too_is_refused(home: Path) -> None:
    upload = sent(home, {"a/1.png": b"1"})
    for name in ("a/1.png", "a", "a/1.png/2.png"):
        with pytest.raises(DataError, match="was sent twice, or as a file and as a folder"):  # noqa: SIM117
            with uploads.new_file(home, upload, name):
                pass
    assert (uploads.place(home, upload) / "files/a/1.png").read_bytes() == b"1"


def test_names_that_differ_only_in_case_are_refused(home: Path) -> None:
    upload = sent(home, {"a/Cat.png": b"1", "a/cat.png": b"2"})
    with pytest.raises(UnsafeArchive, match="differ only in case"):
        taken(home, upload)


def test_what_was_cut_off_is_not_there(home: Path) -> None:
    upload = uploads.open_upload(home)
    with contextlib.suppress(ConnectionError), uploads.new_file(home, upload, "a/1.png") as sink:
        sink.write(b"1")
        raise ConnectionError
    assert [path.name for path in uploads.place(home, upload).iterdir()] == ["files"]
    assert list((uploads.place(home, upload) / "files").iterdir()) == []


def test_an_upload_that_cannot_be_imported_is_removed_all_the_same(home: Path, tmp_path: Path) -> None:
    upload = sent(home, as_files(write_images(tmp_path / "p", classes=("one",)), "p"))
    with pytest.raises(TooFewImages):
        taken(home, upload)
    assert list((home / "uploads").iterdir()) == [] and list_datasets(home) == []
    with pytest.raises(NotFound, match="not known any more"):
        taken(home, upload)


@pytest.mark.parametrize("upload", ["", "..", "../datasets", "0123456789abcdef", "0123456789ABCDEF", "x" * 16])
def test_an_id_that_is_none_is_not_followed(home: Path, upload: str) -> None:
    (home / "datasets").mkdir()
    with pytest.raises(NotFound):
        uploads.place(home, upload)
    uploads.drop(home, upload)
    assert (home / "datasets").is_dir()

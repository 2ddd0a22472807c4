"""Documents opened in a process of their own: what crashes it, hangs it or asks for too much is refused by name."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import DataError
from dataset.documents import guarded, open_document, open_guarded
from dataset.guarded import PROJECT
from dataset.ingest import import_path
from tests.support.seeding import picture_folder


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(guarded, "_kept", None)
    yield
    if guarded._kept:
        guarded._kept.close()


def evil(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deed: str) -> None:
    """The process does `deed` when it comes to 'evil.csv'."""
    script = tmp_path / "evil.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, sys, time
        sys.path.insert(0, {str(PROJECT)!r})
        from dataset.documents import guarded
        real = guarded.open_document
        def opened(path, file):
            if path.name == "evil.csv":
                {deed}
            return real(path, file)
        guarded.open_document = opened
        guarded.main()
        """)
    )
    monkeypatch.setattr(guarded, "COMMAND", (sys.executable, str(script)))


def test_what_is_read_there_is_what_is_read_here(tmp_path: Path) -> None:
    texts = {"a.csv": "path,label\n1.png,ä\n2.png,\n", "b.txt": "x/1.png 3\n", "c.jsonl": '{"a": [1, 2]}\n'}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert open_guarded(tmp_path / name, name) == open_document(tmp_path / name, name)
    (tmp_path / "d.csv").write_bytes(b"\0\1\2" * 90)
    for opened in (open_guarded, open_document):
        with pytest.raises(DataError, match=r"'d.csv' is no text\. Save it as 'CSV UTF-8'"):
            opened(tmp_path / "d.csv", "d.csv")
    with pytest.raises(DataError, match=r"'e.csv' cannot be read: No such file"):
        open_guarded(tmp_path / "e.csv", "e.csv")


@pytest.mark.parametrize(
    ("deed", "sentence"),
    [
        ("os._exit(3)", "'evil.csv' makes its reader crash, which no table of labels should."),
        ("time.sleep(60)", "'evil.csv' takes longer than 2 s to read, which no table of labels should."),
        ("while True: pass", "'evil.csv' takes longer than 0 s to read, which no table of labels should."),
        ("raise MemoryError", "'evil.csv' needs more than 400 MB, which no table of labels should."),
        *([("bytearray(500_000_000)", "'evil.csv' needs more than 400 MB, which no table of labels should.")]
          if sys.platform == "linux" else []),  # which alone holds a process to what it may write to
    ],
)
def test_a_document_that_costs_too_much_is_refused_by_name_and_the_next_one_read(
    deed: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil(monkeypatch, tmp_path, deed)
    monkeypatch.setattr(guarded, "BASE_SECONDS", 0.4)
    for name in ("evil.csv", "good.csv"):
        (tmp_path / name).write_text("path,label\n1.png,cat\n", encoding="utf-8")
    with pytest.raises(DataError) as refused:
        open_guarded(tmp_path / "evil.csv", "evil.csv")
    assert str(refused.value).startswith(sentence) and "save the table as 'CSV UTF-8'" in str(refused.value)
    assert open_guarded(tmp_path / "good.csv", "good.csv")[0].rows == (("path", "label"), ("1.png", "cat"))


def test_a_process_that_does_not_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("path,label\n")
    monkeypatch.setattr(guarded, "COMMAND", (sys.executable, "-c", "pass"))
    with pytest.raises(DataError, match="Tables cannot be read: the process for it does not start"):
        open_guarded(tmp_path / "a.csv", "a.csv")
    monkeypatch.setattr(guarded, "COMMAND", (str(tmp_path / "nothing"),))
    with pytest.raises(DataError, match="Tables cannot be read: no process for it can be started"):
        open_guarded(tmp_path / "a.csv", "a.csv")


def test_class_folders_beside_a_document_that_crashes_its_reader_are_imported_and_it_is_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil(monkeypatch, tmp_path, "os._exit(3)")
    photos = picture_folder(tmp_path / "photos", {"ant": 3, "bee": 3})
    (photos / "evil.csv").write_text("what,ever\n", encoding="utf-8")
    ref = import_path(photos, home)
    assert ref.images == 6 and any("'evil.csv' makes its reader crash" in note for note in ref.notes)

"""A home that cannot be used says so in one sentence, whoever asks: which disk, and what to do."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core import files
from core.errors import HomeError
from core.home import home as find_home
from dataset.ingest.sources import import_path
from tests.conftest import write_images
from tests.support.terminal import say
from training.store import database
from training.store.store import Store

FIT = ("fit", "sample:shapes", "--strategy", "prototype")
VERBS = (("runs",), ("datasets",), ("profile", "sample:shapes"), FIT, ("stop", "abcd1234"))
LOST = database.LOST


@pytest.fixture
def used(home: Path, tmp_path: Path) -> Path:
    """A home with a dataset, and a run in its database."""
    import_path(write_images(tmp_path / "photos", per_class=3, px=16), home)
    store = Store(home)
    store.create_job("train", "d", {})
    store.create_job("profile", "d", {"of": "x" * 100_000})
    store.close()  # what stands beside the database is put into it
    return home


def emptied(home: Path) -> str:
    (home / "thaw.db").write_bytes(b"")
    return f"The database {home / 'thaw.db'} is empty, and beside it lie datasets or runs: {LOST}."


def no_database(home: Path) -> str:
    (home / "thaw.db").write_bytes(b"something else\n" * 400)
    return f"Thaw cannot use its database {home / 'thaw.db'}: the file is damaged or is no database: {LOST}."


def cut_in_half(home: Path) -> str:
    whole = (home / "thaw.db").read_bytes()
    (home / "thaw.db").write_bytes(whole[: len(whole) // 2])
    return f"Thaw cannot use its database {home / 'thaw.db'}: the file is damaged or is no database: {LOST}."


def a_file(home: Path) -> str:
    shutil.rmtree(home)
    home.write_text("no folder")
    return f"Thaw cannot keep its files in '{home}': File exists. Make that a folder that may be written, or "


BROKEN: list[Callable[[Path], str]] = [emptied, no_database, cut_in_half, a_file]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize("broken", BROKEN)
def test_the_terminal_says_what_is_wrong_and_what_to_do(
    used: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Path], str], verb: tuple[str, ...]
) -> None:
    monkeypatch.setattr(database, "EMPTY_FOR_S", 0.0)
    sentence = broken(used)
    before = used.read_bytes() if used.is_file() else (used / "thaw.db").read_bytes()
    said = say("--home", used, *verb)
    assert said.code == 1 and said.out == ""
    assert said.err.splitlines()[-1].startswith(f"thaw: {sentence}") and "Traceback" not in said.err
    assert before == (used.read_bytes() if used.is_file() else (used / "thaw.db").read_bytes())


def test_a_home_that_may_not_be_written_is_named(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    said = say("--home", used, "runs")
    assert said.code == 1
    assert said.err == (
        f"thaw: Thaw may not write in '{used}': its permissions or its disk forbid it. Make it writable, or choose "
        "another home with --home or THAW_HOME.\n"
    )


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.ENOSPC, "The disk of '{there}' is full. Free some space, or choose another home"),
        (errno.EROFS, "Thaw may not write in '{there}': Read-only file system. Make it writable, or choose"),
        (errno.EIO, "The disk of '{there}' does not answer: Input/output error. See to that disk, or choose"),
    ],
)
def test_what_the_disk_raises_is_a_sentence(used: Path, monkeypatch: pytest.MonkeyPatch, code: int, told: str) -> None:
    def failing(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", failing)
    said = say("--home", used, *FIT)
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith(f"thaw: {told.format(there=used / 'datasets')}")
    assert len(Store(used).jobs(kind="train")) == 1  # the one that was there


def test_a_database_without_room_says_which_disk(used: Path) -> None:
    store = Store(used)
    with store._read() as db:
        db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(HomeError, match=f"The disk of '{used}' is full. Free some space, or choose another home"):
        store.create_job("train", "d", {"of": "x" * 100_000})
    assert store.jobs(kind="profile")  # reading goes on


def test_a_home_that_vanishes_is_not_made_anew(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, place = Store(used), find_home()
    assert store.jobs() and place == used
    away = used.rename(used.with_name("unplugged"))
    gone = rf"The folder '{used}', in which Thaw keeps its files, is gone. Bring it back \(is its disk mounted\?\)"
    for ask in (find_home, store.jobs, lambda: store.create_job("train", "d", {}), store.set_aside):
        with pytest.raises(HomeError, match=gone):
            ask()
    assert not used.exists()
    used.mkdir()  # the empty folder on which a disk is mounted
    with pytest.raises(HomeError, match=r"thaw\.db is gone since it was opened \(is its disk mounted\?\)"):
        store.jobs()
    used.rmdir()
    away.rename(used)
    assert len(store.jobs(kind="train")) == 1


def test_a_database_that_another_process_is_making_is_waited_for(home: Path, tmp_path: Path) -> None:
    import_path(write_images(tmp_path / "photos", per_class=3, px=16), home)
    store = Store(home)
    store.jobs()
    store.close()
    whole = (home / "thaw.db").read_bytes()
    (home / "thaw.db").write_bytes(b"")
    threading.Timer(0.2, lambda: (home / "thaw.db").write_bytes(whole)).start()
    assert Store(home).jobs() == []


def test_text_in_another_encoding_takes_no_list_away(used: Path) -> None:
    with sqlite3.connect(used / "thaw.db") as db:
        db.execute("UPDATE jobs SET doing = CAST(x'ff' AS TEXT) WHERE kind = 'train'")
    db.close()
    assert len(Store(used).jobs()) == 2

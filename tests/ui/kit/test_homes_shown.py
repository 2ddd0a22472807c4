"""The start page of a home that cannot be used: the sentence that the terminal says, not an error of the server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.seeding import words
from tests.training.store.test_homes import cut_in_half, emptied, no_database
from training.store import database
from training.store.store import Store

APP = Path(__file__).parents[3] / "app.py"


def gone(home: Path) -> str:
    shutil.rmtree(home)
    return f"The folder '{home}', in which Thaw keeps its files, is gone."


def start_page() -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=90).run()


@pytest.mark.parametrize("broken", [emptied, no_database, cut_in_half, gone])
def test_the_start_page_says_what_is_wrong(
    home: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Path], str]
) -> None:
    monkeypatch.setattr(database, "EMPTY_FOR_S", 0.0)
    store = Store(home)
    store.request_stop(store.create_job("profile", "d", {"of": "x" * 100_000}).id)
    store.close()
    (home / "runs" / "abcd1234").mkdir(parents=True)
    if broken is gone:
        assert "Bring in labelled images" in words(start_page())
    sentence = broken(home)
    at = start_page()
    assert not at.exception
    assert f"This did not work {sentence}" in words(at)
    assert not (broken is gone and home.exists())

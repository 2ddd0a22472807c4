"""What a shared server says where it was started, and that a broken home does not keep it from saying so."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.access import token
from ui.sharing import Bound, invite


def test_a_shared_server_prints_the_link_that_lets_people_in(home: Path) -> None:
    said = invite(Bound("0.0.0.0"))
    assert f"/?token={token(home)}" in said and "thaw token --rotate" in said
    assert f"/lab/?token={token(home)}" in invite(Bound("127.0.0.1", base="/lab"))


def test_a_server_for_this_computer_alone_says_nothing_and_makes_no_token(home: Path) -> None:
    assert invite(Bound("127.0.0.1")) == "" and not (home / "sign-in").exists()


def test_a_home_that_cannot_be_used_is_said_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("THAW_HOME", str(tmp_path / "file" / "home"))
    assert "nobody can come in: " in invite(Bound("0.0.0.0"))


def test_a_token_that_could_be_guessed_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_TOKEN", "short")
    assert "could be guessed" in invite(Bound("0.0.0.0"))

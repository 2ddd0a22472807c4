"""`token` and `password`: what a host hands out."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from core.access import people, token
from tests.support.terminal import say
from training.cli import thaw


def test_the_token_is_shown_and_another_made(tmp_path: Path) -> None:
    first = say("token", "--home", tmp_path)
    assert token(tmp_path) in first.out and f"?token={token(tmp_path)}" in first.out
    again = say("token", "--rotate", "--home", tmp_path, "--json").json["token"]
    assert again == token(tmp_path) and again not in first.out


def test_a_password_becomes_a_line_that_the_server_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = CliRunner().invoke(thaw, ["password", "Ann", "--home", str(tmp_path)], input="correct horse\n")
    assert made.exit_code == 0 and "correct" not in made.output
    (tmp_path / "people").write_text(made.stdout)
    monkeypatch.setenv("THAW_PASSWORD_FILE", str(tmp_path / "people"))
    known = people()
    assert known is not None and known.knows("Ann", "correct horse")


def test_a_short_password_is_refused_in_a_sentence(tmp_path: Path) -> None:
    made = CliRunner().invoke(thaw, ["password", "Ann", "--home", str(tmp_path)], input="short\n")
    assert made.exit_code == 2 and "A password has 8 characters or more." in made.stderr

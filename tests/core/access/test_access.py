"""Tokens, passwords and passes: what opens, what does not, and what is said of a broken file."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Any

import pytest

from core import DataError
from core.access import LASTS_S, People, give, holder, line_for, people, rotate, token
from core.errors import HomeError

NOW = 1.8e9


def test_a_home_keeps_its_token_for_its_owner_alone_until_it_is_asked_for_another(tmp_path: Path) -> None:
    first = token(tmp_path)
    assert len(first) >= 32 and token(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "sign-in" / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "sign-in").stat().st_mode) == 0o700
    second = rotate(tmp_path)
    assert second != first and token(tmp_path) == second


def test_a_token_file_that_is_empty_or_broken_is_no_open_door(tmp_path: Path) -> None:
    token(tmp_path)
    for content in (b"", b"\n", b"short", b"\xff\xfe\x00"):
        (tmp_path / "sign-in" / "token").write_bytes(content)
        assert len(token(tmp_path)) >= 32


def test_a_home_that_is_not_there_gets_no_new_token(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="gone', in which Thaw keeps its files, is gone. Bring it back"):
        token(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_a_chosen_token_wins_and_may_not_be_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_TOKEN", "sixteen letters!")
    assert token(tmp_path) == "sixteen letters!"
    with pytest.raises(DataError, match="change it there"):
        rotate(tmp_path)
    monkeypatch.setenv("THAW_TOKEN", "hunter2")
    with pytest.raises(DataError, match="THAW_TOKEN has 7 characters and could be guessed"):
        token(tmp_path)


def test_a_pass_holds_for_its_time_and_its_secret(tmp_path: Path) -> None:
    for who in ("", "Ann", "Zoë Ωmega : x", "a" * 40):
        kept = give("secret", who, NOW)
        assert kept.isascii() and ";" not in kept and len(kept) < 400
        for later in (0, 60, LASTS_S):
            assert holder(kept, lambda name: "secret", NOW + later) == who
        assert holder(kept, lambda name: "secret", NOW + LASTS_S + 1) is None
        assert holder(kept, lambda name: "secret", NOW - 61) is None, "given in the future"
        assert holder(kept, lambda name: "other", NOW) is None
        assert holder(kept, lambda name: None, NOW) is None


def test_no_other_text_is_a_pass() -> None:
    kept = give("secret", "Ann", NOW)
    said, _, signature = kept.partition(".")
    forged = give("guess", "Ann", NOW).partition(".")[0]
    for value in (
        "",
        ".",
        "x",
        "x.y",
        said,
        f"{said}.",
        f".{signature}",
        f"{said}.{signature[:-1]}",
        f"{said}.{signature}0",
        f"{forged[:-2]}xx.{signature}",
        kept.upper(),
        kept + "=",
        "é." + signature,
        "a" * 5000,
        f"{said}.é",
        give("secret", "x", NOW).partition(".")[0] + "." + signature,
    ):
        assert holder(value, lambda name: "secret", NOW) is None, value[:60]


def test_people_have_passwords_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert people() is None
    file = tmp_path / "people"
    file.write_text(f"# the lab\n\n{line_for('Ann', 'correct horse')}\n{line_for('Zoë M', 'battery staple')}\n")
    monkeypatch.setenv("THAW_PASSWORD_FILE", str(file))
    known = people()
    assert known is not None and set(known.kept) == {"Ann", "Zoë M"}
    assert known.knows("Ann", "correct horse") and known.knows("Zoë M", "battery staple")
    for name, word in (
        ("Ann", "battery staple"),
        ("Ann", ""),
        ("ann", "correct horse"),
        ("", ""),
        ("Bob", "correct horse"),
    ):
        assert not known.knows(name, word)
    assert "correct" not in file.read_text()


def test_a_name_that_is_not_there_takes_as_much_work_as_one_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, hashed = line_for("Ann", "correct horse").partition(":")
    known, tries = People({name: hashed}), list[str]()
    scrypt = hashlib.scrypt

    def counted(password: bytes, **how: Any) -> bytes:
        tries.append(password.decode())
        return scrypt(password, **how)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    for who, word in (("Ann", "wrong word"), ("Bob", "wrong word"), ("", ""), ("Ann", "correct horse")):
        tries.clear()
        assert known.knows(who, word) is (word == "correct horse") and tries == [word]


@pytest.mark.parametrize("line", ["Ann:correct horse", "Ann", "Ann:scrypt$x$y", ":scrypt$a$b", "A\tB:scrypt$x$y"])
def test_a_broken_password_file_is_named_and_lets_nobody_in(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "people"
    file.write_text(f"{line_for('Ann', 'correct horse')}\n{line}\n")
    monkeypatch.setenv("THAW_PASSWORD_FILE", str(file))
    with pytest.raises(DataError, match=r"Line 2 of '.*people' is not one that `thaw password NAME` wrote"):
        people()
    monkeypatch.setenv("THAW_PASSWORD_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"THAW_PASSWORD_FILE, '.*nowhere', cannot be read: No such file"):
        people()


@pytest.mark.parametrize(
    ("name", "word", "said"),
    [
        ("", "long enough", "A name has 1 to 40 characters"),
        ("a:b", "long enough", "none of : ,"),
        ("x" * 41, "long enough", "1 to 40"),
        ("Ann", "short", "A password has 8 characters or more"),
    ],
)
def test_names_and_passwords_that_cannot_be_are_refused(name: str, word: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        line_for(name, word)

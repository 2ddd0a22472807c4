"""What counts as this computer: each sign of somebody else is enough, whatever the others say."""

from __future__ import annotations

import itertools

import pytest
from starlette.datastructures import Headers

from ui.sharing.locality import FORWARDED, Bound, foreign, local, loopback

HERE = {"host": "localhost:8501"}
ALONE = Bound("127.0.0.1")


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_names_of_this_computer(name: str) -> None:
    assert loopback(name)


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "0.0.0.0",
        "::",
        "192.168.1.7",
        "lab",
        "localhost.evil.org",
        "127.0.0.1.nip.io",
        "notlocalhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "::ffff:10.0.0.1",
    ],
)
def test_names_that_may_be_others(name: str | None) -> None:
    assert not loopback(name)


def test_a_browser_at_this_computer_is_local() -> None:
    for host, origin in itertools.product(("localhost:8501", "127.0.0.1:8501", "[::1]:8501", "localhost"), repeat=2):
        sent = {
            "host": host,
            "origin": f"http://{origin}",
            "referer": f"http://{origin}/train?run=x",
            "sec-fetch-site": "same-origin",
        }
        assert local(Headers(sent), "127.0.0.1", ALONE)
    assert local(Headers({"host": "localhost:8501", "sec-fetch-site": "none"}), "::1", ALONE)


@pytest.mark.parametrize(
    "bound",
    [
        Bound(""),
        Bound("0.0.0.0"),
        Bound("::"),
        Bound("192.168.1.7"),
        Bound("unix:///x.sock"),
        Bound("127.0.0.1", base="/lab"),
        Bound("127.0.0.1", shared=True),
    ],
)
def test_a_server_for_others_has_no_local_request(bound: Bound) -> None:
    assert bound.everybodys and not local(Headers(HERE), "127.0.0.1", bound)


@pytest.mark.parametrize(
    "name", [*FORWARDED, "x-forwarded-for", "X-Forwarded-Host", "x-forwarded-proto", "x-forwarded-x"]
)
def test_a_request_that_was_handed_on_is_not_local(name: str) -> None:
    for value in ("127.0.0.1", "", "for=127.0.0.1", "localhost"):
        assert not local(Headers({**HERE, name: value}), "127.0.0.1", ALONE)


@pytest.mark.parametrize("field", ["host", "origin", "referer"])
@pytest.mark.parametrize(
    "host", ["evil.org", "localhost.evil.org", "192.168.1.7:8501", "127.0.0.1@evil.org", "[", "x" * 300]
)
def test_a_foreign_name_anywhere_is_not_local(field: str, host: str) -> None:
    value = host if field == "host" else f"http://{host}/a"
    assert not local(Headers({**HERE, field: value}), "127.0.0.1", ALONE)


def test_two_names_of_which_one_is_foreign_are_not_local() -> None:
    for name in ("host", "origin", "referer"):
        for pair in (("localhost", "evil.org"), ("evil.org", "localhost")):
            values = [value if name == "host" else f"http://{value}" for value in pair]
            raw = [(b"host", b"localhost:8501"), *((name.encode(), value.encode()) for value in values)]
            assert not local(Headers(raw=raw), "127.0.0.1", ALONE)


@pytest.mark.parametrize(
    "headers",
    [{}, {"host": ""}, {"host": "localhost", "origin": "null"}, {"host": "localhost", "sec-fetch-site": "cross-site"}],
)
def test_what_says_nothing_of_where_it_comes_from_is_not_local(headers: dict[str, str]) -> None:
    assert not local(Headers(headers), "127.0.0.1", ALONE)


@pytest.mark.parametrize("client", [None, "192.168.1.7", "10.0.0.1", "testclient", ""])
def test_a_connection_from_elsewhere_is_not_local(client: str | None) -> None:
    assert not local(Headers(HERE), client, ALONE)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"host": "lab:8501"}, False),
        ({"host": "lab:8501", "origin": "http://lab:8501"}, False),
        ({"host": "lab:8501", "origin": "http://LAB:8501", "sec-fetch-site": "same-origin"}, False),
        ({"host": "lab:8501", "origin": "http://lab:8502"}, True),
        ({"host": "lab:8501", "origin": "http://evil.org"}, True),
        ({"host": "lab:8501", "origin": "null"}, True),
        ({"host": "lab:8501", "origin": ""}, True),
        ({"host": "lab:8501", "origin": "http://["}, True),
        ({"host": "lab:8501", "origin": "http://evil.org@lab:8501"}, True),
        ({"host": "lab", "origin": "http://"}, True),
        ({"host": "lab:8501", "sec-fetch-site": "cross-site"}, True),
        (
            {"host": "lab:8501", "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
            True,
        ),
        (
            {"host": "lab", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
            True,
        ),
        (
            {"host": "lab", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            False,
        ),
        ({"host": "lab", "sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, False),
    ],
)
def test_what_another_site_asks_for_is_foreign_and_a_link_is_not(headers: dict[str, str], said: bool) -> None:
    assert foreign(Headers(headers)) is said


@pytest.mark.parametrize(
    ("said", "shared"),
    [("", False), ("0", False), ("off", False), ("No", False), ("1", True), ("yes", True), ("true", True)],
)
def test_one_setting_shares_a_server_and_a_token_does_too(
    said: str, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THAW_TOKEN", raising=False)
    monkeypatch.setenv("THAW_SHARED", said)
    assert Bound.now("127.0.0.1", "").everybodys is shared
    monkeypatch.setenv("THAW_TOKEN", "a token of somebody's")
    assert Bound.now("127.0.0.1", "").everybodys

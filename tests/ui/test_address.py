"""Every address of Thaw's own lies below the base path of its server, in the table and in what pages ask for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import streamlit as st

from ui.address import at, base
from ui.pictures.cards import thumb_url
from ui.server import download_url, map_url, plotly_url, report_url, routes

UI = Path(__file__).parents[2] / "ui"


@pytest.fixture
def below(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = st.get_option
    monkeypatch.setattr(st, "get_option", lambda key: "lab/thaw/" if key == "server.baseUrlPath" else ask(key))


def test_a_server_alone_at_its_name_has_no_base() -> None:
    assert (base(), at("/thaw/live")) == ("", "/thaw/live")


def test_every_route_and_every_address_lies_below_the_base(below: None, home: Path) -> None:
    assert base() == "/lab/thaw"
    assert {route.path for route in routes.routes(home)} and all(
        route.path == "/lab/thaw/data" or route.path.startswith("/lab/thaw/thaw/") for route in routes.routes(home)
    )
    for url in (thumb_url("d", 1), map_url("r", 1), plotly_url(), download_url("r", "all.zip"), report_url(["r"])):
        assert url.startswith("/lab/thaw/thaw/"), url


def test_no_script_or_page_writes_an_address_without_its_base() -> None:
    """What a browser asks for begins with what `address` gives; only routes, comments and the gate name it bare."""
    bare, fine = re.compile(r"""["'`(]/thaw/"""), re.compile(r"""at\(|Route\(|^\s*(//|#)|Name 1 to|\"\"\"|What `""")
    paths = [*UI.rglob("*.js"), *(path for path in UI.rglob("*.py") if path.parent.name != "sharing")]
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not bare.search(line) or fine.search(line), f"{path.relative_to(UI)}: {line.strip()}"

"""A home in a temporary folder and the real pages, driven by AppTest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.runtime import context
from streamlit.testing.v1 import AppTest

from core.types import DatasetFacts, DatasetRef
from dataset.ingest.sources import import_path
from tests.support.seeding import LONG, RTL, NoWorkers, facts_of, picture_folder
from training.store.store import Store
from ui.kit import state
from ui.sharing.who import HEADER, Visitor

Visit = Callable[[Visitor], None]
NAV_APP = Path(__file__).with_name("nav_app.py")


@pytest.fixture(autouse=True)
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visit:
    """Who looks at the pages: somebody at this computer, until a test says who else."""

    def visit(who: Visitor) -> None:
        asked = SimpleNamespace(headers=[(HEADER, who.written())], cookies={}, remote_ip=None)
        monkeypatch.setattr(context, "_get_client_context", lambda: asked)

    visit(Visitor(local=True))
    return visit


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "home"
    monkeypatch.setenv("THAW_HOME", str(place))
    return state.home()


@pytest.fixture
def store(home: Path) -> Store:
    return state.store()


@pytest.fixture
def executor(store: Store, monkeypatch: pytest.MonkeyPatch) -> NoWorkers:
    fake = NoWorkers(store)
    monkeypatch.setattr(state, "jobs_executor", lambda: fake)
    return fake


@pytest.fixture
def dataset(home: Path, tmp_path: Path) -> DatasetRef:
    return import_path(
        picture_folder(tmp_path / "flowers", {"daisy": 8, LONG: 6, RTL: 5}), home, name="flowers"
    )


@pytest.fixture
def facts(store: Store, dataset: DatasetRef) -> DatasetFacts:
    measured = facts_of(dataset)
    store.save_facts(measured)
    return measured


Open = Callable[..., AppTest]


@pytest.fixture
def open_page(home: Path, executor: NoWorkers) -> Open:
    """open_page('advice', dataset=ID): that page, run once, with these query parameters."""

    def open_it(name: str, **params: str) -> AppTest:
        at = AppTest.from_file(str(NAV_APP), default_timeout=90)
        if name != "data":
            at.run()
            at.switch_page(os.path.relpath(getattr(state, f"{name.upper()}_PAGE"), NAV_APP.parent))
        for key, value in params.items():
            at.query_params[key] = value
        at.run()
        assert not at.exception, at.exception
        return at

    return open_it

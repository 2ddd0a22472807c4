"""A home in which every value is wrong somewhere: each page goes on with the rest, and names what it leaves out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.types import DatasetFacts, DatasetRef
from dataset import folder
from tests.support import wrong
from tests.support.seeding import finished_run, words
from tests.support.terminal import say
from tests.ui.conftest import Open
from training.store.store import Store

PAGES = ("data", "advice", "train", "compare", "run", "predict")
CELLS: dict[str, Any] = {
    "text": "x", "bytes": b"\xff\xfe", "below zero": -1, "far off": 1e18, "infinite": float("inf"), "a fraction": 0.5,
    "large": 2**62, "a path": "../up/x",
}  # fmt: skip
"""What a cell of the database may hold whatever its column is: SQLite keeps what it is given."""


def all_pages_go_on(open_page: Open, **params: str) -> dict[str, str]:
    """The words of each page; none ends in an error."""
    return {name: words(open_page(name, **params)) for name in PAGES}


def lists_go_on(store: Store, verb: str, wanted: str) -> None:
    """`verb` says the wanted; no verb that lists something ends in an error."""
    said = {name: say("--home", store.home, name) for name in ("datasets", "runs", "cache")}
    assert not any(one.code or one.err for one in said.values())
    assert wanted in said[verb].out


def insert(db: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> bool:
    """Whether the database takes such a row."""
    columns = ", ".join(f'"{name}"' for name in row)
    try:
        db.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
    except (sqlite3.Error, OverflowError, UnicodeEncodeError):
        return False
    return True


def test_datasets_with_wrong_values_take_no_page_away(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    root = Path(dataset.root)
    record = json.loads((root / folder.RECORD).read_text())
    for what, document in wrong.variants(record):
        other = hashlib.sha256(what.encode()).hexdigest()[:16]
        shutil.copytree(root, root.with_name(other), copy_function=os.link)
        (root.with_name(other) / folder.RECORD).unlink()
        own = document if what.startswith("id: ") else {**document, "id": other}
        (root.with_name(other) / folder.RECORD).write_text(json.dumps(own))
    deep = root.with_name("d" * 16)
    deep.mkdir()
    (deep / folder.RECORD).write_text(wrong.deep(record, "notes"))
    aside = folder.set_aside(store.home)
    assert len(aside) > 300 and any(str(deep) in why for why in aside)
    run = finished_run(store, dataset, "partial")
    lists_go_on(store, "datasets", f"{dataset.id}  flowers")
    all_pages_go_on(open_page, dataset=dataset.id, run=run.id)
    start = words(open_page("data"))
    assert "created is 1e+18 seconds after 1970, which no calendar has" in start
    assert "base is '../up/x', which is no id of a dataset" in start


def test_runs_with_wrong_values_take_no_page_away(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    finished_run(store, dataset, "partial")
    run = finished_run(store, dataset, "full")
    names: dict[str, str] = {}
    with sqlite3.connect(store.home / "thaw.db") as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM jobs WHERE id = ?", (run.id,)).fetchone())
        cells = {f"{name}: {what}": {name: cell} for name in row if name != "id" for what, cell in CELLS.items()}
        for name in ("config", "result", "tags"):
            for what, document in wrong.variants(json.loads(row[name])):
                cells[f"{name}.{what}"] = {name: json.dumps(document)}
            cells[f"{name}: deep"] = {name: wrong.deep({}, "deep")}
        for what, changed in cells.items():
            own = hashlib.sha256(what.encode()).hexdigest()[:8]
            if insert(db, "jobs", {**row, **changed, "id": own}):
                names[own] = what
    db.close()
    aside = " ".join(store.set_aside())
    told = {what for own, what in names.items() if own in aside}
    assert {"created: far off", "seconds: text", "seconds: below zero", "progress: large", "result.seconds: text",
            "result.predictions: a path", "config.seed: text", "config: deep",
            "tags: text", "name: bytes", "state: text"} <= told  # fmt: skip
    lists_go_on(store, "runs", "! Set aside: Run")
    for page, shown in all_pages_go_on(open_page, dataset=dataset.id, run=run.id).items():
        if page in ("train", "compare"):
            assert "created is 1e+18 seconds after 1970, which no calendar has" in shown
    assert "The plan of run" in words(open_page("compare", dataset=dataset.id))


def test_rows_and_events_with_wrong_values_take_no_page_away(
    open_page: Open, dataset: DatasetRef, store: Store, tmp_path: Path
) -> None:
    finished_run(store, dataset, "partial")
    run = finished_run(store, dataset, "full")
    whole = store.metrics(run.id)
    event = {"job": run.id, "time": 1.0, "level": "info", "kind": "k", "text": "t", "seconds": 1.0, "epoch": 1.0}
    with sqlite3.connect(store.home / "thaw.db") as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM metrics WHERE job = ?", (run.id,)).fetchone())
        for number, (name, cell) in enumerate((n, c) for n in row if n not in ("job", "row") for c in CELLS.values()):
            insert(db, "metrics", {**row, name: cell, "row": len(whole) + number})
        for name, cell in ((name, cell) for name in event if name != "job" for cell in CELLS.values()):
            insert(db, "events", {**event, name: cell})
    db.close()
    assert store.metrics(run.id)[: len(whole)] == whole
    assert all(isinstance(event["text"], str) and event["time"] < 1e12 for event in store.events(run.id))
    all_pages_go_on(open_page, dataset=dataset.id, run=run.id)
    said = say("report", run.id, "--out", tmp_path / "report.html", "--home", store.home)
    assert (said.code, said.err) == (0, "")


def test_facts_with_wrong_values_are_measured_again(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    with sqlite3.connect(store.home / "thaw.db") as db:
        (text,) = db.execute("SELECT facts FROM facts").fetchone()
    db.close()
    taken = []
    for what, document in wrong.variants(json.loads(text)):
        with sqlite3.connect(store.home / "thaw.db") as db:
            db.execute("UPDATE facts SET facts = ?", (json.dumps(document),))
        db.close()
        if store.facts(dataset.id, facts.backbone) is not None:
            taken.append(what)
            said = say("--home", store.home, "advise", dataset.id, "--minutes", "5")
            assert said.code == 0, f"{what}: {said.err}"
    assert len(taken) < 110 and "chance: null" in taken

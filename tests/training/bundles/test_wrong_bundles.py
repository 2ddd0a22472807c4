"""Bundles with a value wrong are refused at the door: by the field's name, and before anything is written."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError
from tests.support import wrong
from tests.training.bundles.conftest import Made
from training.bundles import reading, writing
from training.store.store import Store

Members = dict[str, bytes]
MAY_BE_SO = (
    "with_images", "target", "run.config.strategy.lr_range_test", "run.config.strategy.phases.0.plain",
    "run.result.stopped_early", "root",
)  # fmt: skip
"""Places in which a yes, or (`root`, which names the other home) anything, is right."""
OTHER_WORDS = (
    "damaged or no JSON", "half a character, or a number is too large", "does not match the run", "other images than",
    "weights are not those of the run", "there is no strategy called", "boundary", "is taken, counted from 1",
)  # fmt: skip
"""What names the wrong value without its place."""


@pytest.fixture
def members(made: Made, tmp_path: Path) -> Members:
    """Of a bundle without images, by name: one whose values are right asks for these, last of all."""
    home, _, run = made
    file = tmp_path / "run.zip"
    writing.write(Store(home), run.id, file, images=False)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refused(members: Members, place: Path) -> str:
    """Why a home does not take the bundle, in which it leaves nothing."""
    file, store = place / "wrong.zip", Store(place / "elsewhere")
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataError) as error:
        reading.read(file, store)
    assert store.jobs() == [] and not (store.home / "runs").exists()
    assert not list((store.home / "datasets").glob("*")) and not list((store.home / "downloads").glob("*"))
    return str(error.value)


def document(members: Members, end: str) -> tuple[str, Any]:
    """(its name, its content) of the first member whose name ends so."""
    name = next(name for name in members if name.endswith(end))
    return name, json.loads(members[name])


@pytest.mark.parametrize("end", ["bundle.json", "rows.json", "dataset.json"])
def test_each_value_of_a_bundle_that_is_wrong_is_refused_by_name(members: Members, tmp_path: Path, end: str) -> None:
    name, whole = document(members, end)
    for member, content in members.items():
        (tmp_path / member).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / member).write_bytes(content)
    for what, changed in wrong.variants(whole):
        (tmp_path / name).write_text(json.dumps(changed))
        place, kind = what.split(": ")
        try:
            reading.checked(tmp_path, Path("run.zip"), tmp_path / "home")
        except DataError as error:
            said = str(error)
        else:
            never = kind in ("an object", "true")
            assert not never or place in MAY_BE_SO, f"{what} was taken"
            continue
        named = [part for part in place.split(".") if part in said]
        assert named or any(other in said for other in OTHER_WORDS), f"{what}: {said}"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("end", "change", "said"),
    [
        ("bundle.json", {"made": 1e18}, "made is 1e"),
        ("bundle.json", {"run.created": "yesterday"}, "at 'run.created': expected float, got str"),
        ("bundle.json", {"run.created": 1e18}, "created is 1e+18 seconds after 1970, which no calendar has"),
        ("bundle.json", {"run.seconds": "x"}, "at 'run.seconds': expected float, got str"),
        ("bundle.json", {"run.seconds": -1}, "seconds is counted from 0 and never reaches -1"),
        ("bundle.json", {"run.result.weights": "/etc/x"}, "weights is '/etc/x', which does not lie in the home"),
        ("dataset.json", {"created": "today"}, "dataset.json is not what this version of Thaw can read at 'created'"),
        ("dataset.json", {"base": "../up"}, "base is '../up', which is no id of a dataset"),
        ("dataset.json", {"name": 5}, "at 'name': expected str, got int"),
        ("rows.json", {"0.val_loss": "low"}, "rows.json is not what this version of Thaw can read at '[0].val_loss'"),
        ("rows.json", {"0.written": 1e300}, "written is 1e+300 seconds after 1970"),
    ],
)  # fmt: skip
def test_the_sentence_names_the_field(
    members: Members, tmp_path: Path, end: str, change: dict[str, Any], said: str
) -> None:
    name, whole = document(members, end)
    for place, value in change.items():
        inner = whole
        *above, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        for key in above:
            inner = inner[key]
        inner[last] = value
    assert said in refused({**members, name: json.dumps(whole).encode()}, tmp_path)


@pytest.mark.parametrize("end", ["bundle.json", "rows.json", "dataset.json", "runtime.json"])
def test_deep_and_endless_documents_are_refused(members: Members, tmp_path: Path, end: str) -> None:
    name, _ = document(members, end)
    deep = b"[" * 100_000 + b"]" * 100_000
    for content in (deep, b'{"created": ' + b"9" * 5_000 + b"}", b"", b"{", b"\xff\xfe", b"null"):
        assert name.split("/")[-1] in refused({**members, name: content}, tmp_path)

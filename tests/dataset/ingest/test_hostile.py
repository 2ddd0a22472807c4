"""Every hostile archive ends as it should, at little cost, and nothing is written outside the home."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import DataError, UnsafeArchive
from dataset.folder import list_datasets
from dataset.ingest.sources import import_path
from tests.support.clocks import times_as_long
from tests.support.hostile import GOOD, KINDS, Expected, zipped


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 25


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_ends_as_it_should(tmp_path: Path, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    make, expected = KINDS[name]
    archive, home = tmp_path / name, tmp_path / "home"
    archive.write_bytes(make())
    beside = tmp_path_factory.mktemp("harmless")
    (beside / "good.zip").write_bytes(zipped())

    def harmless() -> None:
        assert import_path(beside / "good.zip", beside / "home").images == len(GOOD)

    assert times_as_long(lambda: ends_as_it_should(archive, home, expected), harmless, rounds=1) < 4  # up to 1.3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "home"])
    assert {path.name for path in home.iterdir()} <= {"datasets", "sources"}


def ends_as_it_should(archive: Path, home: Path, expected: Expected) -> None:
    if expected.kind == "aside":
        ref = import_path(archive, home)
        assert ref.images == len(GOOD)
        reasons = dict(ref.set_aside)
        assert re.search(expected.pattern, reasons[expected.name]), reasons
    else:
        with pytest.raises(DataError, match=expected.pattern) as raised:
            import_path(archive, home)
        assert isinstance(raised.value, UnsafeArchive) == (expected.kind == "refused")
        assert list_datasets(home) == [] and not any((home / "datasets").iterdir())

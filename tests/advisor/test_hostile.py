"""Every hostile archive ends as it should, quickly, and nothing is written outside the home."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from advisor.datasets import list_datasets
from advisor.errors import DataError, UnsafeArchive
from advisor.ingest import import_path
from tests.advisor.hostile import GOOD, KINDS

MOST_SECONDS = 5.0


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 25


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_ends_as_it_should(tmp_path: Path, name: str) -> None:
    make, expected = KINDS[name]
    archive, home = tmp_path / name, tmp_path / "home"
    archive.write_bytes(make())
    started = time.monotonic()
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
    assert time.monotonic() - started < MOST_SECONDS
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "home"])
    assert {path.name for path in home.iterdir()} <= {"datasets", "sources"}

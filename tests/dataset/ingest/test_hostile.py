"""Every hostile archive ends as it should, at little cost, and nothing is written outside the home."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from core.errors import DataError, UnsafeArchive
from dataset.folder import list_datasets
from dataset.ingest.archives import CHUNK
from dataset.ingest.sources import import_path
from tests.support.clocks import times_as_long
from tests.support.hostile import GOOD, KINDS, ZEROS, Expected

BOMB = zlib.compress(ZEROS[: 5 * CHUNK])


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 25


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_ends_as_it_should(tmp_path: Path, name: str) -> None:
    make, expected = KINDS[name]
    archive, home = tmp_path / name, tmp_path / "home"
    archive.write_bytes(make())
    assert times_as_long(lambda: ends_as_it_should(archive, home, expected), unpack_a_bomb, rounds=1) < 25  # up to 10
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "home"])
    assert {path.name for path in home.iterdir()} <= {"datasets", "sources"}


def unpack_a_bomb() -> None:
    """The control: 5 MB of zeros."""
    reader, left = zlib.decompressobj(), BOMB
    while left:
        reader.decompress(left, CHUNK)
        left = reader.unconsumed_tail


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

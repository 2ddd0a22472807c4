"""One import of everything awkward: each kind ends as it should, and the good images are all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.types import DatasetRef
from dataset.folder import read_manifest
from dataset.ingest.sources import import_path
from tests.support.corpus import KINDS, saved, scene, write_corpus


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetRef, dict[str, tuple[str, ...]], dict[str, str]]:
    """(dataset, traits of each accepted file, reason of each that was set aside), of the class 'awkward'."""
    place = tmp_path_factory.mktemp("awkward")
    write_corpus(place / "data/awkward")
    (place / "data/plain").mkdir()
    for number in range(3):
        (place / f"data/plain/{number}.png").write_bytes(saved(scene(100 + number), "PNG"))
    ref = import_path(place / "data", place / "home")
    manifest = read_manifest(ref)
    accepted = {
        Path(path).name: tuple(traits.split())
        for path, traits in zip(manifest["path"], manifest["traits"], strict=True)
    }
    return ref, accepted, {Path(path).name: reason for path, reason in ref.set_aside}


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 40


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_ends_as_it_should(imported, name: str) -> None:
    _, accepted, set_aside = imported
    expected = KINDS[name][1]
    if isinstance(expected, tuple):
        assert name in accepted, set_aside.get(name)
        assert set(accepted[name]) == set(expected)
    else:
        assert name not in accepted
        assert re.search(expected, set_aside[name]), set_aside[name]


def test_what_is_no_file_is_set_aside_too(imported) -> None:
    _, _, set_aside = imported
    assert set_aside["broken link.jpg"] == "a broken link or a special file"
    assert set_aside["pipe.jpg"] == "a broken link or a special file"


def test_the_plain_images_are_untouched(imported) -> None:
    ref, accepted, _ = imported
    assert {"0.png", "1.png", "2.png"} <= accepted.keys()
    assert ref.classes == ("awkward", "plain")

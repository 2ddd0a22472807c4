"""A slice of `benchmarks.fuzz`: mutated images and archives crash nothing, hang nothing and write nothing outside."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fuzz import WORST, fuzz_archives, fuzz_images
from core.portable.pictures import square


def test_mutated_images_are_accepted_or_set_aside(tmp_path: Path) -> None:
    told = fuzz_images(240, 7, tmp_path, lambda path: square(path, 64))
    assert told.wrong == []
    assert told.outcomes["accepted"] > 20 and told.outcomes["set aside"] > 20
    assert not set(WORST) & set(told.outcomes)


def test_mutated_archives_are_imported_refused_or_said_to_be_broken(tmp_path: Path) -> None:
    told = fuzz_archives(40, 7, tmp_path)
    assert told.wrong == []
    assert sum(told.outcomes.values()) == 40 and len(told.outcomes) > 1

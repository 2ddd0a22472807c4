"""Every layout that people have is read right, asked about, or refused with a sentence that helps (`benchmarks`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.layouts import CASES, Case
from benchmarks.layouts.judge import judge


def named(case: Case) -> str:
    return case.name.replace(" ", "-")


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_becomes_of_a_layout_is_what_its_source_demands(case: Case, tmp_path: Path) -> None:
    case.make(tmp_path / "data")
    found = judge(case, tmp_path / "data")
    assert found.good, f"{case.source}: {found.verdict}, {found.why}; it said: {found.said}"


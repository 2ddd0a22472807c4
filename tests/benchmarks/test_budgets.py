"""What the benchmark of budgets counts as kept, and that it is balanced wherever it stops."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks import budgets
from training.engine.publish import NOT_BEATEN


def run(wall_s: float, minutes: float = 0.5, **more: Any) -> budgets.Record:
    return {"data": "bees", "strategy": "full", "minutes": minutes, "state": "finished", "error": None,
            "wall_s": wall_s, "said": [], "foreseen_s": 30.0, "foreseen_bytes": 2e9, "peak_bytes": 1.5e9, "epochs": 1.5,
            "planned": 2, "cut_off": False, "test_accuracy": 0.9, **more}  # fmt: skip


def test_every_combination_has_its_turn_and_any_beginning_is_balanced() -> None:
    kinds, data, minutes = budgets.STRATEGIES, ["a", "b", "c", "d"], [0.5, 2.0]
    cells = budgets.in_turn(data, kinds, minutes)
    assert len(cells) == len(set(cells)) == 40
    for end in (10, 15, 20, 30):
        for part in range(3):
            counts = Counter(cell[part] for cell in cells[:end])
            assert len(counts) == (4, 5, 2)[part] and max(counts.values()) - min(counts.values()) <= 3


@pytest.mark.parametrize(
    ("wall_s", "minutes", "in_time"),
    [(33, 0.5, True), (33.1, 0.5, False), (126, 2, True), (126.1, 2, False), (5, 2, True)],
)
def test_a_budget_may_be_off_by_a_twentieth_or_three_seconds(wall_s: float, minutes: float, in_time: bool) -> None:
    assert budgets.in_time(run(wall_s, minutes)) is in_time


def test_time_that_is_left_needs_a_reason() -> None:
    said = ["Planned to end within 30 s: ...", "The plan is complete after 20 s of the 30 s that were given: ..."]
    assert budgets.well_used(run(25.5)) and not budgets.well_used(run(25.4))
    assert budgets.well_used(run(20, said=[f"20 s of the 30 s ...: {NOT_BEATEN}, so ..."]))
    assert budgets.well_used(run(20, said=said)) and not budgets.well_used(run(20, said=said[:1]))


def test_the_table_counts_what_was_kept_and_shows_failures() -> None:
    failed = {"data": "bees", "strategy": "lp_ft", "minutes": 2.0, "state": "failed", "error": "No memory."}
    text = budgets.table([run(30), run(40), failed])
    assert "- ends in time (5 % or 3 s): 1 of 2 (50%)" in text
    assert "- time foreseen within 20 %: 1 of 2 (50%)" in text
    assert "- memory foreseen within 15 %: 0 of 2 (0%)" in text
    assert "| bees | full | 30 | 40.0 | +10.0 | 133% | **no** | 30 / 40 (0.75) | 2,000 / 1,500 (1.33) |" in text
    assert "| bees | lp_ft | 120 | failed: No memory. |" in text

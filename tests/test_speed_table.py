"""The arithmetic behind `benchmarks.speed`: what "seconds to the same accuracy" means, and tables that hide nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from benchmarks import speed_table as tables
from benchmarks.speed_data import FEWEST, chosen
from benchmarks.speed_table import BUDGET, COLD, WARM


def peer(seed: int, *epochs: tuple[float, float], strategy: str = "partial", system: str = "plain") -> dict[str, Any]:
    """A finished peer with (seconds, test accuracy) of each epoch."""
    trace = [{"seconds": s, "test_accuracy": a} for s, a in epochs]
    return {
        "system": system, "strategy": strategy, "seed": seed, "run": f"{len(trace)} epochs", "how": "",
        "state": "finished", "error": None, "seconds": trace[-1]["seconds"], "training_seconds": 1.0,
        "test_accuracy": trace[-1]["test_accuracy"], "trace": trace,
    }  # fmt: skip


def thaw(
    seed: int, seconds: float, accuracy: float | None, run: str = "epochs 1", how: str = COLD, strategy: str = "partial"
) -> dict[str, Any]:
    """A run of Thaw; accuracy None = it failed."""
    return {
        "system": "thaw", "strategy": strategy, "seed": seed, "run": run, "how": how, "seconds": seconds,
        "state": "failed" if accuracy is None else "finished", "error": "no room" if accuracy is None else None,
        "test_accuracy": accuracy,
    }  # fmt: skip


def cells(table: str, *start: str) -> dict[str, str]:
    """The one row that begins with these cells, by column."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    (row,) = [row for row in rows if tuple(row[: len(start)]) == start]
    assert len(row) == len(rows[0])
    return dict(zip(rows[0], row, strict=True))


def test_a_peer_is_credited_with_the_first_epoch_that_had_its_final_accuracy() -> None:
    trace = peer(0, (10, 0.5), (20, 0.8), (30, 0.7), (40, 0.8))["trace"]
    assert tables.seconds_to_reach(trace, 0.8) == 20
    assert tables.seconds_to_reach(trace, 0.8000001) == 20  # float32 means are not exact
    assert math.isinf(tables.seconds_to_reach(trace, 0.81))


def test_the_cheapest_run_that_reached_it_is_chosen_whatever_its_place_on_the_ladder() -> None:
    runs = [thaw(0, 5, 0.7), thaw(0, 9, 0.9, "epochs 2"), thaw(0, 8, 0.85, "epochs 4"), thaw(0, 1, None, "epochs 8")]
    best = tables.cheapest(runs, 0.8)
    assert best is not None and best["run"] == "epochs 4"
    assert tables.cheapest(runs, 0.95) is None


def test_the_factor_is_the_median_over_the_seeds_of_paired_ratios() -> None:
    records = [
        peer(0, (40, 0.8)), peer(1, (60, 0.8)), peer(2, (50, 0.8)),
        thaw(0, 10, 0.9), thaw(1, 10, 0.9), thaw(2, 10, 0.8), thaw(2, 4, 0.8, how=WARM),
        thaw(0, 2, 0.9, "solved head", strategy="frozen"),
    ]  # fmt: skip
    row = cells(tables.to_reach(records, ["partial"], ["plain"], []), "partial", "plain")
    assert row["times faster"] == "5.0 (4.0, 6.0, 5.0)" and row["met"] == "no"  # the goal is 8
    assert row["Thaw cold, s"] == "10.0" and row["peer, s"] == "50.0"
    assert row["Thaw warm, s"] == "not measured"  # in two of three seeds
    assert row["any strategy of Thaw, s"] == "10.0"


def test_a_ladder_that_never_got_there_is_said_and_counts_as_zero() -> None:
    records = [peer(seed, (40, 0.8)) for seed in range(3)]
    records += [thaw(0, 1, 0.9), thaw(1, 1, 0.7), thaw(2, 1, 0.7)]
    row = cells(tables.to_reach(records, ["partial"], ["plain"], []), "partial", "plain")
    assert row["Thaw cold, s"] == "not reached" and row["met"] == "no"
    assert row["times faster"] == "0.0 (40.0, 0.0, 0.0)"
    assert row["runs chosen"] == "epochs 1, not reached"


def test_lower_in_one_seed_is_not_never_lower() -> None:
    records = [peer(seed, (40, 0.8)) for seed in range(3)]
    records += [thaw(seed, 30, accuracy, how=BUDGET) for seed, accuracy in enumerate((0.9, 0.79, 0.85))]
    row = cells(tables.at_equal_time(records, ["partial"], ["plain"], []), "partial", "plain")
    assert row["difference (each seed)"] == "+0.050 (+0.100, -0.010, +0.050)" and row["never lower"] == "no"
    equal = [*records[:3], *(thaw(seed, 30, 0.8, how=BUDGET) for seed in range(3))]
    assert cells(tables.at_equal_time(equal, ["partial"], ["plain"], []), "partial", "plain")["never lower"] == "yes"
    late = [*equal[:5], thaw(2, 50, 0.8, how=BUDGET)]
    row = cells(tables.at_equal_time(late, ["partial"], ["plain"], []), "partial", "plain")
    assert row["never lower"] == "took longer in 1 of 3"


def test_what_is_missing_or_failed_stays_in_the_tables() -> None:
    broken = {**peer(0, (1, 0.1), system="plain"), "state": "failed", "error": "ran out of air", "test_accuracy": None}
    records = [broken, thaw(0, 3, None)]
    for table in (tables.to_reach, tables.at_equal_time):
        made = table(records, ["partial"], ["plain", "fastai"], ["fastai"])
        assert "ran out of air" in made and "fastai not installed" in made
        assert len({line.count("|") for line in made.splitlines()}) == 1
    listed = tables.every_run(records)
    assert "failed: ran out of air" in listed and "failed: no room" in listed
    assert len({line.count("|") for line in listed.splitlines()}) == 1


def test_a_limit_keeps_the_share_of_every_class_and_side_but_a_few_of_each() -> None:
    splits = np.repeat(["train", "test"], [300, 100])
    labels = np.tile([0, 0, 0, 1], 100)
    kept = chosen(splits, labels, 100)
    for side, label, count in (("train", 0, 56), ("train", 1, 19), ("test", 0, 19), ("test", 1, 6)):
        assert ((splits[kept] == side) & (labels[kept] == label)).sum() == pytest.approx(count, abs=1)
    assert len(chosen(splits, labels, 4)) == 4 * FEWEST
    assert len(chosen(splits, labels, None)) == len(chosen(splits, labels, 10_000)) == 400
    assert (chosen(splits, labels, 100) == kept).all()

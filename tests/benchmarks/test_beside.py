"""The arithmetic of `benchmarks.beside`, and which tests it calls the same."""

from __future__ import annotations

from pathlib import Path

from benchmarks.beside import TESTS, Pairs, common

OLD, NEW = Path("/old"), Path("/new")


def test_a_ratio_is_the_median_of_the_pairs_not_of_the_figures() -> None:
    pairs = Pairs({"`--help`": [(1.0, 1.1), (4.0, 4.8), (2.0, 2.0)], TESTS: [(100.0, 106.0)]})
    assert round(pairs.ratio("`--help`"), 6) == 1.1
    assert pairs.above() == [TESTS]
    table = pairs.table("4321fc6", "abcdef0")
    assert "| `--help` | 2.00 s | 2.00 s | 1.100 (1.100, 1.200, 1.000) | 1.15 |" in table
    assert "| what | 4321fc6, median | abcdef0, median |" in table


def test_checkouts_are_measured_in_turns() -> None:
    order, pairs = list[Path](), Pairs()

    def measure(tree: Path) -> float:
        order.append(tree)
        return 1.0 if tree == OLD else 2.0

    for turn in range(2):
        pairs.add("a short run", measure, [OLD, NEW], turn)
    assert order == [OLD, NEW, NEW, OLD]
    assert pairs.figures["a short run"] == [(1.0, 2.0)] * 2
    assert pairs.above() == []  # it has no limit


def test_tests_are_known_by_their_names_wherever_they_lie() -> None:
    old = ["tests/a.py::test_one", "tests/a.py::test_two[x]", "tests/a.py::test_gone", "tests/b.py::test_one"]
    new = ["tests/room/a.py::test_two[x]", "tests/room/a.py::test_one", "tests/b.py::test_one", "tests/b.py::test_new"]
    assert common(old, new) == ([old[0], old[1], old[3]], new[:3])
    assert common(old, new[1:2]) == ([], [])  # one of two of a name: which one, nobody knows

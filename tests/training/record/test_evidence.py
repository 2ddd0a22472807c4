"""The evidence grid on the smallest network and the built-in digits: resumable, complete lines, honest budgets."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from advisor.advice import evidence as table
from advisor.advice import learned_rules
from advisor.planning.costs import Sizes, price
from benchmarks import evidence, regret, rulebook
from benchmarks.evidence_data import MOST_TEST, draw
from benchmarks.evidence_merge import merged
from core.plans import Kind
from tests.support.evidence_rows import line, lines


@pytest.fixture
def grid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    kinds: tuple[Kind, ...] = ("prototype", "linear_probe", "full")
    monkeypatch.setattr(evidence, "GRID", (evidence.Round(8, "medium", (5,), (0, 1), kinds),))
    monkeypatch.setattr(sys, "argv", ["evidence", str(tmp_path), "digits", "--backbone", "mlp"])
    return tmp_path / "evidence.csv"


def test_every_run_is_a_line_and_a_killed_grid_goes_on(grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence.main()
    whole = grid.read_text().splitlines()
    assert len(whole) == 1 + 2 * 3
    grid.write_text("\n".join(whole[:4]) + "\n")
    evidence.main()
    again = grid.read_text().splitlines()
    timing = evidence.COLUMNS.index("fit_seconds")
    assert [row.split(",")[:timing] for row in again] == [row.split(",")[:timing] for row in whole]
    (first, second) = table.tasks(table.read(grid))
    assert list(first.scores) == ["prototype", "linear_probe", "full"]
    assert first.facts.images_per_class == 5 and first.facts.classes == 10
    assert first.facts.ready_made is not None and first.facts.domain_gap is None
    assert first.scores != second.scores  # another draw of images


def test_draws_are_stratified_and_never_touch_the_test_images(tmp_path: Path) -> None:
    pool = evidence.Bench("digits", tmp_path, 8, "mlp").pool
    task = draw(pool, 20, 0)
    labels = pool.labels
    assert np.bincount(labels[task.shown]).tolist() == [20] * 10
    assert np.bincount(labels[task.rows["val"]]).tolist() == [4] * 10
    assert not set(task.shown) & set(task.rows["test"]) and len(task.rows["test"]) <= MOST_TEST + 10
    assert list(draw(pool, 20, 0).shown) == list(task.shown) != list(draw(pool, 20, 1).shown)


def test_what_cannot_end_within_the_budget_is_not_run(tmp_path: Path) -> None:
    bench = evidence.Bench("digits", tmp_path, 8, "mlp")
    task = draw(bench.pool, 20, 0)
    assert bench.planned("full", task, 0.9) is None
    planned = bench.planned("full", task, 3.0)
    assert planned is not None
    strategy, priced = planned
    sizes = Sizes.of(200, 0, 10)
    again = price(strategy, sizes, evidence.COSTS, 8)
    assert again is not None and again[0] == priced <= 3.0 * (160 * 0.0270 + 40 * 0.00469)


def test_the_same_table_gives_the_same_rulebook() -> None:
    assert rulebook.text_of(lines()) == rulebook.text_of(lines())


def test_regret_leaves_whole_families_out() -> None:
    tasks = table.tasks(lines(sets=12))
    scores, foreseen = regret.judge(tasks)
    assert set(scores[regret.ADVISOR].regrets) == {f"set{n}" for n in range(12)}
    mean = {name: sum(score.all) / len(score.all) for name, score in scores.items()}
    assert mean[regret.ADVISOR] < mean["always linear_probe"]
    assert mean[regret.ADVISOR] < mean["always full"]
    assert len(foreseen) == len(scores[regret.ADVISOR].all)
    assert abs(mean[regret.ADVISOR]) < 0.6  # the noise between two seeds of these lines


def test_the_best_strategy_is_picked_on_one_seed_and_scored_on_the_other() -> None:
    def score(seed: int, probe: float, partial: float) -> list[dict[str, str]]:
        from tests.support.evidence_rows import line

        return [line("a", 5, "short", "linear_probe", seed, probe), line("a", 5, "short", "partial", seed, partial)]

    cases = regret.cases(table.tasks([*score(0, 0.9, 0.8), *score(1, 0.7, 0.8)]))
    first = next(case for case in cases if case.asked.seed == 0)
    assert first.oracle == 0.7  # the probe was best on seed 0; on seed 1 it reaches 0.7
    assert first.regret("linear_probe") == 0 and first.regret("partial") == pytest.approx(-0.1)


def test_the_tables_name_every_rule_and_where_advice_lost() -> None:
    tasks = table.tasks(lines())
    text = regret.table(tasks, len(lines()))
    for name in ("advisor", "always partial", "course tree", "workflow tree", "classic tree", "random"):
        assert f"| {name} |" in text
    assert "| set3 | 18 |" in text and "the 80 % intervals hold" in text


def test_the_committed_rulebook_is_what_the_command_makes_of_the_committed_evidence() -> None:
    assert rulebook.text_of(table.read()) == learned_rules.COMMITTED.read_text(encoding="utf-8")


def test_the_committed_regret_is_what_the_command_prints() -> None:
    lines = table.read()
    text = (Path(__file__).parents[3] / "benchmarks" / "results" / "regret.md").read_text(encoding="utf-8")
    assert regret.table(table.tasks(lines), len(lines)) in text


def test_tables_are_merged_by_whole_tasks() -> None:
    """The task that a grid was at is left out; of one that stands in two tables the first counts."""
    first = [line("a", 5, "short", "prototype", 0, 0.5), line("a", 5, "short", "partial", 0, 0.6),
             line("a", 20, "short", "prototype", 0, 0.7)]  # fmt: skip
    second = [line("a", 5, "short", "prototype", 0, 0.1), line("b", 5, "short", "prototype", 0, 0.2)]
    assert [one["test_accuracy"] for one in merged([first, second])] == ["0.5", "0.6"]
    assert [one["test_accuracy"] for one in merged([first, second], ended=True)] == ["0.5", "0.6", "0.7", "0.2"]

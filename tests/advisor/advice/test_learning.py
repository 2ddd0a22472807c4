from pathlib import Path

import pytest

from advisor.advice import evidence, learned_rules, learning
from advisor.advice.evidence import tasks
from advisor.advice.learning import carried_out, grow, regret
from advisor.rulebooks.tree import Leaf, Question, Situation, answer
from core.errors import DataError
from tests.support.evidence_rows import line, lines


def situation(ready: float, per_class: float) -> Situation:
    return Situation(
        int(5 * per_class), "medium", 10, "accuracy", images_per_class=per_class, classes=5, ready_made=ready,
        domain_gap=50, depth_gap=0.0, affordable_epochs=3.0,
    )  # fmt: skip


def test_lines_become_tasks() -> None:
    found = tasks(lines(sets=2, seeds=1))
    assert len(found) == 2 * 3 * 3
    first = found[0]
    assert (first.dataset, first.per_class, first.budget) == ("set0", 5, "short")
    assert list(first.scores) == ["prototype", "linear_probe", "partial"]
    assert first.facts.images_per_class == 5


def test_what_compares_nothing_is_no_task() -> None:
    assert tasks([line("a", 5, "short", "partial", 0, 0.9)]) == []


def test_seeds_are_averaged() -> None:
    two = [
        line("a", 5, "medium", kind, seed, accuracy)
        for kind, seed, accuracy in (("linear_probe", 0, 0.8), ("partial", 0, 0.7), ("linear_probe", 1, 0.9),
                                     ("partial", 1, 0.9), ("full", 1, 1.0))
    ]  # fmt: skip
    (cell,) = evidence.averaged(tasks(two))
    assert cell.scores == {"linear_probe": pytest.approx(0.85), "partial": pytest.approx(0.8)}


def test_the_tree_finds_the_law_in_the_evidence() -> None:
    known = learned_rules.learn(lines())
    assert answer(known.rulebook, situation(0.95, 100)).kind == "linear_probe"
    assert answer(known.rulebook, situation(0.6, 100)).kind == "partial"
    assert answer(known.rulebook, situation(0.6, 5)).kind == "linear_probe"


def test_every_leaf_says_what_it_rests_on() -> None:
    known = learned_rules.learn(lines())
    for leaf in known.rulebook.leaves:
        record = known.leaves[leaf.id]
        assert record.tasks >= learning.LEAST_TASKS and record.families >= learning.LEAST_FAMILIES
        assert f": {record.tasks} tasks of {record.families} kinds, " in leaf.says
        assert record.regrets[leaf.kind] <= min(record.regrets.values()) + learning.NOISE


def test_the_order_of_the_table_changes_nothing() -> None:
    table = lines()
    assert grow(tasks(table)).nodes == grow(tasks(table[::-1])).nodes


def test_within_the_noise_the_cheaper_is_advised() -> None:
    table = [
        line(f"set{n}", 20, "medium", kind, 0, accuracy)
        for n in range(8)
        for kind, accuracy in (("linear_probe", 0.900), ("partial", 0.904), ("full", 0.5))
    ]
    (leaf,) = grow(tasks(table)).nodes
    assert isinstance(leaf, Leaf) and leaf.kind == "linear_probe"


def test_a_tree_stays_shallow_and_parts_at_readable_numbers() -> None:
    known = learned_rules.learn(lines())
    assert max(depth for depth, _ in known.rulebook.walk()) <= learning.DEPTH
    for node in known.rulebook.nodes:
        if isinstance(node, Question):
            assert {branch.value for branch in node.branches} <= set(learning.THRESHOLDS[node.field])


def test_what_does_not_fit_is_carried_out_by_the_rung_below() -> None:
    scores = {"linear_probe": 0.9, "partial": 0.95}
    assert carried_out("full", scores) == "partial"  # type: ignore[arg-type]
    assert carried_out("prototype", scores) == "linear_probe"  # type: ignore[arg-type]
    (task,) = tasks([line("a", 5, "short", "linear_probe", 0, 0.9), line("a", 5, "short", "partial", 0, 0.95)])
    assert regret("full", task) == 0 and regret("linear_probe", task) == pytest.approx(0.05)


def test_families_count_once() -> None:
    table = [line(name, 5, "short", kind, 0, 0.9) for name in ("emoji_google", "emoji_twitter") for kind in
             ("linear_probe", "partial")]  # fmt: skip
    assert {task.family for task in tasks(table)} == {"emoji"}


def test_learned_things_survive_a_file() -> None:
    known = learned_rules.learn(lines())
    assert learned_rules.from_json(learned_rules.to_json(known)) == known


def test_a_file_that_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"x\.csv is not an evidence table: it has no column affordable_epochs"):
        evidence.read(tmp_path / "x.csv")
    assert evidence.read(tmp_path / "none.csv") == []

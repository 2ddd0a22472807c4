"""What is said beyond "better": each remark follows from a test or a stated limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.types import Estimate
from training.compare.comparison import Comparison, Row
from training.compare.contests import Group, Pair
from training.compare.pareto import pareto_front
from training.compare.remarks import forgetting, negative_transfer, overfitting, remarks_on
from training.compare.side_by_side import counts, places
from training.evaluation.answers import Answers
from training.evaluation.stats import wilson


def row(kind: str, gap: float | None = 0.02) -> Row:
    return Row(
        f"run-{kind}", kind, "efficientnet_lite0", "finished", 0, kind.capitalize(), wilson(90, 100), 0.9, 9.0, 100, 4,
        2.0, 3.0, gap, 10.0,
    )  # type: ignore[arg-type]  # fmt: skip


def comparison(*rows: Row, verdict: str = "better", seen: dict[str, int] | None = None) -> Comparison:
    groups = tuple(Group(r.label, r.kind, (r.run_id,), wilson((seen or {}).get(r.kind, 90), 100), None) for r in rows)
    pairs = tuple(
        Pair(a.label, b.label, 0.1, 0.01, 0.01, verdict)  # type: ignore[arg-type]
        for i, a in enumerate(groups)
        for b in groups[i + 1 :]
    )
    return Comparison("0" * 16, 0, rows, groups, (), pairs, "", (), {}, 100)


def test_transfer_is_judged_by_the_test_not_by_the_numbers() -> None:
    runs = [row("linear_probe"), row("partial"), row("scratch")]
    seen = {"partial": 95, "scratch": 80}
    helps = negative_transfer(comparison(*runs, seen=seen))
    assert (helps.tone, helps.title) == ("good", "Transfer helps")
    assert helps.text.startswith("Partial 95%")
    assert negative_transfer(comparison(*runs, verdict="worse", seen=seen)).title == "Negative transfer"
    open_ = negative_transfer(comparison(*runs, verdict="no difference shown", seen=seen))
    assert open_.title == "Whether transfer helps is not shown"
    assert "100 test images cannot tell the two apart" in open_.text


def test_the_order_of_the_runs_does_not_turn_the_verdict_round() -> None:
    """The contest reads 'Scratch against Partial' here: scratch is worse, so that transfer helps."""
    runs = [row("scratch"), row("partial")]
    seen = {"partial": 95, "scratch": 80}
    assert negative_transfer(comparison(*runs, verdict="worse", seen=seen)).title == "Transfer helps"
    assert negative_transfer(comparison(*runs, verdict="better", seen=seen)).title == "Negative transfer"
    open_ = negative_transfer(comparison(*runs, verdict="no difference shown", seen=seen))
    assert open_.title == "Whether transfer helps is not shown"


def test_without_a_run_from_scratch_transfer_is_unknown() -> None:
    assert "None of these runs starts from random weights" in negative_transfer(comparison(row("partial"))).text
    assert "None of these runs starts from pre-trained weights" in negative_transfer(comparison(row("scratch"))).text


def test_the_risk_of_overfitting_names_the_runs_by_their_gap() -> None:
    found = overfitting(comparison(row("partial", 0.01), row("full", 0.22), row("scratch", 0.09)))
    assert found is not None
    assert (found.tone, found.title) == ("caution", "Risk of overfitting: up to high")
    assert "High for Full (+22). Some for Scratch (+9). Low for Partial (+1)" in found.text
    assert overfitting(comparison(row("partial", None))) is None


@pytest.mark.parametrize(
    ("gap", "tone", "title"),
    [(0.15, "caution", "high"), (0.149, "info", "some"), (0.05, "info", "some"), (0.049, "good", "low")],
)
def test_the_risk_of_overfitting_has_fixed_limits(gap: float, tone: str, title: str) -> None:
    found = overfitting(comparison(row("full", gap)))
    assert found is not None and (found.tone, found.title) == (tone, f"Risk of overfitting: {title}")


def test_several_seeds_overfit_by_the_mean_of_their_gaps() -> None:
    seeds = [replace(row("full", gap), run_id=f"run-{number}") for number, gap in enumerate((0.2, 0.04, None))]
    group = Group("Full", "full", tuple(one.run_id for one in seeds), wilson(90, 100), None)
    found = overfitting(replace(comparison(*seeds), groups=(group,)))
    assert found is not None and "Some for Full (+12)" in found.text


def test_forgetting_lists_what_was_measured_only() -> None:
    both = comparison(row("partial"), row("full"))
    agreement = {"run-partial": Estimate(0.9, 0.8, 0.95), "run-full": Estimate(0.1, 0.05, 0.2)}
    found = forgetting(both, agreement)
    assert found is not None
    assert (found.tone, found.title) == ("caution", "Catastrophic forgetting")
    assert "Partial 90% (80-95) and Full 10% (5-20)" in found.text
    kept = forgetting(both, {"run-partial": Estimate(0.9, 0.8, 0.95)})
    assert kept is not None and kept.title == "Little was forgotten" and "Full" not in kept.text
    assert forgetting(both, {}) is None
    assert [one.title for one in remarks_on(both, {})] == [
        "Does transfer help? Not known", "Risk of overfitting: low",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "tone", "title"),
    [
        (0.80, "good", "Little was forgotten"),
        (0.79, "info", "Some was forgotten"),
        (0.40, "info", "Some was forgotten"),
        (0.39, "caution", "Catastrophic forgetting"),
    ],
)
def test_how_much_was_forgotten_has_fixed_limits(kept: float, tone: str, title: str) -> None:
    found = forgetting(comparison(row("full")), {"run-full": Estimate(kept, kept - 0.1, kept + 0.1)})
    assert found is not None and (found.tone, found.title) == (tone, title)


def test_the_pareto_front_leaves_out_what_is_beaten_in_both() -> None:
    points = [(10.0, 0.8), (5.0, 0.7), (20.0, 0.75), (10.0, 0.9), (5.0, 0.7)]
    assert pareto_front(points) == [1, 3]
    assert pareto_front([]) == []


def answered(predicted: str, confidence: float = 0.9) -> Answers:
    truth = np.array(list("aabb"))
    return Answers(("0", "1", "2", "3"), truth, np.array(list(predicted)), np.full(4, confidence))


def test_images_are_filtered_by_how_the_runs_answer() -> None:
    answers = {"x": answered("abba"), "y": answered("aaba"), "z": answered("abca")}
    assert sorted(places(answers, "they disagree").tolist()) == [1, 2]
    assert places(answers, "all wrong").tolist() == [3]
    assert places(answers, "all right").tolist() == [0]
    assert counts(answers) == {"they disagree": 2, "all wrong": 1, "all right": 1, "every image": 4}
    assert places({}, "all wrong").tolist() == []


def test_what_all_got_wrong_begins_with_what_they_were_surest_of() -> None:
    sure = replace(answered("bbaa"), confidence=np.array([0.5, 0.9, 0.6, 0.7]))
    assert places({"x": sure}, "all wrong").tolist() == [1, 3, 2, 0]

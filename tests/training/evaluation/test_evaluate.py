"""Scores with intervals: the values against scikit-learn's, the intervals against what they must cover."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from training.evaluation.answers import Answers, class_name
from training.evaluation.scores import calibration_error, scores


def answers(images: int = 300, classes: int = 4, seed: int = 0, share: float = 0.7) -> Answers:
    source = np.random.default_rng(seed)
    truth = source.integers(0, classes, images)
    predicted = np.where(source.random(images) < share, truth, source.integers(0, classes, images))
    return Answers(
        tuple(f"{i:04d}.png" for i in range(images)), truth.astype(str), predicted.astype(str),
        source.uniform(0.5, 1.0, images),
    )  # fmt: skip


def test_values_are_those_of_scikit_learn() -> None:
    given = answers()
    found = scores(given)
    assert found.accuracy.value == pytest.approx(float(given.right.mean()))
    assert found.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(given.truth, given.predicted))
    assert found.macro_f1.value == pytest.approx(f1_score(given.truth, given.predicted, average="macro"))


def test_classes_that_occur_on_one_side_only_count_as_scikit_learn_counts_them() -> None:
    given = Answers(("a", "b", "c"), np.array(["0", "0", "1"]), np.array(["0", "2", "0"]), np.array([0.9, 0.8, 0.7]))
    found = scores(given)
    assert found.macro_f1.value == pytest.approx(f1_score(given.truth, given.predicted, average="macro"))
    assert found.balanced_accuracy.value == pytest.approx(0.25)
    assert list(found.recall) == ["0", "1"]


def test_intervals_hold_the_value_and_shrink_with_more_images() -> None:
    few, many = scores(answers(100)), scores(answers(3000))
    for name in ("balanced_accuracy", "macro_f1", "calibration_error"):
        small, large = getattr(few, name), getattr(many, name)
        assert small.low <= small.value <= small.high
        assert large.high - large.low < 0.5 * (small.high - small.low)
        assert "95% interval" in large.how


def test_the_interval_of_balanced_accuracy_covers_the_truth_about_95_times_in_100() -> None:
    truth = 0.7 + 0.3 / 4  # right by chance where the answer is drawn
    covered = sum(
        (found := scores(answers(200, seed=seed)).balanced_accuracy).low <= truth <= found.high for seed in range(100)
    )
    assert covered >= 88


def test_calibration_error_by_hand() -> None:
    # Ten answers 95 % sure of which six are right: 35 points; ten answers 55 % sure, five right: 5 points.
    confidence = np.array([0.95] * 10 + [0.55] * 10)
    right = np.array([True] * 6 + [False] * 4 + [True] * 5 + [False] * 5)
    assert calibration_error(confidence, right) == pytest.approx((0.35 + 0.05) / 2)


def test_a_small_set_without_a_mistake_is_no_certainty() -> None:
    found = scores(answers(20, share=1.0))
    assert found.balanced_accuracy.value == found.macro_f1.value == 1.0
    assert found.macro_f1.low == found.accuracy.low < 0.85
    assert found.balanced_accuracy.low < 0.98


def test_without_confidences_there_is_no_calibration_error() -> None:
    given = answers(20)
    assert scores(Answers(given.paths, given.truth, given.predicted, np.full(20, np.nan))).calibration_error is None


def test_labels_are_indices_of_classes_or_stand_for_themselves() -> None:
    assert class_name(("ants", "bees"), "1") == "bees"
    assert class_name(("ants", "bees"), "7") == "7"
    assert class_name(("ants", "bees"), "wasp") == "wasp"

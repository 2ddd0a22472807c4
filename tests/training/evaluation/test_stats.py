import math
import random

import pytest

from core.errors import CompareError
from training.evaluation.stats import holm, mcnemar, paired_p, wilson


def test_wilson_matches_published_values() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
    interval = wilson(81, 263)
    assert interval.value == pytest.approx(81 / 263)
    assert interval.low == pytest.approx(0.2553, abs=1e-4)
    assert interval.high == pytest.approx(0.3662, abs=1e-4)
    assert interval.how == "81 of 263 images, 95% Wilson interval"


@pytest.mark.parametrize(("correct", "low", "high"), [(0, 0.0, 0.1611), (20, 0.8389, 1.0)])
def test_wilson_is_honest_at_the_ends(correct: int, low: float, high: float) -> None:
    interval = wilson(correct, 20)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-4)


@pytest.mark.parametrize(("correct", "total"), [(0, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_what_is_no_proportion(correct: int, total: int) -> None:
    with pytest.raises(CompareError, match="is not a proportion"):
        wilson(correct, total)


def test_wilson_covers_the_truth_about_95_times_in_100() -> None:
    random.seed(0)
    covered = 0
    for _ in range(1000):
        interval = wilson(sum(random.random() < 0.9 for _ in range(100)), 100)
        covered += interval.low <= 0.9 <= interval.high
    assert covered >= 930


def test_mcnemar_counts_only_images_on_which_the_two_differ() -> None:
    both = [True] * 500 + [False] * 100
    assert mcnemar(both + [True] * 9 + [False], both + [False] * 9 + [True]) == pytest.approx(
        2 * (1 + 10) / 2**10
    )


def test_mcnemar_of_equal_answers_is_one() -> None:
    assert mcnemar([True, False], [True, False]) == 1.0


def test_mcnemar_refuses_different_numbers_of_images() -> None:
    with pytest.raises(CompareError, match="Not the same test images: 2 answers against 1"):
        mcnemar([True, False], [True])


@pytest.mark.parametrize(("wins", "losses", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 6, 0.03125), (5, 0, 0.0625)])
def test_sign_test_by_hand(wins: int, losses: int, p: float) -> None:
    assert paired_p(wins, losses, rho=0.0) == pytest.approx(p)


def test_sign_test_is_exact_for_many_images() -> None:
    # Far beyond what floats could sum; the normal approximation is close at this size.
    assert paired_p(2900, 3100, rho=0.0) == pytest.approx(math.erfc(199 / math.sqrt(2 * 6000)), rel=0.01)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []

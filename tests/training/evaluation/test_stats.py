import math
import random
from statistics import variance

import numpy as np
import pytest
from scipy.stats import betabinom, t

from core.errors import CompareError
from training.evaluation.stats import holm, mcnemar, mean_over_seeds, paired_p, seed_rho, seeds_test, wilson


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


@pytest.mark.parametrize("total", range(1, 60))
def test_none_and_all_are_the_ends_of_their_intervals(total: int) -> None:
    assert wilson(0, total).low == 0.0 and wilson(total, total).high == 1.0


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


@pytest.mark.parametrize(("wins", "losses", "rho"), [(5, 20, 0.1), (2, 9, 0.05), (0, 6, 0.5), (30, 12, 0.02)])
def test_with_the_luck_of_a_seed_the_count_is_beta_binomial(wins: int, losses: int, rho: float) -> None:
    """Two-sided, with a symmetric beta whose correlation 1 / (2 a + 1) is rho."""
    a = (1 / rho - 1) / 2
    tail = betabinom.cdf(min(wins, losses), wins + losses, a, a)
    assert paired_p(wins, losses, rho) == pytest.approx(min(1.0, 2 * tail))


def test_the_luck_of_a_seed_by_hand() -> None:
    # Squares of the differences 64 + 16, less 20 flips; against 10 * 9 twice.
    assert seed_rho([(9, 1), (3, 7)]) == pytest.approx(60 / 180)


# -- several seeds -----------------------------------------------------------------------------------------------------

TWO = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], dtype=bool)
THREE = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]], dtype=bool)
IMAGES = variance([1 / 3, 1, 1 / 6, 0]) / 4
"""Variance of the difference of the means by which images were drawn: per image TWO is right more often by so much."""


def welch(difference: float, *parts: tuple[float, int]) -> float:
    """Two-sided p-value; parts: (variance, degrees of freedom)."""
    total = sum(part for part, _ in parts)
    degrees = total**2 / sum(part**2 / freedom for part, freedom in parts)
    return float(2 * t.sf(difference / math.sqrt(total), degrees))


def test_several_seeds_of_both_by_hand() -> None:
    seeds = variance([0.75, 0.5]) / 2, variance([0.25, 0, 0.5]) / 3
    expected = welch(0.625 - 0.25, (IMAGES, 3), (seeds[0], 1), (seeds[1], 2))
    assert [seeds_test(TWO, THREE, 0.0), seeds_test(THREE, TWO, 0.0)] == pytest.approx([expected, expected])


def test_a_single_run_is_taken_to_spread_as_the_seeds_of_the_other() -> None:
    images = variance([1 / 3, 1, 2 / 3, 0]) / 4
    spread = variance([0.25, 0, 0.5])
    expected = welch(0.75 - 0.25, (images, 3), (spread, 2), (spread / 3, 2))
    assert [seeds_test(TWO[:1], THREE, 0.0), seeds_test(THREE, TWO[:1], 0.0)] == pytest.approx([expected, expected])


def test_two_single_runs_are_paired() -> None:
    assert seeds_test(TWO[:1], THREE[:1], 0.1) == paired_p(2, 0, 0.1)


def test_always_right_against_always_wrong_leaves_no_doubt() -> None:
    right = np.ones((2, 5), dtype=bool)
    assert seeds_test(right, ~right, 0.0) == 0.0


def test_the_mean_over_seeds_by_hand() -> None:
    right = np.arange(100) < np.array([[80], [84]])
    parts = (variance([1] * 80 + [0.5] * 4 + [0] * 16) / 100, 99), (variance([0.8, 0.84]) / 2, 1)
    total = sum(part for part, _ in parts)
    half = t.ppf(0.975, total**2 / sum(part**2 / freedom for part, freedom in parts)) * math.sqrt(total)
    found = mean_over_seeds(right)
    assert [found.value, found.low, found.high] == pytest.approx([0.82, 0.82 - half, 0.82 + half])
    assert found.how == "mean of 2 seeds, which spread by 2.8 points (standard deviation); 100 images"


def test_the_interval_over_seeds_stays_inside_0_and_1() -> None:
    right = np.arange(10) < np.array([[9], [10]])
    assert mean_over_seeds(right).high == 1.0 and 0 < mean_over_seeds(right).low < 0.95
    assert mean_over_seeds(~right).low == 0.0 and 0.05 < mean_over_seeds(~right).high < 1

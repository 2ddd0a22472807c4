"""What a seed can change: the test that allows for it claims little between equals, and finds what is there."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from core.plans import Phase, Strategy
from training.compare.seeds import FINE_TUNED, SCRATCH, SOLVED, assumed, luck, measured
from training.evaluation.stats import flips, mcnemar, mean_over_seeds, paired_p, seed_rho, seeds_test

SOLVE = Strategy("linear_probe", "mlp", (Phase(2, 5, 0.0, optimizer="lbfgs"),))
TUNE = Strategy("partial", "mlp", (Phase(1, 5, 1e-3),))
FRESH = Strategy("scratch", "mlp", (Phase(0, 5, 1e-3),), pretrained=False)


def runs(
    seeds: int, accuracy: float, spread: float, source: np.random.Generator, hard: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """[seeds, images]: images share their hardness, every seed has an accuracy of its own, `spread` around the mean."""
    own = np.clip(accuracy + spread * source.normal(size=(seeds, 1)), 0.02, 0.98)
    noise = 0.8 * hard + 0.6 * source.normal(size=(seeds, len(hard)))
    cut = np.quantile(source.normal(size=20_000), 1 - own)
    right: NDArray[np.bool_] = noise > cut
    return right


def test_without_luck_it_is_the_exact_sign_test() -> None:
    assert paired_p(2, 9, 0.0) == pytest.approx(0.0654, abs=1e-4)
    assert paired_p(2, 9, 1e-7) == pytest.approx(paired_p(2, 9, 0.0), rel=1e-3)


def test_luck_only_ever_makes_a_claim_harder() -> None:
    values = [paired_p(5, 20, rho) for rho in (0.0, 0.01, 0.05, 0.1, 0.5)]
    assert values == sorted(values)
    assert paired_p(0, 0, 0.1) == 1.0
    assert paired_p(0, 9, 1.0) == paired_p(0, 9, 1.8) == 1.0
    assert paired_p(7, 7, 0.1) == 1.0


def test_the_correlation_is_found_again_from_its_own_draws() -> None:
    source = np.random.default_rng(0)
    a = (1 / 0.08 - 1) / 2
    pairs = [(wins, 40 - wins) for wins in source.binomial(40, source.beta(a, a, size=4000)).tolist()]
    assert seed_rho(pairs) == pytest.approx(0.08, abs=0.01)
    assert seed_rho([(3, 3), (0, 0)]) == 0.0


def test_luck_is_assumed_by_kind_and_measured_from_three_seeds_on() -> None:
    assert (assumed(SOLVE), assumed(TUNE), assumed(FRESH)) == (SOLVED, FINE_TUNED, SCRATCH) == (0.0, 0.015, 0.05)
    source, hard = np.random.default_rng(1), np.random.default_rng(2).normal(size=400)
    wide = list(runs(8, 0.8, 0.05, source, hard))
    assert measured(wide[:2]) is None
    assert measured(wide[:3]) == seed_rho([flips(wide[i], wide[j]) for i, j in ((0, 1), (0, 2), (1, 2))]) / 2
    assert luck(TUNE, wide) > 3 * FINE_TUNED
    assert luck(TUNE, [wide[0]] * 5) == FINE_TUNED


def test_the_luck_of_2000_seeds_takes_under_a_second() -> None:
    many = list(runs(2000, 0.85, 0.02, np.random.default_rng(7), np.random.default_rng(8).normal(size=400)))
    some = measured(many[:300])
    began = time.process_time()
    found = measured(many)
    assert time.process_time() - began < 1.0
    assert found == pytest.approx(some, rel=0.3)


def test_seeds_of_one_strategy_are_called_different_in_at_most_5_percent() -> None:
    source = np.random.default_rng(3)
    claims = plain = 0
    for _ in range(300):
        hard = source.normal(size=400)
        ten = runs(10, 0.85, 0.02, source, hard)
        rho = 2 * luck(TUNE, list(ten))
        claims += paired_p(*flips(ten[0], ten[1]), rho) < 0.05
        plain += mcnemar(ten[0], ten[1]) < 0.05
    assert claims <= 0.05 * 300
    assert plain > 0.1 * 300  # McNemar's own test is about these two models, not about their strategy


def test_means_over_seeds_are_called_different_in_at_most_5_percent_and_5_points_are_found() -> None:
    source = np.random.default_rng(4)
    claims = found = 0
    for _ in range(200):
        hard = source.normal(size=400)
        a, b = (runs(4, 0.85, 0.015, source, hard) for _ in range(2))
        claims += seeds_test(a, b, 0.0) < 0.05
        found += seeds_test(a, runs(4, 0.9, 0.015, source, hard), 0.0) < 0.05
    assert claims <= 0.05 * 200
    assert found >= 0.7 * 200


def test_the_interval_over_seeds_is_wider_than_over_images_alone() -> None:
    source, hard = np.random.default_rng(5), np.random.default_rng(6).normal(size=400)
    calm, wild = (mean_over_seeds(runs(5, 0.85, spread, source, hard)) for spread in (0.0, 0.05))
    assert wild.high - wild.low > 1.3 * (calm.high - calm.low)
    assert "mean of 5 seeds" in wild.how and "400 images" in wild.how


def test_runs_that_never_differ_are_equal() -> None:
    same = np.ones((3, 50), dtype=bool)
    assert seeds_test(same, same, 0.0) == 1.0

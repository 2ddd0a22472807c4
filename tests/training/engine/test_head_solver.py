"""The solved head against scikit-learn's, and learning-rate schedules against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from core.plans import Phase
from tests.support.toys import synthetic_task
from training.engine import head_solver, schedule


def features(samples: int, seed: int) -> head_solver.Labelled:
    inputs, labels = synthetic_task(samples=samples, features=20, noise=3.0, seed=seed)
    return inputs.numpy(), labels


def walk(steps: int = 60) -> list[head_solver.ProbeStep]:
    seen: list[head_solver.ProbeStep] = []
    head_solver.solve(features(400, 1), features(200, 2), 5, steps, seen.append)
    return seen


def test_one_publication_per_step_and_strengths_fall() -> None:
    seen = walk(60)
    assert [step.step for step in seen] == list(range(1, 61))
    strengths = [step.strength for step in seen]
    assert strengths == sorted(strengths, reverse=True) and len(set(strengths)) > 8


@pytest.mark.parametrize("index", [2, 3, 4])
def test_each_strength_ends_where_scikit_learn_ends(index: int) -> None:
    """Same objective, same optimum: a strength's last step against LogisticRegression on standardised features."""
    x, y = features(400, 1)
    seen: list[head_solver.ProbeStep] = []
    head_solver.solve((x, y), features(200, 2), 5, 400, seen.append)
    mean, scale = head_solver.standardisation(x)
    scaled = (x - mean) / scale
    last = [step for step in seen if step.strength == head_solver.STRENGTHS[index]][-1]
    reference = LogisticRegression(C=1 / (last.strength * len(x)), max_iter=5000, tol=1e-8).fit(scaled, y)
    ours = softmax(x @ last.weight.T + last.bias, axis=1)
    assert np.abs(ours - reference.predict_proba(scaled)).max() < 0.02


def test_the_published_head_works_on_raw_features() -> None:
    x, y = features(200, 2)
    best = min(walk(), key=lambda step: step.val_loss)
    logits = x @ best.weight.T + best.bias
    assert (logits.argmax(1) == y).mean() == pytest.approx(best.val_accuracy, abs=0.006)
    assert -log_softmax(logits, axis=1)[np.arange(len(y)), y].mean() == pytest.approx(best.val_loss, rel=1e-3)


@pytest.mark.parametrize("steps", [1, 2, 5, 29])
def test_few_steps_are_honoured(steps: int) -> None:
    assert len(walk(steps)) == steps


def test_a_feature_that_hardly_moved_over_a_few_images_does_not_drown_the_others() -> None:
    """Eight images on which a hundred features are almost still; on the next ones these move as the others do."""
    draw = np.random.default_rng(0).normal

    def seen_as(labels: np.ndarray, spread: float) -> np.ndarray:
        told = 2.0 * labels[:, None] + 0.5 * draw(size=(len(labels), 4))
        return np.hstack([told, spread * draw(size=(len(labels), 100))]).astype(np.float32)

    y, truth = np.arange(8) % 2, np.arange(200) % 2
    x, later = seen_as(y, 1e-3), seen_as(truth, 0.5)
    seen: list[head_solver.ProbeStep] = []
    head_solver.solve((x, y), (x, y), 2, 30, seen.append)
    best = min(seen, key=lambda step: step.val_loss)
    assert ((later @ best.weight.T + best.bias).argmax(1) == truth).mean() > 0.95


def test_constant_features_do_no_harm() -> None:
    x, y = features(100, 1)
    x[:, 3] = 7.0
    seen: list[head_solver.ProbeStep] = []
    head_solver.solve((x, y), (x, y), 5, 20, seen.append)
    assert all(np.isfinite(step.weight).all() for step in seen)


@pytest.mark.parametrize("name", ["one_cycle", "cosine", "constant"])
def test_schedules_stay_within_the_peak(name: str) -> None:
    factors = [schedule.factor(name, step, 100) for step in range(100)]
    assert all(0 < value <= 1 for value in factors) and max(factors) == pytest.approx(1.0, abs=2e-3)
    assert schedule.factor(name, 0, 1) == 1.0


def test_one_cycle_rises_for_three_tenths_then_falls_to_nothing() -> None:
    factors = [schedule.factor("one_cycle", step, 101) for step in range(101)]
    assert factors[0] == pytest.approx(1 / 25) and factors[30] == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(1e-4)
    assert factors[:31] == sorted(factors[:31]) and factors[30:] == sorted(factors[30:], reverse=True)


def test_layer_wise_decay_is_the_formula() -> None:
    """lr_l = lr_stage * gamma^(L-l), L the topmost stage below the head; nothing below the boundary."""
    phase = Phase(boundary=2, epochs=1, lr_head=1e-3, lr_stage=4e-4, decay=0.5)
    assert [phase.stage_lr(stage, 5) for stage in range(6)] == pytest.approx(
        [0, 0, 1e-4, 2e-4, 4e-4, 1e-3]
    )

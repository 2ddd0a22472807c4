"""A chosen head solved once more on all images that are not for the test."""

from __future__ import annotations

import numpy as np
import pytest

from training.engine import head_solver
from training.engine.head_solver import ProbeStep, refit

CLASSES, STEPS = 3, 12


def blobs(images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    labels = np.arange(images) % CLASSES
    centres = np.random.default_rng(7).normal(0, 1, (CLASSES, 16))
    return (centres[labels] + source.normal(0, 1.5, (images, 16))).astype(np.float32), labels.astype(np.int64)


def path(optimizer: str, images: int) -> list[ProbeStep]:
    features, labels = blobs(images)
    steps: list[ProbeStep] = []
    head_solver.SOLVERS[optimizer]((features, labels), blobs(30, 1), CLASSES, STEPS, steps.append)
    return steps


@pytest.mark.parametrize("optimizer", ["lbfgs", "class_means"])
@pytest.mark.parametrize("which", [0, -1])
def test_again_on_the_same_images_is_the_same_head(optimizer: str, which: int) -> None:
    chosen = path(optimizer, 60)[which]
    again = head_solver.again(optimizer, blobs(60), CLASSES, STEPS, chosen)
    assert np.array_equal(again.weight, chosen.weight) and np.allclose(again.bias, chosen.bias)


@pytest.mark.parametrize("optimizer", ["lbfgs", "class_means"])
def test_the_answers_beside_it_are_by_heads_that_had_not_seen_the_image(optimizer: str) -> None:
    features, labels = blobs(60)
    features[:, 0] = 0
    features[np.arange(60), 0] = 5 * (np.arange(60) % 7 == 0)  # noise that a head could learn by heart
    chosen = path(optimizer, 40)[-1]
    found = refit(optimizer, features, labels, np.arange(100, 160), CLASSES, STEPS, chosen)
    assert found is not None and found.rows.tolist() == list(range(100, 160))
    whole = head_solver.again(optimizer, (features, labels), CLASSES, STEPS, chosen)
    assert np.array_equal(found.weight, whole.weight)
    seen = (features @ whole.weight.T + whole.bias).argmax(1) == labels
    unseen = found.out_of_fold.argmax(1) == labels
    assert 1 / CLASSES < unseen.mean() <= seen.mean()


def test_images_that_belong_together_do_not_answer_for_each_other() -> None:
    """Every image twice, with a label of its own: who had seen the twin would be right."""
    source = np.random.default_rng(0)
    once = source.normal(0, 1, (40, 64)).astype(np.float32)
    labels = source.integers(0, 2, 40)
    features, truth, groups = (np.concatenate([of, of]) for of in (once, labels, np.arange(40)))
    chosen = ProbeStep(STEPS, 1e-3, np.zeros((2, 64), np.float32), np.zeros(2, np.float32), 0, 0, 0, 0)
    apart = refit("lbfgs", features, truth, np.arange(80), 2, STEPS, chosen, groups)
    mixed = refit("lbfgs", features, truth, np.arange(80), 2, STEPS, chosen)
    assert apart is not None and mixed is not None
    assert (mixed.out_of_fold.argmax(1) == truth).mean() > 0.85
    assert (apart.out_of_fold.argmax(1) == truth).mean() < 0.75


def test_without_folds_the_head_stays_as_it_was_chosen() -> None:
    features, labels = blobs(30)
    labels[:] = 0
    labels[0], labels[1] = 1, 2
    assert refit("lbfgs", features, labels, np.arange(30), CLASSES, STEPS, path("lbfgs", 60)[3]) is None

"""Few images a class: more of them help, single draws vary, and a class added later disturbs none of the others."""

from __future__ import annotations

import numpy as np
import pytest

from training.engine.head_solver import Labelled, of_unit_length
from training.profile.few_shot import curve, with_class


def blobs(each: int, seed: int, classes: int = 4, noise: float = 1.2) -> Labelled:
    centres = np.random.default_rng(0).normal(size=(classes, 8))
    labels = np.tile(np.arange(classes), each)
    spread = noise * np.random.default_rng(seed).normal(size=(len(labels), 8))
    return (centres[labels] + spread).astype(np.float32), labels


def test_more_images_help_and_the_interval_narrows() -> None:
    shots = curve(blobs(20, 1), blobs(100, 2), 4)
    assert [shot.images for shot in shots] == [1, 2, 5, 10, 20]
    means = [shot.mean for shot in shots[:4]]
    assert means == sorted(means)
    assert shots[0].high - shots[0].low > shots[3].high - shots[3].low
    assert curve(blobs(20, 1), blobs(100, 2), 4) == shots


def test_a_size_that_a_class_does_not_have_is_left_out() -> None:
    features, labels = blobs(20, 1)
    keep = np.concatenate([np.flatnonzero(labels != 3), np.flatnonzero(labels == 3)[:4]])
    assert [s.images for s in curve((features[keep], labels[keep]), blobs(50, 2), 4)] == [1, 2, 16]


def test_a_class_added_later_leaves_the_others_as_they_were() -> None:
    features, labels = blobs(20, 1)
    normal = of_unit_length(features)
    head = 9 * of_unit_length(np.stack([normal[labels == c].mean(0) for c in range(3)]))
    longer = with_class(head, features[labels == 3])
    assert np.array_equal(longer[:3], head)
    assert np.linalg.norm(longer[3]) == pytest.approx(9.0)
    test, truth = blobs(100, 2)
    answers = (of_unit_length(test) @ longer.T).argmax(1)
    assert (answers[truth == 3] == 3).mean() > 0.5

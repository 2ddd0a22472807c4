"""Opinions on labels by a probe that never saw the image: flips are doubted, copies cannot answer for each other."""

from __future__ import annotations

import numpy as np
import pytest

from training.profile import out_of_fold
from training.profile.feature_check import data_shift


def blobs(per_class: int = 60, classes: int = 3, spread: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features around one centre a class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    centres = np.eye(classes, 8) * 3
    return (centres[labels] + spread * rng.normal(size=(len(labels), 8))).astype(np.float32), labels


def test_flipped_labels_are_doubted_and_the_true_class_is_favoured():
    features, truth = blobs()
    labels, flipped = truth.copy(), np.array([3, 70, 130, 150])
    labels[flipped] = (truth[flipped] + 1) % 3
    judged = out_of_fold.judge(features, labels, 3)
    assert judged is not None
    assert set(np.argsort(judged.own)[:4]) == set(flipped)
    assert (judged.favoured[flipped] == truth[flipped]).all() and (judged.favoured_p[flipped] > 0.5).all()
    assert judged.judged.how == "5-fold cross-validated linear probe, 180 images"


def test_what_may_not_be_fitted_on_is_judged_all_the_same():
    features, labels = blobs()
    fit = np.flatnonzero(np.arange(180) % 3 > 0)
    judged = out_of_fold.judge(features, labels, 3, fit=fit)
    assert judged is not None and np.isfinite(judged.own).all()
    assert judged.judged.how.endswith("120 images")
    assert (judged.favoured == labels).mean() > 0.95


def test_more_images_than_are_probed_are_judged_by_those_that_are(monkeypatch):
    monkeypatch.setattr(out_of_fold, "MOST_PROBED", 60)
    features, labels = blobs()
    judged = out_of_fold.judge(features, labels, 3)
    assert judged is not None and judged.judged.how.endswith("60 images")
    assert np.isfinite(judged.own).all() and (judged.favoured == labels).mean() > 0.95


def test_copies_share_a_fold_and_cannot_answer_for_each_other():
    """Pure noise, every image there twice: with its copy in the other folds a probe would seem to know the answer."""
    rng = np.random.default_rng(0)
    once = rng.normal(size=(60, 80)).astype(np.float32)
    features, labels, groups = np.tile(once, (2, 1)), np.tile(rng.integers(0, 2, 60), 2), np.tile(np.arange(60), 2)
    apart = out_of_fold.judge(features, labels, 2)
    together = out_of_fold.judge(features, labels, 2, groups=groups)
    assert apart is not None and together is not None
    assert (apart.favoured == labels).mean() > 0.85 > 0.68 > (together.favoured == labels).mean()


def test_what_is_beyond_the_folds_is_judged_by_a_probe_that_did_not_see_what_belongs_to_it(monkeypatch):
    """Pure noise, every image there twice; the twins are never fitted on, or lie beyond what is cross-validated."""
    rng = np.random.default_rng(0)
    once = rng.normal(size=(60, 80)).astype(np.float32)
    features, labels, groups = np.tile(once, (2, 1)), np.tile(rng.integers(0, 2, 60), 2), np.tile(np.arange(60), 2)
    told = out_of_fold.judge(features, labels, 2, fit=np.arange(60))
    kept = out_of_fold.judge(features, labels, 2, fit=np.arange(60), groups=groups)
    assert told is not None and kept is not None and np.isfinite(kept.own).all()
    assert (told.favoured == labels)[60:].mean() > 0.85 > 0.68 > (kept.favoured == labels)[60:].mean()
    monkeypatch.setattr(out_of_fold, "MOST_PROBED", 60)
    kept = out_of_fold.judge(features, labels, 2, groups=groups)
    assert kept is not None and np.isfinite(kept.own).all() and (kept.favoured == labels).mean() < 0.68


@pytest.mark.parametrize("labels", [[0] * 5 + [1], [0] * 6])
def test_a_class_with_a_single_image_cannot_be_cross_validated(labels):
    assert out_of_fold.judge(np.zeros((6, 4), np.float32), np.array(labels), 2) is None


def test_a_test_set_of_another_kind_is_told_and_other_shares_of_the_classes_are_not():
    features, labels = blobs(per_class=120)
    test = np.arange(360) % 3 == 0
    test[:100] = False  # fewer of the first class in the test set
    same = data_shift(features, labels, test, np.arange(360))
    moved = features.copy()
    moved[test] += 1.0
    other = data_shift(moved, labels, test, np.arange(360))
    assert same is not None and other is not None
    assert same.p > 0.01 and abs(same.accuracy.value - 0.5) < 0.12
    assert other.p < 1e-6 and other.accuracy.value > 0.8
    assert data_shift(features, labels, np.zeros(360, bool), np.arange(360)) is None


def test_copies_count_once_on_each_side_and_prove_no_shift():
    """Noise, in which each test image is there four times: their answers are one answer, not four."""
    rng = np.random.default_rng(1)
    once = rng.normal(size=(160, 6)).astype(np.float32)
    at = np.concatenate([np.arange(100), np.repeat(np.arange(100, 160), 4)])
    test = at >= 100
    shift = data_shift(once[at], np.zeros(len(at), np.int64), test, at)
    assert shift is not None and shift.images == 60
    assert shift.p > 0.01

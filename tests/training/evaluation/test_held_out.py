"""Folds and draws: what belongs together is held out together, whatever classes it is of."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation import FOLDS, folds, stratified


def held_in(held: list[np.ndarray]) -> np.ndarray:
    """The fold of each example, each in one."""
    assert (np.sum(held, axis=0) == 1).all()
    return np.argmax(held, axis=0)


def torn(groups: np.ndarray, fold: np.ndarray) -> int:
    return sum(len(set(fold[groups == one])) > 1 for one in np.unique(groups))


@pytest.mark.parametrize("seed", range(20))
def test_no_group_is_in_two_folds_and_every_class_in_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 50, 200)
    labels = rng.integers(0, 3, 50)[groups]
    held = folds(labels, 3, groups, seed)
    fold = held_in(held)
    assert torn(groups, fold) == 0 and len(held) == FOLDS
    assert all(set(labels[one]) == set(labels[~one]) == {0, 1, 2} for one in held)


@pytest.mark.parametrize("seed", range(20))
def test_groups_that_hold_every_class_are_dealt_evenly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    person, label = rng.permutation(12)[np.repeat(np.arange(12), 20)], np.tile(np.arange(4), 60)
    held = folds(label, 4, person, seed)
    assert torn(person, held_in(held)) == 0
    assert sorted(int(one.sum()) for one in held) == [40, 40, 40, 60, 60]
    assert all(len(set(np.bincount(label[one]))) == 1 for one in held)


def test_a_rare_class_inside_mixed_groups_is_spread_first() -> None:
    groups = np.repeat(np.arange(20), 5)
    labels = np.zeros(100, np.int64)
    labels[[4, 9, 14]] = 1  # in three groups
    held = folds(labels, 2, groups)
    assert len(held) == 3 and [int((labels[one] == 1).sum()) for one in held] == [1, 1, 1]


@pytest.mark.parametrize(
    ("labels", "groups"),
    [([0, 0, 0, 1], None), ([0, 0, 0, 0], None), ([0, 0, 1, 1], [0, 1, 2, 2]), ([0, 1] * 6, [3] * 12), ([], None)],
)
def test_a_class_of_one_group_cannot_be_held_out(labels: list[int], groups: list[int] | None) -> None:
    of = None if groups is None else np.array(groups)
    assert folds(np.array(labels, np.int64), 2, of) == []


def test_without_groups_folds_are_as_ever() -> None:
    fold = held_in(folds(np.arange(24) % 3, 3, seed=5))
    assert "".join(map(str, fold)) == "231040241303123002112434"


def test_fewer_examples_mean_fewer_groups() -> None:
    groups = np.repeat(np.arange(40), 4)
    labels = (groups % 2).astype(np.int64)
    some = stratified(labels, 40, 0, groups=groups)
    assert len(some) == 40 and len(np.unique(groups[some])) == 10 and np.bincount(labels[some]).tolist() == [20, 20]
    assert len(np.unique(groups[stratified(labels, 40, 0)])) > 20


def test_groups_of_one_change_no_draw() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 300)
    assert (stratified(labels, 70, 3) == stratified(labels, 70, 3, groups=np.arange(300))).all()

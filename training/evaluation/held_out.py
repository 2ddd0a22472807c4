"""Folds and draws of examples: the one place that makes them, whatever is judged by them. Pure; no torch.

Examples that belong together share a fold, or one would answer for the other: copies, pictures that look alike and
those of one group (`dataset.same_pictures` numbers them).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FOLDS = 5

Ints = NDArray[np.int64]


def folds(labels: Ints, classes: int, groups: Ints | None = None, seed: int = 0) -> list[NDArray[np.bool_]]:
    """For each fold which examples it holds out, bool [N]; those of one group share a fold. Empty when a class has not
    two groups, one to be held out while the other is learned from.

    labels: int [N]. groups: int [N], equal numbers for what belongs together; None = nothing does.
    """
    units, member = np.unique(np.arange(len(labels)) if groups is None else groups, return_inverse=True)
    keys = np.unique(labels * len(units) + member)
    in_units = np.bincount(keys // max(1, len(units)), minlength=classes)  # of each class
    smallest = int(in_units.min()) if len(labels) else 0
    if smallest < 2:
        return []
    count = min(FOLDS, smallest)
    if len(keys) > len(units):
        fold_of = _dealt(labels, member, count, seed)
    else:
        unit_label = np.zeros(len(units), np.int64)
        unit_label[member] = labels
        fold_of = stratified_folds(unit_label, count, seed)
    held = [fold_of[member] == number for number in range(count)]
    learned = all(len(np.unique(labels[~one])) == classes for one in held)
    return held if learned else []


def stratified_folds(labels: Ints, count: int, seed: int) -> Ints:
    """[N], the fold 0..count-1 that holds each example out. Folds differ by one example at most, in size and in every
    class. scikit-learn's StratifiedKFold does the same, but importing it takes a second of every profile."""
    source = np.random.default_rng(seed)
    order = np.concatenate([source.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)])
    fold_of = np.empty(len(labels), np.int64)
    fold_of[order] = np.arange(len(labels)) % count
    return fold_of


def _dealt(labels: Ints, member: Ints, count: int, seed: int) -> Ints:
    """The fold of each unit where some hold examples of several classes, as a person does who shows every gesture.

    Iterative stratification (Sechidis et al. 2011): the class in the fewest units first, its largest units first, each
    to the fold with the fewest examples of that class, then of the unit's other classes, then of all.
    """
    units, source = int(member.max()) + 1, np.random.default_rng(seed)
    keys, examples = np.unique(labels * units + member, return_counts=True)
    label, unit = keys // units, keys % units
    by_unit = np.split(np.argsort(unit, kind="stable"), np.cumsum(np.bincount(unit, minlength=units))[:-1])
    held = np.zeros((count, int(labels.max()) + 1), np.int64)
    fold_of = np.full(units, -1)
    present, in_units = np.unique(label, return_counts=True)
    for one in present[np.argsort(in_units, kind="stable")]:
        own = source.permutation(np.flatnonzero(label == one))
        for entry in own[np.argsort(-examples[own], kind="stable")]:
            if fold_of[unit[entry]] < 0:
                mine = by_unit[unit[entry]]
                fold = np.lexsort((held.sum(axis=1), held[:, label[mine]].sum(axis=1), held[:, one]))[0]
                held[fold, label[mine]] += examples[mine]
                fold_of[unit[entry]] = fold
    return fold_of


def stratified(labels: Ints, most: int, seed: int, least: int = 1, groups: Ints | None = None) -> Ints:
    """Positions of at most about `most` examples, ascending, every class in proportion and with at least `least`.

    groups: int [N]; those of one come together, so that fewer examples mean fewer groups, as they would if they had
    never been collected.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    source = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        of = np.arange(len(own)) if groups is None else np.unique(groups[own], return_inverse=True)[1]
        place = np.argsort(source.permutation(int(of.max()) + 1))[of]
        chosen.append(own[np.argsort(place, kind="stable")][: max(least, round(most * len(own) / len(labels)))])
    return np.sort(np.concatenate(chosen))

"""What a linear probe that was not fitted on an image thinks of its label. How good such probes are is in
`cross_validation`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.engine import head_solver
from training.engine.head_solver import Floats, Labelled
from training.evaluation import folds, stratified
from training.evaluation.held_out import Ints
from training.profile.cross_validation import PATH_STEPS, Judged, cross_validate, opinions

MOST_PROBED = 4000
"""Cross-validated are no more images than this; what lies beyond is judged by one probe on all of these, or by that of
a fold which left out what belongs to it."""


@dataclass(frozen=True)
class Opinions:
    """Opinions on N images, none by a probe that saw the image or one that belongs to it."""

    own: Floats
    """[N], probability of the image's label."""
    favoured: Ints
    """[N], the likeliest class."""
    favoured_p: Floats
    """[N], its probability."""
    judged: Judged
    """The answers that were cross-validated: of `stratified(..., MOST_PROBED)` of the images that may be fitted on."""


def judge(
    features: Floats, labels: Ints, classes: int, *, fit: Ints | None = None, groups: Ints | None = None, seed: int = 0
) -> Opinions | None:
    """Logistic regression on features [N, width], cross-validated. None when a class has a single image to fit on.

    fit: rows that may be fitted on (None = all; the others are only judged). groups: [N], equal numbers for images that
    belong together, as copies do: these share a fold, or a copy would answer for its twin. The regularisation is the
    one with the lowest mean out-of-fold loss.
    """
    fit = np.arange(len(labels)) if fit is None else fit
    keep = fit[stratified(labels[fit], MOST_PROBED, seed, least=2)]
    groups = np.arange(len(labels)) if groups is None else groups
    y, mates = labels[keep], groups[keep]
    judged = cross_validate(features[keep], y, classes, seed, groups=mates)
    if judged is None:
        return None
    result = Opinions(
        np.full(len(labels), np.nan, np.float32), np.full(len(labels), -1), np.full(len(labels), np.nan, np.float32),
        judged,
    )  # fmt: skip
    result.own[keep], result.favoured[keep], result.favoured_p[keep] = judged.own, judged.favoured, judged.favoured_p
    rest = np.setdiff1d(np.arange(len(labels)), keep)
    apart = rest[~np.isin(groups[rest], mates)]
    _judge_rest(result, features, labels, classes, keep, apart, judged.step)
    for held in folds(y, classes, mates, seed) if len(apart) < len(rest) else ():
        belonging = rest[np.isin(groups[rest], mates[held])]
        _judge_rest(result, features, labels, classes, keep[~held], belonging, judged.step)
    return result


def _judge_rest(
    result: Opinions, features: Floats, labels: Ints, classes: int, fit: Ints, rest: Ints, step: int
) -> None:
    """Some that were not cross-validated, by one probe on `fit`, to which none of them belongs."""
    if not len(rest):
        return
    probe = probe_at((features[fit], labels[fit]), classes, step)
    result.own[rest], likeliest = opinions(features[rest], labels[rest], probe)
    result.favoured_p[rest], result.favoured[rest] = likeliest


def probe_at(train: Labelled, classes: int, step: int) -> head_solver.ProbeStep:
    """The probe at one step of the regularisation path (`Judged.step`)."""
    chosen: list[head_solver.ProbeStep] = []

    def publish(one: head_solver.ProbeStep) -> None:
        if one.step == step + 1:
            chosen.append(one)

    head_solver.solve(train, train, classes, PATH_STEPS, publish)
    return chosen[0]

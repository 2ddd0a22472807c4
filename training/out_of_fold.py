"""What a linear probe that was not fitted on an image thinks of its label. How good such probes are is in
`cross_validation`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import head_solver
from training.cross_validation import FOLDS, PATH_STEPS, stratified

MOST_PROBED = 4000
"""Cross-validated are no more images than this; what lies beyond is judged by one probe on all of these."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Opinions:
    """Opinions on N images, none by a probe that saw the image."""

    own: Floats
    """[N], probability of the image's label."""
    favoured: Ints
    """[N], the likeliest class."""
    favoured_p: Floats
    """[N], its probability."""
    how: str
    """'5-fold cross-validated linear probe, 1,439 images'."""
    step: int
    """Of the regularisation path: the one with the lowest loss."""


def judge(
    features: Tensor, labels: Ints, classes: int, *, fit: Ints | None = None, groups: Ints | None = None, seed: int = 0
) -> Opinions | None:
    """Logistic regression on features [N, width], cross-validated. None when a class has a single image to fit on.

    fit: rows that may be fitted on (None = all; the others are only judged). groups: [N], equal numbers for images that
    belong together, as copies do: these share a fold, or a copy would answer for its twin. The regularisation is the
    one with the lowest mean out-of-fold loss.
    """
    fit = np.arange(len(labels)) if fit is None else fit
    keep = fit[stratified(labels[fit], MOST_PROBED, seed, least=2)]
    x, y = features[torch.from_numpy(keep)], labels[keep]
    held_out = folds(y, classes, None if groups is None else groups[keep], seed)
    if not held_out:
        return None
    path = _Path(len(keep), x.device)
    truth = torch.from_numpy(y).to(x.device)
    for held in map(torch.from_numpy, held_out):
        path.judge((x[~held], truth[~held]), (x[held], truth[held]), held, classes)
    best = path.best()
    how = f"{len(held_out)}-fold cross-validated linear probe, {len(keep):,} images"
    result = Opinions(
        np.full(len(labels), np.nan, np.float32), np.full(len(labels), -1), np.full(len(labels), np.nan, np.float32),
        how, best,
    )  # fmt: skip
    result.own[keep], result.favoured[keep] = path.own[best].numpy(), path.favoured[best].numpy()
    result.favoured_p[keep] = path.favoured_p[best].numpy()
    rest = np.setdiff1d(np.arange(len(labels)), keep)
    if len(rest):
        _judge_rest(result, features, labels, classes, keep, rest, best)
    return result


def folds(labels: Ints, classes: int, groups: Ints | None = None, seed: int = 0) -> list[NDArray[np.bool_]]:
    """For each fold which images it holds out, bool [N]; images of one group share a fold. Empty when a class has fewer
    than two images that count."""
    from sklearn.model_selection import StratifiedKFold  # only here: training workers do without scikit-learn

    units, member = np.unique(np.arange(len(labels)) if groups is None else groups, return_inverse=True)
    first = np.full(len(units), len(labels))
    np.minimum.at(first, member, np.arange(len(labels)))
    unit_label = labels[first]
    smallest = int(np.bincount(unit_label, minlength=classes)[np.unique(labels)].min())
    if smallest < 2 or len(np.unique(labels)) < classes:
        return []
    split = StratifiedKFold(min(FOLDS, smallest), shuffle=True, random_state=seed)
    return [np.isin(member, held) for _, held in split.split(np.zeros(len(units)), unit_label)]


class _Path:
    """Every step of the regularisation path over all folds: the opinions, and the loss that picks the step."""

    def __init__(self, images: int, device: torch.device) -> None:
        self.loss = np.zeros(PATH_STEPS)
        self.own = torch.zeros(PATH_STEPS, images)
        self.favoured = torch.zeros(PATH_STEPS, images, dtype=torch.int64)
        self.favoured_p = torch.zeros(PATH_STEPS, images)

    def judge(self, train: tuple[Tensor, Tensor], held: tuple[Tensor, Tensor], where: Tensor, classes: int) -> None:
        def publish(step: head_solver.ProbeStep) -> None:
            at = step.step - 1
            self.loss[at] += step.val_loss * len(held[1])
            own, likeliest = opinions(held[0], held[1], step)
            self.own[at, where] = own
            self.favoured_p[at, where], self.favoured[at, where] = likeliest

        head_solver.solve(train, held, classes, PATH_STEPS, publish)

    def best(self) -> int:
        return int(self.loss.argmin())


def opinions(features: Tensor, labels: Tensor, step: head_solver.ProbeStep) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """(probability of the own label, (probability of the likeliest class, which it is)), on the CPU."""
    probabilities = (features @ step.weight.T + step.bias).softmax(1).cpu()
    top = probabilities.max(1)
    return probabilities.gather(1, labels.cpu()[:, None])[:, 0], (top.values, top.indices)


def _judge_rest(
    result: Opinions, features: Tensor, labels: Ints, classes: int, keep: Ints, rest: Ints, best: int
) -> None:
    """Those that were not cross-validated: judged by one probe on all that were."""
    train = features[torch.from_numpy(keep)], torch.from_numpy(labels[keep]).to(features.device)
    probe = probe_at(train, classes, best)
    own, likeliest = opinions(features[torch.from_numpy(rest)], torch.from_numpy(labels[rest]), probe)
    result.own[rest] = own.numpy()
    result.favoured_p[rest], result.favoured[rest] = likeliest[0].numpy(), likeliest[1].numpy()


def probe_at(train: tuple[Tensor, Tensor], classes: int, step: int) -> head_solver.ProbeStep:
    """The probe at one step of the regularisation path (`Opinions.step`)."""
    chosen: list[head_solver.ProbeStep] = []

    def publish(one: head_solver.ProbeStep) -> None:
        if one.step == step + 1:
            chosen.append(one)

    head_solver.solve(train, train, classes, PATH_STEPS, publish)
    return chosen[0]

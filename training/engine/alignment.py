"""Two domains: the losses that pull source and target features together, and what is measured of the gap between them.

A target's labels never enter a loss here: `Alignment` reads activations alone. Where labels exist they only judge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import Phase, Strategy
from training.backbones import Backbone
from training.caches import Data, Inputs, PrefixCache, Rows
from training.engine.judge import Judge
from training.evaluation import FOLDS, folds
from training.machine import derive_seed

KERNELS = tuple(2.0**k for k in range(-3, 2))
"""alpha of the five Gaussians, sigma^2 = alpha * typical squared distance (DAN, arXiv 1502.02791, as in TLlib)."""
HIDDEN = 256
"""Width of the domain discriminator's two hidden layers."""
RAMP = 10.0
"""gamma of DANN's schedule (arXiv 1505.07818)."""


def mmd(source: Tensor, target: Tensor, *, median: bool = False, alphas: tuple[float, ...] = KERNELS) -> Tensor:
    """Squared maximum mean discrepancy of two samples [n, d] and [m, d] under a sum of Gaussian kernels, a scalar >= 0.

    The biased (V-) estimate: mean k(s, s') + mean k(t, t') - 2 mean k(s, t), each over all pairs. Bandwidths follow the
    mean (or median) squared distance between different points of the joint sample and take no gradient.
    """
    both = torch.cat([source, target])
    norms = both.square().sum(1)
    distance = (norms[:, None] + norms[None, :] - 2 * both @ both.T).clamp_min(0)
    apart = distance.detach()[~torch.eye(len(both), dtype=torch.bool, device=both.device)]
    typical = (apart.median() if median else apart.mean()).clamp_min(1e-12)
    kernel = torch.stack([torch.exp(-distance / (2 * alpha * typical)) for alpha in alphas]).sum(0)
    n = len(source)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


class Reverse(torch.autograd.Function):
    """The gradient reversal layer: the identity forward, -strength times the gradient backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grads[0], None


def ramp(progress: float) -> float:
    """lambda_p = 2 / (1 + exp(-10 p)) - 1: from 0 at the start of a run's planned steps (p = 0) to nearly 1 at their
    end (p = 1)."""
    return 2 / (1 + math.exp(-RAMP * progress)) - 1


def discriminator(width: int, seed: int) -> nn.Sequential:
    """Features [B, width] -> one logit each, above 0 for the source. Its weights depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("discriminator", seed))
        return nn.Sequential(
            nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
        )


@dataclass(frozen=True)
class Target:
    """The second domain of a run: activations for the alignment, and a judge where its labels are known."""

    data: Data
    """Its training rows are aligned, its validation rows judged while the run goes on, its test rows at the end."""
    inputs: Inputs
    judge: Judge
    labelled: bool
    """Whether its labels are real."""

    @classmethod
    def of(
        cls, strategy: Strategy, backbone: Backbone, data: Data, prefix: PrefixCache, seed: int, device: torch.device,
        *, labelled: bool,
    ) -> Target:  # fmt: skip
        inputs = Inputs(strategy, backbone, data, prefix, seed, device)
        return cls(data, inputs, Judge(inputs, backbone, data), labelled)


class Alignment:
    """What one step adds to the task's loss so that the two domains' features become alike."""

    def __init__(self, strategy: Strategy, backbone: Backbone, target: Target, seed: int, device: torch.device) -> None:
        self._strategy, self._target, self._seed = strategy, target, seed
        self.head = backbone.head_index
        self.discriminator: nn.Sequential | None = None
        if strategy.align == "dann":
            self.discriminator = discriminator(backbone.width, seed).to(device)
        self._order: tuple[tuple[int, int], Rows] = ((-1, -1), np.zeros(0, dtype=np.int64))

    def parameters(self) -> Iterator[nn.Parameter]:
        """What is trained besides the backbone."""
        return self.discriminator.parameters() if self.discriminator else iter(())

    def batch(self, phase: Phase, number: int, epoch: int, step: int, size: int) -> Tensor:
        """Activations of `size` target images at the phase's boundary: a function of where the run is."""
        if self._order[0] != (number, epoch):
            seed = derive_seed("target", self._seed, number, epoch)
            self._order = ((number, epoch), np.random.default_rng(seed).permutation(self._target.data.rows["train"]))
        rows = np.take(self._order[1], np.arange(step * size, (step + 1) * size), mode="wrap")
        return self._target.inputs.train_batch(phase, number, epoch, rows)[0]

    def loss(self, source: Tensor, target: Tensor, progress: float) -> tuple[Tensor, float, float]:
        """(what to add to the loss, the alignment's own loss, examples whose domain was told apart), for features
        [n, d] and [m, d] at a share `progress` of the planned steps. The last is 0 without a discriminator."""
        weight = self._strategy.align_weight
        if self.discriminator is None:
            distance = mmd(source, target)
            return weight * distance, float(distance.detach()), 0.0
        # The discriminator learns at its own full rate; only what passes back into the features is scaled.
        features = Reverse.apply(torch.cat([source, target]), weight * ramp(progress))
        logits = self.discriminator(features).squeeze(1)
        truth = torch.cat([torch.ones(len(source)), torch.zeros(len(target))]).to(logits.device)
        loss = F.binary_cross_entropy_with_logits(logits, truth)
        return loss, float(loss.detach()), float(((logits.detach() > 0) == (truth > 0.5)).sum())

    def state(self) -> dict[str, Tensor]:
        """For a checkpoint."""
        return self.discriminator.state_dict() if self.discriminator else {}

    def restore(self, state: dict[str, Tensor]) -> None:
        if self.discriminator:
            self.discriminator.load_state_dict(state)


# -- the gap, measured --------------------------------------------------------------------------------------------

SHOWN = 300
"""Points of each domain on the map."""


def told_apart(source: Tensor, target: Tensor, groups: tuple[Rows, Rows] | None = None, seed: int = 0) -> float | None:
    """Share of held-out examples whose domain a ridge classifier tells from features [n, d] and [m, d]: 0.5 = alike.

    Balanced by drawing as many of each, five folds. groups: int [n] and [m], what belongs together within each domain
    and shares a fold. Ben-David's proxy A-distance is 2 (2 share - 1)  (Machine Learning 79, 2010). None for fewer than
    five examples of a domain, or for one group.
    """
    each = min(len(source), len(target), 1000)
    if each < FOLDS:
        return None
    draw = np.random.default_rng(seed)
    picked = [np.sort(draw.permutation(len(x))[:each]) for x in (source, target)]
    x = torch.cat([some[torch.from_numpy(rows)] for some, rows in zip((source, target), picked, strict=True)]).double()
    y = torch.cat([torch.ones(each), -torch.ones(each)]).double()
    of = groups or (np.arange(len(source)), np.arange(len(target)))
    mates = np.concatenate([2 * some[rows] + n for n, (some, rows) in enumerate(zip(of, picked, strict=True))])
    held_out = folds(np.repeat([0, 1], each), 2, mates, seed)
    if not held_out:
        return None
    right = 0
    for held in held_out:
        test = torch.from_numpy(held)
        train = ~test
        mean, scale = x[train].mean(0), x[train].std(0).clamp_min(1e-6)
        a, b = (x[train] - mean) / scale, (x[test] - mean) / scale
        # Ridge in its dual form: the features are wider than there are examples.
        kernel = a @ a.T / a.shape[1] + torch.eye(len(a), dtype=torch.double)
        answers = b @ (a.T @ torch.linalg.solve(kernel, y[train])) / a.shape[1]
        right += int(((answers > 0) == (y[test] > 0)).sum())
    return right / (2 * each)


def plane(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor, float]:
    """Both samples [n, d], [m, d] on the plane of their two largest principal components: [n, 2], [m, 2] and the share
    of the variance that the plane shows. Features are scaled to length 1 first, so no image dominates by its contrast.
    """
    both = F.normalize(torch.cat([source, target]).double(), dim=1)
    both = both - both.mean(0)
    _, s, axes = torch.linalg.svd(both, full_matrices=False)
    axes = axes[:2] * torch.sign(axes[:2].gather(1, axes[:2].abs().argmax(1, keepdim=True)))  # svd's signs are free
    points = both @ axes.T
    share = float(s[:2].square().sum() / s.square().sum().clamp_min(1e-30))
    return points[: len(source)], points[len(source) :], share


def snapshot(
    source: Inputs, target: Inputs, data: Data, other: Data, boundary: int, *, labelled: bool
) -> dict[str, Any]:
    """The map of the two domains by the backbone as it is, as a JSON note: points [x, y, class] of each (class None
    where unknown), and how well the domains are told apart. Validation rows, neither trained on nor tested with, where
    there are any."""
    picked = [_some(d.rows["val"] if len(d.rows["val"]) >= FOLDS else d.rows["train"]) for d in (data, other)]
    features = [
        torch.cat([features[: len(true)] for true, features in inputs.features_now(boundary, rows)]).float().cpu()
        for inputs, rows in zip((source, target), picked, strict=True)
    ]
    on_source, on_target, share = plane(features[0], features[1])
    return {
        "source": _points(on_source, data.labels, picked[0], True),
        "target": _points(on_target, other.labels, picked[1], labelled),
        "shown": share,
        "told_apart": told_apart(features[0], features[1], (data.groups[picked[0]], other.groups[picked[1]])),
    }


def _some(rows: Rows) -> Rows:
    if len(rows) <= SHOWN:
        return rows
    chosen: Rows = np.sort(np.random.default_rng(0).permutation(rows)[:SHOWN])
    return chosen


def _points(points: Tensor, labels: Rows, rows: Rows, labelled: bool) -> list[list[float | int | None]]:
    own = labels[rows].tolist() if labelled else [None] * len(rows)
    return [[round(x, 4), round(y, 4), label] for (x, y), label in zip(points.tolist(), own, strict=True)]

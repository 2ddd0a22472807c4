"""Switches on a descent: what the loss adds, how the classes are weighed, which batches are mixed.

Every random choice is seeded by where the run is, as everywhere in the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import PlanError, Strategy
from training.backbones import Backbone
from training.caches import Data, Rows
from training.machine import derive_seed, generator

FISHER_IMAGES = 64
"""Images that the Fisher information is averaged over, one backward pass each."""


class Penalties:
    """L2-SP and EWC as what they add to the gradients: alpha (w - w0) + lambda F (w - w0), beta w for the head.

    Added to the gradient rather than to the loss: the same step, without a graph over every weight. The loss that a
    run publishes stays that of the task.
    """

    def __init__(self, strategy: Strategy, backbone: Backbone, fisher: dict[str, Tensor]) -> None:
        """`backbone` holds the pre-trained weights now; `fisher`: from `fisher_information`, {} without EWC."""
        self._alpha, self._beta, self._lambda = strategy.l2_sp, strategy.l2_sp_head, strategy.ewc
        self._backbone, self._fisher = backbone, fisher
        body = backbone.net.named_parameters()
        held = bool(self._alpha or self._lambda)
        self._start = {name: p.detach().clone() for name, p in body} if held else {}

    @torch.no_grad()
    def add_to_gradients(self) -> None:
        for name, parameter in self._backbone.net.named_parameters() if self._start else ():
            if parameter.grad is None:
                continue
            moved = parameter - self._start[name]
            if self._alpha:
                parameter.grad.add_(moved, alpha=self._alpha)
            if self._lambda:
                parameter.grad.addcmul_(moved, self._fisher[name], value=self._lambda)
        for parameter in self._backbone.head.parameters() if self._beta else ():
            if parameter.dim() > 1 and parameter.grad is not None:
                parameter.grad.add_(parameter, alpha=self._beta)


def fisher_information(
    backbone: Backbone, data: Data, seed: int, device: torch.device, tick: Callable[[int, int], None]
) -> dict[str, Tensor]:
    """Diagonal Fisher information of the pre-trained classifier on the target's own training images, mean 1.

    Labels are drawn from the classifier's predictions, so no ImageNet image is needed (arXiv 1612.00796; the
    normalisation is ours, so that lambda means the same for every backbone). {name in `net`: like the parameter}.
    Raises PlanError when the weights bring no classifier.
    """
    classifier = backbone.classifier()
    if classifier is None:
        raise PlanError(
            f"EWC needs the classifier that {backbone.name} was pre-trained with, and its weights hold none; "
            "choose L2-SP, which needs only the weights."
        )
    classifier = classifier.to(device)
    source = np.random.default_rng(derive_seed("fisher", seed))
    rows = source.permutation(data.rows["train"])[:FISHER_IMAGES]
    draws = generator("fisher labels", seed)
    backbone.eval()
    for parameter in backbone.net.parameters():
        parameter.requires_grad_(True)
    sums = {name: torch.zeros_like(p) for name, p in backbone.net.named_parameters()}
    for one in range(len(rows)):
        features = backbone.below(data.batch(rows[one : one + 1], 0).to(device), backbone.head_index)
        log_p = F.log_softmax(classifier(features), dim=1)
        label = int(torch.multinomial(log_p.detach().exp().cpu()[0], 1, generator=draws))
        backbone.net.zero_grad(set_to_none=True)
        log_p[0, label].backward()
        for name, parameter in backbone.net.named_parameters():
            if parameter.grad is not None:
                sums[name] += parameter.grad.square()
        tick(one + 1, len(rows))
    backbone.net.zero_grad(set_to_none=True)
    mean = sum(float(s.sum()) for s in sums.values()) / sum(s.numel() for s in sums.values())
    return {name: values / max(mean, 1e-30) for name, values in sums.items()}


# -- imbalance ----------------------------------------------------------------------------------------------------


def class_weights(labels: Rows, classes: int) -> Tensor:
    """Weight of each class in the loss, float32 [classes]: N / (classes * n_c), so that the mean over images is 1."""
    counts = torch.from_numpy(np.bincount(labels, minlength=classes)).float()
    return len(labels) / (classes * counts.clamp_min(1))


def epoch_order(rows: Rows, labels: Rows, balance: str, seed: int) -> Rows:
    """The training rows in the order of one epoch; with 'sampler' as many draws, each class equally likely."""
    source = np.random.default_rng(seed)
    if balance != "sampler":
        return source.permutation(rows)
    own = labels[rows]
    share = 1.0 / np.bincount(own)[own]
    return source.choice(rows, size=len(rows), replace=True, p=share / share.sum())


# -- mixup --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Targets:
    """Labels of a batch, or of a mixed one: `share` of `labels`, the rest of `others`. int64 [B] each."""

    labels: Tensor
    others: Tensor
    share: float = 1.0

    def loss(self, logits: Tensor, weight: Tensor | None, smoothing: float, *, divisor: float) -> Tensor:
        """Cross-entropy summed over these images, divided by `divisor`: the whole batch's images, or their weights."""

        def part(labels: Tensor) -> Tensor:
            return F.cross_entropy(logits, labels, weight=weight, label_smoothing=smoothing, reduction="sum")

        loss = part(self.labels)
        if self.share < 1:
            loss = self.share * loss + (1 - self.share) * part(self.others)
        return loss / divisor

    def correct(self, logits: Tensor) -> float:
        answers = logits.detach().argmax(1)
        right = float((answers == self.labels).sum())
        if self.share < 1:
            right = self.share * right + (1 - self.share) * float((answers == self.others).sum())
        return right

    def divisor(self, weight: Tensor | None) -> float:
        """What the mean over these images divides by."""
        if weight is None:
            return float(len(self.labels))
        total = self.share * weight[self.labels].sum() + (1 - self.share) * weight[self.others].sum()
        return float(total)

    def __getitem__(self, part: slice) -> Targets:
        return Targets(self.labels[part], self.others[part], self.share)


def mixed(inputs: Tensor, labels: Tensor, alpha: float, seed: int) -> tuple[Tensor, Targets]:
    """Each input mixed with another of its batch by a share drawn from Beta(alpha, alpha) (mixup, arXiv 1710.09412).

    Above a frozen boundary the cached activations are mixed instead of pixels (manifold mixup, arXiv 1806.05236).
    """
    if not alpha:
        return inputs, Targets(labels, labels)
    source = np.random.default_rng(seed)
    share = float(source.beta(alpha, alpha))
    partner = torch.from_numpy(source.permutation(len(labels))).to(labels.device)
    return share * inputs + (1 - share) * inputs[partner], Targets(labels, labels[partner], share)


def without_decay(parameters: Sequence[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """(decayed, not decayed): weight decay pulls matrices towards zero; biases and norms are left alone, as in timm."""
    return [p for p in parameters if p.dim() > 1], [p for p in parameters if p.dim() <= 1]

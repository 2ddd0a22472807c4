"""The linear probe solved rather than trained: multinomial logistic regression on cached features.

Features are standardised (nearly constant ones less, see FLOOR); the L2 strength is walked from strong to weak with
warm starts and the step with the lowest validation loss is kept (SCIENCE: "about 12 values of C on logspace(-7, 2),
warm start"). The optimiser is torch's L-BFGS, so that every full pass over the features can be published as it happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import processes

STRENGTHS = tuple(float(10**e) for e in torch.linspace(1, -5, 10))
"""L2 on standardised weights, per example: mean loss + strength / 2 * |W|^2. scikit-learn's C is 1 / (strength * N)."""

FLOOR = 0.1
"""Of the mean variance of all features, added to each one's own before its root is divided by. A feature that hardly
moves over a few images would else be blown up, and with it whatever it does on the next image. Mean gain on 11 sets: 8
points at 5 images per class, 3 at 20, 2 at 60 and 300 (benchmarks/results/probe_floor.md)."""


@dataclass(frozen=True)
class ProbeStep:
    """State after one full pass over the training features."""

    step: int
    strength: float
    weight: Tensor
    """[classes, width], to be used on raw (not standardised) features."""
    bias: Tensor
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float

    def columns(self) -> dict[str, float]:
        """Its part of a metrics row."""
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        return {name: getattr(self, name) for name in names}


def solve(
    train: tuple[Tensor, Tensor],
    val: tuple[Tensor, Tensor],
    classes: int,
    steps: int,
    publish: Callable[[ProbeStep], None],
) -> None:
    """Walk the regularisation path in `steps` L-BFGS iterations, calling `publish` after each.

    train, val: (features float32 [N, width], labels int64 [N]). `publish` may raise to stop.
    """
    features, labels = train
    mean, scale = standardisation(features)
    inputs = (features - mean) / scale
    val_inputs = (val[0] - mean) / scale
    weight = torch.zeros(classes, features.shape[1], device=features.device, requires_grad=True)
    bias = torch.zeros(classes, device=features.device, requires_grad=True)
    count = max(1, min(len(STRENGTHS), steps // 3))
    strengths = [STRENGTHS[round(i)] for i in torch.linspace(0, len(STRENGTHS) - 1, count + 1)[1:].tolist()]
    done = 0
    for index, strength in enumerate(strengths):
        iterations = steps * (index + 1) // len(strengths) - done
        optimizer = torch.optim.LBFGS(
            [weight, bias], max_iter=1, history_size=20, line_search_fn="strong_wolfe", tolerance_grad=1e-6
        )

        def closure(optimizer: torch.optim.LBFGS = optimizer, strength: float = strength) -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(F.linear(inputs, weight, bias), labels)
            loss = loss + strength / 2 * weight.square().sum()
            loss.backward()
            return loss

        for _ in range(iterations):
            optimizer.step(closure)
            processes.step()
            done += 1
            publish(_measure(done, strength, weight, bias, mean, scale, inputs, labels, val_inputs, val[1]))


def standardisation(features: Tensor) -> tuple[Tensor, Tensor]:
    """(mean, scale), each [width]: a solver works on (features - mean) / scale. features: [N, width]."""
    variance = features.var(dim=0, unbiased=False)
    return features.mean(dim=0), (variance + FLOOR * variance.mean()).sqrt().clamp_min(1e-6)


@torch.no_grad()
def _measure(
    step: int,
    strength: float,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    scale: Tensor,
    inputs: Tensor,
    labels: Tensor,
    val_inputs: Tensor,
    val_labels: Tensor,
) -> ProbeStep:
    logits, val_logits = F.linear(inputs, weight, bias), F.linear(val_inputs, weight, bias)
    raw_weight = weight / scale
    return ProbeStep(
        step=step,
        strength=strength,
        weight=raw_weight.clone(),
        bias=(bias - raw_weight @ mean).clone(),
        train_loss=float(F.cross_entropy(logits, labels)),
        train_accuracy=float((logits.argmax(1) == labels).float().mean()),
        val_loss=float(F.cross_entropy(val_logits, val_labels)),
        val_accuracy=float((val_logits.argmax(1) == val_labels).float().mean()),
    )


TEMPERATURES = tuple(float(10**e) for e in torch.linspace(-1, 2.5, 15))
"""Scales of the cosine similarities that are tried; the one with the lowest validation loss is kept."""


@torch.no_grad()
def class_means(
    train: tuple[Tensor, Tensor],
    val: tuple[Tensor, Tensor],
    classes: int,
    steps: int,
    publish: Callable[[ProbeStep], None],
) -> None:
    """One prototype a class: the mean of its L2-normalised features, itself normalised (arXiv 1912.07200).

    An image goes to the class whose prototype is nearest by cosine, which is the largest of `features @ weight.T`:
    the length of an image's own features changes no order, so the result is a linear head without bias. Its scale is
    chosen on the validation loss, divided by the mean length of the features so that it means a temperature.
    Arguments as in `solve`; publishes once, `steps` is always 1.
    """
    (features, labels), (val_features, val_labels) = train, val
    own = F.one_hot(labels, classes).to(features.dtype)
    prototypes = F.normalize(own.T @ F.normalize(features, dim=1), dim=1)
    length = features.norm(dim=1).mean().clamp_min(1e-12)

    def loss(scale: float, inputs: Tensor, truth: Tensor) -> float:
        return float(F.cross_entropy(F.linear(inputs, prototypes * (scale / length)), truth))

    judged_on = (val_features, val_labels) if len(val_labels) else train
    scale = min(TEMPERATURES, key=lambda value: loss(value, *judged_on))
    weight = prototypes * (scale / length)

    def accuracy(inputs: Tensor, truth: Tensor) -> float:
        return float((F.linear(inputs, weight).argmax(1) == truth).float().mean())

    publish(
        ProbeStep(
            step=1, strength=0.0, weight=weight, bias=torch.zeros(classes, device=features.device),
            train_loss=loss(scale, features, labels), train_accuracy=accuracy(features, labels),
            val_loss=loss(scale, val_features, val_labels), val_accuracy=accuracy(val_features, val_labels),
        )
    )  # fmt: skip


SOLVERS = {"lbfgs": solve, "class_means": class_means}
"""How a phase's head is computed, by the phase's `optimizer`."""


@torch.no_grad()
def into(head: nn.Module, step: ProbeStep) -> None:
    """Put a solver's answer into the backbone's head, which is linear wherever a plan solves it."""
    assert isinstance(head, nn.Linear)
    head.weight.copy_(step.weight)
    head.bias.copy_(step.bias)

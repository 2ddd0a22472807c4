"""The linear probe solved rather than trained: multinomial logistic regression on cached features.

Features are standardised (nearly constant ones less, see FLOOR); the L2 strength is walked from strong to weak with
warm starts and the step with the lowest validation loss is kept (SCIENCE: "about 12 values of C on logspace(-7, 2),
warm start"). The optimiser is scipy's L-BFGS, every full pass over the features is published as it happens. No torch:
a probe has its answer before torch would be loaded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from scipy.special import log_softmax

from core import processes
from training.evaluation import folds

Floats = NDArray[np.float32]
Labelled = tuple[Floats, NDArray[np.int64]]
"""(features [N, width], labels [N])."""

STRENGTHS = tuple(float(10**e) for e in np.linspace(1, -5, 10))
"""L2 on standardised weights, per example: mean loss + strength / 2 * |W|^2. scikit-learn's C is 1 / (strength * N)."""

SMALLEST = np.float32(-60.0)
"""Logarithm of the smallest probability that a gradient is made of: what lies below pulls at nothing, but as denormal
numbers made a step on well separated images take ten times as long."""
FLOOR = 0.1
"""Of the mean variance of all features, added to each one's own before its root is divided by. A feature that hardly
moves over a few images would else be blown up, and with it whatever it does on the next image. Mean gain on 11 sets: 8
points at 5 images per class, 3 at 20, 2 at 60 and 300 (benchmarks/results/probe_floor.md)."""


@dataclass(frozen=True)
class ProbeStep:
    """State after one full pass over the training features."""

    step: int
    strength: float
    """Of the regularisation; of class means the scale of their cosines."""
    weight: Floats
    """[classes, width], to be used on raw (not standardised) features."""
    bias: Floats
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float

    def columns(self) -> dict[str, float]:
        """Its part of a metrics row."""
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        return {name: getattr(self, name) for name in names}


def one_thread() -> AbstractContextManager[Any]:
    """Within, numpy's and scipy's products are made in one thread: each has threads of its own, which on two cores
    waited for one another for longer than the work took (60 steps on 281 images 0.08 s instead of 1.1, on 8,000 2.1
    instead of 4.3), and sums do not depend on the machine."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


def solve(train: Labelled, val: Labelled, classes: int, steps: int, publish: Callable[[ProbeStep], None]) -> None:
    """Walk the regularisation path in `steps` L-BFGS iterations, calling `publish` after each.

    A strength that has converged publishes what it came to for the rest of its iterations. `publish` may raise to stop.
    """
    with one_thread():
        _walk(train, val, classes, steps, publish)


def _walk(train: Labelled, val: Labelled, classes: int, steps: int, publish: Callable[[ProbeStep], None]) -> None:
    features, labels = train
    mean, scale = standardisation(features)
    inputs, val_inputs = (features - mean) / scale, (val[0] - mean) / scale
    width = features.shape[1]
    count = max(1, min(len(STRENGTHS), steps // 3))
    strengths = [STRENGTHS[round(i)] for i in np.linspace(0, len(STRENGTHS) - 1, count + 1)[1:].tolist()]
    at, done = np.zeros(classes * (width + 1)), 0

    for index, strength in enumerate(strengths):
        last = steps * (index + 1) // len(strengths)

        def loss(point: NDArray[np.float64], strength: float = strength) -> tuple[float, NDArray[np.float64]]:
            weight, bias = _unpacked(point, classes)
            logs = log_softmax(inputs @ weight.T + bias, axis=1)
            value = -float(logs[np.arange(len(labels)), labels].mean(dtype=np.float64))
            slope = np.exp(np.maximum(logs, SMALLEST))
            slope[np.arange(len(labels)), labels] -= 1
            slope /= np.float32(len(labels))
            value += strength / 2 * float(np.square(weight, dtype=np.float64).sum())
            towards = np.hstack([slope.T @ inputs + np.float32(strength) * weight, slope.sum(0)[:, None]])
            return value, towards.ravel().astype(float)

        def measured(point: NDArray[np.float64], strength: float = strength) -> None:
            nonlocal at, done
            processes.step()
            at, done = point.copy(), done + 1
            weight, bias = _unpacked(at, classes)
            sides = _judged(inputs, labels, weight, bias) + _judged(val_inputs, val[1], weight, bias)
            raw = np.asarray(weight / scale, np.float32)
            publish(ProbeStep(done, strength, raw, bias - raw @ mean, *sides))

        def after(intermediate_result: OptimizeResult) -> None:  # the name is how scipy knows what to give
            measured(intermediate_result.x)

        minimize(
            loss, at, jac=True, method="L-BFGS-B", callback=after,
            options={"maxiter": last - done, "maxcor": 20, "ftol": 0.0, "gtol": 1e-6},
        )  # fmt: skip
        while done < last:
            measured(at)


def _unpacked(point: NDArray[np.float64], classes: int) -> tuple[Floats, Floats]:
    """(weight [classes, width], bias [classes]) of what the optimiser moves."""
    both = point.reshape(classes, -1).astype(np.float32)
    return both[:, :-1], both[:, -1]


def _judged(inputs: Floats, labels: NDArray[np.int64], weight: Floats, bias: Floats) -> tuple[float, float]:
    """(mean loss, accuracy); NaN without examples."""
    logits = inputs @ weight.T + bias
    if not len(labels):
        return float("nan"), float("nan")
    return _mean_loss(logits, labels), float((logits.argmax(1) == labels).mean())


def _mean_loss(logits: Floats, labels: NDArray[np.int64]) -> float:
    logs = log_softmax(logits, axis=1)
    return -float(logs[np.arange(len(labels)), labels].mean(dtype=np.float64))


def standardisation(features: Floats) -> tuple[Floats, Floats]:
    """(mean, scale), each [width]: a solver works on (features - mean) / scale. features: [N, width]."""
    variance = features.var(axis=0)
    return features.mean(axis=0), np.maximum(np.sqrt(variance + FLOOR * variance.mean()), np.float32(1e-6))


TEMPERATURES = tuple(float(10**e) for e in np.linspace(-1, 2.5, 15))
"""Scales of the cosine similarities that are tried; the one with the lowest validation loss is kept."""


def class_means(
    train: Labelled, val: Labelled, classes: int, steps: int, publish: Callable[[ProbeStep], None]
) -> None:
    """One prototype a class: the mean of its L2-normalised features, itself normalised (arXiv 1912.07200).

    An image goes to the class whose prototype is nearest by cosine, which is the largest of `features @ weight.T`:
    the length of an image's own features changes no order, so the result is a linear head without bias. Its scale is
    chosen on the validation loss, divided by the mean length of the features so that it means a temperature.
    Arguments as in `solve`; publishes once, `steps` is always 1.
    """
    held, (prototypes, length) = val, _prototypes(train, classes)
    none = np.zeros(classes, np.float32)

    def judged(scale: float, of: Labelled) -> tuple[float, float]:
        return _judged(of[0], of[1], prototypes * np.float32(scale / length), none)

    scale = min(TEMPERATURES, key=lambda value: judged(value, held if len(held[1]) else train)[0])
    weight = prototypes * np.float32(scale / length)
    publish(ProbeStep(1, scale, weight, none, *judged(scale, train), *judged(scale, held)))


def _prototypes(train: Labelled, classes: int) -> tuple[Floats, float]:
    """(the prototypes [classes, width], the mean length of the features)."""
    features, labels = train
    own = np.zeros((classes, len(labels)), np.float32)
    own[labels, np.arange(len(labels))] = 1
    return of_unit_length(own @ of_unit_length(features)), max(float(np.linalg.norm(features, axis=1).mean()), 1e-12)


def again(optimizer: str, train: Labelled, classes: int, steps: int, chosen: ProbeStep) -> ProbeStep:
    """What a solver (a key of `SOLVERS`) comes to on other images at the place of its path that was chosen: after as
    many iterations, or at the same scale. Nothing is judged."""
    if optimizer == "class_means":
        prototypes, length = _prototypes(train, classes)
        weight = prototypes * np.float32(chosen.strength / length)
        return replace(chosen, weight=weight, bias=np.zeros(classes, np.float32))
    found: list[ProbeStep] = []

    class Reached(Exception):
        pass

    def publish(step: ProbeStep) -> None:
        if step.step == chosen.step:
            found.append(step)
            raise Reached

    with contextlib.suppress(Reached):
        solve(train, (train[0][:0], train[1][:0]), classes, steps, publish)
    return found[0]


@dataclass(frozen=True)
class Refitted:
    """A head solved on all labelled images that are not for the test."""

    weight: Floats
    """[classes, width]"""
    bias: Floats
    rows: NDArray[np.int64]
    """The images that it was solved on."""
    out_of_fold: Floats
    """[rows, classes], logits by heads that had not seen the image."""


def refit(
    optimizer: str, features: Floats, labels: NDArray[np.int64], rows: NDArray[np.int64], classes: int, steps: int,
    chosen: ProbeStep, groups: NDArray[np.int64] | None = None, seed: int = 0,
) -> Refitted | None:  # fmt: skip
    """features [N, width], labels [N], groups [N] (equal numbers for what belongs together) of `rows`. optimizer: a key
    of `SOLVERS`; steps: of its path, `chosen` one of them. None where a class has too few separate images
    for folds: nothing could tell then what the head's confidence means."""
    held_out = folds(labels, classes, groups, seed)
    if not held_out:
        return None

    def solved(fit: NDArray[np.int64]) -> ProbeStep:
        return again(optimizer, (features[fit], labels[fit]), classes, steps, chosen)

    everything = np.arange(len(labels))
    whole = solved(everything)
    answers = np.zeros((len(labels), classes), np.float32)
    for held in held_out:
        head = solved(everything[~held])
        answers[held] = features[held] @ head.weight.T + head.bias
    return Refitted(whole.weight, whole.bias, rows, answers)


def of_unit_length(vectors: Floats) -> Floats:
    """[N, width], each divided by its length; zeros stay zeros."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))


SOLVERS = {"lbfgs": solve, "class_means": class_means}
"""How a phase's head is computed, by the phase's `optimizer`."""


"""LogME: how well a backbone's features explain the labels, without training anything: a rank for backbones.

The maximum log evidence of a Bayesian linear model from features to one-hot labels, per image and averaged over the
classes (You et al. 2021, arXiv 2102.11005). Orders of backbones by such scores agree with those by fine-tuning at a
mean weighted tau of about 0.67: a hint, not a verdict, and nothing about strategies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from training.evaluation import stratified

MOST = 500
"""Images looked at: the eigenvalues of their Gram matrix take a tenth of a second."""
ROUNDS, ENOUGH = 20, 1e-3


@torch.no_grad()
def logme(features: Tensor, labels: Tensor, classes: int) -> float | None:
    """features: float32 [N, D]; labels: int64 [N]. Log evidence per image, higher is better; None below two classes.

    Of more than `MOST` images, as many in the classes' proportions are looked at.
    """
    few = stratified(labels.numpy(), MOST, 0)
    features, labels = features[few].double(), labels[few]
    n, width = features.shape
    if classes < 2 or n < 2:
        return None
    # F = U S V': only U and S^2 are needed, and the smaller of the two Gram matrices has them.
    values, u = torch.linalg.eigh(features @ features.T)
    keep = values > 1e-10 * values.max()
    sigma, u = values[keep], u[:, keep]
    total = 0.0
    for answers in F.one_hot(labels, classes).double().T:
        total += _evidence(answers, u, sigma, n, width)
    return total / classes


def _evidence(y: Tensor, u: Tensor, sigma: Tensor, n: int, width: int) -> float:
    """Per image, at the alpha (prior) and beta (noise) precision that make it largest: MacKay's fixed point."""
    projected = (u.T @ y).square()
    outside = float(y.square().sum() - projected.sum())
    alpha = beta = 1.0
    for _ in range(ROUNDS):
        ratio = alpha / beta
        used = float((sigma / (sigma + ratio)).sum())
        length = float((sigma * projected / (sigma + ratio).square()).sum())
        miss = float((projected / (1 + sigma / ratio).square()).sum()) + max(0.0, outside)
        alpha, beta = used / max(length, 1e-12), max(n - used, 1e-6) / max(miss, 1e-12)
        if abs(alpha / beta - ratio) <= ENOUGH * ratio:
            break
    ratio = alpha / beta
    length = float((sigma * projected / (sigma + ratio).square()).sum())
    miss = float((projected / (1 + sigma / ratio).square()).sum()) + max(0.0, outside)
    spread = float((alpha + beta * sigma).log().sum()) + (width - len(sigma)) * math.log(alpha)
    evidence = width / 2 * math.log(alpha) + n / 2 * math.log(beta) - spread / 2
    return (evidence - beta / 2 * miss - alpha / 2 * length - n / 2 * math.log(2 * math.pi)) / n

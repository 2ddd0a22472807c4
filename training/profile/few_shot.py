"""Few images a class: what class means reach with 1, 2, 5, 10 of them, over repeated draws; and classes added later.

Everything here works on features that are cached already: nothing is trained.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.machine import derive_seed
from training.store import Shot

SIZES = (1, 2, 5, 10)
DRAWS = 30
"""Draws of each size: single ones differ by 10 to 30 points where images are few (arXiv 1904.04232)."""


@torch.no_grad()
def curve(
    train: tuple[Tensor, Tensor], held: tuple[Tensor, Tensor], classes: int, *, sizes: tuple[int, ...] = SIZES,
    draws: int = DRAWS, seed: int = 0,
) -> list[Shot]:  # fmt: skip
    """Class means of `sizes` images a class, drawn `draws` times from `train`, judged on `held`.

    train, held: (features [n, width], labels int64 [n]). A size that some class does not have is left out; the last
    entry is every training image, once.
    """
    features, labels = F.normalize(train[0].float(), dim=1), train[1]
    own = [torch.nonzero(labels == label).flatten() for label in range(classes)]
    smallest = min(map(len, own))
    inputs, truth = F.normalize(held[0].float(), dim=1), held[1]

    def accuracy(picked: list[Tensor]) -> float:
        prototypes = F.normalize(torch.stack([features[rows].mean(0) for rows in picked]), dim=1)
        return float(((inputs @ prototypes.T).argmax(1) == truth).float().mean())

    shots = []
    for size in sizes:
        if size > smallest:
            break
        found = []
        for draw in range(draws):
            source = np.random.default_rng(derive_seed("shots", seed, size, draw))
            found.append(accuracy([rows[torch.from_numpy(source.permutation(len(rows))[:size])] for rows in own]))
        low, high = np.quantile(found, [0.025, 0.975])
        shots.append(Shot(size, float(np.mean(found)), float(low), float(high), draws))
    if smallest:
        everything = accuracy(own)
        shots.append(Shot(len(labels) // classes, everything, everything, everything, 1))
    return shots


@torch.no_grad()
def with_class(head: Tensor, features: Tensor) -> Tensor:
    """A head of prototypes [classes, width] with one row more, the class mean of `features` [n, width].

    The new row gets the length of the others, so that every class is judged at the same temperature; the old rows stay
    what they were, to the bit.
    """
    prototype = F.normalize(F.normalize(features.float(), dim=1).mean(0), dim=0)
    return torch.cat([head, (prototype * head.norm(dim=1).mean())[None].to(head.dtype)])

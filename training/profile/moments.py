"""Stored moments: what a backbone without BatchNorm shows for everyday photos, stage by stage, to compare images with.

BatchNorm keeps such averages of the pre-training by itself. Where there is none (transformers, ConvNeXt), they are
measured once on a folder of everyday photos and kept in the home: `python -m benchmarks.moments HOME BACKBONE PHOTOS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import find_as, write_json

FOLDER = "moments"


@dataclass(frozen=True)
class Moments:
    """Means and standard deviations of the pooled outputs of every stage, over photos."""

    means: tuple[tuple[float, ...], ...]
    deviations: tuple[tuple[float, ...], ...]
    photos: int
    image_px: int


def of(stages: Sequence[NDArray[np.float32]], image_px: int) -> Moments:
    """stages: pooled outputs [photos, channels], the first stage first."""
    return Moments(
        means=tuple(tuple(stage.mean(0).tolist()) for stage in stages),
        deviations=tuple(tuple(np.maximum(stage.std(0, ddof=1), 1e-6).tolist()) for stage in stages),
        photos=len(stages[0]),
        image_px=image_px,
    )


def distances(stages: Sequence[NDArray[np.float32]], known: Moments) -> tuple[float, ...]:
    """Frechet distance between two Gaussians with diagonal covariance, per stage and channel, in units of the photos'
    own variance: mean_c [(m_t - m_s)^2 + (s_t - s_s)^2] / s_s^2  (Dowson and Landau 1982)."""
    found = []
    for stage, mean, deviation in zip(stages, known.means, known.deviations, strict=True):
        m, s = np.array(mean), np.array(deviation)
        own_m, own_s = stage.mean(0), stage.std(0, ddof=1)
        found.append(float(np.mean(((own_m - m) ** 2 + (own_s - s) ** 2) / s**2)))
    return tuple(found)


def save(home: Path, weights_id: str, known: Moments) -> Path:
    """Whole or not at all."""
    file = _file(home, weights_id)
    write_json(file, vars(known))
    return file


def load(home: Path | None, weights_id: str) -> Moments | None:
    """None where no photos were measured with these weights, or the file is broken: the gap is not measured then."""
    return find_as(_file(home, weights_id), Moments) if home else None


def _file(home: Path, weights_id: str) -> Path:
    return home / FOLDER / f"{weights_id}.json"

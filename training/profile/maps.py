"""Maps of a dataset: every image as a point of the plane, so that images with similar features lie together.

`pca` is made with the profile: exact principal components, in two passes over the features, however many there are.
`tsne` (van der Maaten and Hinton 2008, openTSNE's) is asked for, takes a sample, and is made from the first 50
components that the profile kept: it needs no network. Files: `home/cache/<dataset>/map-<backbone>/`. No torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import NotFound, Tell, find_array, find_as, write_json, written_whole
from training.caches import budget
from training.requests import MAPS

ABOUT, COMPONENTS = "about.json", "components.npy"
KEPT = 50
"""Components kept for t-SNE; as many as its authors use."""
CHUNK = 4096
"""Images whose features are in memory at once."""
MOST_TSNE = 5000
"""Images of a t-SNE map: a sample, every class in proportion."""
EARLY, STEPS = 250, 1000
"""Steps of t-SNE with exaggerated attraction, and in all."""
LOOK, SHOW = 10, 100
"""Steps between two looks at whether to stop, and between two maps written."""
PERPLEXITY = 30.0
EXAGGERATION = 12.0

Features = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Rows of the manifest -> their features, float32 [rows, width]."""
Seen = Callable[[int, NDArray[np.float64]], None]
"""(steps done, places float64 [n, 2] so far); may raise to stop."""


def folder(home: Path, dataset_id: str, backbone: str) -> Path:
    return budget.folder_of(home, dataset_id) / f"map-{backbone}"


def load(home: Path, dataset_id: str, backbone: str, name: str) -> NDArray[np.float32] | None:
    """float32 [n, 3]: row, x, y of every image on the map; None when it was not made, or is not whole."""
    if name not in MAPS:
        return None
    found = find_array(folder(home, dataset_id, backbone) / f"{name}.npy")
    return found if found is not None and found.ndim == 2 and found.shape[1] == 3 else None


@dataclass(frozen=True)
class About:
    """What is known about the maps of a dataset, as far as they were drawn."""

    variance: float | None = None
    """Share of the features' variance that the two axes of `pca` show."""
    tsne: tuple[int, int] = (0, 0)
    """Steps done and planned."""
    sample: int | None = None
    """Images on the t-SNE map."""


def about(home: Path, dataset_id: str, backbone: str) -> About:
    """Says nothing while there is no map."""
    return find_as(folder(home, dataset_id, backbone) / ABOUT, About) or About()


def alike(home: Path, dataset_id: str, backbone: str, row: int, most: int) -> list[int]:
    """The rows whose features are nearest to those of `row`, nearest first, without itself; none before the profile.

    Distances are Euclidean between the first `KEPT` principal components.
    """
    scores = find_array(folder(home, dataset_id, backbone) / COMPONENTS, mapped=True)
    if scores is None or scores.ndim != 2 or not 0 <= row < len(scores):
        return []
    far = np.square(scores - scores[row]).sum(axis=1)
    far[row] = np.inf
    far[np.isnan(far)] = np.inf
    near = np.argpartition(far, min(most, len(far) - 1))[:most]
    return [int(one) for one in near[np.argsort(far[near])] if np.isfinite(far[one])]


def make_pca(home: Path, dataset_id: str, backbone: str, features: Features, rows: NDArray[np.int64]) -> None:
    """Project these rows on their principal components and keep the map and the first `KEPT` of them."""
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    total: NDArray[np.float64] | None = None
    products: NDArray[np.float64] | None = None
    for some in chunks:
        part = features(some).reshape(len(some), -1)
        if total is None or products is None:
            total = np.zeros(part.shape[1])
            products = np.zeros((part.shape[1], part.shape[1]))
        total += part.sum(axis=0, dtype=np.float64)
        products += part.T @ part
    if total is None or products is None:
        return
    mean = total / len(rows)
    covariance = products / len(rows) - np.outer(mean, mean)
    values, vectors = np.linalg.eigh(covariance)
    vectors = vectors[:, ::-1][:, :KEPT].astype(np.float32)
    # An axis may point either way; so that a map looks the same every time, its largest weight is positive.
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    middle = mean.astype(np.float32)
    scores = np.concatenate([(features(some).reshape(len(some), -1) - middle) @ vectors for some in chunks])
    shown = np.zeros((len(rows), 2), np.float32)
    shown[:, : scores.shape[1]] = scores[:, :2]
    place = folder(home, dataset_id, backbone)
    place.mkdir(parents=True, exist_ok=True)
    # By row, so that a place is found without a search; rows that were left out are not a number.
    by_row = np.full((int(rows.max()) + 1, scores.shape[1]), np.nan, np.float32)
    by_row[rows] = scores
    _save(place / COMPONENTS, by_row)
    _save(place / "pca.npy", _points(rows, shown))
    variance = float(np.clip(values[::-1][:2].sum() / max(values.sum(), 1e-12), 0, 1))
    _note(place, {"variance": variance})


def make_tsne(home: Path, dataset_id: str, backbone: str, labels: NDArray[np.int64], tell: Tell, seed: int = 0) -> None:
    """t-SNE of a sample. labels: class of every row; -1 leaves an image out. `tell` may raise to stop: what was written
    by then stays. Raises NotFound when there is no `pca` to start from."""
    place = folder(home, dataset_id, backbone)
    components = find_array(place / COMPONENTS)
    if components is None:
        raise NotFound("The features of these images are not there any more. Measure them again.")
    labels = labels[: len(components)].copy()
    labels[np.isnan(components[: len(labels)]).any(axis=1)] = -1
    rows = sample(labels, MOST_TSNE, seed)
    if len(rows) < 5:
        raise NotFound("A map needs at least five images.")
    began = time.monotonic()

    def seen(done: int, places: NDArray[np.float64]) -> None:
        if done % SHOW == 0:
            _save(place / "tsne.npy", _points(rows, places))
            _note(place, {"tsne": [done, STEPS], "sample": len(rows)})
        left = (STEPS - done) * (time.monotonic() - began) / done
        tell(done / STEPS, f"Drawing the map, {done:,} of {STEPS:,} steps", left)

    tell(0.0, "Looking for every image's neighbours", None)
    embed(components[rows], seen, seed)
    tell(1.0, "The map is drawn", None)


def embed(scores: NDArray[np.float32], seen: Seen, seed: int = 0) -> NDArray[np.float64]:
    """t-SNE of float32 [n, width], n at least 5: float64 [n, 2]. `seen` is called every `LOOK` steps and at the end.

    One thread: more of them spin while they wait for each other, and beside a run that trains that costs more than it
    brings.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    # As its authors do: start from the principal components, small, so that the map keeps their large shape.
    start = np.zeros((len(scores), 2))
    start[:, : scores.shape[1]] = scores[:, :2] / max(float(scores[:, 0].std()), 1e-9) * 1e-4
    near = PerplexityBasedNN(scores, min(PERPLEXITY, (len(scores) - 1) / 3), method="exact", random_state=seed)
    now = TSNEEmbedding(start, near, random_state=seed, negative_gradient_method="bh")
    before = 0
    for until, exaggeration in ((EARLY, EXAGGERATION), (STEPS, 1.0)):
        now.optimize(
            until - before, inplace=True, exaggeration=exaggeration, momentum=0.5,
            learning_rate=max(len(scores) / EXAGGERATION, 200.0), callbacks_every_iters=LOOK,
            callbacks=lambda step, _, places, before=before: seen(before + step, np.asarray(places)),
        )  # fmt: skip
        before = until
    return np.asarray(now)


def sample(labels: NDArray[np.int64], most: int, seed: int = 0) -> NDArray[np.int64]:
    """At most about `most` rows, every class in proportion and with at least two; ascending."""
    wanted = np.flatnonzero(labels >= 0)
    if len(wanted) <= most:
        return wanted
    source = np.random.default_rng(seed)
    share = most / len(wanted)
    parts = [np.flatnonzero(labels == label) for label in np.unique(labels[wanted])]
    return np.sort(np.concatenate([source.permutation(own)[: max(2, round(share * len(own)))] for own in parts]))


def _points(rows: NDArray[np.int64], places: NDArray[np.floating]) -> NDArray[np.float32]:
    """float32 holds whole numbers up to 16 million exactly: rows fit beside the coordinates."""
    return np.column_stack([rows, places]).astype(np.float32)


def _save(path: Path, array: NDArray[np.float32]) -> None:
    with written_whole(path) as file:
        np.save(file, array)


def _note(place: Path, facts: dict[str, Any]) -> None:
    write_json(place / ABOUT, asdict(replace(find_as(place / ABOUT, About) or About(), **facts)))

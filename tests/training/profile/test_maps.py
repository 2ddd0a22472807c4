"""Maps of features: exact components whatever the chunks, t-SNE that leaves what it has when it is stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import NotFound
from training.profile import maps

ID = "0123456789abcdef"


def clusters(each: int = 30, width: int = 64) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three groups far from each other, in `width` dimensions."""
    source = np.random.default_rng(0)
    centres = source.normal(0, 10, (3, width))
    labels = np.repeat(np.arange(3), each)
    return (centres[labels] + source.normal(0, 1, (3 * each, width))).astype(np.float32), labels


def make(home: Path, features: NDArray[np.float32]) -> None:
    maps.make_pca(home, ID, "some", lambda rows: features[rows], np.arange(len(features)))


def test_the_map_is_that_of_an_exact_decomposition_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, _ = clusters()
    monkeypatch.setattr(maps, "CHUNK", 7)
    make(tmp_path, features)
    found = maps.load(tmp_path, ID, "some", "pca")
    assert found is not None and found[:, 0].tolist() == list(range(90))
    centred = features - features.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    exact = centred @ axes[:2].T
    np.testing.assert_allclose(np.abs(found[:, 1:]), np.abs(exact), rtol=1e-3, atol=2e-2)
    share = float((lengths[:2] ** 2).sum() / (lengths**2).sum())
    assert maps.about(tmp_path, ID, "some").variance == pytest.approx(share, rel=1e-3)


def test_the_same_features_give_the_same_map(tmp_path: Path) -> None:
    features, _ = clusters()
    make(tmp_path / "a", features)
    make(tmp_path / "b", features)
    first, second = (maps.load(tmp_path / name, ID, "some", "pca") for name in "ab")
    assert first is not None and second is not None and (first == second).all()


@pytest.mark.parametrize("features", [np.zeros((6, 8)), np.arange(5)[:, None], np.ones((2, 3, 2, 2)), np.ones((1, 4))])
def test_odd_features_still_give_a_point_for_every_image(tmp_path: Path, features: NDArray[np.float64]) -> None:
    make(tmp_path, features.astype(np.float32))
    found = maps.load(tmp_path, ID, "some", "pca")
    assert found is not None and found.shape == (len(features), 3) and np.isfinite(found).all()


def test_a_map_that_was_never_made_or_is_broken_is_none(tmp_path: Path) -> None:
    assert maps.load(tmp_path, ID, "some", "pca") is None and maps.about(tmp_path, ID, "some") == maps.About()
    assert maps.load(tmp_path, ID, "some", "../../thaw") is None
    place = maps.folder(tmp_path, ID, "some")
    place.mkdir(parents=True)
    (place / "pca.npy").write_bytes(b"half a file")
    assert maps.load(tmp_path, ID, "some", "pca") is None


def spread_of(found: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """(largest distance to the own group's middle, smallest distance between two middles)."""
    own = labels[found[:, 0].astype(int)]
    middles = np.stack([found[own == label, 1:].mean(axis=0) for label in range(3)])
    inside = max(float(np.linalg.norm(found[own == label, 1:] - middles[label], axis=1).max()) for label in range(3))
    between = min(float(np.linalg.norm(middles[a] - middles[b])) for a, b in ((0, 1), (0, 2), (1, 2)))
    return inside, between


def test_tsne_keeps_groups_apart_and_tells_how_far_it_is(tmp_path: Path) -> None:
    features, labels = clusters()
    make(tmp_path, features)
    told: list[tuple[float, str]] = []
    drawn: list[int] = []

    def tell(done: float, doing: str, eta: float | None) -> None:
        told.append((done, doing))
        drawn.extend(maps.about(tmp_path, ID, "some").tsne[:1])

    maps.make_tsne(tmp_path, ID, "some", labels, tell)
    found = maps.load(tmp_path, ID, "some", "tsne")
    assert found is not None and len(found) == 90
    inside, between = spread_of(found, labels)
    assert between > inside
    assert told[0] == (0.0, "Looking for every image's neighbours") and told[-1][0] == 1.0
    assert (10 / 1000, "Drawing the map, 10 of 1,000 steps") in told and len(told) == 102
    assert sorted(set(drawn)) == list(range(0, 1001, 100)), "and there is something to see every hundred"


def test_the_same_seed_draws_the_same_map(tmp_path: Path) -> None:
    features, labels = clusters(10)
    found = []
    for name in "ab":
        make(tmp_path / name, features)
        maps.make_tsne(tmp_path / name, ID, "some", labels, lambda *_: None)
        found.append(maps.load(tmp_path / name, ID, "some", "tsne"))
    assert found[0] is not None and found[1] is not None and (found[0] == found[1]).all()


def test_a_stop_leaves_the_map_as_far_as_it_came(tmp_path: Path) -> None:
    features, labels = clusters(10)
    make(tmp_path, features)

    def tell(done: float, doing: str, eta: float | None) -> None:
        if done > 0.2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        maps.make_tsne(tmp_path, ID, "some", labels, tell)
    assert maps.load(tmp_path, ID, "some", "tsne") is not None
    assert maps.about(tmp_path, ID, "some").tsne == (200, 1000)


def test_images_left_out_are_not_on_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "STEPS", 300)
    features, labels = clusters(10)
    make(tmp_path, features)
    labels[5] = -1
    maps.make_tsne(tmp_path, ID, "some", labels, lambda *_: None)
    found = maps.load(tmp_path, ID, "some", "tsne")
    assert found is not None and len(found) == 29 and 5 not in found[:, 0]


def test_tsne_without_features_or_images_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Measure them again"):
        maps.make_tsne(tmp_path, ID, "some", np.zeros(9, np.int64), lambda *_: None)
    make(tmp_path, np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32))
    with pytest.raises(NotFound, match="at least five images"):
        maps.make_tsne(tmp_path, ID, "some", np.zeros(4, np.int64), lambda *_: None)


def test_a_sample_takes_every_class_in_proportion() -> None:
    labels = np.repeat([0, 1, 2, -1], [8000, 1990, 3, 500])
    rows = maps.sample(labels, 1000)
    counts = np.bincount(labels[rows], minlength=3)
    assert (labels[rows] >= 0).all() and len(set(rows.tolist())) == len(rows)
    assert counts[2] == 2 and abs(counts[0] - 800) < 5 and abs(counts[1] - 199) < 5
    assert maps.sample(labels, 10**6).tolist() == np.flatnonzero(labels >= 0).tolist()

"""Which pictures look alike: a thumbnail of each, made once at import, and the pairs that are nearly the same.

As in a perceptual hash (pHash, as in the packages imagehash and imagededup) the low frequencies of the cosine transform
find candidates, but kept as numbers instead of one bit each: all are compared with all by a matrix product. The
thumbnails then decide, laid into each other as a crop would lie, because drawings on a plain ground share their low
frequencies without being alike (`python -m benchmarks.faults` prints what is found and missed). Those packages, beside
which `benchmarks.audit_peers` sets this, name false pairs at the threshold that finds as many. Pure but for Pillow and
numpy; nothing is read from disk.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from core import processes

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 32
"""Of a thumbnail, px: 1 kB an image."""
ENOUGH_PX = (64, 64)
"""A picture decoded at this size or above gives the thumbnail of the whole one."""
ALIKE = 0.9875
"""Correlation of two thumbnails, at best over all ways of laying them, from which the pictures are called alike."""
NEAR, FREQUENCIES = 0.93, 8
"""Cosine of two pictures' low frequencies from which their thumbnails are compared, and how many of the cosine
transform these are in each direction, as in pHash."""
CROP, STEPS = 0.97, 4
"""Share of width and height that a crop may have kept, and at how many places it is looked for in each direction."""
HOPELESS = 0.85
"""Correlation of two thumbnails as they are, below which no crop is looked for."""
BLUR = 0.25
"""Share of a pixel that is taken from either neighbour before comparing: a line half a pixel away still counts."""
PLAIN = 2.0
"""Standard deviation of the greys, of 255, up to which a picture is plain."""
BLANK, BLACK = 1.0, 18
"""A picture shows next to nothing when its greys, of 255, have a smaller standard deviation, or all are darker. Plain
sky cut from a photograph has 1.5, and a dark ground 28, so what is only faint is not told."""
MOST_EACH = 32
"""Candidates of one picture within a tile; more look like it only by being plain."""
TILE, CHUNK = 2048, 2048
"""Pictures compared with as many others, and pairs of thumbnails compared, at a time: some 20 MB each."""


def thumbnail(picture: Any) -> bytes:
    """SIDE x SIDE grey bytes of a Pillow image as a person sees it (`core.portable.pictures.picture`)."""
    from PIL import Image

    small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return bytes(small.convert("L").tobytes())


def empty(thumbnails: NDArray[Any]) -> NDArray[Any]:
    """bool [N]: pictures that show next to nothing, one grey or nearly black. thumbnails: uint8 [N, SIDE, SIDE]."""
    import numpy as np

    found = [np.zeros(0, bool)]
    for at in range(0, len(thumbnails), CHUNK):
        some = thumbnails[at : at + CHUNK].reshape(-1, SIDE * SIDE)
        found.append((some.std(axis=1, dtype=np.float32) < BLANK) | (some.max(axis=1) < BLACK))
    return np.concatenate(found)


def alike(thumbnails: NDArray[Any], rows: NDArray[Any] | None = None) -> NDArray[Any]:
    """Pairs (i < j) of nearly the same pictures, int64 [P, 2], ascending. Plain pictures match nothing.

    thumbnails: uint8 [N, SIDE, SIDE], which may lie on the disk (a memory map). rows: those to look at, ascending;
    None = all.
    """
    pairs = candidates(thumbnails, rows)
    return pairs[likeness(thumbnails, pairs) >= ALIKE]


def candidates(thumbnails: NDArray[Any], rows: NDArray[Any] | None = None) -> NDArray[Any]:
    """Pairs (i < j) whose low frequencies are near, int64 [P, 2], ascending. Arguments as of `alike`."""
    import numpy as np

    shapes, rows = _shapes(thumbnails, np.arange(len(thumbnails)) if rows is None else rows)
    found = [np.zeros((0, 2), np.int64)]
    for top in range(0, len(rows), TILE):
        for left in range(top, len(rows), TILE):
            processes.step()
            nearness = shapes[top : top + TILE] @ shapes[left : left + TILE].T
            near = np.flatnonzero(nearness >= NEAR)  # of two dimensions at once it takes ten times as long
            first, second = np.divmod(near, nearness.shape[1])
            if top == left:
                first, second = first[first < second], second[first < second]
            if len(first):
                kept = _nearest(first, nearness[first, second])
                found.append(np.stack([rows[first[kept] + top], rows[second[kept] + left]], axis=1))
    pairs = np.concatenate(found)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def likeness(thumbnails: NDArray[Any], pairs: NDArray[Any]) -> NDArray[Any]:
    """float32 [P], -1 to 1: the correlation of the two pictures of each pair, laid over each other as they are or as a
    crop of the one would lie in the other, whichever fits best. pairs: int64 [P, 2]."""
    import numpy as np

    best = np.full(len(pairs), -1, np.float32)
    for at in range(0, len(pairs), CHUNK):
        some = pairs[at : at + CHUNK]
        used, places = np.unique(some, return_inverse=True)
        pictures = _blurred(thumbnails[used])
        whole = _unit(pictures)
        first, second = places.reshape(-1, 2).T
        fits = (whole[first] * whole[second]).sum(axis=1)
        hopeful = np.flatnonzero((fits >= HOPELESS) & (fits < ALIKE))
        if len(hopeful):
            fits[hopeful] = _as_crops(pictures, whole, first[hopeful], second[hopeful], fits[hopeful])
        best[at : at + CHUNK] = fits
    return best


def _as_crops(
    pictures: NDArray[Any], whole: NDArray[Any], first: NDArray[Any], second: NDArray[Any], best: NDArray[Any]
) -> NDArray[Any]:
    """`best`, or the correlation of a crop of one of each pair with the other where that is more."""
    import numpy as np

    used, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b = places.reshape(2, -1)
    pictures, whole = pictures[used], whole[used]
    for down, across in product(_crops(), repeat=2):
        cut = _unit(down @ pictures @ across.T)
        best = np.maximum(best, (cut[a] * whole[b]).sum(axis=1))
        best = np.maximum(best, (whole[a] * cut[b]).sum(axis=1))
    return best


def _shapes(thumbnails: NDArray[Any], rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Low frequencies of those of the pictures that are not plain, float32 [M, FREQUENCIES ** 2 - 1] of length 1, and
    which pictures these are, int64 [M]."""
    import numpy as np

    at = (np.arange(SIDE) + 0.5) / SIDE
    waves = np.cos(np.pi * np.arange(FREQUENCIES)[:, None] * at) * np.sqrt(2 / SIDE)
    waves[0] /= np.sqrt(2)
    waves = waves.astype(np.float32)  # last: a number of numpy's own is float64 and makes float64 of what it scales
    made, kept = [np.zeros((0, FREQUENCIES**2 - 1), np.float32)], [np.zeros(0, np.int64)]
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        shapes = (waves @ thumbnails[some].astype(np.float32) @ waves.T).reshape(len(some), FREQUENCIES**2)[:, 1:]
        length = np.linalg.norm(shapes, axis=1)
        vivid = length > PLAIN * SIDE
        made.append(shapes[vivid] / length[vivid, None])
        kept.append(some[vivid])
    return np.concatenate(made), np.concatenate(kept)


def _nearest(first: NDArray[Any], nearness: NDArray[Any]) -> NDArray[Any]:
    """Which candidates to keep, bool: of each picture the MOST_EACH nearest. first: ascending."""
    import numpy as np

    if np.bincount(first).max() <= MOST_EACH:
        return np.ones(len(first), bool)
    order = np.lexsort((-nearness, first))
    rank = np.empty(len(first), np.int64)
    rank[order] = np.arange(len(first)) - np.searchsorted(first, first[order])
    return rank < MOST_EACH


def _blurred(thumbnails: NDArray[Any]) -> NDArray[Any]:
    """float32, each pixel with BLUR of its neighbours on both sides, in both directions."""
    import numpy as np

    line = np.eye(SIDE, dtype=np.float32) * (1 - 2 * BLUR)
    line += BLUR * (np.eye(SIDE, k=1, dtype=np.float32) + np.eye(SIDE, k=-1, dtype=np.float32))
    line[0, 0] += BLUR
    line[-1, -1] += BLUR
    blurred: NDArray[Any] = line @ thumbnails.astype(np.float32) @ line
    return blurred


@cache
def _crops() -> tuple[NDArray[Any], ...]:
    """Matrices [SIDE, SIDE] that stretch a part of a line, CROP of it at STEPS places, over all of it."""
    import numpy as np

    made = []
    for start in np.linspace(0, 1 - CROP, STEPS):
        at = np.clip((start + CROP * (np.arange(SIDE) + 0.5) / SIDE) * SIDE - 0.5, 0, SIDE - 1)
        low = np.minimum(at.astype(int), SIDE - 2)
        matrix = np.zeros((SIDE, SIDE), np.float32)
        matrix[np.arange(SIDE), low] = 1 - (at - low)
        matrix[np.arange(SIDE), low + 1] = at - low
        made.append(matrix)
    return tuple(made)


def _unit(pictures: NDArray[Any]) -> NDArray[Any]:
    """float32 [N, SIDE * SIDE]: without their mean, of length 1; a picture of one grey is 0."""
    import numpy as np

    flat = pictures.reshape(len(pictures), SIDE * SIDE)
    flat = flat - flat.mean(axis=1, keepdims=True)
    unit: NDArray[Any] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return unit


def joined(count: int, pairs: NDArray[Any]) -> NDArray[Any]:
    """For each of `count` things the first one that it is joined to by `pairs`, int [P, 2], directly or through others:
    int64 [count]."""
    import numpy as np

    if not len(pairs):
        return np.arange(count)
    from scipy.sparse import coo_matrix  # only where pictures look alike; scikit-learn brings it
    from scipy.sparse.csgraph import connected_components

    edges = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, parts = connected_components(edges, directed=False)
    first = np.full(count, count, np.int64)
    np.minimum.at(first, parts, np.arange(count))
    return first[parts]

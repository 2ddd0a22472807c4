"""Which pictures look alike: a thumbnail of each, made once at import, and the pairs that are nearly the same.

A difference hash (Krawetz 2013; as in the packages imagehash and imagededup) finds candidates without comparing all
with all; the thumbnails then decide, because drawings on a plain ground share hashes without being alike
(`python -m benchmarks.alike` prints both numbers). Pure but for Pillow and numpy; nothing is read from disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 16
"""Of a thumbnail, px: 256 bytes an image."""
ENOUGH_PX = (64, 64)
"""A picture decoded at this size or above gives the thumbnail of the whole one."""
ALIKE = 0.995
"""Correlation of two thumbnails from which the pictures are called alike."""
NEAR_BITS = 3
"""Bits of the hash in which alike pictures may differ. Of four blocks of bits at least one is then equal: that is how
candidates are found."""
BLOCKS, BLOCK_BITS = 4, 14
MOST_IN_BLOCK = 200
"""Pictures that share one block and are compared with each other; more share it only by being plain there."""

_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation -> Pillow's `Transpose` that puts the picture upright."""


def thumbnail(image: Any, orientation: int = 1) -> bytes:
    """SIDE x SIDE grey bytes of a decoded Pillow image, as a person sees it; orientation: EXIF's, 1-8.

    16-bit images keep their upper half, transparent ones lie on white, as in training. Never makes a large copy.
    """
    from PIL import Image

    if image.mode in ("1", "P", "PA", "LA"):
        image = image.resize((10 * SIDE, 10 * SIDE), Image.Resampling.NEAREST).convert("RGBA")
    elif image.mode.startswith("I"):
        image = image.convert("I")  # of the 16-bit modes only this one can be averaged
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
    if small.mode == "I":
        small = small.point(lambda value: value / 256)
    elif small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small)
    if orientation in _TURNS:
        small = small.transpose(Image.Transpose(_TURNS[orientation]))
    return bytes(small.convert("L").tobytes())


def alike(thumbnails: NDArray[Any]) -> list[tuple[int, int]]:
    """Pairs (i < j) of nearly the same pictures. thumbnails: uint8 [N, SIDE, SIDE]. Plain ones match nothing."""
    import numpy as np

    return [(i, j) for i, j in candidates(thumbnails) if _correlation(thumbnails[[i, j]].astype(np.float64)) >= ALIKE]


def candidates(thumbnails: NDArray[Any]) -> list[tuple[int, int]]:
    """Pairs (i < j) whose difference hashes are near."""
    import numpy as np

    codes = _hashes(thumbnails)
    rows = np.flatnonzero(codes)
    pairs: set[tuple[int, int]] = set()
    for block in range(BLOCKS):
        key = (codes[rows] >> np.uint64(BLOCK_BITS * block)) & np.uint64(2**BLOCK_BITS - 1)
        order = np.argsort(key, kind="stable")
        ends = np.flatnonzero(np.diff(key[order])) + 1
        for group in np.split(rows[order], ends):
            if 1 < len(group) <= MOST_IN_BLOCK:
                near = np.bitwise_count(codes[group][:, None] ^ codes[group][None, :]) <= NEAR_BITS
                pairs.update((int(group[i]), int(group[j])) for i, j in np.argwhere(np.triu(near, 1)))
    return sorted((min(pair), max(pair)) for pair in pairs)


def _hashes(thumbnails: NDArray[Any]) -> NDArray[Any]:
    """uint64 [N]: for 8 x 7 places whether the next one to the right is brighter."""
    import numpy as np

    half = SIDE // 2
    pooled = thumbnails.reshape(len(thumbnails), half, 2, half, 2).mean(axis=(2, 4))
    brighter = (pooled[:, :, 1:] > pooled[:, :, :-1]).reshape(len(thumbnails), BLOCKS * BLOCK_BITS)
    return (brighter * (np.uint64(1) << np.arange(BLOCKS * BLOCK_BITS, dtype=np.uint64))).sum(axis=1, dtype=np.uint64)


def _correlation(two: NDArray[Any]) -> float:
    """Of two pictures, -1 to 1; 0 when one of them is plain."""
    import numpy as np

    a, b = (picture - picture.mean() for picture in two)
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-9))

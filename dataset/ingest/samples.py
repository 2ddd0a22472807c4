"""Built-in sample data that needs no network: drawn from what scikit-learn ships, or generated.

The images are the same to the last byte each time, so a sample has the same dataset id in every home (for
'photos' as long as the JPEG decoder does not change). For that reason PNGs are written without compression.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import DatasetRef, NotFound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHAPES = ("circle", "square", "star", "triangle")
SHAPES_PER_CLASS = 60
PHOTO_CROPS = {"train": 90, "test": 30}
"""Crops of each of the two photographs."""
SOURCE_DIGITS, HELD_DIGITS = 1000, 200
"""Digits on black, the others lie over photographs: no digit is in both. Of each, so many are for test."""


@dataclass(frozen=True)
class Sample:
    key: str
    title: str
    detail: str
    """What the images are and where they come from, honestly."""
    images: int
    classes: int
    licence: str
    write: Callable[[Path], None]
    """Writes the class folders (or splits) into a folder."""
    pair: str = ""
    """The other sample of a pair of domains (`PAIRS`)."""


def import_sample(key: str, home: Path) -> DatasetRef:
    """Make and import one built-in sample; its `source` is 'sample: <key>'. Else raises NotFound."""
    known = SAMPLES | PAIRS
    if key not in known:
        raise NotFound(f"There is no sample called '{key}'; choose one of {', '.join(known)}.")
    sample = known[key]
    from dataset.ingest.sources import import_made  # what imports: no page loads it

    return import_made(sample.write, home, name=sample.title, source=f"sample: {key}")


def _write_digits(folder: Path) -> None:
    for number, (image, digit) in enumerate(zip(*_digits(), strict=True)):
        _save(folder / str(digit) / f"{number:04d}.png", image)


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """uint8 [1797, 32, 32] and labels: 17 levels of ink on black."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return grey.repeat(4, axis=1).repeat(4, axis=2), digits.target


def _write_plain_half(folder: Path) -> None:
    large, labels = _digits()
    for number in range(SOURCE_DIGITS):
        split = "test" if number >= SOURCE_DIGITS - HELD_DIGITS else "train"
        _save(folder / split / str(labels[number]) / f"{number:04d}.png", large[number])


def _write_coloured_half(folder: Path) -> None:
    """Each digit inverts the colours of what it is drawn on, as in MNIST-M (arXiv 1505.07818, section 5.2.4)."""
    import numpy as np
    from sklearn.datasets import load_sample_image

    large, labels = _digits()
    photos = [np.asarray(load_sample_image(f"{name}.jpg"), dtype=np.int16) for name in ("china", "flower")]
    rng = np.random.RandomState(0)
    for number in range(SOURCE_DIGITS, len(large)):
        photo = photos[rng.randint(len(photos))]
        x, y = rng.randint(0, photo.shape[1] - 95), rng.randint(0, photo.shape[0] - 95)
        ground = photo[y : y + 96 : 3, x : x + 96 : 3]
        blended = np.abs(ground - large[number][..., None]).astype(np.uint8)
        split = "test" if number >= len(large) - HELD_DIGITS else "train"
        _save(folder / split / str(labels[number]) / f"{number:04d}.png", blended)


def _write_photos(folder: Path) -> None:
    import numpy as np
    from sklearn.datasets import load_sample_image

    for name in ("china", "flower"):
        photo = np.asarray(load_sample_image(f"{name}.jpg"))
        rng = np.random.RandomState(0)  # the legacy generator: its stream is frozen for good
        border = photo.shape[1] * 3 // 4
        sides = {"train": (0, border), "test": (border, photo.shape[1])}
        for split, (left, right) in sides.items():
            for number in range(PHOTO_CROPS[split]):
                size = rng.randint(64, 129)
                x, y = rng.randint(left, right - size + 1), rng.randint(0, photo.shape[0] - size + 1)
                _save(folder / split / name / f"{number:03d}.png", photo[y : y + size, x : x + size])


def _write_shapes(folder: Path) -> None:
    import numpy as np

    size = 96
    rows, columns = np.mgrid[0:size, 0:size].astype(float)
    rng = np.random.RandomState(0)
    for shape in SHAPES:
        for number in range(SHAPES_PER_CLASS):
            radius = rng.uniform(18, 38)
            x, y = rng.uniform(radius, size - radius, 2)
            inside = _inside(shape, columns - x, rows - y, radius, rng.uniform(0, 2 * np.pi))
            ground, ink = _two_colours(rng)
            noise = rng.normal(0, 22, (size, size, 3))
            picture = np.where(inside[..., None], ink, ground) + noise
            _save(folder / shape / f"{number:02d}.png", np.clip(picture, 0, 255).astype(np.uint8))


def _two_colours(rng: np.random.RandomState) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ground and ink, drawn alike for all classes, so that the colour says nothing about the shape."""
    while True:
        ground, ink = rng.uniform(20, 235, (2, 3))
        if abs(ground - ink).sum() > 200:
            return ground, ink


def _inside(shape: str, x: Any, y: Any, radius: float, turn: float) -> NDArray[np.bool_]:
    """Which pixels a shape covers, given their offsets from its centre."""
    import numpy as np

    if shape == "circle":
        return np.asarray(np.hypot(x, y) <= radius)
    corners = {"triangle": 3, "square": 4, "star": 10}[shape]
    angles = turn + np.arange(corners) * 2 * np.pi / corners
    reach = (
        np.where(np.arange(corners) % 2, 0.42 * radius, radius)
        if shape == "star"
        else np.full(corners, radius)
    )
    px, py = reach * np.cos(angles), reach * np.sin(angles)
    inside = np.zeros(x.shape, dtype=bool)
    for a in range(corners):  # even-odd rule: count the edges that a ray to the right crosses
        b = (a + 1) % corners
        crosses = (py[a] > y) != (py[b] > y)
        inside ^= crosses & (x < (px[b] - px[a]) * (y - py[a]) / (py[b] - py[a]) + px[a])
    return inside


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_png(pixels))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """An 8-bit grey (h, w) or RGB (h, w, 3) PNG with stored, not deflated, data: the same with every zlib."""
    height, width = pixels.shape[:2]
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)  # filter 0 before each line
    packed = b"\x78\x01"
    for start in range(0, len(raw), 0xFFFF):
        part = raw[start : start + 0xFFFF]
        last = start + 0xFFFF >= len(raw)
        packed += struct.pack("<BHH", last, len(part), len(part) ^ 0xFFFF) + part
    packed += struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


SAMPLES: dict[str, Sample] = {
    sample.key: sample
    for sample in (
        Sample(
            "digits",
            "Handwritten digits",
            "1,797 real handwritten digits of 8 x 8 pixels in 16 greys (UCI, via scikit-learn), each pixel "
            "enlarged to 4 x 4. Small and far from photographs.",
            1797,
            10,
            "CC BY 4.0 (E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits)",
            _write_digits,
        ),
        Sample(
            "photos",
            "Two photographs",
            "Two photographs, a Chinese temple and a flower, cut into 240 crops of 64 to 128 px: easy on "
            "purpose. Test crops come from the right quarter of each picture, training crops from the rest.",
            2 * sum(PHOTO_CROPS.values()),
            2,
            "CC BY 2.0 (danielbuechele; vultilion, via scikit-learn)",
            _write_photos,
        ),
        Sample(
            "shapes",
            "Drawn shapes",
            "240 generated pictures of 96 px: a circle, square, star or triangle of any colour, size and "
            "direction on noisy ground. Far from photographs; only the outline tells the class.",
            SHAPES_PER_CLASS * len(SHAPES),
            len(SHAPES),
            "generated by Thaw: no rights reserved",
            _write_shapes,
        ),
    )
}
"""Those with a tile on the Data page."""

PAIRS: dict[str, Sample] = {
    sample.key: sample
    for sample in (
        Sample(
            "digits_plain",
            "Digits on black",
            "The first 1,000 of the handwritten digits, white on black: the source of a pair of domains.",
            SOURCE_DIGITS,
            10,
            "CC BY 4.0 (E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits)",
            _write_plain_half,
            pair="digits_coloured",
        ),
        Sample(
            "digits_coloured",
            "Digits over photographs",
            "The other 797 handwritten digits, each over a crop of two photographs whose colours it inverts, as in "
            "MNIST-M: the target of a pair of domains.",
            797,
            10,
            "CC BY 4.0 (E. Alpaydin, C. Kaynak); photographs CC BY 2.0 (danielbuechele; vultilion, via scikit-learn)",
            _write_coloured_half,
            pair="digits_plain",
        ),
    )
}
"""Two domains of the same classes."""

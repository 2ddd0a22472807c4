"""Files of more than 8 bits a sample: one reduction, for everything that looks at a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.sample_formats import EIGHT_BITS, HANDED, MORE, SampleFormat
from core import DatasetRef
from dataset import read_rows
from dataset.ingest import import_path
from training.caches import pixels

KINDS = {**HANDED, **MORE}
OTHERWISE = ("three pages", ".jfif", ".pjpeg", "JPEG 2000")
"""Files of 8 bits."""
FULL = ("full 16 bits", "uint16, big-endian", "float32, 0 to 255, big-endian", "PNG, grey and alpha, 16 bits")
DEEP = [name for name in KINDS if name not in OTHERWISE]


def grey(number: int, size: int = 48) -> np.ndarray:
    """A soft picture of most greys, [size, size], whole numbers."""
    coarse = np.random.default_rng(number).integers(10, 246, (5, 5)).astype(float)
    at = np.linspace(0, 3.999, size)
    low, part = at.astype(int), at % 1
    line = (1 - part)[:, None] * coarse[low] + part[:, None] * coarse[low + 1]
    return np.floor((1 - part) * line[:, low] + part * line[:, low + 1])


def written(folder: Path, kind: SampleFormat, each: int = 4, start: int = 0) -> Path:
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(start, start + each):
            data = kind.write(grey(number + 100 * (label == "b")))
            (folder / label / f"{number}.{kind.ending}").write_bytes(data)
    return folder


def trained_on(ref: DatasetRef, home: Path) -> np.ndarray:
    """The squares that training reads of a dataset, at their own size."""
    from dataset import read_manifest

    return np.asarray(pixels.pixel_cache(ref.images_root, read_manifest(ref), home / "cache" / ref.id, 48)[0])


WRONG = pytest.mark.xfail(strict=True, reason="trained on as white (int16, 32 bits) or black (12 bits, 0 to 1)")


@pytest.mark.parametrize("kind", [name if name in FULL else pytest.param(name, marks=WRONG) for name in DEEP])
def test_what_is_trained_on_shows_what_the_same_pictures_in_8_bits_show(kind: str, home: Path, tmp_path: Path) -> None:
    ref = import_path(written(tmp_path / "deep", KINDS[kind]), home)
    wanted = trained_on(import_path(written(tmp_path / "plain", EIGHT_BITS), home), home)
    found = trained_on(ref, home)
    assert [row.path.rpartition(".")[0] for row in read_rows(ref)] == [f"{c}/{n}" for c in "ab" for n in range(4)]
    assert np.corrcoef(found.ravel().astype(float), wanted.ravel().astype(float))[0, 1] > 0.9
    assert found.std() > 0.6 * wanted.std()

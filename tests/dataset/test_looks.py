"""What is seen of a picture while it is decoded: how it looks in small, and what is unusual about its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataset import look_alikes
from dataset.ingest.decoding import Decoded, decode, load_decoders
from tests.support.clocks import times_as_long

load_decoders()


def scene(seed: int, size: tuple[int, int] = (120, 90)) -> Image.Image:
    """A soft picture of random blobs."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (7, 9, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def seen(path: Path) -> Decoded:
    found = decode(path)
    assert isinstance(found, Decoded), found
    return found


def pairs(*found: Decoded) -> list[tuple[int, int]]:
    return as_tuples(look_alikes.alike(np.stack([thumbnail(one) for one in found])))


def as_tuples(found: np.ndarray) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, j in found]


def thumbnail(found: Decoded) -> np.ndarray:
    return np.frombuffer(found.thumbnail, np.uint8).reshape(look_alikes.SIDE, look_alikes.SIDE)


def test_the_same_picture_saved_otherwise_looks_alike(tmp_path: Path) -> None:
    picture = scene(1)
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.jpg", quality=60)
    picture.resize((300, 225), Image.Resampling.BICUBIC).save(tmp_path / "c.webp", quality=70)
    picture.convert("RGBA").save(tmp_path / "d.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "e.jpg", exif=exif)  # turned back by EXIF
    scene(2).save(tmp_path / "z.png")
    first = seen(tmp_path / "a.png")
    for name in ("b.jpg", "c.webp", "d.png", "e.jpg"):
        assert pairs(first, seen(tmp_path / name)) == [(0, 1)], name
    assert pairs(first, seen(tmp_path / "z.png")) == []


@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)])
def test_a_crop_of_three_per_cent_looks_alike(tmp_path: Path, corner: tuple[float, float]) -> None:
    picture = scene(1, (300, 200))
    left, top = round(9 * corner[0]), round(6 * corner[1])
    picture.save(tmp_path / "a.png")
    picture.crop((left, top, left + 291, top + 194)).save(tmp_path / "b.jpg", quality=80)
    assert pairs(seen(tmp_path / "a.png"), seen(tmp_path / "b.jpg")) == [(0, 1)]


def some_thumbnails(count: int) -> np.ndarray:
    """Thumbnails of soft random pictures."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 5, 5)).astype(np.float32)
    at = np.linspace(0, 4, look_alikes.SIDE)
    low = np.minimum(at.astype(int), 3)
    line = np.zeros((look_alikes.SIDE, 5), np.float32)
    line[np.arange(look_alikes.SIDE), low] = 1 - (at - low)
    line[np.arange(look_alikes.SIDE), low + 1] = at - low
    return (line @ coarse @ line.T).astype(np.uint8)


def test_candidates_are_found_as_by_comparing_all_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    thumbnails = some_thumbnails(300)
    twins = np.clip(thumbnails[:60].astype(int) + rng.integers(-3, 4, (60, look_alikes.SIDE, look_alikes.SIDE)), 0, 255)
    everything = np.concatenate([thumbnails, twins.astype(np.uint8)])
    whole = as_tuples(look_alikes.candidates(everything))
    monkeypatch.setattr(look_alikes, "TILE", 64)
    monkeypatch.setattr(look_alikes, "CHUNK", 50)
    assert as_tuples(look_alikes.candidates(everything)) == whole
    assert as_tuples(look_alikes.alike(everything)) == [(i, 300 + i) for i in range(60)]
    assert as_tuples(look_alikes.alike(everything, np.arange(0, 360, 2))) == [(i, 300 + i) for i in range(0, 60, 2)]


def test_of_many_that_look_alike_each_keeps_its_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_alikes, "MOST_EACH", 3)
    found = look_alikes.alike(np.repeat(some_thumbnails(1), 40, axis=0))
    assert np.bincount(found[:, 0]).max() == 3
    assert len(set(look_alikes.joined(40, found).tolist())) == 1, "they still hang together"


def test_plain_pictures_match_nothing() -> None:
    assert len(look_alikes.alike(np.full((4, look_alikes.SIDE, look_alikes.SIDE), 200, np.uint8))) == 0


def test_drawings_that_share_a_hash_are_not_alike(tmp_path: Path) -> None:
    """Two thin shapes at different heights on white: the hash sees the same columns, the thumbnails do not."""
    for name, top in (("a.png", 20), ("b.png", 60)):
        drawing = Image.new("RGB", (128, 128), "white")
        ImageDraw.Draw(drawing).rectangle((30, top, 90, top + 12), outline="black")
        drawing.save(tmp_path / name)
    assert pairs(seen(tmp_path / "a.png"), seen(tmp_path / "b.png")) == []


def test_ten_thousand_pictures_cost_little_more_than_one_product_of_all_with_all() -> None:
    thumbnails = some_thumbnails(10_000)
    numbers = np.random.default_rng(0).standard_normal((10_000, look_alikes.FREQUENCIES**2 - 1), np.float32)

    def product() -> None:
        for start in range(0, len(numbers), look_alikes.TILE):
            np.count_nonzero(numbers[start : start + look_alikes.TILE] @ numbers.T > 60)

    assert times_as_long(lambda: look_alikes.alike(thumbnails), product) < 2  # 1.1: it needs half of the product


def test_shapes_are_compared_in_single_precision() -> None:
    """In double, as one of numpy's own numbers makes it by multiplying, the product takes twice the time and memory."""
    shapes, rows = look_alikes._shapes(some_thumbnails(5), np.arange(5))
    assert shapes.dtype == np.float32 and len(rows) == 5


@pytest.mark.parametrize(
    ("name", "image", "options", "traits"),
    [
        ("a.jpg", scene(1), {}, ()),
        ("a.jpg", scene(1).convert("L"), {}, ("grey",)),
        ("a.jpg", scene(1).convert("CMYK"), {}, ("cmyk",)),
        ("a.png", scene(1).convert("RGBA"), {}, ("clear",)),
        ("a.png", Image.fromarray(np.full((20, 20), 40_000, np.uint16)), {}, ("grey", "deep")),
        ("a.gif", scene(1).convert("P"), {"save_all": True, "append_images": [scene(2).convert("P")]}, ("animated",)),
        ("a.jpg", scene(1), {"format": "PNG"}, ("misnamed",)),
    ],
)
def test_what_is_unusual_about_a_file_is_noted(
    tmp_path: Path, name: str, image: Image.Image, options: dict, traits: tuple[str, ...]
) -> None:
    image.save(tmp_path / name, **options)
    assert seen(tmp_path / name).traits == traits


def test_exif_rotation_is_noted_and_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    scene(1).save(tmp_path / "a.jpg", exif=exif)
    found = seen(tmp_path / "a.jpg")
    assert found.traits == ("rotated",) and (found.width, found.height) == (90, 120)


def test_a_16_bit_picture_is_judged_by_what_it_shows(tmp_path: Path) -> None:
    grey = scene(3).convert("L")
    grey.save(tmp_path / "a.png")
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(tmp_path / "b.png")
    assert pairs(seen(tmp_path / "a.png"), seen(tmp_path / "b.png")) == [(0, 1)]


def test_a_drawing_on_transparent_ground_is_judged_on_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    ImageDraw.Draw(clear).ellipse((10, 20, 60, 70), fill=(200, 30, 30, 255))
    white = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    clear.save(tmp_path / "a.png")
    white.save(tmp_path / "b.png")
    assert pairs(seen(tmp_path / "a.png"), seen(tmp_path / "b.png")) == [(0, 1)]

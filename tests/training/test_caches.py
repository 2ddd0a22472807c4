"""Nothing is decoded or computed twice, and what a cache returns is what computing afresh would give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from advisor.errors import DataError
from tests.training.toys import task
from training import frozen, pixels, views
from training.backbones import Preprocessing, build
from training.prefix import PrefixCache

CPU = torch.device("cpu")
PREP = Preprocessing(size=56, resize=64, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    source = np.random.default_rng(0)
    rows = []
    for i, (width, height) in enumerate([(80, 120), (300, 90), (64, 64), (120, 100)]):
        array = source.integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(array).save(tmp_path / f"{i}.png")
        rows.append({"path": f"{i}.png", "width": width, "height": height})
    return tmp_path, pd.DataFrame(rows)


def test_pixels_are_decoded_once(pictures: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    root, manifest = pictures
    first, seconds = pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert first.shape == (4, 64, 64, 3) and seconds is not None
    for name in manifest["path"]:
        (root / name).unlink()  # a second decode would fail
    second, seconds = pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert np.array_equal(first, second) and seconds is None


def test_a_failed_build_leaves_nothing_and_names_the_file(pictures: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    root, manifest = pictures
    (root / "2.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"2\.png could be read when it was imported and cannot now"):
        pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "CMYK", "LA", "1"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.tif" if mode in ("CMYK", "I;16") else "x.png")
    Image.new("RGB", (40, 30), (200, 30, 30)).convert("L" if mode == "I;16" else mode).convert(mode).save(path)
    assert pixels.square(path, 16).shape == (16, 16, 3)


def test_rotation_in_the_exif_is_applied(tmp_path: Path) -> None:
    array = np.zeros((40, 40, 3), np.uint8)
    array[:20] = 255  # white on top
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(array).save(tmp_path / "x.jpg", exif=exif, quality=95)
    square = pixels.square(tmp_path / "x.jpg", 40)
    assert square[:10].mean() < 50 and square[30:].mean() > 200


def test_small_images_are_stored_small() -> None:
    assert pixels.side_for(pd.DataFrame({"width": [32, 40], "height": [32, 30]}), 256) == 32
    assert pixels.side_for(pd.DataFrame({"width": [640], "height": [480]}), 256) == 256


def test_the_plain_view_is_the_centre_crop() -> None:
    squares = np.zeros((1, 64, 64, 3), np.uint8)
    squares[:, 4:60, 4:60] = 255
    batch = views.plain(squares, PREP)
    assert batch.shape == (1, 3, 56, 56) and torch.all(batch == 1.0)


def test_an_augmented_view_depends_on_the_view_and_the_row_alone() -> None:
    squares = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    rows = np.array([5, 9, 2])
    whole = views.augmented(squares, rows, 1, PREP)
    alone = views.augmented(squares[1:2], rows[1:2], 1, PREP)
    assert torch.allclose(whole[1], alone[0], atol=1e-6)
    assert not torch.allclose(whole, views.augmented(squares, rows, 2, PREP), atol=1e-2)


def test_prefix_rows_are_computed_once_and_are_right(tmp_path: Path) -> None:
    data, backbone = task(), build("mlp", 5, inputs=10)
    rows = np.arange(0, 100)
    cache = PrefixCache(backbone, data, CPU, "fp32", tmp_path)
    assert cache.fill([1, 2], rows, 0) == 100
    assert cache.fill([1, 2], rows, 0) == 0
    backbone.stage_modules()[1].register_forward_hook(lambda *_: pytest.fail("stage 2 was run again"))
    assert cache.fill([1, 2], np.arange(50), 0) == 0
    backbone.stage_modules()[1]._forward_hooks.clear()
    again = PrefixCache(backbone, data, CPU, "fp32", tmp_path)  # another run, another process
    assert again.missing(2, np.arange(0, 120), 0) == 20
    with torch.no_grad():
        direct = backbone.eval().below(data.batch(rows, 0), 2)
    assert torch.allclose(again.read(2, rows, 0), direct, rtol=2e-3, atol=2e-3)  # float16 storage
    with pytest.raises(KeyError, match="not all rows were filled"):
        again.read(2, np.array([110]), 0)


def test_filled_activations_do_not_depend_on_which_rows_were_missing(tmp_path: Path) -> None:
    """What makes a resumed run equal an uninterrupted one: the same bits however the cache came about."""
    data, backbone = task(), build("mlp", 5, inputs=10)
    whole = PrefixCache(backbone, data, CPU, "fp32", tmp_path / "a")
    whole.fill([2], np.arange(90), 0)
    pieces = PrefixCache(backbone, data, CPU, "fp32", tmp_path / "b")
    for part in np.array_split(np.random.default_rng(0).permutation(90), 7):
        pieces.fill([2], np.sort(part), 0)
    assert torch.equal(whole.read(2, np.arange(90), 0), pieces.read(2, np.arange(90), 0))


@pytest.mark.parametrize("precision", frozen.CPU_PRECISIONS)
def test_frozen_stages_answer_as_eager_fp32_does(precision: str) -> None:
    """Relative error of pooled features against eager fp32: below 1e-4 in fp32, 10 % in bf16 (8 bits of mantissa,
    some 50 layers)."""
    backbone = build("efficientnet_lite0", 3).eval()
    x = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = [backbone.below(x, 6), backbone.below(x, 8)]
    got = frozen.taps(backbone, [6, 8], precision, CPU, x)(x)
    bound = 1e-4 if precision == "fp32" else 0.1
    for ours, eager in zip(got, wanted, strict=True):
        assert float((ours - eager).norm() / eager.norm()) < bound

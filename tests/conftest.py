"""Fixtures shared by all rooms: an empty home, and folders of tiny images that a model can learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

_INKS = ((220, 60, 50), (60, 110, 220), (70, 180, 90), (230, 190, 60), (160, 80, 200), (90, 200, 210))


@pytest.fixture(autouse=True)
def no_spare_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test leaves a process behind that waits for work; those about such processes switch them on."""
    monkeypatch.setenv("THAW_SPARE", "0")


@pytest.fixture(scope="session", autouse=True)
def shared_graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for the graphs of all tests, whatever their homes: making one takes seconds."""
    folder = tmp_path_factory.mktemp("graphs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THAW_GRAPHS", str(folder))
        yield folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty THAW_HOME."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("THAW_HOME", str(folder))
    return folder


def write_images(
    where: Path,
    classes: Sequence[str] = ("ants", "bees"),
    per_class: int = 6,
    split: Sequence[str] | Mapping[str, int] | None = None,
    px: int = 32,
    seed: int = 0,
) -> Path:
    """Write PNGs under `where`/<class>/ (or `where`/<split>/<class>/) and return `where`.

    `split`: names of split folders with `per_class` images each, or a mapping from name to images per class.
    Each class has its own colour and shape on a noisy ground; no two images are the same.
    """
    rng = np.random.default_rng(seed)
    if split is None:
        parts = {"": per_class}
    else:
        parts = dict(split) if isinstance(split, Mapping) else dict.fromkeys(split, per_class)
    for part, count in parts.items():
        for label, name in enumerate(classes):
            folder = where / part / name
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                _picture(label, px, rng).save(folder / f"{number:03d}.png")
    return where


def _picture(label: int, px: int, rng: np.random.Generator) -> Image.Image:
    image = Image.fromarray(rng.integers(90, 150, (px, px, 3), dtype=np.uint8))
    draw = ImageDraw.Draw(image)
    half = px * rng.uniform(0.25, 0.4)
    x, y = rng.uniform(half, px - half, 2)
    ink = _INKS[label % len(_INKS)]
    box = (x - half, y - half, x + half, y + half)
    if label % 3 == 0:
        draw.ellipse(box, fill=ink)
    elif label % 3 == 1:
        draw.rectangle(box, fill=ink)
    else:
        draw.polygon([(x, y - half), (x + half, y + half), (x - half, y + half)], fill=ink)
    return image


@pytest.fixture
def image_folder() -> Callable[..., Path]:
    """Factory: `image_folder(tmp_path / 'photos', classes=('ants', 'bees'), per_class=6, split=None)`.

    See `write_images` for the arguments.
    """
    return write_images

"""Pictures for benchmarks that need no photographs: line drawings in class folders, the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def drawings(folder: Path, classes: Sequence[str], images: int) -> Path:
    """Write `images` PNGs of 96 px for each class, circles and squares in turn; returns the folder."""
    random = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(images):
            image = Image.fromarray(random.integers(200, 255, (96, 96, 3), dtype=np.uint8))
            x, y = random.integers(16, 40, 2).tolist()
            draw = ImageDraw.Draw(image)
            shape = draw.rectangle if number % 2 else draw.ellipse
            shape((x, y, x + 40, y + 40), outline=(20 * index % 256, 40, 60 * number % 256), width=3)
            image.save(folder / name / f"{index}.png")
    return folder

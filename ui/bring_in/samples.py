"""Pictures for the sample tiles: a few real images, small, made without importing a sample or scikit-learn."""

from __future__ import annotations

import functools
import importlib.util
import math
from pathlib import Path

from PIL import Image, ImageDraw

TILE = 120
GAP = 12
DIGITS = (
    "02fffd2001a8ef800000ff100000f8000000ee000000bf1002edff3002ffe500",
    "001c5000009fe30002febd0002fa0e4004f00c4004f30ba000dc8e60003afc10",
    "02fffe2003fe9a1007f6000003ef6000001dc0000008f000009fb00003fd1000",
    "0008f800003fcf40002a1f4000008e000009f30003fe400004fe71000009ce40",
)
"""Four of scikit-learn's digits, 8 x 8 pixels each, one hexadecimal figure of ink a pixel."""
CROPS = (("china", 0.3, 0.3), ("flower", 0.45, 0.45), ("china", 0.02, 0.62), ("flower", 0.3, 0.2))
"""Photograph, and where the crop's corner lies as shares of width and height."""
SHAPES = (("circle", "#2F6E8E", "#F0C36B"), ("star", "#DDE3D0", "#9B3D4F"), ("triangle", "#403A5E", "#8FC9A3"),
          ("square", "#C9B7A0", "#3E5AA8"))  # fmt: skip


@functools.cache
def sample_picture(key: str) -> Image.Image | None:
    """A strip of four square pictures; None for a sample whose pictures are not at hand."""
    tiles = {"digits": _digits, "photos": _photos, "shapes": _shapes}.get(key, list)()
    if not tiles:
        return None
    strip = Image.new("RGBA", ((TILE + GAP) * len(tiles) - GAP, TILE), (0, 0, 0, 0))
    corners = Image.new("L", (TILE, TILE), 0)
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, TILE - 1, TILE - 1), 12, fill=255)
    for place, tile in enumerate(tiles):
        strip.paste(tile.resize((TILE, TILE)), (place * (TILE + GAP), 0), corners)
    return strip


def _digits() -> list[Image.Image]:
    tiles = []
    for digit in DIGITS:
        small = Image.new("L", (10, 10), 0)
        for place, level in enumerate(digit):
            small.putpixel((1 + place % 8, 1 + place // 8), 17 * int(level, 16))
        tiles.append(small.resize((TILE, TILE), Image.Resampling.NEAREST).convert("RGB"))
    return tiles


def _photos() -> list[Image.Image]:
    """Crops of the two photographs that scikit-learn ships, found without importing it (that takes a second)."""
    found = importlib.util.find_spec("sklearn")
    folder = Path(found.origin).parent / "datasets" / "images" if found and found.origin else None
    tiles = []
    for name, left, top in CROPS:
        if folder is None or not (folder / f"{name}.jpg").is_file():
            return []
        with Image.open(folder / f"{name}.jpg") as photo:
            x, y, side = int(left * photo.width), int(top * photo.height), photo.height // 3
            tiles.append(photo.crop((x, y, x + side, y + side)).convert("RGB"))
    return tiles


def _shapes() -> list[Image.Image]:
    tiles = []
    for number, (shape, ground, ink) in enumerate(SHAPES):
        big = Image.new("RGB", (4 * TILE, 4 * TILE), ground)
        draw = ImageDraw.Draw(big)
        x, y, radius = 4 * TILE * (0.46 + 0.03 * number), 4 * TILE * (0.54 - 0.03 * number), 4 * TILE * 0.3
        corners = {"circle": 72, "triangle": 3, "square": 4, "star": 10}[shape]
        reach = [radius * (0.42 if shape == "star" and place % 2 else 1) for place in range(corners)]
        turns = [0.4 * number + 2 * math.pi * place / corners for place in range(corners)]
        points = [(x + r * math.cos(t), y + r * math.sin(t)) for r, t in zip(reach, turns, strict=True)]
        draw.polygon(points, fill=ink)
        noise = Image.effect_noise(big.size, 60).convert("RGB")
        tiles.append(Image.blend(big, noise, 0.12).resize((TILE, TILE), Image.Resampling.LANCZOS))
    return tiles

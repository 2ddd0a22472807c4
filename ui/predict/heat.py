"""Where in an image a model finds what speaks for its answer: a class map laid over the square it looked at. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRONGEST = 0.72
"""Opacity of the strongest place."""
OUTSIDE = 0.55
"""Brightness of what lies outside the model's crop."""
EMBER = (242, 120, 75)


def overlay(square: NDArray[np.uint8], crop: int, map_: NDArray[Any] | None, px: int = 320) -> Image.Image:
    """The square at `px`, what the model does not see darkened, and the map in ember over its centre crop.

    square: uint8 [side, side, 3]. crop: side of the model's centre crop, in the square's pixels. map_: [h, w], any
    scale; only what speaks for the class (above 0) is drawn. None: no heat.
    """
    side = len(square)
    picture = Image.fromarray(square).resize((px, px), Image.Resampling.BICUBIC)
    first, last = round(px * (side - crop) / 2 / side), round(px * (side + crop) / 2 / side)
    dark = Image.eval(picture, lambda value: int(OUTSIDE * value))
    dark.paste(picture.crop((first, first, last, last)), (first, first))
    if map_ is None or not float(map_.max()) > 0:
        return dark
    share = np.clip(map_ / map_.max(), 0, 1)
    heat = Image.fromarray((255 * STRONGEST * share).astype(np.uint8))
    mask = Image.new("L", (px, px), 0)
    mask.paste(heat.resize((last - first, last - first), Image.Resampling.BICUBIC), (first, first))
    dark.paste(Image.new("RGB", (px, px), EMBER), mask=mask)
    return dark

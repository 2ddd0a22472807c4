"""Why a file cannot be used, in words: the same at an import, on a page, in a terminal and beside an exported model."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from core.portable.pictures import MAX_PIXELS, Unfit

_PLUGINS = (
    (4, 12, (b"ftypheic", b"ftypheix", b"ftypmif1"), "a HEIC photograph, read only where pillow-heif is installed"),
    (4, 12, (b"ftypavif",), "an AVIF picture, read only by Pillow 11.3 or newer"),
    (0, 2, (b"\xff\x0a",), "a JPEG XL picture, read only where pillow-jxl-plugin is installed"),
    (4, 8, (b"JXL ",), "a JPEG XL picture, read only where pillow-jxl-plugin is installed"),
)
"""(from byte, to byte, what stands there, what such a file is and needs)."""


def why(error: Exception, path: Path) -> str:
    """Why a file cannot be used, in words. error: what `pictures.read` raised."""
    if isinstance(error, Unfit):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if path.stat().st_size == 0:
        return "empty file (0 bytes)"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too many pixels: above the limit of {MAX_PIXELS / 1e6:.0f} million"
    if isinstance(error, UnidentifiedImageError):
        return _plugin(path) or _sample_format(path) or "no image inside (or a format that is not read)"
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    text = str(error).strip() or type(error).__name__
    return f"cut off: {text}" if "truncated" in text.lower() else f"damaged: {text}"


def _plugin(path: Path) -> str:
    """Of a format that is read where something is installed: what, if it is not; else ''."""
    with open(path, "rb") as file:
        head = file.read(12)
    for start, end, marks, what in _PLUGINS:
        if head[start:end] in marks:
            return f"{what}: install that, or save it as JPEG"
    return ""


def _sample_format(path: Path) -> str:
    """Of a TIFF whose samples Pillow does not read: what they are, and what to do; else ''."""
    try:
        with open(path, "rb") as file:
            tags = ImageFileDirectory_v2(file.read(8))
            file.seek(tags.next)
            tags.load(file)
            bits, form, channels = tags.get(258, (1,))[0], tags.get(339, (1,))[0], tags.get(277, 1)
    except Exception:  # no TIFF, or a broken one
        return ""
    kind = {2: "signed whole numbers", 3: "floating-point numbers"}.get(form, "whole numbers")
    of = f"{channels} channels of " if channels > 1 else ""
    order, white = "big-endian " if tags.prefix == b"MM" else "", ", white being 0," if tags.get(262) == 0 else ""
    return (
        f"a TIFF of {of}{order}{bits}-bit {kind}{white or ','} which is not read: save it little-endian, black being "
        "0, with 1, 3 or 4 channels of 8 or 16 bits, or one of 32"
    )

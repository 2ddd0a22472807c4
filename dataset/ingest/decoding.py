"""Is this file an image that training can read? Answered by really decoding it, once, at import.

Files come from strangers: only the formats below are tried, and an image above the pixel limit is refused
before its pixels are unpacked. Nothing here writes.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dataset import look_alikes

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "MPO")
"""Pillow's names of the formats that are opened, whatever the file is called. (MPO: JPEGs of some phones.)"""
MAX_PIXELS = 89_478_485
"""Pixels of one image; Pillow's own threshold for a decompression bomb (a quarter of a GB as RGB)."""

_PLAIN_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"}
_EXIF_ORIENTATION = 0x0112


TRAITS: dict[str, str] = {
    "rotated": "turned upright as its EXIF data says",
    "grey": "grey, without colours",
    "cmyk": "in printing colours (CMYK), converted",
    "deep": "16-bit, reduced to 8",
    "clear": "partly transparent, laid over white",
    "animated": "animated, its first picture taken",
    "misnamed": "of another format than its ending says",
}
"""What can be unusual about a file -> the words for it, after 'n images are'."""
_ENDINGS = {"JPEG": ("jpg", "jpeg"), "MPO": ("jpg", "jpeg"), "PNG": ("png",), "BMP": ("bmp",), "GIF": ("gif",),
            "WEBP": ("webp",), "TIFF": ("tif", "tiff")}  # fmt: skip


@dataclass(frozen=True)
class Decoded:
    digest: str
    """sha256 of the file, 32 hex."""
    width: int
    height: int
    """Pixels as a person sees it: after EXIF rotation."""
    thumbnail: bytes = b""
    """The picture in small (`looks.thumbnail`)."""
    traits: tuple[str, ...] = ()
    """What is unusual about the file, keys of `TRAITS`."""


def load_decoders() -> None:
    """Import exactly the readers needed. Call it before threads start: Pillow's own way is not for them."""
    # Pillow warns on standard error about odd files; here they are judged, and the reason is told.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    from PIL import (  # noqa: F401
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        MpoImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )


def decode(path: Path) -> Decoded | str:
    """Decode the whole file. Returns what was seen, or the reason why it cannot be used."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        if file.tell() == 0:
            return "empty file (0 bytes)"
        file.seek(0)
        seen = _look(file)
    if isinstance(seen, str):
        return seen
    thumbnail, width, height, format_name, traits = seen
    if path.suffix.lower().lstrip(".") not in _ENDINGS.get(format_name, ()):
        traits = (*traits, "misnamed")
    return Decoded(digest, width, height, thumbnail, traits)


def _look(file: BinaryIO) -> tuple[bytes, int, int, str, tuple[str, ...]] | str:
    """(thumbnail, width, height, format, traits), or why the file cannot be used."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=[one for one in FORMATS if one in Image.OPEN]) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                return _too_large(f"{width:,} x {height:,} pixels")
            traits = _traits(image)
            if image.format in ("JPEG", "MPO"):
                # The decoder still walks through the whole file, but builds the picture as small as it will do.
                image.draft("L", look_alikes.ENOUGH_PX)
                image.load()
            else:
                image.load()
                width, height = image.size  # TIFF is rotated while loading
                if image.mode not in _PLAIN_MODES:
                    image.convert("RGB")
            if (turned := _orientation(image)) > 1:
                traits = (*traits, "rotated")
            if turned >= 5:
                width, height = height, width
            return look_alikes.thumbnail(image, turned), width, height, str(image.format), traits
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return _too_large("too many pixels")
    except UnidentifiedImageError:
        return "no image inside (or a format that is not read)"
    except MemoryError:
        return "needs more memory than there is"
    except Exception as error:  # a broken file makes the readers raise nearly anything
        text = str(error).strip() or type(error).__name__
        return f"cut off: {text}" if "truncated" in text.lower() else f"damaged: {text}"


def _traits(image: Any) -> tuple[str, ...]:
    """What the opened, not yet decoded image says of itself."""
    found = {
        "grey": image.mode in ("1", "L", "LA", "I;16", "I;16B", "I"),
        "cmyk": image.mode == "CMYK",
        "deep": image.mode.startswith("I"),
        "clear": image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info,
        "animated": image.format in ("GIF", "WEBP", "PNG") and bool(getattr(image, "is_animated", False)),
    }
    return tuple(name for name, there in found.items() if there)


def _too_large(what: str) -> str:
    return f"{what}: above the limit of {MAX_PIXELS / 1e6:.0f} million"


def _orientation(image: Any) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # broken EXIF data says nothing; the pixels are fine
        return 1

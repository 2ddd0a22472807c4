"""A folder of awkward images: every kind that people really have, and what becomes of each.

`KINDS` maps a file name to (how it is made, what is expected): a tuple of traits for an image that is accepted, a
pattern for the reason of one that is set aside.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Made = bytes
Expected = tuple[str, ...] | str


def scene(seed: int = 0, size: tuple[int, int] = (60, 45)) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (5, 7, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(scene(orientation), "JPEG", exif=exif)


def bits16() -> Image.Image:
    return Image.fromarray((np.arange(60 * 45, dtype=np.uint16) * 20).reshape(45, 60))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises a size that its few bytes do not hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


JPEG = saved(scene(1), "JPEG", quality=90)
PNG = saved(scene(2), "PNG")
GIF = saved(scene(3).convert("P"), "GIF")
WEBP = saved(scene(4), "WEBP")
BROKEN_EXIF = b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40
FRAMES = [scene(5).convert("P"), scene(6).convert("P")]

KINDS: dict[str, tuple[Callable[[], bytes], Expected]] = {
    # -- accepted, as they are
    "plain.jpg": (lambda: JPEG, ()),
    "progressive.jpg": (lambda: saved(scene(11), "JPEG", progressive=True), ()),
    "UPPER.JPEG": (lambda: saved(scene(12), "JPEG"), ()),
    "with a profile.jpg": (lambda: saved(scene(13), "JPEG", icc_profile=b"\0" * 600), ()),
    "with a long comment.jpg": (lambda: saved(scene(14), "JPEG", comment=b"x" * 60_000), ()),
    "with garbage after its end.jpg": (lambda: saved(scene(15), "JPEG") + b"\0garbage" * 50, ()),
    "with broken exif.jpg": (lambda: saved(scene(16), "JPEG", exif=BROKEN_EXIF), ()),
    "without a size of its own.gif": (lambda: patched(GIF, 6, b"\0\0\0\0"), ()),
    "plain.png": (lambda: PNG, ()),
    "palette.png": (lambda: saved(scene(17).convert("P"), "PNG"), ()),
    "plain.webp": (lambda: WEBP, ()),
    "lossless.webp": (lambda: saved(scene(18), "WEBP", lossless=True), ()),
    "plain.gif": (lambda: GIF, ()),
    "plain.bmp": (lambda: saved(scene(19), "BMP"), ()),
    "packed.tif": (lambda: saved(scene(20), "TIFF", compression="tiff_lzw"), ()),
    "pages.tiff": (lambda: saved(scene(21), "TIFF", save_all=True, append_images=[scene(22)]), ("pages",)),
    "one pixel.png": (lambda: saved(scene(23, (1, 1)), "PNG"), ()),
    "a thread.png": (lambda: saved(scene(24, (3000, 1)), "PNG"), ()),
    "\u05ea\u05de\u05d5\u05e0\u05d4 \u5199\u771f.png": (lambda: saved(scene(25), "PNG"), ()),
    "n" * 200 + ".png": (lambda: saved(scene(26), "PNG"), ()),
    # -- accepted, with a note
    "grey.jpg": (lambda: saved(scene(31).convert("L"), "JPEG"), ("grey",)),
    "black and white.png": (lambda: saved(scene(32).convert("1"), "PNG"), ("grey",)),
    "printing colours.jpg": (lambda: saved(scene(33).convert("CMYK"), "JPEG"), ("cmyk",)),
    "printing colours.tif": (lambda: saved(scene(34).convert("CMYK"), "TIFF"), ("cmyk",)),
    "turned right.jpg": (lambda: turned(6), ("rotated",)),
    "turned left.jpg": (lambda: turned(8), ("rotated",)),
    "upside down.jpg": (lambda: turned(3), ("rotated",)),
    "mirrored.jpg": (lambda: turned(2), ("rotated",)),
    "16 bits.png": (lambda: saved(bits16(), "PNG"), ("grey", "deep")),
    "16 bits.tif": (lambda: saved(bits16(), "TIFF"), ("grey", "deep")),
    "clear.png": (lambda: saved(scene(35).convert("RGBA"), "PNG"), ("clear",)),
    "clear and grey.png": (lambda: saved(scene(36).convert("LA"), "PNG"), ("grey", "clear")),
    "clear palette.png": (lambda: saved(scene(37).convert("P"), "PNG", transparency=0), ("clear",)),
    "clear.webp": (lambda: saved(scene(38).convert("RGBA").rotate(30), "WEBP"), ("clear",)),
    "moving.gif": (lambda: saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), ("animated",)),
    "moving.webp": (lambda: saved(scene(39), "WEBP", save_all=True, append_images=[scene(40)]), ("animated",)),
    "moving.png": (lambda: saved(scene(41), "PNG", save_all=True, append_images=[scene(42)]), ("animated",)),
    "in truth a png.jpg": (lambda: saved(scene(43), "PNG"), ("misnamed",)),
    "in truth a jpeg.png": (lambda: saved(scene(44), "JPEG"), ("misnamed",)),
    # -- set aside, with the reason
    "empty.jpg": (lambda: b"", r"empty file \(0 bytes\)"),
    "text.jpg": (lambda: b"This is not a picture.", "no image inside"),
    "page.png": (lambda: b"<!doctype html><html><body>404</body></html>", "no image inside"),
    "drawing.png": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image inside"),
    "document.jpg": (lambda: b"%PDF-1.7 ...", "no image inside"),
    "from a phone.jpg": (lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photograph|no image inside|damaged"),
    "half.jpg": (lambda: JPEG[: len(JPEG) // 2], "cut off|damaged"),
    "half.png": (lambda: PNG[: len(PNG) // 2], "cut off|damaged"),
    "half.webp": (lambda: WEBP[: len(WEBP) // 2], "cut off|damaged|no image inside"),
    "first bytes.jpg": (lambda: JPEG[:20], "cut off|damaged|no image inside"),
    "wrong checksum.png": (lambda: patched(PNG, PNG.index(b"IDAT") + 40, b"\0\0\0\0\0\0"), "damaged|cut off"),
    "bomb.png": (lambda: png_claiming(60_000, 60_000), "above the limit"),
    "large claim.png": (lambda: png_claiming(9_000, 9_000), "damaged|cut off"),
    "bomb.bmp": (lambda: patched(saved(scene(45), "BMP"), 18, struct.pack("<ii", 65_535, 65_535)), "above the limit"),
    "half.gif": (lambda: GIF[: len(GIF) * 3 // 4], "cut off|damaged"),
}


def write_corpus(folder: Path) -> None:
    """Every kind as a file of `folder`, and things that are no files at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (make, _) in KINDS.items():
        (folder / name).write_bytes(make())
    (folder / "a folder.jpg").mkdir()
    (folder / "broken link.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")

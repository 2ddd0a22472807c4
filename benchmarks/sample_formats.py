"""The same grey pictures in the sample formats that microscopes, CT exports and converters write, as bytes of a file.

Written byte by byte (TIFF 6.0, baseline tags; PNG, 16 bits a sample), because no writer at hand offers them all.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Values = NDArray[np.float64]
"""Grey values of a picture, whole numbers from 0 to 255, [h, w]."""
HOT, DEAD = 0.0004, 0.05
"""Share of pixels of a camera that always show its highest value, and of a scan that hold no number."""

_FORM = {"u": 1, "i": 2, "f": 3}


@dataclass(frozen=True)
class SampleFormat:
    """One way of writing a grey picture: a file's ending, and its bytes."""

    ending: str
    write: Callable[[Values], bytes]


def tiff(
    values: NDArray[np.generic],
    kind: str,
    *,
    order: str = "<",
    photometric: int = 1,
    packed: bool = False,
    planes: bool = False,
    turned: int = 1,
) -> bytes:
    """One uncompressed (packed: deflated) TIFF page. values: [h, w] or [h, w, samples]; kind: numpy's, as 'u2'.

    planes: one sample of all pixels after the other. turned: EXIF's orientation.
    """
    samples = values.astype(order + kind)
    strips = [samples[..., at].tobytes() for at in range(samples.shape[2])] if planes else [samples.tobytes()]
    strips = [zlib.compress(strip) for strip in strips] if packed else strips
    more = {259: 8 if packed else 1, 262: photometric, 274: turned, 284: 1 + planes, 339: _FORM[kind[0]]}
    return _page(strips, values.shape, 8 * int(kind[1:]), order, more)


def tiff12(values: NDArray[np.generic]) -> bytes:
    """12 bits a sample without gaps, rows of an even number of samples."""
    pairs = values.astype("u2").reshape(-1, 2)
    three = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
    return _page([three.astype("u1").tobytes()], values.shape, 12, "<", {259: 1, 262: 1, 339: 1})


def _page(strips: list[bytes], shape: tuple[int, ...], bits: int, order: str, more: dict[int, int]) -> bytes:
    """A TIFF file around these strips of samples. more: tags of a short number."""
    height, width, *rest = shape
    samples = rest[0] if rest else 1
    starts = [8 + sum(map(len, strips[:at])) for at in range(len(strips))]
    short = {258: [bits] * samples, 277: [samples], **{tag: [value] for tag, value in more.items()}}
    short[339] *= samples
    if samples in (2, 4):
        short[338] = [2]  # the last sample is alpha
    long = {256: [width], 257: [height], 273: starts, 278: [height], 279: list(map(len, strips))}
    tags = {**{tag: (3, "H", of) for tag, of in short.items()}, **{tag: (4, "I", of) for tag, of in long.items()}}
    at = 8 + sum(map(len, strips))
    beyond = at + 2 + 12 * len(tags) + 4
    entries, arrays = b"", b""
    for tag, (number, letter, of) in sorted(tags.items()):
        data = struct.pack(order + letter * len(of), *of)
        if len(data) > 4:
            data, arrays = struct.pack(order + "I", beyond + len(arrays)), arrays + data
        entries += struct.pack(order + "HHI", tag, number, len(of)) + data.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    directory = struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0)
    return head + b"".join(strips) + directory + arrays


def png16(values: NDArray[np.generic]) -> bytes:
    """16 bits a sample. values: [h, w, samples]: grey, grey and alpha, RGB, RGBA."""
    height, width, samples = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[samples], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def plain(grey: Values) -> Image.Image:
    return Image.fromarray(grey.astype(np.uint8))


def stack(grey: Values) -> bytes:
    """Three pages: the picture, and two of its noise alone."""
    empty = Image.fromarray((grey % 32).astype(np.uint8))
    return saved(plain(grey), "TIFF", save_all=True, append_images=[empty, empty])


def _hot(grey: Values) -> NDArray[np.float64]:
    """A dim fluorescence picture: a tenth of the range over a dark level, a few pixels stuck at the highest value."""
    values = 180 + 4 * grey
    values[np.random.default_rng(int(grey.sum())).random(grey.shape) < HOT] = 65535
    return values


def _holes(grey: Values) -> NDArray[np.float64]:
    """Standard scores; what lies outside the scanned field is no number, or infinite."""
    values = (grey - 100) / 40
    outside = np.random.default_rng(int(grey.sum())).random(grey.shape)
    values[outside < DEAD] = np.nan
    values[outside > 1 - DEAD / 5] = -np.inf
    return values


def _colour(grey: Values, *, alpha: bool = False) -> NDArray[np.float64]:
    """12 bits in 16, three equal channels."""
    return np.dstack([16 * grey] * 3 + ([np.full_like(grey, 65535)] if alpha else []))


EIGHT_BITS = SampleFormat("png", lambda grey: saved(plain(grey), "PNG"))
HANDED: dict[str, SampleFormat] = {
    "int16, a CT's numbers": SampleFormat("tif", lambda grey: tiff(12 * grey - 1000, "i2")),
    "uint32": SampleFormat("tif", lambda grey: tiff(257 * grey, "u4")),
    "float32, 0 to 1": SampleFormat("tif", lambda grey: tiff(grey / 255, "f4")),
    "12 bits in 16": SampleFormat("tif", lambda grey: tiff(16 * grey, "u2")),
    "full 16 bits": SampleFormat("tif", lambda grey: tiff(257 * grey, "u2")),
    "three pages": SampleFormat("tif", stack),
    ".jfif": SampleFormat("jfif", lambda grey: saved(plain(grey), "JPEG", quality=95)),
}
MORE: dict[str, SampleFormat] = {
    "uint16, big-endian": SampleFormat("tif", lambda grey: tiff(257 * grey, "u2", order=">")),
    "uint16, white is zero": SampleFormat("tif", lambda grey: tiff(16 * (255 - grey), "u2", photometric=0)),
    "uint16, dim, with hot pixels": SampleFormat("tif", lambda grey: tiff(_hot(grey), "u2")),
    "12 bits, packed": SampleFormat("tif", lambda grey: tiff12(16 * grey)),
    "int8": SampleFormat("tif", lambda grey: tiff(grey - 128, "i1")),
    "int32, deflated": SampleFormat("tif", lambda grey: tiff(5000 * grey - 600_000, "i4", packed=True)),
    "uint32, above the half": SampleFormat("tif", lambda grey: tiff(16_000_000 * grey, "u4")),
    "float32, with holes": SampleFormat("tif", lambda grey: tiff(_holes(grey), "f4")),
    "float32, 0 to 255, big-endian": SampleFormat("tif", lambda grey: tiff(grey, "f4", order=">")),
    "float32, big-endian, deflated": SampleFormat("tif", lambda grey: tiff(grey / 255, "f4", order=">", packed=True)),
    "int16, big-endian, deflated": SampleFormat("tif", lambda grey: tiff(9 * grey - 900, "i2", order=">", packed=True)),
    "TIFF, a colour after the other, 16 bits": SampleFormat(
        "tif", lambda grey: tiff(16 * _colour(grey), "u2", photometric=2, planes=True)
    ),
    "uint16, lying on its side": SampleFormat("tif", lambda grey: tiff(257 * np.rot90(grey), "u2", turned=6)),
    "8 bits, lying on its side": SampleFormat("tif", lambda grey: tiff(np.rot90(grey), "u1", turned=6)),
    "PNG, 12 bits in 16": SampleFormat("png", lambda grey: png16(16 * grey[..., None])),
    "PNG, grey and alpha, 16 bits": SampleFormat(
        "png", lambda grey: png16(np.dstack([257 * grey, np.full_like(grey, 65535)]))
    ),
    "PNG, colour, 12 bits in 16": SampleFormat("png", lambda grey: png16(_colour(grey))),
    "TIFF, colour and alpha, 12 bits in 16": SampleFormat(
        "tif", lambda grey: tiff(_colour(grey, alpha=True), "u2", photometric=2)
    ),
    "JPEG 2000, 16 bits": SampleFormat(
        "jp2", lambda grey: saved(Image.fromarray((257 * grey).astype(np.uint16)), "JPEG2000")
    ),
    "JPEG 2000": SampleFormat("j2k", lambda grey: saved(plain(grey), "JPEG2000")),
    ".pjpeg": SampleFormat("pjpeg", lambda grey: saved(plain(grey), "JPEG", quality=95, progressive=True)),
}

"""The one way in which a file becomes a picture, whatever its samples are: 8 bits, upright, nothing transparent.

Thumbnails, pages, training and answers read files by this alone, and it leaves with a model: whatever read a file by
other means would look at another picture than the one that was trained on. Needs numpy and Pillow, nothing of Thaw;
DICOM, HEIC and JPEG XL are read where packages for them are installed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFile

from core.portable.dicom import DicomFile

if TYPE_CHECKING:
    import numpy as np  # which files of 8 bits do not need: half of the time that a decoding process takes to start

for plugin in ("Bmp", "Gif", "Jpeg", "Jpeg2K", "Mpo", "Png", "Tiff", "WebP"):
    import_module(f"PIL.{plugin}ImagePlugin")  # before there are threads: Pillow's own way is not for them
OPTIONAL = {"AVIF": "PIL.AvifImagePlugin", "HEIF": "pillow_heif.HeifImagePlugin", "JXL": "pillow_jxl"}
for plugin in OPTIONAL.values():
    with suppress(ImportError):
        import_module(plugin)
Image.register_open(DicomFile.format, DicomFile)
FORMATS = (
    *("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "JPEG2000"),
    *(name for name in OPTIONAL if name in Image.OPEN),
    DicomFile.format,
)
MAX_PIXELS = 89_478_485  # of one picture: a quarter of a GB as RGB
MAX_JPEG_PIXELS = 3 * MAX_PIXELS  # which are decoded at an eighth of their size; phones take 200 million
Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS  # Pillow's own limit would refuse those phones' photographs
ROWS = 256  # reduced at a time: as float64 a whole picture may take a GB

Range = tuple[float, float] | None
UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF's orientation -> Pillow's `Transpose`


class Unfit(ValueError):
    """A picture that is whole but not read, and why: 'has 2 pages; page 3 was asked for'."""


def reduce(samples: np.ndarray, value_range: Range = None) -> np.ndarray:
    """Samples of any type as uint8 of the same shape: 256 equal steps from the lowest to the highest value of a range.

    Below it is black, above it white, what is no number black. None = the whole range of the type; of floats, 0 to 1.
    """
    import numpy as np

    whole = samples.dtype.kind in "iu"
    most = np.iinfo(samples.dtype) if whole else None
    low, high = value_range or ((most.min, most.max) if most else (0.0, 1.0))
    step, out = (high - low + whole) / 256, np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), ROWS):
        part = (samples[top : top + ROWS].astype(np.float64) - low) / step
        out[top : top + ROWS] = np.nan_to_num(part, nan=0.0).clip(0, 255)
    return out


@contextmanager
def opened(path: str | Path, page: int = 1) -> Iterator[ImageFile.ImageFile]:
    """The file at one of its pages, not decoded yet. Raises Unfit, and OSError, ValueError or SyntaxError."""
    # Given a name, Pillow maps what is not packed, and a turned TIFF with the wrong width.
    with open(path, "rb") as file, Image.open(file, formats=FORMATS) as image:
        if page > 1 and image.format != "MPO":  # whose other pictures are previews
            pages = getattr(image, "n_frames", 1)
            if pages < page:
                raise Unfit(f"has {pages} page{'s' * (pages > 1)}; page {page} was asked for")
            image.seek(page - 1)
        limit = MAX_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MAX_PIXELS
        if image.width * image.height > limit:
            size = f"{image.width:,} x {image.height:,} pixels"
            raise Unfit(f"{size}: above the limit of {limit / 1e6:.0f} million")
        yield image


def samples(image: ImageFile.ImageFile) -> np.ndarray | None:
    """Decode what `opened` gave: its samples [h, w] or [h, w, channels] when they are of more than 8 bits or signed.

    None where Pillow's own 8 bits are all there is.
    """
    raw, tags = _raw(image), getattr(image, "tag_v2", {})
    if image.tile and image.tile[0].codec_name == "libtiff":  # which hands samples over in the machine's own order
        native = re.sub(r"(;16|;32|;64)B", r"\1N", raw)
        image.tile = [tile._replace(args=_with_raw(tile.args, native)) for tile in image.tile]
    planes = tags.get(284) == 2 and tags.get(258, (8,))[0] == 16 and len(raw) == 1
    deep = planes or ";16" in raw or image.mode.startswith("I") or image.mode == "F" or tags.get(339, (1,))[0] == 2
    path = getattr(image.fp, "name", "")
    image.load()
    if planes:
        return _planes(image, path, tags)
    return _values(image, path, raw, tags) if deep else None


def _planes(image: ImageFile.ImageFile, path: str, tags: Any) -> np.ndarray:
    """The samples of a TIFF of 16 bits, not packed, that holds one colour after the other: Pillow takes them for 8."""
    import numpy as np

    found = []
    for band in image.getbands():
        with open(path, "rb") as file, Image.open(file, formats=FORMATS) as again:
            again.seek(image.tell())
            raw = "I;16" if tags.prefix == b"II" else "I;16B"
            own = [tile for tile in again.tile if isinstance(tile.args, tuple) and tile.args[0] == band]
            again.tile, again._mode = [tile._replace(args=_with_raw(tile.args, raw)) for tile in own], "I;16"
            found.append(np.asarray(again).astype(np.uint16))
    return np.dstack(found)


def _values(image: ImageFile.ImageFile, path: str, raw: str, tags: Any) -> np.ndarray | None:
    """The samples of a decoded image; see `samples`. raw: of `_raw`, before it was decoded. tags: a TIFF's."""
    import numpy as np

    bits, form = tags.get(258, (8,))[0], tags.get(339, (1,))[0]  # BitsPerSample; SampleFormat: 1 unsigned, 2 signed
    if image.mode in ("RGB", "RGBA") and ";16" in raw:  # Pillow keeps the upper half: the lower is read as well
        with open(path, "rb") as file, Image.open(file, formats=FORMATS) as again:
            again.seek(image.tell())
            if raw == "LA;16B":  # as four bytes: grey's upper and lower, alpha's upper and lower
                again.tile = [tile._replace(args="RGBA") for tile in again.tile]
                upper, lower, alpha, _ = np.moveaxis(np.asarray(again), -1, 0)
                return np.dstack([upper.astype(np.uint16) << 8 | lower, alpha.astype(np.uint16) << 8])
            native = "B" if sys.byteorder == "little" else "L"
            other = {"B": "L", "L": "B", "N": native}[raw[-1]]
            again.tile = [tile._replace(args=_with_raw(tile.args, raw[:-1] + other)) for tile in again.tile]
            return np.asarray(image).astype(np.uint16) << 8 | np.asarray(again)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":
        return np.asarray(image).astype({(16, 2): np.int16, (32, 1): np.uint32}.get((bits, form), np.int32))
    if image.mode == "L" and form == 2:
        return np.asarray(image).view(np.int8)
    return np.asarray(image) if image.mode == "F" else None


def picture(image: Image.Image, deep: np.ndarray | None, value_range: Range = None) -> Image.Image:
    """A decoded file as a person sees it: 8 bits, mode "L" or "RGB", upright, transparency over white.

    deep: its `samples`. value_range: as of `reduce`, for those.
    """
    seen = image if deep is None else _reduced(image, deep, value_range)
    turn = UPRIGHT.get(orientation(image))
    upright = seen if turn is None else seen.transpose(Image.Transpose(turn))
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
    return upright if upright.mode in ("L", "RGB") else upright.convert("RGB")


def read(
    path: str | Path, value_range: Range = None, pages: Sequence[int] = (1,), draft: tuple[int, int] | None = None
) -> Image.Image:
    """A file as `picture`. pages: the one that is taken, or the three that become red, green and blue.

    draft: a JPEG is decoded at the nearest reduced scale above this width and height. Raises as `opened`.
    """
    seen = []
    for page in pages:
        with opened(path, page) as image:
            if draft:
                image.draft("RGB", draft)
            seen.append(picture(image, samples(image), value_range))
    return joined(seen)


def joined(pages: Sequence[Image.Image]) -> Image.Image:
    """One page as it is; three as the channels of one picture, each by its brightness. Raises Unfit."""
    if len(pages) == 1:
        return pages[0]
    if len({page.size for page in pages}) > 1:
        raise Unfit("its pages are of different sizes: they cannot be channels of one picture")
    return Image.merge("RGB", [page.convert("L") for page in pages])


def square(
    path: str | Path, side: int, interpolation: str = "bicubic", value_range: Range = None, pages: Sequence[int] = (1,)
) -> np.ndarray:
    """The image's central square as in training, uint8 [side, side, 3]. Other arguments and errors as of `read`."""
    import numpy as np

    rgb = read(path, value_range, pages, (side, side)).convert("RGB")
    short = min(rgb.size)
    left, top = (rgb.width - short) // 2, (rgb.height - short) // 2
    box, how = (left, top, left + short, top + short), Image.Resampling[interpolation.upper()]
    return np.asarray(rgb.resize((side, side), how, box=box, reducing_gap=2.0))


def orientation(image: Image.Image) -> int:
    """EXIF's, 1 to 8."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # broken EXIF data says nothing; the pixels are fine
        return 1


def _reduced(image: Image.Image, deep: np.ndarray, value_range: Range) -> Image.Image:
    import numpy as np

    grey, key = reduce(deep, value_range), image.info.get("transparency")
    # WhiteIsZero: Pillow turns it round for TIFFs of 8 bits only.
    if getattr(image, "tag_v2", {}).get(262) == 0 or image.info.get("white_is_zero"):
        grey = 255 - grey
    if key is not None:  # a PNG's value that means transparent
        hidden = deep == np.asarray(key)
        grey[hidden if deep.ndim == 2 else hidden.all(-1)] = 255
    if deep.shape[2:] in ((2,), (4,)):
        grey[..., -1] = deep[..., -1] >> 8
    return Image.fromarray(grey, {(2,): "LA", (4,): "RGBA"}.get(deep.shape[2:]))


def _raw(image: ImageFile.ImageFile) -> str:
    """Pillow's name of how the samples lie in an opened file, as 'RGB;16B'; '' where its format has none."""
    args = image.tile[0].args if image.tile else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _with_raw(args: Any, raw: str) -> Any:
    return (raw, *args[1:]) if isinstance(args, tuple) else raw

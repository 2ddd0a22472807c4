"""Is this file an image that training can read? Answered by really decoding it, once, at import.

Files come from strangers: only the formats below are tried, and an image above the pixel limit is refused
before its pixels are unpacked. Nothing here writes.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import USUAL_DECODING, Decoding
from core.names import ENDINGS
from dataset import look_alikes
from dataset.value_range import Values, seen

TRAITS: dict[str, str] = {
    "rotated": "turned upright as its EXIF data says",
    "grey": "grey, without colours",
    "cmyk": "in printing colours (CMYK), converted",
    "deep": "of more than 8 bits, reduced to 8",
    "clear": "partly transparent, laid over white",
    "animated": "animated, one picture taken",
    "pages": "of several pages",
    "channels": "of more channels than a picture has, the others left out",
    "misnamed": "of another format than its ending says",
}
"""What can be unusual about a file -> the words for it, after 'n images are'."""
SEVERAL = frozenset({"animated", "pages"})
"""The traits of files of which not everything may be taken."""
_GREY = ("1", "L", "LA", "I", "F")


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
    values: Values | None = None
    """Of a file of more than 8 bits a sample."""


def load_decoders() -> None:
    """Import exactly the readers needed. Call it before threads start: Pillow's own way is not for them."""
    # Pillow warns on standard error about odd files; here they are judged, and the reason is told.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    import core.portable.pictures  # noqa: F401


def decode(path: Path, decoding: Decoding = USUAL_DECODING) -> Decoded | str:
    """Decode the whole file. Returns what was seen, or the reason why it cannot be used."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    try:
        return _look(path, digest, decoding)
    except Exception as error:  # a broken file makes the readers raise nearly anything
        from core.portable.reasons import why

        return why(error, path)


def _look(path: Path, digest: str, decoding: Decoding) -> Decoded:
    """Raises whatever Pillow raises, and `pictures.Unfit`."""
    from core.portable import pictures as files

    pictures, traits, values = [], set(), None
    for page in decoding.pages:
        with files.opened(path, page) as image:
            form, size, jpeg = str(image.format), image.size, image.format in ("JPEG", "MPO")
            traits |= _traits(image)
            # The decoder still walks through the whole file, but builds the picture as small as it will do.
            image.draft("L", look_alikes.ENOUGH_PX)
            deep = files.samples(image)
            if deep is not None:
                traits.add("deep")
                values = seen(deep, values)
            width, height = size if jpeg else image.size  # TIFF is rotated while loading
            turned = files.orientation(image)
            pictures.append(files.picture(image, deep, decoding.value_range))
    if turned > 1:
        traits.add("rotated")
    if turned >= 5:
        width, height = height, width
    if path.suffix.lower().lstrip(".") not in ENDINGS["JPEG" if jpeg else form]:
        traits.add("misnamed")
    thumbnail = look_alikes.thumbnail(files.joined(pictures))
    return Decoded(digest, width, height, thumbnail, tuple(one for one in TRAITS if one in traits), values)


def _traits(image: Any) -> set[str]:
    """What the opened, not yet decoded image says of itself."""
    found = {
        "grey": image.mode in _GREY or image.mode.startswith("I;16"),
        "cmyk": image.mode == "CMYK",
        "clear": image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info,
        "animated": image.format in ("GIF", "WEBP", "PNG") and bool(getattr(image, "is_animated", False)),
        "pages": image.format in ("TIFF", "DICOM") and image.n_frames > 1,
        "channels": getattr(image, "tag_v2", {}).get(277, 1) > len(image.getbands()),
    }
    return {name for name, there in found.items() if there}

"""Faults planted into a real set of class folders, and the list of what was planted: the truth `faults` judges by."""

from __future__ import annotations

import io
import random
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageFilter

EXACT, NEAR, LEAKS, NEAR_LEAKS, TORN = 50, 50, 30, 30, 20
"""Copies in the same class; near-duplicates; copies in the test folder; near ones there; copies in another class."""
CHANGES = ("re-encoded", "resized", "cropped")
CUT = 0.03
"""Share of width and height that a crop loses, at a random side."""
SPOILT_EACH = 20
SPOILT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "blank": (("blank",), ("low_information",)),
    "dark": (("blank",), ("dark",)),
    "light": ((), ("light",)),
    "blurred": ((), ("blurry",)),
    "long": (("extreme_aspect",), ("odd_aspect_ratio",)),
    "tiny": (("tiny_image",), ("odd_size",)),
    "grey": (("handled", "given_away"), ("grayscale",)),
}
"""Fault of a single picture -> (kinds of finding of Thaw, checks of cleanvision) that are about it."""


@dataclass
class Planted:
    """Paths as the manifest has them, relative to the set's folder."""

    origin: dict[str, str] = field(default_factory=dict)
    """Every planted file -> the image it was made from."""
    kind: dict[str, str] = field(default_factory=dict)
    """Every planted file -> 'exact', 'near', 'leak', 'near leak' or 'two labels'."""
    change: dict[str, str] = field(default_factory=dict)
    """Near ones -> one of CHANGES."""

    def of(self, kind: str) -> list[str]:
        return [path for path, one in self.kind.items() if one == kind]


def unpack(archive: Path, target: Path) -> Path:
    """The set's folder, with `train/` and `test/` in it."""
    with zipfile.ZipFile(archive) as file:
        file.extractall(target)
    return next(path.parent for path in sorted(target.rglob("train")) if path.is_dir())


def plant(folder: Path, seed: int) -> Planted:
    """Add the copies to `folder` (changed in place). No image serves twice."""
    source = random.Random(seed)
    train = sorted(path for path in (folder / "train").rglob("*") if path.is_file())
    source.shuffle(train)
    drawn = iter(train)
    classes = sorted(path.name for path in (folder / "train").iterdir())
    planted = Planted()

    def note(made: Path, origin: Path, kind: str, change: str = "") -> None:
        name = made.relative_to(folder).as_posix()
        planted.origin[name], planted.kind[name] = origin.relative_to(folder).as_posix(), kind
        if change:
            planted.change[name] = change

    def place(kind: str, count: int) -> Iterator[tuple[Path, Path]]:
        for number in range(count):
            origin = next(drawn)
            label = origin.parent.name
            if kind == "two labels":
                label = source.choice([name for name in classes if name != label])
            where = folder / ("test" if "leak" in kind else "train") / label
            where.mkdir(exist_ok=True)
            yield origin, where / f"{source.getrandbits(48):012x}-{number}{origin.suffix}"

    for kind, count in (("exact", EXACT), ("leak", LEAKS), ("two labels", TORN)):
        for origin, made in place(kind, count):
            shutil.copyfile(origin, made)
            note(made, origin, kind)
    for kind, count in (("near", NEAR), ("near leak", NEAR_LEAKS)):
        for number, (origin, made) in enumerate(place(kind, count)):
            change = CHANGES[number % len(CHANGES)]
            made = made.with_suffix(".jpg")
            made.write_bytes(changed(origin, change, source))
            note(made, origin, kind, change)
    return planted


def changed(origin: Path, change: str, source: random.Random) -> bytes:
    """The picture again, as JPEG: another quality, another size, or without CUT of its width and height."""
    with Image.open(origin) as image:
        picture = image.convert("RGB")
    quality = source.randint(80, 92)
    if change == "re-encoded":
        quality = source.randint(40, 80)
    elif change == "resized":
        factor = source.uniform(0.5, 0.9)
        picture = picture.resize([max(8, round(side * factor)) for side in picture.size], Image.Resampling.BICUBIC)
    else:
        cut = [max(1, round(CUT * side)) for side in picture.size]
        left, top = source.randint(0, cut[0]), source.randint(0, cut[1])
        picture = picture.crop((left, top, left + picture.width - cut[0], top + picture.height - cut[1]))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def spoil(folder: Path, seed: int) -> dict[str, str]:
    """Spoil SPOILT_EACH training images with each of the faults of SPOILT, in place: path -> fault."""
    source = random.Random(seed)
    train = sorted(path for path in (folder / "train").rglob("*") if path.is_file())
    drawn = iter(source.sample(train, len(SPOILT) * SPOILT_EACH))
    made = {}
    for fault in SPOILT:
        for _ in range(SPOILT_EACH):
            path = next(drawn)
            with Image.open(path) as image:
                picture = image.convert("RGB")
            spoilt(picture, fault, source).save(path, quality=90)
            made[path.relative_to(folder).as_posix()] = fault
    return made


def spoilt(picture: Image.Image, fault: str, source: random.Random) -> Image.Image:
    width, height = picture.size
    if fault == "blank":
        grey = source.randint(0, 255)
        return Image.new("RGB", picture.size, (grey, grey, grey))
    if fault == "dark":
        return picture.point(lambda value: round(0.06 * value))
    if fault == "light":
        return picture.point(lambda value: round(255 - 0.06 * (255 - value)))
    if fault == "blurred":
        return picture.filter(ImageFilter.GaussianBlur(0.06 * max(width, height)))
    if fault == "long":
        return picture.resize((6 * height, height)) if width >= height else picture.resize((width, 6 * width))
    if fault == "tiny":
        return picture.resize((20, 20))
    return picture.convert("L")

"""A reading of the file names: `cat.12.jpg`, `dog_003.jpg`, where nothing else says what the images show. Pure."""

from __future__ import annotations

import re
from collections import Counter

from dataset import Layout, Placed, split_of
from dataset.readings.reading import Listing, Reading

KEY = "names"
_NAME = re.compile(r"(?P<word>[^\W\d_](?:.*[^\W\d_])?)[\W_]*\d+(?:[\W_]*\(\d+\))?")
_CAMERA = frozenset((
    "img", "image", "images", "dsc", "dscn", "dscf", "imgp", "pict", "pic", "picture", "photo", "frame", "file",
    "sample", "scan", "screenshot", "shot", "cap", "capture", "im", "i", "p", "x", "n", "mvi", "gopr", "dji", "pxl",
    "whatsapp", "signal", "vid", "video", "clip", "test", "train", "val", "valid", "untitled", "data", "download",
    "figure", "fig", "page", "id", "patient", "case", "subject", "slide", "part", "tile", "patch", "crop",
))  # fmt: skip
MOST_CLASSES = 200


def of_file_names(listing: Listing) -> list[Reading]:
    """One reading when all names begin with one of a few words, each of them with several images; else none.

    Images in a folder named like a test, and without such a word, are without a label.
    """
    labels: dict[str, str] = {}
    for image in listing.images:
        *folders, name = image.split("/")
        found = _NAME.fullmatch(name.rpartition(".")[0])
        if found and found["word"].casefold() not in _CAMERA:
            labels[image] = found["word"]
        elif not any(split_of(folder) == "test" for folder in folders):
            return []
    counts = Counter(labels.values())
    if not 2 <= len(counts) <= min(MOST_CLASSES, len(labels) / 2) or min(counts.values()) < 2:
        return []
    classes = tuple(sorted(counts))
    index = {name: number for number, name in enumerate(classes)}
    placed = tuple(Placed(image, image, index[label], "") for image, label in sorted(labels.items()))
    aside = tuple((image, "has no label in its name") for image in sorted(listing.images) if image not in labels)
    layout = Layout(classes, placed, aside, ())
    return [Reading(KEY, "Classes from the beginning of the file names", layout, len(listing.images), strength=2)]

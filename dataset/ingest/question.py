"""What is shown with the question how images are to be read: a few of them, small, under the classes of each reading.

They are made while the images still lie where the import found them. What a decoding process cannot read is not opened.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import ReadingAsked
from dataset.ingest.decode_workers import Decoders

SIDE = 96
"""Pixels of the longer side of a small picture."""
MOST_CLASSES, MOST_PICTURES = 6, 60
"""Classes of a reading that are shown, and pictures in all."""


def with_pictures(question: ReadingAsked, images: Mapping[str, Path]) -> ReadingAsked:
    """The same question, with JPEGs of the examples. images: where they lie. Raises DataError as `Decoders` does."""
    shown = [paths for one in question.readings for paths in list(one.examples.values())[:MOST_CLASSES]]
    some = list(dict.fromkeys(path for paths in shown for path in paths))[:MOST_PICTURES]
    with Decoders(1) as decoders:
        sound = decoders.decode([images[path] for path in some])
    question.pictures = {
        path: _small(images[path]) for path, found in zip(some, sound, strict=True) if not isinstance(found, str)
    }
    return question


def as_document(question: ReadingAsked) -> dict[str, Any]:
    """Plain JSON of it, as the result of a job holds it."""
    return {
        "question": str(question),
        "readings": [
            {"key": one.key, "line": one.line, "classes": len(one.classes),
             "examples": {name: list(paths) for name, paths in list(one.examples.items())[:MOST_CLASSES]}}
            for one in question.readings
        ],
        "pictures": {path: base64.b64encode(small).decode() for path, small in question.pictures.items()},
    }  # fmt: skip


def _small(path: Path) -> bytes:
    from core.portable.pictures import read

    image, out = read(path, draft=(SIDE, SIDE)), io.BytesIO()
    image.thumbnail((SIDE, SIDE))
    image.save(out, "JPEG", quality=75)
    return out.getvalue()

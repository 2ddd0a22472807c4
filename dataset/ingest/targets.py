"""A second set of images attached to a dataset: the *target*, another domain in which its classes are to be told apart.

Adaptation learns from the dataset's labels and from the target's images. A target is content-addressed like every
import, `home/datasets/<id>/` with `images/`, `manifest.csv` and `thumbnails.npy`, so whatever reads a `DatasetRef`
(manifest, thumbnails, pixel and prefix caches) reads it; it is in no list of datasets. To use it:

    target = target_of(home, ref)                 # its DatasetRef, or None; the same for every revision of `ref`
    manifest = read_manifest(target)              # `label` is -1 where nothing says the class, else into target.classes
    labels = labels_in(target, ref)               # int64 [images]: index into ref.classes, -1 = unlabelled

Labels are taken from a table or from folders named like the dataset's classes, in any case; they serve to *measure*
on the target. All other images are unlabelled, whatever their folders are called. Splits are kept when there are any.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from core import DatasetRef, NotFound, TooFewImages, files
from dataset import Layout, Placed, Row, load_dataset, read_manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dataset.ingest.assembly import Arranged, Found, Labels, Progress  # what imports: no page loads it

MIN_IMAGES = 2
NO_LABEL = -1


@dataclass(frozen=True)
class OfClasses:
    """Labels where table or folders name one of `classes`; none elsewhere, and none are needed."""

    classes: tuple[str, ...]
    target: ClassVar[bool] = True

    @property
    def key(self) -> str:
        import hashlib

        return "-target-" + hashlib.sha256(json.dumps(self.classes).encode()).hexdigest()[:16]

    def arrange(self, found: Found, table: str | None) -> Arranged:
        from dataset.documents import open_guarded
        from dataset.ingest.assembly import Arranged, with_groups
        from dataset.readings import most_named

        known = _numbers(self.classes)
        reading = most_named(found.listing(), found.documents, known, table, open_guarded)
        layout = reading.grouped() if reading else Layout((), (), (), ())  # else one heap of images
        found.leave_out_documents(reading.files if reading else ())
        named = {one.given: one for one in layout.placed}
        split = "train" if any(one.split for one in layout.placed) else ""
        placed = [
            replace(named[path], path=path, label=_number(known, layout.classes[named[path].label]))
            if path in named
            else Placed(path, path, NO_LABEL, split)
            for path in sorted(found.images)
        ]
        missing = tuple(one for one in layout.set_aside if one[0] not in found.images)  # rows of a table without image
        notes = tuple(_notes(layout, placed, known))
        arranged = Layout(self.classes, tuple(placed), missing, notes, layout.grouped_by)
        return Arranged(with_groups(arranged, "auto"), reading.line if reading else "")

    def check(self, layout: Layout, rows: Sequence[Row]) -> None:
        if len(rows) < MIN_IMAGES:
            raise TooFewImages(
                f"A target needs at least {MIN_IMAGES} readable images; this one has {len(rows)}. Add images, and try "
                "again."
            )


def attach(
    home: Path,
    ref: DatasetRef,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> DatasetRef:
    """Import a folder, archive or table as the target of `ref`, in place of the one it had; returns the target.

    Raises DataError, UnsafeArchive or TooFewImages; then nothing has changed.
    """
    from dataset.ingest.sources import take_in

    target = take_in(path, home, labels_of(ref), name=name, progress=progress, decoding=ref.decoding)
    link(home, ref, target)
    return target


def labels_of(ref: DatasetRef) -> Labels:
    """How a target of `ref` finds its labels, for `ingest.take_in`."""
    return OfClasses(ref.classes)


def link(home: Path, ref: DatasetRef, target: DatasetRef) -> None:
    """Make an imported target the one of `ref`."""
    files.write_json(_link(home, ref), asdict(_Link(target.id)))


def target_of(home: Path, ref: DatasetRef) -> DatasetRef | None:
    """The target attached to `ref` or to the import it is a revision of."""
    link = files.find_as(_link(home, ref), _Link)
    try:
        return load_dataset(home, link.target) if link else None
    except NotFound:
        return None


def detach(home: Path, ref: DatasetRef) -> None:
    """Forget which target `ref` has. Its images stay: runs may name them."""
    _link(home, ref).unlink(missing_ok=True)


@dataclass(frozen=True)
class _Link:
    """What lies in `home/targets/<import>.json`: the id of the target."""

    target: str


def labels_in(target: DatasetRef, ref: DatasetRef) -> NDArray[Any]:
    """int64 [images of target, in the manifest's order]: index into `ref.classes`, -1 where nothing says the class.

    By name, so that a revision of `ref` with other classes can be asked about as well.
    """
    import numpy as np

    known = _numbers(ref.classes)
    translated = np.array([_number(known, name) for name in target.classes] + [NO_LABEL], np.int64)
    labels: NDArray[Any] = translated[read_manifest(target)["label"].to_numpy()]  # -1 takes the last, which is -1
    return labels


def _link(home: Path, ref: DatasetRef) -> Path:
    return Path(home) / "targets" / f"{ref.images_id}.json"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _numbers(classes: Sequence[str]) -> dict[str, int]:
    """Name -> index: as written, and in any case where that is not another class."""
    exact = {name: number for number, name in enumerate(classes)}
    return {_folded(name): number for name, number in exact.items()} | exact


def _number(known: dict[str, int], name: str) -> int:
    return known.get(name, known.get(_folded(name), NO_LABEL))


def _notes(layout: Layout, placed: Sequence[Placed], known: dict[str, int]) -> list[str]:
    labelled = sum(one.label != NO_LABEL for one in placed)
    notes = []
    if labelled < len(placed):
        notes.append(f"{len(placed) - labelled:,} of {len(placed):,} images have no label.")
    others = [name for name in layout.classes if _number(known, name) == NO_LABEL]
    if others:
        some = ", ".join(f"'{name}'" for name in others[:5]) + (" ..." if len(others) > 5 else "")
        notes.append(f"Not classes of the dataset, so their images count as unlabelled: {some}.")
    return notes

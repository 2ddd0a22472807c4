"""Edits of a dataset: relabel, exclude, restore, merge classes, change the split. Each makes a *revision*.

A revision is a dataset with an id of its own whose folder holds a manifest and a record, nothing else: images, row
numbers, thumbnails and caches stay those of the import, so that an edit copies and decodes nothing. Runs belong to the
revision they saw. Nothing is ever removed: undoing is going back to another revision.

The edits and their rules are in `edits`, which is pure; here they are read and written.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from core import EXCLUDED, DataError, DatasetRef, NotFound, files
from dataset.commit import commit, staging
from dataset.edits import Edit, edited
from dataset.folder import content_id, counts_of, everything, groups_of, list_datasets, load_dataset, read_rows


def revise(home: Path, ref: DatasetRef, edits: Iterable[Edit]) -> DatasetRef:
    """The revision that these edits make of `ref`, written to the home. Copies no image.

    Edits that change nothing return `ref`; those that lead to what is there already (by another way, or back to the
    import) return that one. Raises DataError or TooFewImages as `edited` does; then nothing was written.
    """
    if ref.target:
        raise DataError("A target is not edited: change its folder, and attach it again.")
    origin = origin_of(home, ref)
    before, start = read_rows(ref), read_rows(origin)
    rows, classes, told = edited(before, ref.classes, start, origin.classes, tuple(edits))
    if (rows, classes) == (before, ref.classes):
        return ref
    if (rows, classes) == (start, origin.classes):
        return make_current(home, origin)
    with staging(home) as stage:
        new_id = content_id(rows, classes, origin.id)
        revision = DatasetRef(
            id=new_id,
            name=ref.name,
            root=str(stage.parent / new_id),
            classes=classes,
            counts=counts_of(rows, len(classes)),
            source=ref.source,
            created=max(time.time(), ref.created + 0.001),  # a clock may have been set back
            set_aside=ref.set_aside,
            notes=ref.notes,
            decoding=ref.decoding,
            base=origin.id,
            parent=ref.id,
            edit=told,
            excluded=sum(row.split == EXCLUDED for row in rows),
            groups=groups_of(rows),
            grouped_by=ref.grouped_by,
            reading=ref.reading,
            reading_key=ref.reading_key,
        )
        return make_current(home, commit(stage, revision, rows, None))


def origin_of(home: Path, ref: DatasetRef) -> DatasetRef:
    """The import that a revision was made of; an import itself. Raises NotFound."""
    return load_dataset(home, ref.base) if ref.base else ref


def history(home: Path, ref: DatasetRef) -> list[DatasetRef]:
    """Every revision of this one's import, newest first, and the import at the end."""
    family = [one for one in everything(home) if one.images_id == ref.images_id]
    return sorted(family, key=lambda one: (not one.base, -one.created, one.id))


def make_current(home: Path, ref: DatasetRef) -> DatasetRef:
    """Remember that this revision of its import is the one being worked with; returns it."""
    files.write_whole(Path(home) / "current" / ref.images_id, ref.id)
    return ref


def current(home: Path, ref: DatasetRef) -> DatasetRef:
    """The revision of this one's import that was worked with last; the import while there was no edit."""
    try:
        found = load_dataset(home, (Path(home) / "current" / ref.images_id).read_text(encoding="ascii"))
    except (OSError, ValueError, NotFound):
        return origin_of(home, ref)
    return found if found.images_id == ref.images_id else origin_of(home, ref)


def list_current(home: Path) -> list[DatasetRef]:
    """One dataset for each import, newest import first: the revision that was worked with last."""
    return [current(home, ref) for ref in list_datasets(home)]

"""Datasets on disk: `home/datasets/<id>/` with `images/`, `manifest.csv`, `thumbnails.npy` and `dataset.json`.

A revision (`revisions`) has a manifest and a record only, and shares the rest with its import.

Here they are read, which needs no decoding of images and no heavy import until a manifest is asked for. How they come
to be there, whole or not at all, is in `commit`.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from core import (
    EXCLUDED,
    SPLITS,
    USUAL_DECODING,
    DatasetRef,
    Decoding,
    NotFound,
    SetAside,
    Unreadable,
    files,
    to_json,
)
from core.decode import decode
from dataset import look_alikes

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MANIFEST = "manifest.csv"
RECORD = "dataset.json"
THUMBNAILS = "thumbnails.npy"
ALIKE = "alike.npy"
AGAIN = "Import its images again: that mends it."


class Row(NamedTuple):
    """One line of the manifest, with the columns of `DatasetRef`'s docstring."""

    path: str
    label: int
    split: str
    digest: str
    width: int
    height: int
    traits: str = ""
    """Names of `decoding.TRAITS`, with blanks between."""
    group: str = ""
    """What the image belongs to, as its source names it; '' = to nothing."""


def content_id(
    rows: Iterable[Row],
    classes: Sequence[str],
    base: str = "",
    *,
    target: bool = False,
    decoding: Decoding = USUAL_DECODING,
) -> str:
    """First 16 hex digits of the sha256 over the sorted (path, class name, split, digest), as JSON lines. Where images
    have groups, these stand behind: other groups are another dataset, as other labels are.

    A revision's id is also over that of its import, `base`; a target's over its classes, of which it may have no image.
    Another decoding gives another id, and so other caches: the same files look otherwise.
    """
    rows = list(rows)
    keys: list[tuple[str, ...]] = sorted(
        (row.path, classes[row.label] if row.label >= 0 else "", row.split, row.digest, row.group) for row in rows
    )
    if not any(row.group for row in rows):
        keys = [key[:4] for key in keys]
    text = "".join(json.dumps(key, ensure_ascii=False) + "\n" for key in keys)
    if target:
        text += json.dumps(["target", *classes], ensure_ascii=False)
    if decoding != USUAL_DECODING and not base:
        text += json.dumps(to_json(decoding))
    if base:
        text = f"revision of {base}\n{text}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def counts_of(rows: Iterable[Row], classes: int) -> dict[str, tuple[int, ...]]:
    """Images per class for each split that is there, as `DatasetRef.counts`; excluded ones are in none."""
    table = Counter((row.split, row.label) for row in rows)
    present = {split for split, _ in table}
    ordered = [split for split in ("", *SPLITS) if split in present]
    return {split: tuple(table[split, label] for label in range(classes)) for split in ordered}


def groups_of(rows: Iterable[Row]) -> int:
    """How many groups the rows that count are of."""
    return len({row.group for row in rows if row.group and row.split != EXCLUDED})


def load_dataset(home: Path, dataset_id: str) -> DatasetRef:
    """The import or revision with this id. Raises NotFound, SetAside when its record cannot be read."""
    root = Path(home).absolute() / "datasets" / dataset_id
    missing = NotFound(f"There is no dataset '{dataset_id[:40]}' in '{home}'. Import its images again.")
    if not re.fullmatch(r"[0-9a-f]{16}", dataset_id) or not (root / RECORD).is_file():
        raise missing
    try:
        data = files.read_json(root / RECORD, AGAIN)
        placed = {**data, "root": str(root)} if isinstance(data, dict) else data  # a home may be moved
        ref = decode(placed, DatasetRef, f"The file {root / RECORD}", AGAIN)
    except Unreadable as error:
        raise SetAside(str(error)) from error
    if ref.id != dataset_id:
        raise SetAside(f"The file {root / RECORD} is of another dataset, '{ref.id}'. {AGAIN}")
    if ref.base and not (root.with_name(ref.base) / RECORD).is_file():
        raise missing  # a revision without the import that holds its images
    return ref


def list_datasets(home: Path) -> list[DatasetRef]:
    """All imports, newest first; without targets, which belong to another dataset, and without revisions, which
    `revisions.history` lists."""
    return [ref for ref in everything(home) if not ref.base]


def everything(home: Path) -> list[DatasetRef]:
    """All imports and all their revisions, newest first; what is broken is left out (`set_aside`)."""
    found = [ref for ref, _ in _each(home) if ref and not ref.target]
    return sorted(found, key=lambda ref: (-ref.created, ref.id))


def set_aside(home: Path) -> list[str]:
    """What no list holds because its record cannot be read, by name: one sentence each, with what to do."""
    return [why for _, why in _each(home) if why]


def _each(home: Path) -> Iterator[tuple[DatasetRef | None, str]]:
    """(dataset, "") or (None, why it cannot be read), folder by folder."""
    for folder in folders(Path(home) / "datasets"):
        try:
            yield load_dataset(home, folder.name), ""
        except SetAside as error:
            yield None, str(error)
        except NotFound:
            continue  # a staging folder, or something that is not Thaw's


def live(manifest: pd.DataFrame) -> pd.DataFrame:
    """The rows that count: all of an import, those not excluded of a revision. They keep their numbers (the index)."""
    return manifest[manifest["split"] != EXCLUDED]


def read_rows(ref: DatasetRef) -> list[Row]:
    """The manifest without pandas: one `Row` an image, in its order. Raises NotFound when the file is gone."""
    try:
        with open(Path(ref.root) / MANIFEST, encoding="utf-8", newline="") as file:
            return [_row(cells) for cells in itertools.islice(csv.reader(file), 1, None)]
    except (OSError, ValueError, TypeError) as error:
        raise _no_list(ref) from error


def read_manifest(ref: DatasetRef) -> pd.DataFrame:
    """One row an image, the columns of `Row`, excluded images included. Raises NotFound when the file is gone."""
    import pandas as pd

    text = {"path": str, "split": str, "digest": str, "traits": str, "group": str}
    numbers = {"label": "int64", "width": "int64", "height": "int64"}
    try:
        manifest = pd.read_csv(
            Path(ref.root) / MANIFEST, dtype=text | numbers, keep_default_na=False, encoding="utf-8"
        )
        older = {name: "" for name in ("traits", "group") if name not in manifest}  # imported by an older version
        return manifest.assign(**older)
    except (OSError, ValueError) as error:
        raise _no_list(ref) from error


def read_thumbnails(ref: DatasetRef) -> NDArray[Any] | None:
    """uint8 [rows, side, side], in the manifest's order (`look_alikes`), read from the disk as needed; None for what
    an older version imported."""
    found = files.find_array(ref.images_root.with_name(THUMBNAILS), mapped=True)
    return found if found is not None and found.shape == (ref.images + ref.excluded, look_alikes.SIDE,
    look_alikes.SIDE) else None


def read_alike(ref: DatasetRef) -> NDArray[Any]:
    """Pairs of rows (i < j) that show nearly the same picture, int64 [P, 2]: found once, at import (`looks.alike`).

    For what an older version imported they are found now; none where it kept no thumbnails.
    """
    import numpy as np

    path = ref.images_root.with_name(ALIKE)
    found = files.find_array(path)
    if found is not None:
        return found
    thumbnails = read_thumbnails(ref)
    if thumbnails is None:
        return np.zeros((0, 2), np.int64)
    pairs = alike_pairs(thumbnails, list(read_manifest(ref)["digest"]))
    # A home that may not be written: found again next time.
    with suppress(OSError), files.written_whole(path) as file:
        np.save(file, pairs)
    return pairs


def alike_pairs(thumbnails: NDArray[Any], digests: Sequence[str]) -> NDArray[Any]:
    """`looks.alike` over the first of each different file; copies are known by their digest."""
    import numpy as np

    _, first = np.unique(np.asarray(digests), return_index=True)
    return look_alikes.alike(thumbnails, np.sort(first))


def _row(cells: Sequence[str]) -> Row:
    path, label, split, digest, width, height, *later = cells  # an older version wrote fewer
    return Row(path, int(label), split, digest, int(width), int(height), *later)


def _no_list(ref: DatasetRef) -> NotFound:
    return NotFound(f"The list of images of '{ref.name}' is missing. Import its images again.")


def folders(datasets: Path) -> list[Path]:
    """What lies beside each other there: datasets, revisions, and staging folders of imports under way."""
    return [entry for entry in datasets.iterdir() if entry.is_dir()] if datasets.is_dir() else []

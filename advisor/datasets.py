"""Datasets on disk: `home/datasets/<id>/` with `images/`, `manifest.csv`, `thumbnails.npy` and `dataset.json`.

A revision (`revisions`) has a manifest and a record only, and shares the rest with its import.

A dataset is built in a staging folder and appears under its id by one rename: it is whole or it is not there.
Reading needs no decoding of images and no heavy import until a manifest is asked for.
"""

from __future__ import annotations

import csv
import ctypes
import errno
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor import looks
from advisor.errors import DataError, NotFound
from advisor.plans import to_json
from advisor.types import EXCLUDED, SPLITS, DatasetRef

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MANIFEST = "manifest.csv"
RECORD = "dataset.json"
THUMBNAILS = "thumbnails.npy"
ALIKE = "alike.npy"

RULES = 2
"""Raise it when the same archive would now give another dataset (layout, formats, limits)."""

_STAGING = re.compile(r"\.staging-(\d+)-[0-9a-f]+")
_mine: set[str] = set()
"""Staging folders that this process is filling now. (A dead process may have had the pid this one has.)"""


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


def content_id(rows: Iterable[Row], classes: Sequence[str], base: str = "", *, target: bool = False) -> str:
    """First 16 hex digits of the sha256 over the sorted (path, class name, split, digest), as JSON lines.

    A revision's id is also over that of its import, `base`; a target's over its classes, of which it may have no image.
    """
    keys = sorted((row.path, classes[row.label] if row.label >= 0 else "", row.split, row.digest) for row in rows)
    text = "".join(json.dumps(key, ensure_ascii=False) + "\n" for key in keys)
    if target:
        text += json.dumps(["target", *classes], ensure_ascii=False)
    if base:
        text = f"revision of {base}\n{text}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def counts_of(rows: Iterable[Row], classes: int) -> dict[str, tuple[int, ...]]:
    """Images per class for each split that is there, as `DatasetRef.counts`; excluded ones are in none."""
    table = Counter((row.split, row.label) for row in rows)
    present = {split for split, _ in table}
    ordered = [split for split in ("", *SPLITS) if split in present]
    return {split: tuple(table[split, label] for label in range(classes)) for split in ordered}


def load_dataset(home: Path, dataset_id: str) -> DatasetRef:
    """The import or revision with this id. Raises NotFound when the home does not hold it."""
    root = Path(home).absolute() / "datasets" / dataset_id
    missing = NotFound(f"There is no dataset '{dataset_id[:40]}' in '{home}'. Import its images again.")
    if not re.fullmatch(r"[0-9a-f]{16}", dataset_id):
        raise missing
    try:
        data = json.loads((root / RECORD).read_text(encoding="utf-8"))
        ref = _ref(data, root)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise missing from error
    if ref.base and not (root.with_name(ref.base) / RECORD).is_file():
        raise missing  # a revision without the import that holds its images
    return ref


def list_datasets(home: Path) -> list[DatasetRef]:
    """All imports, newest first; without targets, which belong to another dataset, and without revisions, which
    `revisions.history` lists."""
    return [ref for ref in everything(home) if not ref.base]


def everything(home: Path) -> list[DatasetRef]:
    """All imports and all their revisions, newest first."""
    found = []
    for folder in _folders(Path(home) / "datasets"):
        try:
            found.append(load_dataset(home, folder.name))
        except NotFound:
            continue  # a staging folder, or something that is not Thaw's
    found = [ref for ref in found if not ref.target]
    return sorted(found, key=lambda ref: (-ref.created, ref.id))


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

    text = {"path": str, "split": str, "digest": str, "traits": str}
    numbers = {"label": "int64", "width": "int64", "height": "int64"}
    try:
        manifest = pd.read_csv(
            Path(ref.root) / MANIFEST, dtype=text | numbers, keep_default_na=False, encoding="utf-8"
        )
        return manifest if "traits" in manifest else manifest.assign(traits="")  # imported by an older version
    except (OSError, ValueError) as error:
        raise _no_list(ref) from error


def read_thumbnails(ref: DatasetRef) -> NDArray[Any] | None:
    """uint8 [rows, side, side], in the manifest's order (`looks`), read from the disk as needed; None for what an older
    version imported."""
    import numpy as np

    try:
        found: NDArray[Any] = np.load(ref.images_root.with_name(THUMBNAILS), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return found if found.shape == (ref.images + ref.excluded, looks.SIDE, looks.SIDE) else None


def read_alike(ref: DatasetRef) -> NDArray[Any]:
    """Pairs of rows (i < j) that show nearly the same picture, int64 [P, 2]: found once, at import (`looks.alike`).

    For what an older version imported they are found now; none where it kept no thumbnails.
    """
    import numpy as np

    path = ref.images_root.with_name(ALIKE)
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
        return found
    except (OSError, ValueError):
        thumbnails = read_thumbnails(ref)
    if thumbnails is None:
        return np.zeros((0, 2), np.int64)
    pairs = alike_pairs(thumbnails, list(read_manifest(ref)["digest"]))
    with suppress(OSError):  # a home that may not be written: found again next time
        part = path.with_name(f".{ALIKE}-{secrets.token_hex(4)}")
        with open(part, "wb") as file:
            np.save(file, pairs)
        os.replace(part, path)
    return pairs


def alike_pairs(thumbnails: NDArray[Any], digests: Sequence[str]) -> NDArray[Any]:
    """`looks.alike` over the first of each different file; copies are known by their digest."""
    import numpy as np

    _, first = np.unique(np.asarray(digests), return_index=True)
    return looks.alike(thumbnails, np.sort(first))


@contextmanager
def staging(home: Path) -> Iterator[Path]:
    """A new empty folder beside the datasets; removed at the end unless `commit` renamed it.

    Folders that killed imports left behind are removed first.
    """
    datasets = Path(home) / "datasets"
    with disk_errors(datasets):
        datasets.mkdir(parents=True, exist_ok=True)
        _sweep(datasets)
        folder = datasets / f".staging-{os.getpid()}-{secrets.token_hex(4)}"
        _mine.add(folder.name)
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _mine.discard(folder.name)


def commit(stage: Path, ref: DatasetRef, rows: Sequence[Row], thumbnails: Sequence[bytes] | None) -> DatasetRef:
    """Write the manifest, the record and the thumbnails (in the rows' order; a revision has none of its own) into
    `stage`, flush all of it, and give it its final name.

    When the dataset is there already (and whole), that one is returned and `stage` is left to be removed.
    """
    import numpy as np

    root = Path(ref.root)
    if existing := _whole(root, rows):
        return existing  # before flushing: files that reached the disk are much slower to remove
    with open(stage / MANIFEST, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)
    (stage / RECORD).write_text(json.dumps(to_json(ref), ensure_ascii=False, indent=1), encoding="utf-8")
    if thumbnails is not None:
        _save_thumbnails(stage / THUMBNAILS, thumbnails)
        small = np.load(stage / THUMBNAILS, mmap_mode="r", allow_pickle=False)
        np.save(stage / ALIKE, alike_pairs(small, [row.digest for row in rows]))
    _flush(stage)
    for _ in range(3):
        try:
            os.rename(stage, root)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            if existing := _whole(root, rows):
                return existing
            # Someone damaged the first one: the same content replaces it, and runs that name it work again.
            old = root.with_name(f".staging-{os.getpid()}-{secrets.token_hex(4)}")
            os.rename(root, old)
            shutil.rmtree(old, ignore_errors=True)
        else:
            _flush_folder(root.parent)
            return ref
    raise DataError(f"'{root}' is changing while it is being imported. Import it again.")


def _save_thumbnails(path: Path, thumbnails: Sequence[bytes]) -> None:
    """As `np.save` would, one after the other: together they are 1 GB for a million images."""
    import numpy as np

    shape = (len(thumbnails), looks.SIDE, looks.SIDE)
    with open(path, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.writelines(thumbnails)


def archive_key(archive: Path) -> str:
    """What an archive is remembered by: a digest of its bytes, and of the rules by which it was read."""
    with open(archive, "rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}-{RULES}"


def remember(home: Path, key: str, ref: DatasetRef) -> None:
    """Note which dataset an archive gave, so that giving the same bytes again needs no unpacking."""
    folder = Path(home) / "sources"
    folder.mkdir(exist_ok=True)
    new = folder / f".{key}-{secrets.token_hex(4)}"
    new.write_text(ref.id, encoding="ascii")
    os.replace(new, folder / key)


def recall(home: Path, key: str) -> DatasetRef | None:
    """The dataset that an archive gave before, if it is still whole."""
    try:
        ref = load_dataset(home, (Path(home) / "sources" / key).read_text(encoding="ascii"))
        with open(Path(ref.root) / MANIFEST, encoding="utf-8", newline="") as file:
            paths = [row["path"] for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, NotFound):
        return None
    whole = len(paths) == ref.images and all((ref.images_root / path).is_file() for path in paths)
    return ref if whole else None


def need_space(folder: Path, size: int) -> None:
    """Raise DataError when `size` more bytes would not fit on the disk that holds `folder`."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"The images need {_megabytes(size)}, but the disk of '{folder.parent}' has {_megabytes(free)} "
            "free. Free some space, or choose another home with THAW_HOME."
        )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what a full or read-only disk raises into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"The disk of '{folder}' is full. Free some space, or choose another home with THAW_HOME."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise DataError(f"Thaw may not write in '{folder}': {error.strerror}.") from error
        raise


def _ref(data: dict[str, Any], root: Path) -> DatasetRef:
    known = {one.name for one in fields(DatasetRef)}
    plain = {key: value for key, value in data.items() if key in known}
    return DatasetRef(
        **{
            **plain,
            "root": str(root),  # a home may be moved
            "classes": tuple(data["classes"]),
            "counts": {split: tuple(counts) for split, counts in data["counts"].items()},
            "set_aside": tuple((path, reason) for path, reason in data["set_aside"]),
            "notes": tuple(data["notes"]),
        }
    )


def _row(cells: Sequence[str]) -> Row:
    path, label, split, digest, width, height, *traits = cells
    return Row(path, int(label), split, digest, int(width), int(height), *traits)


def _no_list(ref: DatasetRef) -> NotFound:
    return NotFound(f"The list of images of '{ref.name}' is missing. Import its images again.")


def _whole(root: Path, rows: Sequence[Row]) -> DatasetRef | None:
    """The dataset at `root` when its record and manifest are there and, for an import, every image."""
    try:
        ref = load_dataset(root.parent.parent, root.name)
    except NotFound:
        return None
    complete = (root / MANIFEST).is_file()
    if not ref.base:
        complete = complete and all((ref.images_root / row.path).is_file() for row in rows)
    return ref if complete else None


def _sweep(datasets: Path) -> None:
    for folder in _folders(datasets):
        match = _STAGING.fullmatch(folder.name)
        if match and folder.name not in _mine and not _alive(int(match[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    """Whether another process with this id runs. This process knows its own staging folders by name."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _folders(datasets: Path) -> list[Path]:
    return [entry for entry in datasets.iterdir() if entry.is_dir()] if datasets.is_dir() else []


def _flush(folder: Path) -> None:
    """Put everything under `folder` on the disk: one call on Linux, else file by file."""
    if sys.platform == "linux":
        handle = os.open(folder, os.O_RDONLY)
        try:
            if ctypes.CDLL(None).syncfs(handle) == 0:
                return
        except AttributeError:
            pass  # a C library without syncfs: the general way below
        finally:
            os.close(handle)
    for parent, _, names in os.walk(folder):
        for name in names:
            _flush_folder(Path(parent) / name)
        _flush_folder(Path(parent))


def _flush_folder(path: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot flush what is opened for reading
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _megabytes(size: int) -> str:
    return f"{size / 1024**3:.1f} GB" if size >= 1024**3 else f"{size / 1024**2:.1f} MB"

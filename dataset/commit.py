"""How a dataset comes to lie in the home: built in a staging folder, it appears under its id by one rename. It is whole
or it is not there, whenever the process is killed (`python -m benchmarks.kill_commit` kills it at every line of that).

Also remembered here: which dataset an archive gave.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from core import USUAL_DECODING, DataError, DatasetRef, Decoding, NotFound, files, to_json
from core.disk import disk_errors, flush, flush_one
from core.processes import ELSEWHERE_S, alive, made_here, tag
from dataset import look_alikes
from dataset.folder import (
    ALIKE,
    MANIFEST,
    RECORD,
    THUMBNAILS,
    Row,
    alike_pairs,
    folders,
    load_dataset,
    read_rows,
    read_thumbnails,
)

RULES = 3
"""Raise it when the same archive would now give another dataset (layout, formats, limits)."""
_STAGING = re.compile(r"\.staging-(\d+)-([0-9a-f]+)")
_mine: set[str] = set()
"""Staging folders that this process is filling now."""


@contextmanager
def staging(home: Path) -> Iterator[Path]:
    """A new empty folder beside the datasets; removed at the end unless `commit` renamed it.

    Folders that killed imports left behind are removed first.
    """
    datasets = Path(home) / "datasets"
    with disk_errors(datasets):
        datasets.mkdir(parents=True, exist_ok=True)
        _sweep(datasets)
        folder = datasets / f".staging-{tag()}{secrets.token_hex(4)}"
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

    When the dataset is there already (and whole), that one is returned and `stage` is left to be removed. Thumbnails
    that an older version did not keep are added to it.
    """
    import numpy as np

    root = Path(ref.root)
    if existing := _whole(root, rows):
        _add_thumbnails(existing, rows, thumbnails)
        return existing  # before flushing: files that reached the disk are much slower to remove
    with open(stage / MANIFEST, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)
    (stage / RECORD).write_text(json.dumps(to_json(ref), ensure_ascii=False, indent=1), encoding="utf-8")
    if thumbnails is not None:
        with open(stage / THUMBNAILS, "xb") as small_ones:
            _save_thumbnails(small_ones, thumbnails)
        small = np.load(stage / THUMBNAILS, mmap_mode="r", allow_pickle=False)
        np.save(stage / ALIKE, alike_pairs(small, [row.digest for row in rows]))
        del small  # Windows renames no folder that holds a mapped file
    flush(stage)
    for _ in range(3):
        try:
            with files.naming():
                os.rename(stage, root)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            if existing := _whole(root, rows):
                _add_thumbnails(existing, rows, thumbnails)
                return existing
            # Someone damaged the first one: the same content replaces it, and runs that name it work again.
            old = root.with_name(f".staging-{tag()}{secrets.token_hex(4)}")
            with files.naming():
                os.rename(root, old)
            shutil.rmtree(old, ignore_errors=True)
        else:
            flush_one(root.parent)
            return ref
    raise DataError(f"'{root}' is changing while it is being imported. Import it again.")


def remove(home: Path, dataset_id: str) -> None:
    """Take a dataset out of the home: it is gone by one rename, its files then. Nothing where it is gone already."""
    root = Path(home) / "datasets" / dataset_id
    gone = root.with_name(f".staging-{tag()}{secrets.token_hex(4)}")
    with suppress(FileNotFoundError):
        os.rename(root, gone)
    shutil.rmtree(gone, ignore_errors=True)


def _add_thumbnails(ref: DatasetRef, rows: Sequence[Row], thumbnails: Sequence[bytes] | None) -> None:
    """To what an older version imported without, or with others; nothing where its rows stand in another order."""
    if thumbnails is None or read_thumbnails(ref) is not None:
        return
    if [row.path for row in read_rows(ref)] == [row.path for row in rows]:
        with files.written_whole(Path(ref.root) / THUMBNAILS) as file:
            _save_thumbnails(file, thumbnails)
            with files.naming():
                (Path(ref.root) / ALIKE).unlink(missing_ok=True)  # found anew from these, when it is asked for


def _save_thumbnails(file: BinaryIO, thumbnails: Sequence[bytes]) -> None:
    """As `np.save` would, one after the other: together they are 1 GB for a million images."""
    import numpy as np

    shape = (len(thumbnails), look_alikes.SIDE, look_alikes.SIDE)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    file.writelines(thumbnails)


def archive_key(archive: Path, decoding: Decoding) -> str:
    """What an archive is remembered by: a digest of its bytes, and of the rules by which it was read."""
    how = hashlib.sha256(json.dumps(to_json(decoding)).encode()).hexdigest()[:16]
    with open(archive, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    return f"{digest}-{RULES}" if decoding == USUAL_DECODING else f"{digest}-{RULES}-{how}"


def remember(home: Path, key: str, ref: DatasetRef) -> None:
    """Note which dataset an archive gave, so that giving the same bytes again needs no unpacking."""
    files.write_whole(Path(home) / "sources" / key, ref.id)


def recall(home: Path, key: str) -> DatasetRef | None:
    """The dataset that an archive gave before, if it is still whole and has all that an import leaves now."""
    try:
        ref = load_dataset(home, (Path(home) / "sources" / key).read_text(encoding="ascii"))
        with open(Path(ref.root) / MANIFEST, encoding="utf-8", newline="") as file:
            paths = [row["path"] for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, NotFound):
        return None
    whole = len(paths) == ref.images and all((ref.images_root / path).is_file() for path in paths)
    return ref if whole and read_thumbnails(ref) is not None else None


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
    for folder in folders(datasets):
        match = _STAGING.fullmatch(folder.name)
        if match and folder.name not in _mine and _left(folder, int(match[1]), match[2]):
            shutil.rmtree(folder, ignore_errors=True)


def _left(folder: Path, pid: int, rest: str) -> bool:
    if not made_here(rest):
        with suppress(OSError):
            return time.time() - folder.stat().st_mtime > ELSEWHERE_S
        return False
    return pid == os.getpid() or not alive(pid, None)  # this process knows its own by name: a dead one had its pid

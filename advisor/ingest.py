"""The front door for data: a folder, an archive or a browser upload becomes a checked `DatasetRef`.

Every image is decoded once; what cannot be used is listed and set aside, never fatal. Archives are unpacked
by `archives`, folders understood by `layout`, files judged by `decoding`, results kept by `datasets`, and
`checking` leads through these steps. No model is run here.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from advisor.archives import unpack
from advisor.checking import Found, FromFolders, Labels, Progress, finish
from advisor.datasets import (
    archive_key,
    list_datasets,
    load_dataset,
    read_manifest,
    recall,
    remember,
    staging,
)
from advisor.errors import DataError
from advisor.layout import OUTERMOST, ClassFrom
from advisor.names import (
    Clashes,
    is_archive_name,
    is_image_name,
    is_litter,
    printable,
    safe_relative,
)
from advisor.tables import is_table_name
from advisor.types import DatasetRef

__all__ = [
    "import_made",
    "import_path",
    "import_uploads",
    "list_datasets",
    "load_dataset",
    "read_manifest",
    "take_in",
]


def import_path(
    path: str | os.PathLike[str],
    home: Path,
    *,
    name: str | None = None,
    progress: Progress | None = None,
    classes_from: ClassFrom = OUTERMOST,
) -> DatasetRef:
    """Import a folder, .zip, .tar(.gz, .bz2, .xz), or a table of labels (.csv, .tsv, .parquet) beside its images. The
    same images given again return the first import.

    `name` is shown to people (default: the folder's or archive's name). `classes_from`: which of nested folders is the
    class. Raises DataError, UnsafeArchive or TooFewImages; then, as when the process is killed, the home holds what it
    held before.
    """
    return take_in(path, home, FromFolders(classes_from), name=name, progress=progress)


def take_in(
    path: str | os.PathLike[str],
    home: Path,
    labels: Labels,
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> DatasetRef:
    """As `import_path`, with labels found in any way."""
    source = Path(path).expanduser().absolute()
    try:
        is_folder, is_file = source.is_dir(), source.is_file()
        if is_folder:
            os.scandir(source).close()
        elif is_file:
            source.open("rb").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"'{path}' cannot be read: {reason}.") from error
    if is_folder or (is_file and is_table_name(source.name)):
        folder, table = (source, None) if is_folder else (source.parent, source.name)
        with staging(home) as stage:
            found, title = _walk(folder), name or folder.name
            return finish(found, stage, title, str(source), progress, keep_source=True, table=table, labels=labels)
    if is_file:
        with staging(home) as stage:
            return _from_archive(source, home, stage, name, progress, labels)
    raise DataError(f"There is no file or folder at '{path}'. Check the path and try again.")


def import_uploads(
    files: Sequence[tuple[str, BinaryIO]],
    home: Path,
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> DatasetRef:
    """Import what a browser sent: (relative path, open file) of each file, or one archive.

    The paths come from outside: those that would leave their folder are refused as in an archive.
    Raises as `import_path` does.
    """
    with staging(home) as stage:
        if len(files) == 1 and is_archive_name(files[0][0]):
            given = safe_relative(files[0][0])
            archive = stage / "upload" / given.rpartition("/")[2]
            _write(files[0][1], archive)
            return _from_archive(archive, home, stage, name, progress, FromFolders())
        found, clashes = Found(), Clashes()
        wanted: list[tuple[str, BinaryIO]] = []
        for given, file in files:
            safe = safe_relative(given)
            if not safe or is_litter(safe):
                continue
            clashes.add(safe, folder=False)
            if is_image_name(safe) or is_table_name(safe):
                wanted.append((safe, file))
            else:
                found.leave_out(safe)
        for safe, file in wanted:
            target = stage / "unpacked" / safe
            size = _write(file, target)
            if is_table_name(safe):
                found.tables[safe] = target
            else:
                found.images[safe] = target
                found.size += size
        tops = sorted({path.split("/")[0] for path in found.images})
        return finish(found, stage, name or (tops[0] if len(tops) == 1 else ""), "browser upload", progress)


def import_made(write: Callable[[Path], None], home: Path, *, name: str, source: str) -> DatasetRef:
    """Import images that `write(folder)` makes, as class folders or splits, in the folder it is given."""
    with staging(home) as stage:
        made = stage / "unpacked"
        made.mkdir()
        write(made)
        return finish(_walk(made), stage, name, source, None)


def _from_archive(
    archive: Path, home: Path, stage: Path, name: str | None, progress: Progress | None, labels: Labels
) -> DatasetRef:
    key = archive_key(archive) + labels.key
    if known := recall(home, key):
        if progress:
            progress(known.images, known.images)
        return known
    into = stage / "unpacked"
    tick = (lambda total: progress(0, total)) if progress else None
    out = unpack(archive, into, wanted=lambda name: is_image_name(name) or is_table_name(name), tick=tick)
    found = Found({path: into / path for path in out.written if is_image_name(path)}, out.folders, size=out.size)
    found.tables = {path: into / path for path in out.written if is_table_name(path)}
    for path in out.others:
        found.leave_out(path)
    for path, reason in out.damaged:
        found.leave_out(path, reason)
    ref = finish(found, stage, name or _stem(archive.name), archive.name, progress, labels=labels)
    remember(home, key, ref)
    return ref


def _walk(root: Path) -> Found:
    """Every file below a folder. Links are followed (data is often linked together), each folder once."""
    found = Found()
    seen: set[tuple[int, int]] = set()
    waiting = [(root, "")]
    while waiting:
        folder, path = waiting.pop()
        try:
            about = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError as error:
            found.set_aside.append((path, f"folder cannot be read: {error.strerror}"))
            continue
        if (about.st_dev, about.st_ino) in seen:
            found.set_aside.append((path, "a link to a folder that was read already"))
            continue
        seen.add((about.st_dev, about.st_ino))
        for entry in entries:
            inner = f"{path}/{entry.name}" if path else entry.name
            try:
                if _take_in(entry, inner, found):
                    waiting.append((Path(entry.path), inner))
            except OSError as error:
                found.set_aside.append((inner, f"cannot be read: {error.strerror}"))
    return found


def _take_in(entry: os.DirEntry[str], path: str, found: Found) -> bool:
    """Add one entry of a folder to `found`. True when it is a folder that is to be read as well."""
    if is_litter(entry.name):
        return False
    if printable(entry.name) != entry.name:
        found.set_aside.append((printable(path), "its name is not plain Unicode text: rename it"))
        return False
    if entry.is_dir():
        found.folders.append(path)
        return True
    if not entry.is_file():
        found.set_aside.append((path, "a broken link or a special file"))
    elif is_image_name(entry.name):
        found.size += entry.stat().st_size
        found.images[path] = Path(entry.path)
    elif is_table_name(entry.name):
        found.tables[path] = Path(entry.path)
    else:
        found.leave_out(path)
    return False


def _write(file: BinaryIO, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb") as sink:
        shutil.copyfileobj(file, sink, 1024**2)
        return sink.tell()


def _stem(name: str) -> str:
    return re.sub(r"\.(zip|tar|tgz|tbz2?|txz|(tar\.)?(gz|bz2|xz|zst))$", "", name, flags=re.IGNORECASE) or name

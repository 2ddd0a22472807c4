"""The front door for data: a folder, an archive or a browser upload becomes a checked `DatasetRef`.

Every image is decoded once; what cannot be used is listed and set aside, never fatal. Archives are unpacked
by `archives`, folders understood by `layout`, files judged by `decoding`, results kept by `dataset.folder`, and
`assembly` leads through these steps. No model is run here.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from core import SOURCE, USUAL_DECODING, DataError, DatasetRef, Decoding
from core.names import Clashes, is_archive_name, is_image_name, is_litter, printable
from dataset import (
    Layout,
    Placed,
    Row,
    archive_key,
    list_datasets,
    load_dataset,
    read_manifest,
    read_rows,
    recall,
    remember,
    staging,
)
from dataset.documents import is_document_name
from dataset.groups import GroupsFrom
from dataset.ingest.archives import unpack
from dataset.ingest.assembly import Arranged, AsRead, Found, Labels, Progress, finish, with_groups
from dataset.readings import UNSAID, ReadAs

__all__ = [
    "import_made",
    "import_path",
    "import_upload_folder",
    "list_datasets",
    "load_dataset",
    "read_manifest",
    "take_again",
    "take_in",
]


@dataclass(frozen=True)
class AsBefore:
    """Labels and sides as an import has them; groups too, or those that the names give, or none."""

    ref: DatasetRef
    rows: Sequence[Row]
    groups: GroupsFrom = "auto"
    """'auto' = as they are."""
    target: ClassVar[bool] = False
    key: ClassVar[str] = ""

    def arrange(self, found: Found, table: str | None) -> Arranged:
        placed = [
            Placed(row.path, row.path, row.label, row.split, row.group) for row in self.rows if row.path in found.images
        ]
        layout = Layout(self.ref.classes, tuple(placed), (), (), self.ref.grouped_by)
        if self.groups != "auto" or self.ref.grouped_by:
            layout = with_groups(layout, self.groups)
        return Arranged(layout, self.ref.reading, self.ref.reading_key, self.ref.other_readings)

    def check(self, layout: Layout, rows: Sequence[Row]) -> None:
        """What was enough is enough: files are set aside only where they lack a page."""
        AsRead().check(layout, rows)


def import_path(
    path: str | os.PathLike[str],
    home: Path,
    *,
    name: str | None = None,
    progress: Progress | None = None,
    groups: GroupsFrom = "auto",
    read_as: ReadAs = UNSAID,
    decoding: Decoding = USUAL_DECODING,
) -> DatasetRef:
    """Import a folder, .zip, .tar(.gz, .bz2, .xz), or a table, JSON file or list of labels beside its images. The same
    images given again return the first import.

    `name` is shown to people (default: the folder's or archive's name). `groups`: what the names may say of what
    belongs together. `read_as`: which reading is meant where there are several. `decoding`: pages and value range; a
    range that it leaves open is chosen from the images. Raises ReadingAsked where a reading has to be said, DataError,
    UnsafeArchive or TooFewImages; then, as when the process is killed, the home holds what it held before.
    """
    labels = AsRead(read_as, groups)
    return take_in(path, home, labels, name=name, progress=progress, decoding=decoding)


def take_in(
    path: str | os.PathLike[str],
    home: Path,
    labels: Labels,
    *,
    name: str | None = None,
    progress: Progress | None = None,
    said: str | None = None,
    decoding: Decoding = USUAL_DECODING,
) -> DatasetRef:
    """As `import_path`, with labels found in any way. said: where the images are from, if not from `path`."""
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
    if is_folder or (is_file and is_document_name(source.name)):
        folder, table = (source, None) if is_folder else (source.parent, source.name)
        with staging(home) as stage:
            found, title = _walk(folder, without=Path(home)), name or folder.name
            ours = folder.is_relative_to(Path(home).absolute() / "datasets")  # never changed: no second copy is needed
            bring = os.link if ours else shutil.copyfile
            kept = _walk(folder.with_name(SOURCE)).files if ours else {}
            return finish(
                found, stage, title, said or str(source), progress, bring=bring, table=table, labels=labels,
                decoding=decoding, keep=kept,
            )  # fmt: skip
    if is_file:
        with staging(home) as stage:
            return _from_archive(source, home, stage, name, progress, labels, decoding)
    raise DataError(f"There is no file or folder at '{path}'. Check the path and try again.")


def take_again(
    ref: DatasetRef,
    home: Path,
    *,
    decoding: Decoding,
    groups: GroupsFrom = "auto",
    progress: Progress | None = None,
) -> DatasetRef:
    """The images of an import decoded or grouped another way: another dataset, with the same labels and sides. Copies
    no image. groups: 'auto' = as they are.

    Raises DataError for a revision.
    """
    if ref.base:
        raise DataError(f"{ref.id} is an edited revision, and its edits would be lost: give its import, {ref.base}.")
    labels = AsBefore(ref, read_rows(ref), groups)
    return take_in(
        ref.images_root, home, labels, name=ref.name, progress=progress, said=ref.source, decoding=decoding
    )


def import_upload_folder(
    folder: Path,
    home: Path,
    labels: Labels,
    *,
    left_out: Sequence[str] = (),
    name: str | None = None,
    progress: Progress | None = None,
    decoding: Decoding = USUAL_DECODING,
) -> DatasetRef:
    """Import what a browser sent, lying in `folder` of this home under safe names: one archive, or files, which are
    moved, not copied. left_out: names of files that were not sent. Raises as `import_path` does.
    """
    with staging(home) as stage:
        first = [path for path, _ in zip(folder.rglob("*"), range(2), strict=False)]
        if len(first) == 1 and first[0].is_file() and is_archive_name(first[0].name) and not left_out:
            return _from_archive(first[0], home, stage, name, progress, labels, decoding, keep=True)
        found = _walk(folder)
        for path in left_out:
            found.leave_out(path)
        clashes = Clashes()
        for path in [*found.images, *found.documents, *(path for path, _ in found.set_aside)]:
            clashes.add(path, folder=False)
        tops = sorted({path.split("/")[0] for path in found.images})
        title = name or (tops[0] if len(tops) == 1 else "")
        return finish(
            found, stage, title, "browser upload", progress, labels=labels, decoding=decoding, keep=found.files
        )


def import_made(
    write: Callable[[Path], None], home: Path, *, name: str, source: str, progress: Progress | None = None
) -> DatasetRef:
    """Import images that `write(folder)` makes, as class folders or splits, in the folder it is given."""
    with staging(home) as stage:
        made = stage / "unpacked"
        made.mkdir()
        write(made)
        return finish(_walk(made), stage, name, source, progress)


def _from_archive(
    archive: Path,
    home: Path,
    stage: Path,
    name: str | None,
    progress: Progress | None,
    labels: Labels,
    decoding: Decoding,
    *,
    keep: bool = False,
) -> DatasetRef:
    key = archive_key(archive, decoding) + labels.key
    if known := recall(home, key):
        if progress:
            progress(known.images, known.images)
        return known
    into = stage / "unpacked"
    tick = (lambda total: progress(0, total)) if progress else None
    out = unpack(archive, into, wanted=lambda name: is_image_name(name) or is_document_name(name), tick=tick)
    found = Found({path: into / path for path in out.written if is_image_name(path)}, out.folders, size=out.size)
    found.documents = {path: into / path for path in out.written if is_document_name(path)}
    for path in out.others:
        found.leave_out(path)
    for path, reason in out.damaged:
        found.leave_out(path, reason)
    ref = finish(
        found, stage, name or _stem(archive.name), archive.name, progress, labels=labels, decoding=decoding,
        keep=found.files if keep else None,
    )  # fmt: skip
    remember(home, key, ref)
    return ref


def _walk(root: Path, without: Path | None = None) -> Found:
    """Every file below a folder. Links are followed (data is often linked together), each folder once. without: a home
    that may lie in there, whose images are copies of imported ones."""
    found = Found()
    left_out = os.stat(without) if without else None
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
        if left_out and os.path.samestat(about, left_out):
            found.folders = [one for one in found.folders if one != path]  # no class of this name
            found.set_aside.append((path, "the home of Thaw itself, which holds copies of what was imported"))
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
    elif is_document_name(entry.name):
        found.documents[path] = Path(entry.path)
    else:
        found.leave_out(path)
    return False


def _stem(name: str) -> str:
    return re.sub(r"\.(zip|tar|tgz|tbz2?|txz|(tar\.)?(gz|bz2|xz|zst))$", "", name, flags=re.IGNORECASE) or name

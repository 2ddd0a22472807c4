"""What a browser sends, on its way to an import: files below `home/uploads/<id>/`, written as they arrive.

The route (`ui.server.uploads`) opens an upload and appends files; `take_upload` imports it and removes it, whatever
becomes of the import. Names come from outside and pass `names.safe_relative` before anything is written. Uploads that
nobody imported are `forgotten` a day after their last file.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from core import USUAL_DECODING, DataError, DatasetRef, Decoding, NotFound, ReadingAsked, decode_text
from core.disk import disk_errors
from core.files import take_away
from core.names import safe_relative

if TYPE_CHECKING:
    from dataset.ingest.assembly import Labels, Progress  # what imports: no page loads it

FILES, LEFT_OUT = "files", "left_out.jsonl"
KEPT_S = 86_400.0
_ID = re.compile(r"[0-9a-f]{16}")


def open_upload(home: Path) -> str:
    """A new, empty upload; its id. Raises DataError when it cannot be made."""
    folder = Path(home) / "uploads"
    with disk_errors(folder):
        upload = secrets.token_hex(8)
        (folder / upload / FILES).mkdir(parents=True)
    return upload


def forgotten(home: Path) -> list[Path]:
    """The folders of uploads that have received nothing for a day."""
    found = []
    for folder in (Path(home) / "uploads").glob("*"):
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > KEPT_S:
                found.append(folder)
    return found


def place(home: Path, upload: str) -> Path:
    """The folder of an open upload. Raises NotFound."""
    folder = Path(home) / "uploads" / upload
    if not _ID.fullmatch(upload) or not folder.is_dir():
        raise NotFound("This upload is not known any more. Choose the files again.")
    return folder


@contextmanager
def new_file(home: Path, upload: str, name: str) -> Iterator[BinaryIO]:
    """Write one file of an upload: it appears under its name when the block ends without an error.

    Raises UnsafeArchive for a name that leaves its folder, DataError for one that is there already.
    """
    folder, safe = place(home, upload), safe_relative(name)
    if not safe:
        raise DataError("A file without a name was sent. Choose the files again.")
    target, part = folder / FILES / safe, folder / f"part-{secrets.token_hex(4)}"
    try:
        with disk_errors(folder.parent):
            with open(part, "xb") as sink:
                yield sink
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    raise FileExistsError
                part.rename(target)
                (folder / FILES).touch()
                folder.touch()
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise DataError(
                    f"'{safe}' was sent twice, or as a file and as a folder. Rename one of them."
                ) from error
    finally:
        part.unlink(missing_ok=True)


def leave_out(home: Path, upload: str, names: list[str]) -> None:
    """Note files that the browser kept back, as they are no images; the import lists them."""
    with open(place(home, upload) / LEFT_OUT, "a", encoding="utf-8") as file:
        file.writelines(json.dumps(safe_relative(name)) + "\n" for name in names)


def drop(home: Path, upload: str) -> None:
    """Remove an upload and everything in it; one that is gone already is no error."""
    if _ID.fullmatch(upload):
        take_away(Path(home) / "uploads" / upload)


def take_upload(
    upload: str,
    home: Path,
    labels: Labels,
    *,
    name: str | None = None,
    progress: Progress | None = None,
    decoding: Decoding = USUAL_DECODING,
) -> DatasetRef:
    """Import an upload: one archive, or files under their relative paths. Raises as `ingest.import_path` does; where it
    asks how they are to be read, they stay for the answer."""
    from dataset.ingest.sources import import_upload_folder

    folder = place(home, upload)
    try:
        left_out = folder / LEFT_OUT
        noted = left_out.read_text("utf-8").splitlines() if left_out.is_file() else []
        names = [decode_text(line, str, f"A line of {left_out}", "Choose the files again.") for line in noted]
        ref = import_upload_folder(
            folder / FILES, home, labels, left_out=names, name=name, progress=progress, decoding=decoding
        )
    except ReadingAsked:
        raise
    except BaseException:
        drop(home, upload)
        raise
    drop(home, upload)
    return ref

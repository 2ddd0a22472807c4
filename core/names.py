"""File names that strangers chose: which are safe to write, which are images, which are litter.

Names from archives and browser uploads pass through `safe_relative` before anything is written.
Pure string work: nothing here touches the disk.
"""

from __future__ import annotations

import re
import unicodedata

from core.errors import UnsafeArchive

ENDINGS: dict[str, tuple[str, ...]] = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif", "pjpeg"),
    "PNG": ("png",),
    "BMP": ("bmp",),
    "GIF": ("gif",),
    "WEBP": ("webp",),
    "TIFF": ("tif", "tiff"),
    "JPEG2000": ("jp2", "j2k"),
    "AVIF": ("avif",),
    "HEIF": ("heic", "heif"),
    "JXL": ("jxl",),
    "DICOM": ("dcm",),
}
"""Pillow's name of each format -> what its files' names end in. Which of them are read here depends on what is
installed (`core.portable.pictures.FORMATS`)."""
IMAGE_SUFFIXES = tuple(ending for endings in ENDINGS.values() for ending in endings)
ARCHIVE_SUFFIXES = ("zip", "tar", "tgz", "tbz", "tbz2", "txz", "gz", "bz2", "xz", "zst", "7z", "rar")

MAX_DEPTH = 32
"""Folders above one another in a member's name."""
MAX_NAME_BYTES = 255
"""One folder's or file's name: the limit of the usual file systems."""
MAX_PATH_BYTES = 1024
"""A whole relative path; leaves room for the home's own path below the usual limit of 4096."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LITTER = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information"}


def suffix(name: str) -> str:
    """'photos/A.JPG' -> 'jpg'; '' when there is none."""
    last = name.rsplit("/", 1)[-1]
    return last.rsplit(".", 1)[-1].lower() if "." in last else ""


def is_image_name(name: str) -> bool:
    return suffix(name) in IMAGE_SUFFIXES


def is_archive_name(name: str) -> bool:
    return suffix(name) in ARCHIVE_SUFFIXES


def is_litter(name: str) -> bool:
    """Whether any part of a relative path is what a system left behind: __MACOSX, .DS_Store, Thumbs.db."""
    return any(part.startswith(".") or part.lower() in _LITTER for part in name.split("/"))


def encodable(text: str) -> str:
    """The text as it can be sent and stored: bytes of a broken encoding, as names may hold, are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(name: str) -> str:
    """`encodable`, with control characters spelled out as well."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], encodable(name))


def safe_relative(name: str) -> str:
    """The name of a member or upload as a clean relative path with forward slashes ('' for the root itself).

    Backslashes count as separators, as Windows tools write them. Raises UnsafeArchive, naming the member, for
    a path that is absolute, has a drive letter, climbs out with '..', or cannot be a file name everywhere.
    """
    shown = printable(name)

    def refuse(why: str) -> UnsafeArchive:
        return UnsafeArchive(f"Nothing was imported: the name '{shown[:200]}' {why}.")

    if shown != name:
        raise refuse("holds control characters or is not valid Unicode")
    path = name.replace("\\", "/")
    if path.startswith("/"):
        raise refuse("is an absolute path")
    if re.match(r"[A-Za-z]:", path):
        raise refuse("starts with a drive letter")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise refuse("climbs out of its folder with '..'")
    if len(parts) > MAX_DEPTH:
        raise refuse(f"lies more than {MAX_DEPTH} folders deep")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts) or len(path.encode()) > MAX_PATH_BYTES:
        raise refuse(f"is too long ({MAX_NAME_BYTES} bytes a name, {MAX_PATH_BYTES} a path)")
    return "/".join(parts)


class Clashes:
    """Finds names that would land on one another: given twice, differing only in case, file against folder.

    They are refused, because some file systems would silently keep only one of them.
    """

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def add(self, path: str, *, folder: bool) -> None:
        """Take note of a safe path and all folders above it. Raises UnsafeArchive naming both members."""
        above = path.rpartition("/")[0]
        if above and self._folders.get(_key(above)) != above:
            self.add(above, folder=True)
        key = _key(path)
        other = self._files.get(key) or self._folders.get(key)
        if other is None:
            (self._folders if folder else self._files)[key] = path
        elif other != path:
            raise UnsafeArchive(
                f"Nothing was imported: '{other}' and '{path}' differ only in case or in how accents are "
                "written. Rename one of them."
            )
        elif not (folder and key in self._folders):
            what = (
                "is there both as a file and as a folder"
                if folder or key in self._folders
                else "is there twice"
            )
            raise UnsafeArchive(f"Nothing was imported: '{path}' {what}. Rename or remove one of them.")


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())

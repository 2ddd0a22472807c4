"""The caches of a home: how much disk they take, what they may take, and how they are cleared.

Decoded images (`pixels`), frozen features (`prefix`) and pictures that pages drew (`drawn`) lie under
`home/cache/<dataset>/`. Everything in them can be computed again, so anything may go; what a living process has open is
left alone. No torch.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, get_args

from core import NotFound, PlanError, StateError
from dataset import load_dataset
from training.store import Store

Kind = Literal["decoded images", "frozen features", "pictures for pages"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PICTURES = "drawn"
PATTERNS: dict[Kind, str] = {
    "decoded images": "pixels-*", "frozen features": "prefix-*", "pictures for pages": PICTURES,
}  # fmt: skip
PARTS = "*/prefix-*/boundary*-view*.done.npy"
"""The files that say which rows of a stored boundary are filled; each stands for a pair of files."""
LIMIT_GB = "THAW_CACHE_GB"
MOST_BYTES = 20 * 10**9
SHARE_OF_FREE = 3
"""By default the features may take a third of what the disk would have free without them."""
LEFT_FREE = 10**9
"""Whatever the limit says, this much of the disk stays free: a full one would kill whoever writes to a map."""


@dataclass(frozen=True)
class CacheSize:
    """What one dataset's caches of one kind take on disk."""

    dataset_id: str
    kind: Kind
    bytes: int


def folder_of(home: Path, dataset_id: str) -> Path:
    """Where the caches of one import (`DatasetRef.images_id`) lie."""
    return home / "cache" / dataset_id


def sizes(home: Path, dataset_id: str | None = None) -> list[CacheSize]:
    """Bytes on disk per dataset and kind, of one dataset or of all; what takes nothing is left out."""
    found = []
    for folder in _folders(home, dataset_id):
        for kind, pattern in PATTERNS.items():
            taken = sum(on_disk(path) for cache in folder.glob(pattern) for path in _files(cache))
            if taken:
                found.append(CacheSize(folder.name, kind, taken))
    return found


def clear(home: Path, dataset_id: str | None = None) -> int:
    """Remove the caches of one import, or of all; returns the bytes that this gave back. Revisions use their import's.

    Raises StateError, naming the job, while one that reads them runs; NotFound for a dataset without caches.
    """
    folders = list(_folders(home, dataset_id))
    if dataset_id is not None and not folders:
        raise NotFound(f"Nothing is cached of a dataset '{dataset_id}'; `python -m training cache` lists what is.")
    running = Store(home).jobs(states=("running",))
    busy = [job for job in running if job.dataset_id and dataset_id in (None, import_of(home, job.dataset_id))]
    if busy:
        job = busy[0]
        raise StateError(f"{job.noun} '{job.id}' is using these caches: clear them when it has ended, or stop it.")
    freed = 0
    with changing(home / "cache"):
        for folder in folders:
            freed += sum(on_disk(path) for path in _files(folder))
            shutil.rmtree(folder, ignore_errors=True)
    return freed


# ---- the budget of the frozen features -----------------------------------------------------------------------------


def budget(root: Path) -> int:
    """Bytes that all frozen features under `root` (`home/cache`) may take together.

    THAW_CACHE_GB sets it; else 20 GB or a third of the disk's free space, whichever is less. Space that the features
    take already counts as free. Raises PlanError when THAW_CACHE_GB is not a number from 0 up.
    """
    free = shutil.disk_usage(root).free + sum(map(_pair_bytes, root.glob(PARTS)))
    said = os.environ.get(LIMIT_GB, "")
    if not said:
        return min(MOST_BYTES, free // SHARE_OF_FREE)
    try:
        wanted = float(said)
    except ValueError:
        wanted = -1.0
    if not 0 <= wanted < float("inf"):
        raise PlanError(f"{LIMIT_GB} is '{said}', which is not a number of gigabytes from 0 up.")
    return max(0, min(int(wanted * 10**9), free - LEFT_FREE))


def room(root: Path, own: Iterable[Path]) -> int:
    """Bytes that one run's features may take in all: the budget, less what other living processes have open.

    own: the marks (`*.done.npy`) that the asking process holds itself.
    """
    mine = set(own)
    with changing(root):
        held = sum(_pair_bytes(marks) for marks in root.glob(PARTS) if marks not in mine and _in_use(marks))
    return max(0, budget(root) - held)


def make_room(root: Path, need: int) -> int:
    """Remove stored boundaries until `need` more bytes fit the budget, the one unused for longest first.

    What a living process has open stays. Returns the bytes removed, which may be too few.
    """
    removed = 0
    with changing(root):
        limit = budget(root)
        pairs = [(marks.stat().st_mtime, _pair_bytes(marks), marks) for marks in root.glob(PARTS)]
        taken = sum(size for _, size, _ in pairs)
        for _, size, marks in sorted(pairs):
            if taken - removed + need <= limit:
                break
            if not _in_use(marks):
                marks.unlink()  # the marks first: values without marks are computed again, marks without values lie
                values_of(marks).unlink(missing_ok=True)
                removed += size
        for folder in {marks.parent for _, _, marks in pairs}:
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()
    return removed


def hold(marks: Path) -> IO[bytes]:
    """Keep this pair from being removed until the file returned is closed or the process ends, however it ends."""
    file = marks.open("rb")
    _lock(file, shared=True)
    os.utime(marks)  # the last use, by which `make_room` sorts
    return file


@contextlib.contextmanager
def changing(root: Path) -> Iterator[None]:
    """One process at a time creates, opens or removes caches under `root`; work on them needs no lock."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("ab") as lock:
        while not _lock(lock):
            pass  # on Windows it gives up every ten seconds
        yield


def values_of(marks: Path) -> Path:
    """`boundary6-view0.done.npy` -> `boundary6-view0.npy`."""
    return marks.with_name(marks.name.removesuffix(".done.npy") + ".npy")


def _in_use(marks: Path) -> bool:
    with marks.open("rb") as file:
        return not _lock(file, wait=False)


def _lock(file: IO[bytes], *, shared: bool = False, wait: bool = True) -> bool:
    """Lock an open file until it is closed or the process ends, however it ends; False where that would be to wait for
    the locks of others. A shared lock stands beside other shared ones."""
    from portalocker import AlreadyLocked, LockFlags, lock  # slow to load, and a page that only lists needs none

    kind = LockFlags.SHARED if shared else LockFlags.EXCLUSIVE
    try:
        lock(file, kind if wait else kind | LockFlags.NON_BLOCKING)
    except AlreadyLocked:
        return False
    return True


def _pair_bytes(marks: Path) -> int:
    return on_disk(marks) + on_disk(values_of(marks))


def _folders(home: Path, dataset_id: str | None) -> list[Path]:
    root = home / "cache"
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and dataset_id in (None, path.name))


def import_of(home: Path, dataset_id: str) -> str:
    """Id of the import whose caches a dataset uses: its own, or that of which it is a revision."""
    try:
        return load_dataset(home, dataset_id).images_id
    except NotFound:
        return dataset_id  # deleted


def _files(path: Path) -> Iterator[Path]:
    return (file for file in path.rglob("*") if file.is_file())


def on_disk(path: Path) -> int:
    """What the file really takes: stored features are sparse files. (Where the system does not tell, its length.)"""
    try:
        found = path.stat()
        return found.st_blocks * 512 if hasattr(found, "st_blocks") else found.st_size
    except FileNotFoundError:  # removed since it was listed
        return 0

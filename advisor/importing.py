"""An import in a process of its own, so that the server neither waits for it nor grows by it.

`start` writes the order to `home/imports/<id>/` and starts `python -m advisor.importing` there. The process holds a
lock as long as it lives, writes how far it is, and at its end the dataset's id or the error. A page that is left,
reloaded or opened twice finds the same state here; one that was killed shows as 'lost' and has left no dataset.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from advisor import files
from advisor.datasets import load_dataset
from advisor.errors import DataError, NotFound, ThawError
from advisor.layout import ClassFrom
from advisor.types import DatasetRef

State = Literal["running", "finished", "failed", "cancelled", "lost"]

PROJECT = Path(__file__).resolve().parents[1]
ORDER, PROGRESS, RESULT, LOCK, LOG = "order.json", "progress.json", "result.json", "lock", "log"
TELL_EVERY_S = 0.15
KEPT_S = 86_400.0
LOST = (
    "The process that imported these images ended without a word, as when it is killed. Nothing of it was kept: import "
    "them again."
)
_ID = re.compile(r"[0-9a-f]{8}")
_children: list[subprocess.Popen[bytes]] = []
"""Processes that this one started, kept so that they can be waited for."""


@dataclass(frozen=True)
class Order:
    """What to import, and how. `source`: a path on this computer, 'upload:ID' or 'sample:NAME'."""

    source: str
    name: str | None = None
    classes_from: ClassFrom = 1
    target_of: str = ""
    """Id of the dataset that these images become the target of; '' = a dataset of their own."""
    said: str | None = None
    """Where the images are from, in words, if that is not `source`."""
    started: float = 0.0
    """Unix time when it was given to a process; 0 = not yet."""

    def __post_init__(self) -> None:
        if not self.source:
            raise DataError("Nothing to import was named. Give a folder, an archive or a table of labels.")


@dataclass(frozen=True)
class _Progress:
    """How far the process is; pid 0 = it has not said so yet."""

    pid: int = 0
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class _Result:
    """How it ended."""

    state: State
    dataset: str = ""
    error: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Import:
    """How an import stands."""

    id: str
    order: Order
    state: State
    done: int = 0
    total: int = 0
    """Files checked, and files in all; done is 0 while an archive is unpacked, both are before the files are known."""
    dataset: str = ""
    """Id of what was imported."""
    error: str = ""
    problems: tuple[str, ...] = ()

    def result(self, home: Path) -> DatasetRef:
        """The dataset (or target). Raises DataError with the reason when there is none."""
        if self.state != "finished":
            raise DataError(self.error or LOST, self.problems)
        return load_dataset(home, self.dataset)


def start(home: Path, order: Order) -> str:
    """Start an import; its id. Raises DataError when no process can be started."""
    for old in all_imports(home):
        if time.time() - old.order.started > KEPT_S:
            forget(home, old.id)
    import_id = secrets.token_hex(4)
    folder = Path(home) / "imports" / import_id
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "advisor.importing", str(folder), "--home", str(home)]
    with open(folder / LOG, "ab") as log, open(folder / LOCK, "ab") as lock:
        kept = (lock.fileno(),) if _lock(lock.fileno()) else ()
        files.write_json(folder / ORDER, asdict(replace(order, started=time.time())))
        try:
            child = subprocess.Popen(
                command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=kept,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise DataError(f"The import cannot start: no process for it can be made ({error}).") from error
    _children.append(child)
    return import_id


def look(home: Path, import_id: str) -> Import:
    """How an import stands now. Raises NotFound."""
    folder = Path(home) / "imports" / import_id
    for child in list(_children):
        if child.poll() is not None:
            _children.remove(child)
    ended = not _locked(folder / LOCK)  # before its result is read: one that ends in between has written it
    order = files.find_as(folder / ORDER, Order)
    if not _ID.fullmatch(import_id) or order is None:
        raise NotFound("This import is not known any more.")
    progress = files.find_as(folder / PROGRESS, _Progress) or _Progress()
    result = files.find_as(folder / RESULT, _Result) or (_Result("lost", error=LOST) if ended else _Result("running"))
    return Import(import_id, order, done=progress.done, total=progress.total, **vars(result))


def all_imports(home: Path) -> list[Import]:
    """Every import that nobody has taken note of (`forget`), oldest first."""
    folder = Path(home) / "imports"
    found = []
    for one in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(NotFound):
            found.append(look(home, one.name))
    return sorted(found, key=lambda one: one.order.started)


def cancel(home: Path, import_id: str) -> None:
    """Ask an import to end; it removes what it had done. One that has ended is left as it is."""
    progress = files.find_as(Path(home) / "imports" / import_id / PROGRESS, _Progress)
    with contextlib.suppress(NotFound, ProcessLookupError):
        if progress and progress.pid and look(home, import_id).state == "running":
            os.kill(progress.pid, signal.SIGTERM)


def forget(home: Path, import_id: str) -> None:
    """Remove the note of an import that has ended; its dataset stays."""
    with contextlib.suppress(NotFound):
        if look(home, import_id).state != "running":
            shutil.rmtree(Path(home) / "imports" / import_id, ignore_errors=True)


def carry_out(order: Order, home: Path, progress: Any) -> DatasetRef:
    """Do what an order says, here and now. Raises ThawError."""
    from advisor import ingest, targets, uploads
    from advisor.checking import FromFolders

    source = load_dataset(home, order.target_of) if order.target_of else None
    labels = targets.labels_of(source) if source else FromFolders(order.classes_from)
    kind, _, rest = order.source.partition(":")
    if kind == "upload":
        ref = uploads.take_upload(rest, home, labels, name=order.name, progress=progress)
    elif kind == "sample":
        from advisor.samples import import_sample

        ref = import_sample(rest, home)
    else:
        ref = ingest.take_in(order.source, home, labels, name=order.name, progress=progress, said=order.said)
    if source:
        targets.link(home, source, ref)
    return ref


class _Cancelled(BaseException):
    """Raised by the signal that cancels; passes every `except Exception` on its way out."""


def main(argv: list[str] | None = None) -> int:
    """The process: carries out the order in its folder and writes what became of it."""
    parser = argparse.ArgumentParser(prog="python -m advisor.importing", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    options = parser.parse_args(argv)
    folder: Path = options.folder
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > TELL_EVERY_S:
            told = time.monotonic()
            files.write_json(folder / PROGRESS, asdict(_Progress(os.getpid(), done, total)), lasting=False)

    def on_signal(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what follows is the clearing up
        raise _Cancelled

    signal.signal(signal.SIGTERM, on_signal)
    try:
        tell(0, 0)
        ref = carry_out(files.read_as(folder / ORDER, Order), options.home, tell)
        result = _Result("finished", dataset=ref.id)
    except _Cancelled:
        result = _Result("cancelled", error="The import was cancelled; nothing of it was kept.")
    except ThawError as error:
        result = _Result("failed", error=str(error), problems=getattr(error, "problems", ()))
    except MemoryError:
        result = _Result("failed", error="The machine ran out of memory while it imported these images.")
    except Exception as error:  # the boundary of the process: the page must be able to say it
        import traceback

        traceback.print_exc()
        result = _Result("failed", error=f"The import met a fault in Thaw, {type(error).__name__}: {error}.")
    files.write_json(folder / RESULT, asdict(result))
    return 0


# --- files -----------------------------------------------------------------------------------------------------


def _lock(handle: int) -> bool:
    """Take the lock of an open file; it is kept by every process that inherits it. False when another one has it."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _locked(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return not _lock(file.fileno())
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())

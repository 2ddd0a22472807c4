"""A worker started ahead of its job, so that a click on "Train" does not wait for Python and torch to load.

A spare loads what every worker needs, then waits. Its file `home/spares/<pid>-<place>.<key>.free` says that it may be
taken; whoever renames it to `<pid>-<place>.<key>.<job>` has taken it: a rename succeeds once, so no lock is needed and
any process may die at any point. `place` says where that pid means something: nobody takes another container's. `key`
names what the spare was started with: a spare of other code or settings is never taken. A spare that nobody wants ends
by itself. A light one loads what a probe needs and leaves torch to whoever trains more; any may be given any run. No
torch.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from core import processes, write_whole
from training.machine.memory import available_bytes

SWITCH = "THAW_SPARE"
"""Set to 0, no worker is started ahead of its job."""
IDLE_S = 300.0
"""A spare that waited for so long ends."""
POLL_S = 0.02
REGISTERED_S = 10.0
"""By then whoever started a spare has written its file."""
NEEDED_BYTES = 2 * 10**9
"""With less memory free than this none is started: an idle one takes about 0.4 GB."""
PROJECT = Path(__file__).resolve().parents[2]
FREE = "free"
WHOLE, LIGHT = "--spare", "--light-spare"
"""What a worker is given in place of a job."""
SETTINGS = ("THAW_", "OMP_", "MKL_", "CUDA_", "PYTORCH_", "TORCH_")
"""Environment variables that a worker reads when it starts."""


def wanted() -> bool:
    """Whether this machine has room for a worker that waits."""
    return os.environ.get(SWITCH, "1") != "0" and available_bytes() > NEEDED_BYTES


def ensure(home: Path, command: Sequence[str], *, light: bool = False) -> subprocess.Popen[bytes] | None:
    """Start a spare unless a living one is free; returns the process that was started. light: without torch."""
    if not wanted() or _free(home, command):
        return None
    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    log = home / "logs" / "spare.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("wb") as file:
            child = subprocess.Popen(
                [*command, LIGHT if light else WHOLE, "--home", str(home)], stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, cwd=PROJECT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )  # fmt: skip
    except OSError:
        return None  # the job itself will meet the same error, and say it
    name = f"{child.pid}-{processes.place()}.{_key(command)}.{FREE}"
    write_whole(folder / name, processes.started(child.pid) or "", lasting=False)
    return child


def take(home: Path, command: Sequence[str], job_id: str) -> tuple[int, str | None] | None:
    """Give a job to a free spare: (pid, start) of the process that now works on it; None when there is none."""
    for path, pid, started in _free(home, command):
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster, or it ended
            path.rename(path.with_suffix(f".{job_id}"))
            return pid, started or None
    return None


def dismiss(home: Path, command: Sequence[str]) -> None:
    """Let the free spares end: nothing will come."""
    for path, _, _ in _free(home, command):
        path.unlink(missing_ok=True)


def wait(home: Path, idle_s: float = IDLE_S) -> str | None:
    """In the spare itself, when it has loaded: the id of the job it was given, None when it is to end."""
    began = time.monotonic()
    registered = False
    while True:
        own = next(iter(_folder(home).glob(f"{processes.tag()}.*")), None)
        waited = time.monotonic() - began
        if own is None:
            if registered or waited > REGISTERED_S:
                return None
        elif own.suffix != f".{FREE}":
            own.unlink()
            return own.suffix[1:]
        else:
            registered = True
            if waited > idle_s:
                with contextlib.suppress(FileNotFoundError):  # taken in this very moment: look again
                    own.unlink()
                    return None
        time.sleep(POLL_S)


def _free(home: Path, command: Sequence[str]) -> list[tuple[Path, int, str]]:
    """(file, pid, start) of living spares that may be taken. Files of dead ones are removed."""
    return [found for found in _living(home) if found[0].name.endswith(f".{_key(command)}.{FREE}")]


def _living(home: Path) -> Iterator[tuple[Path, int, str]]:
    for path in sorted(_folder(home).glob(f"*.{FREE}")):
        with contextlib.suppress(OSError, ValueError):
            number, _, place = path.name.split(".")[0].partition("-")
            mine, pid, started = place == processes.place(), int(number), path.read_text()
            if not mine and time.time() - path.stat().st_mtime < 2 * IDLE_S:
                continue  # another container's, or of a version that did not say; in any case it ends by itself
            if mine and processes.alive(pid, started or None):
                yield path, pid, started
            else:
                path.unlink()


def _folder(home: Path) -> Path:
    return home / "spares"


def _key(command: Sequence[str]) -> str:
    """Names command, code and settings: 12 hex."""
    settings = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith(SETTINGS))
    parts = [sys.executable, *command, str(_newest_code()), *settings]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


@functools.cache
def _newest_code() -> float:
    """When the code that this process runs was last changed, Unix time."""
    files = (path for room in ("core", "dataset", "advisor", "training") for path in (PROJECT / room).rglob("*.py"))
    return max(path.stat().st_mtime for path in files)

"""Processes that work: whether one is still the same, whether its work moves, its end by force.

A pid alone is not enough: the system reuses pids, and another container counts them anew (`host`). psutil answers on
every system. A zombie (ended, not yet reaped) counts as dead. psutil is loaded by the first question, not before: what
a page shows first asks none.

Whatever computes for long says `step()` as it passes; a worker's sign of life takes `stepped()` along. The clock is the
system's own since its start: the same for all its processes, untouched by whoever sets the time of day, and on Linux
and macOS it stands while the machine sleeps. No torch.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import signal
import time
from pathlib import Path

ELSEWHERE_S = 24 * 3600.0
"""What another container left under a temporary name goes when nothing happened to it for so long."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")
_stepped = 0.0


@functools.cache
def host() -> str:
    """Where a pid means what it means to this process, 'name/start/namespace': what the machine or container is called,
    and on Linux the start of its kernel and the pid namespace, of which every container has one of its own."""
    start, space = "", ""
    with contextlib.suppress(OSError):
        start = BOOT.read_text(encoding="ascii").strip()
    with contextlib.suppress(OSError):
        space = "".join(filter(str.isdigit, os.readlink(NAMESPACE)))
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return "/".join((name.replace("/", "-") or "unnamed", start, space))


def name_of(where: str) -> str:
    """Of a `host`, what the machine or the container is called."""
    return where.split("/")[0]


def is_here(where: str) -> bool:
    """Whether pids of that `host` are those of this process. Its name is no part of that: a laptop's changes with the
    network. Where the system knows no namespaces every process is here."""
    return _pids_of(where) == _pids_of(host())


def same_clock(where: str) -> bool:
    """Whether readings of `steady` there and here are of one clock: of one kernel since its start."""
    return where.split("/")[1:2] == host().split("/")[1:2]


def _pids_of(where: str) -> list[str]:
    return where.split("/")[1:]


@functools.cache
def place() -> str:
    """6 hex that name where pids mean what they mean here."""
    return hashlib.sha256("/".join(_pids_of(host())).encode()).hexdigest()[:6]


def tag() -> str:
    """What a temporary name says of who made it: '4242-0a1b2c', to which 8 hex may be added."""
    return f"{os.getpid()}-{place()}"


def made_here(rest: str) -> bool:
    """Whether a temporary name in which `rest` follows the pid and '-' was made where pids mean what they mean here.
    Names of earlier versions do not say: they are taken to be."""
    return len(rest) not in (6, 14) or rest.startswith(place())


def started(pid: int) -> str | None:
    """When process `pid` started, as an opaque text to compare; None when it is dead or a zombie."""
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return None
            began = process.create_time()
    except psutil.NoSuchProcess:
        return None
    # Linux counts from the boot. psutil adds the boot's time of day, which changes when somebody sets the clock.
    return f"{began - psutil.boot_time() if psutil.LINUX else began:.2f}"


def alive(pid: int, pid_started: str | None) -> bool:
    """Whether `pid` runs and is the process that started at `pid_started` (None = not known, any will do)."""
    now = started(pid)
    return now is not None and pid_started in (None, now)


def steady() -> float:
    """Seconds, to be compared with other readings of this machine since it was started."""
    return time.monotonic()


def since(reading: float) -> float:
    """Seconds since such a reading. One that lies ahead is of before the machine was started anew: endless."""
    passed = steady() - reading
    return passed if passed >= 0 else float("inf")


def step() -> None:
    """The work of this process moved just now. Costs next to nothing: for loops whose every turn takes its time."""
    global _stepped
    _stepped = steady()


def stepped() -> float:
    """When, by `steady`; 0 before the first step."""
    return _stepped


def end(pid: int, pid_started: str | None, wait_s: float = 2.0) -> bool:
    """Kill process `pid`, stopped or not, and all that it has started; whether it is gone within `wait_s`.

    A process of that number that started at another time is left alone.
    """
    import psutil

    if not alive(pid, pid_started) or pid == os.getpid():
        return True
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(pid).children(recursive=True)  # before: afterwards nothing says whose they were
        if hasattr(os, "killpg") and os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        for one in (psutil.Process(pid), *below):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    deadline = time.monotonic() + wait_s
    while alive(pid, pid_started) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid, pid_started)

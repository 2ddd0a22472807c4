"""Is that worker still the same process? A pid alone is not enough: the system reuses pids.

psutil answers on every system. A zombie (ended, not yet reaped) counts as dead. psutil is loaded by the first question,
not before: what a page shows first asks none. No torch.
"""

from __future__ import annotations


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

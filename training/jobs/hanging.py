"""Workers that hang: how that is noticed, said and decided. A worker tells when it last gave a sign of life and when
its work last moved; the first stops when its process is stopped, only the second when it is stuck in a driver.

Both are readings of the machine's own clock (`core.processes`), so setting the time of day changes nothing. Nor does a
machine that slept, or a container that was paused: one look is no verdict. A worker is given up only by a process that
has seen it beyond the limit `GRACE_S` before, with the same last step: one that has just woken has moved by then.
A worker of another container cannot be looked up: it holds its job as long as its signs of life go on (`LEASE_S`).

Here nothing is ended (`local` does that). No torch.
"""

from __future__ import annotations

import os
from pathlib import Path

from core import PlanError, processes
from core.words import duration
from training.store import Job

LIMIT = "THAW_HANG_MINUTES"
"""Minutes without a step forward after which a worker is ended; 0 = never."""
MINUTES = 10.0
GRACE_S = 20.0
"""Between the first look at a worker beyond the limit and its end."""
SILENT_S = 15.0
"""Without a sign of life, of which there are two a second, after which it is said."""
LEASE_S = 60.0
"""A worker elsewhere without a sign of life for so long has lost its job. The store may be locked for half a minute by
somebody else."""
SECOND_LOOK_S = 2.0
"""How long whoever finds that waits for a new sign before it says so."""
STILL_S = 60.0
"""Without a step forward after which it is said."""

_late: dict[tuple[Path, str, int], tuple[float, float]] = {}
"""(home, job, attempt) -> its last step, and when this process first saw it beyond the limit."""


_signs: dict[tuple[Path, str, int], tuple[float | None, float]] = {}
"""(home, job, attempt) -> the last sign of life of a worker with another clock, and when this process saw it first."""


def gone_quiet(home: Path, job: Job) -> bool:
    """Whether this process has seen the same sign of life for `LEASE_S`, whatever clock it is of."""
    key = (home, job.id, job.attempt)
    if key not in _signs or _signs[key][0] != job.heartbeat:
        _signs[key] = (job.heartbeat, processes.steady())
    return processes.since(_signs[key][1]) >= LEASE_S


def limit_s() -> float | None:
    """Seconds without a step after which a worker is ended; None = never. Raises PlanError for no number from 0 up."""
    said = os.environ.get(LIMIT, "")
    try:
        minutes = float(said) if said else MINUTES
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes < float("inf"):
        raise PlanError(f"{LIMIT} is '{said}', which is not a number of minutes from 0 up.")
    return 60 * minutes or None


def still_s(job: Job) -> float:
    """Seconds since the last step forward of a job that a process works on here; 0 for any other."""
    known = job.state == "running" and job.pid is not None and job.stepped is not None and job.here
    return processes.since(job.stepped or 0.0) if known else 0.0


def silent_s(job: Job) -> float:
    """Seconds since its last sign of life, likewise."""
    known = job.state == "running" and job.pid is not None and job.heartbeat is not None and job.here
    return processes.since(job.heartbeat or 0.0) if known else 0.0


def trouble(job: Job) -> str:
    """What is to be said of a worker that seems to hang, with the age of what was last seen of it; else ''."""
    silent, still, limit = silent_s(job), still_s(job), limit_s()
    if silent > SILENT_S:
        seen = f"No sign of life for {_age(silent)}{_last(job)}: its process is stopped, or this machine is too busy."
    elif still > STILL_S:
        seen = f"No step forward for {_age(still)}{_last(job)}."
    else:
        return ""
    then = f" It is ended by itself after {duration(limit)} without a step." if limit else ""
    return seen + then


def overdue(home: Path, job: Job) -> bool:
    """Whether this process has seen it beyond the limit for long enough, with nothing moving in between."""
    limit, key = limit_s(), (home, job.id, job.attempt)
    if limit is None or still_s(job) <= limit:
        _late.pop(key, None)
        return False
    step, seen = _late.get(key, (None, 0.0))
    if step != job.stepped:
        seen = processes.steady()
        _late[key] = (job.stepped or 0.0, seen)
    return processes.since(seen) >= GRACE_S


def was_late(home: Path, job: Job) -> bool:
    """Whether it was beyond the limit when this process saw it alive: that is what it died of, whoever ended it."""
    return (home, job.id, job.attempt) in _late


def why_ended(job: Job) -> str:
    """Why it was given up; what to do follows."""
    return f"The worker was ended: no step forward for {_age(still_s(job))}{_last(job)}."


def _last(job: Job) -> str:
    return f", last seen at '{job.doing}'" if job.doing else ""


def _age(seconds: float) -> str:
    """In whole minutes from three on: it is read again and again."""
    return duration(seconds if seconds < 180 else 60 * (seconds // 60))

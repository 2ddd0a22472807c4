"""Following a job from a terminal until it ends: rows and events as lines, Ctrl-C as "stop, keep the best".

Reads the store and keeps the queue moving; the work itself happens in the worker. No torch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from core import StateError, signals
from core.words import counted, duration, percent
from training.jobs import hanging
from training.jobs.executor import Executor
from training.store import KEEPING, Job, Store

POLL_SECONDS = 0.25
SAY_SECONDS = 2.0
"""At most one line about what is being done per this time; every finished epoch has its line in any case."""

WARN_SECONDS = 60.0
"""Between two warnings of a worker that does not move."""

Say = Callable[[str], None]


def to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def how_far(words: str) -> Callable[[int, int], None]:
    """Tells, at most every SAY_SECONDS, how much is done of how much: `words` with both filled in."""
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > SAY_SECONDS:
            told = time.monotonic()
            to_stderr(words.format(done, total))

    return tell


def follow(store: Store, executor: Executor, job_id: str, say: Say = to_stderr) -> Job:
    """Pump and report until the job is neither queued nor running; returns it as it ended.

    The first Ctrl-C requests a stop and goes on following; a second one leaves (KeyboardInterrupt).
    """
    report = _Reporter(store, job_id, say)
    with signals.interrupts() as interrupted:
        stopping = False
        while True:
            executor.pump()
            job = store.job(job_id)
            report(job)
            if not job.active:
                return job
            if interrupted() and not stopping:
                stopping = True
                kept = "its best so far is kept" if job.kind in KEEPING else "nothing of it is kept"
                say(f"Stopping {job_id}: {kept}. Press Ctrl-C again to leave it alone.")
                with suppress(StateError):  # it ended by itself in this very moment
                    store.request_stop(job_id)
            time.sleep(POLL_SECONDS)


class _Reporter:
    """Says what is new about a job since it last looked."""

    def __init__(self, store: Store, job_id: str, say: Say) -> None:
        self.store, self.job_id, self.say = store, job_id, say
        self.row = max((row["row"] for row in store.metrics(job_id)), default=-1)
        self.event = max((event["id"] for event in store.events(job_id)), default=0)
        self.cuts = store.job(job_id).cuts
        self.ahead = -1
        self.doing, self.said, self.warned = "", 0.0, float("-inf")

    def __call__(self, job: Job) -> None:
        if job.state == "queued":
            self._waiting()
        if job.state == "running" and job.doing != self.doing and time.monotonic() - self.said > SAY_SECONDS:
            self.doing, self.said = job.doing, time.monotonic()
            self.say(f"{job.progress:4.0%}  {job.doing}")
        if (trouble := hanging.trouble(job)) and time.monotonic() - self.warned > WARN_SECONDS:
            self.warned = time.monotonic()
            self.say(f"caution: {trouble} `python -m training stop {job.id}` ends it now.")
        if job.cuts != self.cuts:
            self.cuts = job.cuts
            self.row = min(self.row, max((row["row"] for row in self.store.metrics(self.job_id)), default=-1))
        for row in self.store.metrics(self.job_id, self.row):
            self.row = row["row"]
            if row["val_accuracy"] is not None:
                self.say(epoch_line(row, job.eta_s))
        for event in self.store.events(self.job_id, self.event):
            self.event = event["id"]
            self.say(f"{event['level']}: {event['text']}")

    def _waiting(self) -> None:
        ids = [job.id for job in self.store.queue()]
        ahead = ids.index(self.job_id) if self.job_id in ids else 0
        if ahead and ahead != self.ahead:
            self.say(f"Waiting: {counted(ahead, 'job')} ahead.")
        self.ahead = ahead


def epoch_line(row: dict[str, Any], eta_s: float | None) -> str:
    """One validated metrics row as a line: 'epoch 3   train loss 0.412   val loss 0.503   val 84%   12 s'."""
    parts = [f"epoch {row['epoch']:g}"]
    for name in ("train_loss", "val_loss"):
        if row[name] is not None:
            parts.append(f"{name.replace('_', ' ')} {row[name]:.3f}")
    parts.append(f"val {percent(row['val_accuracy'])}")
    if row["seconds"] is not None:
        parts.append(duration(row["seconds"]))
    if eta_s:
        parts.append(f"about {duration(eta_s)} left")
    return "   ".join(parts)

"""What a job is told by, and tells, while a worker works on it: progress, rows, events, files, a sign of life, a stop.

The one way in which work reaches the store: whatever is written names the attempt, and work that was declared lost is
refused (StateError). It knows no kind of job. No torch.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from core import StateError, ThawError, processes, signals, write_json
from training.machine import SAMPLE_EVERY_S, Peak
from training.store import Job, RunFolder, Store

BEAT_EVERY_S = 0.4
TAKEN_AWAY = 3
"""Exit code of a worker whose job was declared lost while it worked."""


class StopRequested(BaseException):
    """Raised inside work that was cancelled; passes every `except Exception` on its way out.

    result: what is kept of it, for work that saves as it goes; None for all other.
    """

    def __init__(self, result: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.result = result


class StoreContext:
    """One attempt at one job, from the inside; it implements `engine.Context`."""

    def __init__(self, store: Store, job: Job) -> None:
        self.store, self.job, self.folder = store, job, RunFolder(store.home, job.id)
        self._fraction, self._doing, self._eta = job.progress, "Starting", None
        self._before = job.seconds
        self._claimed = processes.steady() if job.heartbeat is None else job.heartbeat
        self._earlier = store.events(job.id)
        self._stop = threading.Event()
        self._over = threading.Event()
        self._interrupts = False
        self._told = 0.0
        self.memory = Peak()
        processes.step()
        self._pulse = threading.Thread(target=self._beat_on, daemon=True)
        self._pulse.start()

    @property
    def home(self) -> Path:
        return self.store.home

    @property
    def seconds(self) -> float:
        """Seconds worked on this job, over all attempts: of each since it left the queue, its loading included."""
        return self._before + processes.since(self._claimed)

    def row(self, values: dict[str, Any]) -> None:
        processes.step()
        self.store.add_metrics(self.job, values["row"], {k: v for k, v in values.items() if k != "row"})

    def event(self, level: str, kind: str, text: str, epoch: float | None = None) -> None:
        processes.step()
        if self.job.attempt > 1 and any((e["kind"], e["text"]) == (kind, text) for e in self._earlier):
            return  # a resumed run goes through what was told before the last checkpoint again
        self.store.add_event(self.job, level=level, kind=kind, text=text, seconds=self.seconds, epoch=epoch)

    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None:
        processes.step()
        self._fraction, self._doing, self._eta = fraction, doing, eta_s  # type: ignore[assignment]
        if time.perf_counter() - self._told > BEAT_EVERY_S:
            self._tell()

    def tell(self, fraction: float, doing: str, eta_s: float | None) -> None:
        """`progress` for what keeps nothing when it is stopped: raises StopRequested as well."""
        self.progress(fraction, doing, eta_s)
        if self.stop_requested():
            raise StopRequested

    def stop_requested(self) -> bool:
        return self._stop.is_set()

    def request_stop(self) -> None:
        """Also what a signal asks for. Raises StopRequested inside `interrupted`, once."""
        self._stop.set()
        if self._interrupts and threading.current_thread() is threading.main_thread():
            self._interrupts = False  # what follows is the clearing up
            raise StopRequested

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """For work of the main thread that asks nobody: within, a stop raises StopRequested wherever it is."""
        self._interrupts = True
        try:
            if self._stop.is_set():
                self.request_stop()
            yield
        finally:
            self._interrupts = False

    def held(self) -> AbstractContextManager[None]:
        """`Store.held` of this attempt: where a file of the job takes its name."""
        return self.store.held(self.job)

    def save(self, state: dict[str, Any]) -> None:
        from training.backbones import write_checkpoint

        processes.step()
        write_checkpoint(self.folder.checkpoint, state)

    def note(self, name: str, content: dict[str, Any]) -> None:
        processes.step()
        write_json(self.folder.note(name), content)

    def close(self) -> None:
        self._over.set()
        self._pulse.join(timeout=5)

    def _tell(self) -> None:
        self._told = time.perf_counter()
        stop = self.store.beat(
            self.job, progress=self._fraction, doing=self._doing, eta_s=self._eta, seconds=self.seconds,
            stepped=processes.stepped(),
        )  # fmt: skip
        if stop and not self._stop.is_set():
            self._stop.set()
            if self._interrupts:
                signals.stop_main_thread()

    def _beat_on(self) -> None:
        """A sign of life also while one long step runs. Ends the process when the job was taken away from it."""
        while not self._over.wait(SAMPLE_EVERY_S):
            self.memory.sample()
            if time.perf_counter() - self._told < BEAT_EVERY_S:
                continue
            try:
                self._tell()
            except StateError as error:
                if not self._over.is_set():
                    print(f"{error}", file=sys.stderr, flush=True)
                    os._exit(TAKEN_AWAY)
            except ThawError as error:  # the database is locked, or its disk full, for longer than a write waits
                print(f"{error}", file=sys.stderr, flush=True)

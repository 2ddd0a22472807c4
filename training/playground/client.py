"""Asking the kept-warm processes of `server` from a process without torch: `Pool(2).ask("arm", {...})` is a future.

One process a core, started at the first request or by `warm_up`, started again when one has died. Threads only wait.
No torch.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core import TrainingError

PROJECT = Path(__file__).resolve().parents[2]
MOST = 2
"""Processes at the same time: each takes about 0.4 GB."""


class Pool:
    """A few processes that wait for small experiments."""

    def __init__(self, size: int | None = None) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.size = size or min(MOST, cores)
        self._threads = ThreadPoolExecutor(self.size, thread_name_prefix="thaw-live")
        self._own = threading.local()
        self._children: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        self._warmed = False

    def ask(self, name: str, args: dict[str, Any]) -> Future[dict[str, Any]]:
        """The answer of one experiment of `training.playground.questions`, in turn. Its exception is a
        TrainingError."""
        return self._threads.submit(self._answer, name, args)

    def warm_up(self) -> None:
        """Start every process now, once, so that the first question does not wait for torch."""
        with self._lock:
            if self._warmed:
                return
            self._warmed = True
        barrier = threading.Barrier(self.size)  # each thread takes one of these, none two

        def start() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(timeout=5)
            self._child()

        for _ in range(self.size):
            self._threads.submit(start)

    def close(self) -> None:
        """End the processes. Unanswered questions fail."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            with contextlib.suppress(OSError):
                child.stdin.close()  # type: ignore[union-attr]
            child.terminate()
            child.wait(timeout=10)

    def _answer(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        for attempt in (1, 2):
            child = self._child()
            try:
                child.stdin.write(json.dumps({"id": attempt, "name": name, "args": args}) + "\n")  # type: ignore[union-attr]
                child.stdin.flush()  # type: ignore[union-attr]
                line = child.stdout.readline()  # type: ignore[union-attr]
            except OSError:
                line = ""
            if line:
                break
            self._own.child = None  # it had been idle for long, or was killed: once more with a new one
        else:
            raise TrainingError("The process that runs live experiments ended twice; the server's log says why.")
        answer = json.loads(line)
        if "error" in answer:
            raise TrainingError(f"This experiment failed: {answer['error']}")
        result: dict[str, Any] = answer["answer"]
        return result

    def _child(self) -> subprocess.Popen[str]:
        child: subprocess.Popen[str] | None = getattr(self._own, "child", None)
        if child is not None and child.poll() is None:
            return child
        child = subprocess.Popen(
            [sys.executable, "-m", "training.playground.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._children = [one for one in self._children if one.poll() is None] + [child]
        child.stdout.readline()  # type: ignore[union-attr]  # "ready"
        self._own.child = child
        return child

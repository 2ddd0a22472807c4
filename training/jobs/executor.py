"""Who carries a queued job to a worker process. One place today (`local`); another one is one setting away.

An executor claims jobs from the store and starts workers. It computes nothing itself, and imports no torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from core import PlanError
from training.jobs.local import LocalExecutor
from training.store import Job

__all__ = ["Executor", "LocalExecutor", "executor"]


class Executor(Protocol):
    def submit(self, job_id: str) -> Job:
        """See to it that a queued job starts, now or when its turn comes."""

    def pump(self) -> list[Job]:
        """Declare dead workers lost, then start what waits in each lane that has room. Returns what it started."""

    def prepare(self, *, light: bool = False) -> None:
        """A job is likely to come soon: make its start quick, where that can be done. light: a probe, which needs no
        torch."""

    def dismiss(self) -> None:
        """Take `prepare` back."""

    def check(self) -> list[Job]:
        """End workers that hang and declare dead ones lost, start nothing. Returns the jobs that were lost."""

    def stop(self, job_id: str) -> Job:
        """Ask a job to end; a running one first saves its best."""

    def end(self, job_id: str) -> Job:
        """End a running job at once and by force: for one whose worker does not answer. What it saved is kept."""

    def status(self, job_id: str) -> Job:
        """The job as it really is, its worker looked at."""


def executor(home: Path | str) -> Executor:
    """The executor that THAW_EXECUTOR names (default 'local'). Raises PlanError for an unknown one."""
    name = os.environ.get("THAW_EXECUTOR", "local") or "local"
    if name != "local":
        raise PlanError(f"THAW_EXECUTOR is '{name}', but this version of Thaw knows only 'local'.")
    return LocalExecutor(home)

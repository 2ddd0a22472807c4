"""Every kind of background work, and the one way to ask for it: `submit`.

A kind is written down once, as its dataclass; `KINDS` lists them, and what a kind is called, in which lane it waits and
who does the work is read from there. Only the one that is asked for is loaded. Submitting refuses what could only fail
and joins work that is on its way; who carries a job to a worker is the caller's affair (`training.jobs.executor`). No
torch, no opinions.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from core import PlanError, ThawError
from training import requests
from training.requests.base import Request
from training.store import Job, RunFolder, Store

KINDS = {
    "train": "Train", "profile": "Profile", "map": "DrawMap", "gap": "MeasureGap", "explain": "Explain",
    "export": "Export", "extend": "AddClass", "import": "ImportImages", "backbone": "AddBackbone",
    "public": "FetchPublic", "race": "Race", "judge": "JudgeLater",
}  # fmt: skip
"""Kind -> the name of its dataclass in this room."""


def submit(store: Store, request: Request, queued_by: str = "") -> Job:
    """The job that does what is asked for: one that is on its way already, else a new one at the end of its lane.

    queued_by: the name of one who signed in; a job that is joined stays its own asker's. Raises ThawError, with what to
    do, where the work could only fail.
    """
    request.check(store)

    def does_it(job: Job) -> bool:
        try:
            return request.joins(read(job))
        except ThawError:  # another version's
            return False

    return store.create_job(
        request.kind, request.dataset_id, request.config(), group=request.group, lane=request.lane,
        noun=request.noun, queued_by=queued_by, joins=does_it, prepare=request.prepare,
    )  # fmt: skip


def of(store: Store, job: Job) -> Request:
    """The request that became this job, whole. Raises PlanError for one that this version cannot read."""
    return read(job).prepared(RunFolder(store.home, job.id))


def read(job: Job) -> Request:
    """As `of`, without what lies in the job's folder."""
    if job.kind not in KINDS:
        raise PlanError(f"Job '{job.id}' is of kind '{job.kind}', which this version of Thaw does not know: update it.")
    kind: type[Request] = getattr(requests, KINDS[job.kind])
    return kind.read(job.dataset_id, job.config)


def handler_of(request: Request) -> Callable[..., Any]:
    """The function that does the work. Loads its module, and torch with it: for workers only."""
    module, _, name = request.handler.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found

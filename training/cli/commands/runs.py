"""Runs that there are: listed, held together, stopped, gone on with. No torch."""

from __future__ import annotations

import time

import click

from core import CompareError, to_json
from training.cli import steps
from training.cli.shared import Answer, Place, run_argument, runs_argument, verb
from training.cli.text import comparison_lines, run_document, run_lines, runs_lines
from training.compare import compare as compare_runs
from training.graphs import resuming
from training.jobs import hanging
from training.store import RunFolder

STOP_SECONDS = 30.0
"""How long `stop` waits for the worker to save and end."""


@verb
@run_argument
@click.option("--other-engine", is_flag=True, help="by the inference engine that is here, where its own is not")
def resume(place: Place, run_id: str, other_engine: bool) -> Answer:
    """Go on with a stopped, lost or failed run, and follow it."""
    job = place.executor.status(run_id)  # its worker may have died without anyone looking
    if job.resumable:
        (resuming.take_another if other_engine else resuming.check)(RunFolder(place.home, job.id))
    return steps.answer_of(place, place.follow(place.store.requeue(run_id)))


@verb
@run_argument
def stop(place: Place, run_id: str) -> Answer:
    """Stop a run; it saves its best first. One that does not answer is ended by force."""
    job = place.executor.stop(run_id)
    deadline = time.monotonic() + STOP_SECONDS
    while job.active and time.monotonic() < deadline:
        time.sleep(0.1)
        job = place.executor.status(run_id)
    if job.active and hanging.trouble(job):
        job = place.executor.end(run_id)
    if job.active:
        error = f"Run '{job.id}' was asked to stop but still runs: it ends when it has saved its best."
        return Answer(run_document(place.home, job), run_lines(place.home, job), 1, error)
    place.executor.pump()
    return steps.answer_of(place, job)


@verb
def runs(place: Place) -> Answer:
    """List all runs, newest first."""
    place.executor.check()
    documents = [{"id": job.id, **run_document(place.home, job)} for job in place.store.jobs(kind="train")]
    broken = [f"! Set aside: {why}" for why in place.store.set_aside()]
    return Answer(documents, [*runs_lines(documents), *broken])


@verb
@runs_argument
def compare(place: Place, run_ids: tuple[str, ...]) -> Answer:
    """Put runs of one dataset and split side by side."""
    if len(set(run_ids)) < 2:
        raise CompareError("Give at least two different runs to compare.")
    place.executor.check()
    comparison = compare_runs(place.store, run_ids)
    return Answer(to_json(comparison), comparison_lines(comparison))

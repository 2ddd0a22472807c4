"""What `/thaw/live` answers: the state of some runs and the rows that the chart does not have yet.

Reads are cheap: one row of `jobs` and the rows above a cursor. Nothing is remembered between requests, so a second tab,
a reload or a restarted server sees the same. No torch, no streamlit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advisor.advice import what_is_trained
from advisor.planning import state_at
from core import RunConfig, ThawError
from core.zoo import BACKBONES, STRATEGIES, catalog
from dataset import load_dataset
from training.engine.coach import TITLES
from training.evaluation import wilson
from training.jobs import hanging
from training.report import mark
from training.report.freeze_map import freeze_map
from training.store import Job, RunResult, Store

DRAWN = (
    "row",
    "written",
    "phase",
    "epoch",
    "seconds",
    "images",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "lrs",
    "boundary",
    "align_loss",
    "domain_accuracy",
    "target_accuracy",
)
"""The columns that a chart draws; `step` stays home."""

ONE_ALONE = ("lrs", "boundary", "align_loss", "domain_accuracy")
"""Columns that only the chart of a single run draws: half of what twenty long runs would send."""

Cursor = tuple[str, int, int, str]
"""(run id, last row the chart has, last event it has, its mark '<attempt>.<cuts>' or '')."""


def live_answer(store: Store, cursors: Sequence[Cursor]) -> dict[str, Any]:
    """JSON for the chart. Raises NotFound for a run that is not there.

    {'now', 'runs': [{'id', 'mark', 'attempt', 'state', 'reset', 'rows', 'events', 'progress', 'doing', 'eta_s', ...,
    'about' (only with a fresh cursor)}]}. `reset` tells the chart to forget its rows (taken back, or a new start).
    """
    columns = DRAWN if len(cursors) == 1 else tuple(name for name in DRAWN if name not in ONE_ALONE)
    return {"now": time.time(), "runs": [_run(store, columns, *cursor) for cursor in cursors]}


def mark_of(job: Job) -> str:
    """Changes whenever rows that were sent may have been taken back."""
    return f"{job.attempt}.{job.cuts}"


def _run(store: Store, columns: Sequence[str], run_id: str, after: int, seen: int, mark: str) -> dict[str, Any]:
    job = store.job(run_id)
    # A queued run that starts has a new attempt too, but then there is nothing to forget.
    reset = mark != mark_of(job)
    fresh = reset or after < 0
    rows = store.metrics(run_id, -1 if fresh else after)
    trouble = hanging.trouble(job)
    answer: dict[str, Any] = {
        "id": job.id,
        "mark": mark_of(job),
        "attempt": job.attempt,
        "state": job.state,
        "stopping": job.stop_requested and job.state == "running",
        "reset": reset,
        "progress": job.progress,
        "doing": trouble or job.doing,
        "eta_s": None if trouble else job.eta_s,
        "seconds": job.seconds,
        "error": job.error,
        "result": _headline(job),
        "rows": [[row[name] for name in columns] for row in rows],
        # A title makes an event the coach's own; others are only listed.
        "events": [
            {**event, "title": TITLES.get(event["kind"], "")} for event in store.events(run_id, 0 if reset else seen)
        ],
    }
    if mark == "":
        answer["columns"] = columns
        answer["about"] = about(job, store.home)
    if job.state == "queued":
        waiting = [queued.id for queued in store.queue(job.lane)]
        answer["ahead"] = waiting.index(run_id) if run_id in waiting else 0
    return answer


def _headline(job: Job) -> dict[str, Any] | None:
    if job.result is None:
        return None
    names = ("test_accuracy", "test_correct", "test_total", "val_accuracy", "best_epoch", "epochs", "seconds",
             "target_accuracy", "target_correct", "target_total")  # fmt: skip
    result = RunResult.of(job)
    answer = {name: getattr(result, name) for name in names}
    if tested := result.on("test"):
        estimate = wilson(tested.correct, tested.total)
        answer["low"], answer["high"] = estimate.low, estimate.high
    return answer


def about(job: Job, home: Path) -> dict[str, Any]:
    """What does not change while a run goes on: its strategy's look, its phases, its freeze map."""
    try:
        config = job.plan
    except ThawError:
        # Written by another version: the curves can still be drawn.
        return {"title": "Run", "kind": "", "colour": "#7A828C", "dash": "solid", "marker": "circle",
                "mark": "", "phases": [], "stages": [], "freeze": "", "seed": None}  # fmt: skip
    style = STRATEGIES[config.strategy.kind]
    return {
        "title": catalog.titled(config.strategy.kind, config.strategy.head),
        "kind": style.kind,
        "colour": style.colour,
        "dash": style.dash,
        "marker": style.marker,
        "mark": mark(style.kind),
        "seed": config.seed,
        **_stages(config, _classes(home, job.dataset_id)),
    }


def _classes(home: Path, dataset_id: str) -> int:
    try:
        return len(load_dataset(home, dataset_id).classes)
    except ThawError:
        # Deleted meanwhile: only the width of the head's block depends on it.
        return 2


def _stages(config: RunConfig, classes: int) -> dict[str, Any]:
    strategy = config.strategy
    card = BACKBONES.get(strategy.backbone)
    if card is None:
        return {"phases": [], "stages": [], "freeze": ""}
    names = card.stage_names
    first = 0.0
    phases = []
    for number, phase in enumerate(strategy.phases):
        # "from" and "to" count as the rows do: each pass of a solver is one.
        phases.append(
            {
                "number": number, "boundary": phase.boundary, "from": first, "to": first + phase.epochs,
                "what": what_is_trained(phase, card), "solved": phase.solved,
                "trained": state_at(strategy, card, number),
            }
        )  # fmt: skip
        first += phase.epochs
    start = state_at(strategy, card, 0)
    return {
        "phases": phases,
        "epochs": strategy.adam_epochs,
        "stages": names,
        "freeze": freeze_map(card, start, None, max(classes, 2), head=strategy.head),
    }

"""Judging a run that left its test images alone: the winner of a race, or later, on request, any other rung."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import to_json
from training.caches import Bench, ImageData, telling
from training.jobs import train
from training.jobs.context import StoreContext
from training.race.record import AFTERWARDS
from training.requests import JudgeLater
from training.store import Job, RunFolder, RunResult


def judge(run: Job, context: StoreContext) -> RunResult:
    """The run's result with its test images, in the arithmetic of the export. Raises StateError for a run without
    weights, NotFound when they are gone."""
    data, answers = _by_graph(run, context) or _by_torch(run, context.home)
    return replace(RunResult.of(run), **train.test(data, RunFolder(context.home, run.id), answers))


def judge_later(request: JudgeLater, context: StoreContext) -> dict[str, Any]:
    """What a rung that was not chosen comes to; its record says that it was judged afterwards."""
    run = context.store.job(request.run)
    request.check(context.store)  # anew: it may have been judged while this waited
    context.tell(0.1, "Judging on the test images", None)
    result = judge(run, context)
    note = f"{result.note} {AFTERWARDS}" if result.note else AFTERWARDS
    context.store.add_test(run.id, to_json(replace(result, note=note)))
    return {"test_accuracy": result.test_accuracy}


def _by_graph(run: Job, context: StoreContext) -> tuple[ImageData, NDArray[np.float32]] | None:
    """Of a head on a graph's features; None for a run that torch has to judge."""
    from safetensors import safe_open

    from training.engine.probe import Probe

    bench = Bench.of_probe(run.id, run.plan, context.home)
    if bench is None or bench.graph is None:
        return None
    rows, head = bench.data.rows["test"], bench.graph.head_index
    # Not `tell`: a race that was stopped judges its winner all the same.
    doing = telling(context.progress, 0.99, 0.0, "Judging once on the test images")
    bench.prefix.exact_twin.fill([head], rows, 0, doing)
    probe = Probe(run.plan.strategy, bench.graph, bench.data, context, prefix=bench.prefix)
    with safe_open(str(RunFolder(context.home, run.id).weights), "numpy") as kept:
        probe.best.weights = {name: kept.get_tensor(name) for name in ("head.weight", "head.bias")}
    return bench.data, probe.predict(bench.data.rows["test"])


def _by_torch(run: Job, home: Path) -> tuple[ImageData, NDArray[np.float32]]:
    from training.caches import Inputs
    from training.engine.judge import Judge
    from training.understand.open_run import OpenRun

    opened = OpenRun(run, home)
    bench, strategy = opened.bench, opened.config.strategy
    inputs = Inputs(strategy, opened.backbone, opened.data, bench.prefix, opened.config.seed, bench.device)
    boundary = min(phase.boundary for phase in strategy.phases)
    return opened.data, Judge(inputs, opened.backbone, opened.data).predict(boundary, opened.data.rows["test"])

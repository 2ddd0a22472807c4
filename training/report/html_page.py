"""One page about a run, or about runs side by side: HTML with inline figures, to read, send and print.

Everything comes from the store and the run's own files; the templates lay it out and escape it. No script, nothing
loaded from elsewhere. No torch, no streamlit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from markupsafe import Markup

from core import Head, NotFound, Phase, RunConfig, Strategy
from core.words import counted, duration, lr, minutes, moment, percent, size
from core.zoo import BackboneCard, catalog
from dataset import load_dataset
from training.compare import compare
from training.evaluation import answers_of, matrix, most_confused, wilson
from training.report.comparison_figures import pareto_in_words, scoreboard, trade_off
from training.report.drawing import FROZEN, TRAINED, css
from training.report.figures import Line, confusion, curves
from training.report.freeze_map import freeze_map
from training.report.rendering import render
from training.report.tables import Table, as_share, in_numbers, pair_by_pair, settings_that_differ
from training.store import Job, RunResult, Store, lineage

MOST_CLASSES = 20
"""Above this the confusion matrix would be grains: the commonest confusions are listed instead."""
MOST_LISTED = 15


def run_report(store: Store, run_id: str) -> str:
    """One run. Raises NotFound, PlanError for a run of a version that this one cannot read."""
    job = store.job(run_id)
    config = job.plan
    strategy, card = config.strategy, catalog.backbone(config.strategy.backbone)
    name, labels = _dataset(store.home, job.dataset_id)
    result = RunResult.of(job)
    said = [event["text"] for event in store.events(run_id) if event["level"] != "info"]
    return render(
        "run.html.j2",
        figure_style=css(),
        title=f"{catalog.titled(strategy.kind, strategy.head)} of {card.title}",
        line=f"{name} · run {run_id} · {moment(job.finished or job.created)}",
        headline=_headline(job),
        lineage=lineage.in_words(result.lineage, "this run"),
        tiles=_tiles(job),
        phases=[
            (_phase(phase, card), _freeze_map(phase, card, max(2, len(labels)), strategy.head))
            for phase in strategy.phases
        ],
        curves=_run_curves(store.metrics(run_id)),
        coach=dict.fromkeys([*said, *([result.note] if result.note else [])]),
        classes=_class_by_class(job, labels, store.home),
        settings=_settings(config),
        run=run_id,
        versions=", ".join(f"{name} {one}" for name, one in (result.versions or {}).items()),
    )


def comparison_report(store: Store, run_ids: Sequence[str]) -> str:
    """Runs of one dataset and split. Raises NotFound and CompareError as `compare` does."""
    comparison = compare(store, run_ids)
    metrics = [store.metrics(row.run_id) for row in comparison.rows]
    pictures = [
        curves(
            [
                Line(row.label, _points(rows, x, "val_accuracy"), look.colour, look.dash)
                for row, rows in zip(comparison.rows, metrics, strict=True)
                for look in (catalog.STRATEGIES[row.kind],)
            ],
            f"Validation accuracy against {x}", x_title, shares=True,
        )
        for x, x_title in (("epoch", "epochs"), ("seconds", "seconds"))
    ]  # fmt: skip
    return render(
        "comparison.html.j2",
        figure_style=css(),
        title=f"{counted(len(comparison.rows), 'run')} on {_dataset(store.home, comparison.dataset_id)[0]}",
        line=f"split seed {comparison.split_seed} · {moment(time.time())}",
        verdict=f"{comparison.verdict} {comparison.settles}",
        scoreboard=scoreboard(comparison),
        keep_in_mind=comparison.notes,
        curves=Markup().join(pictures),
        costs=Markup().join([trade_off(comparison, "seconds"), trade_off(comparison, "params")]),
        front=pareto_in_words(comparison, "seconds"),
        numbers=in_numbers(comparison),
        settings=settings_that_differ(comparison),
        pairs=pair_by_pair(comparison),
    )


def _dataset(home: Path, dataset_id: str) -> tuple[str, tuple[str, ...]]:
    """(name, classes); a dataset that is gone is called by its id."""
    try:
        ref = load_dataset(home, dataset_id)
    except NotFound:
        return f"dataset {dataset_id}", ()
    return ref.name, ref.classes


def _headline(job: Job) -> str:
    tested, there = RunResult.of(job).on("test"), RunResult.of(job).on("target")
    if tested is None:
        return f"This run is {job.state} and has no test result."
    accuracy = wilson(tested.correct, tested.total)
    said = f"{percent(accuracy)} of the test images are named right ({accuracy.how}), looked at once, at the end."
    if there:
        adapted = wilson(there.correct, there.total)
        said += f" Of the target's, the other domain's: {percent(adapted)} ({adapted.how})."
    return said if job.state == "finished" else f"Stopped before its plan was done. {said}"


def _tiles(job: Job) -> list[tuple[str, str, str]]:
    """(what, how much, a note)."""
    result = RunResult.of(job)
    trained, total = result.trainable_params or 0, result.total_params
    kept = "" if result.best_epoch is None else f"of the weights kept, at epoch {result.best_epoch:g}"
    return [
        ("Validation accuracy", as_share(result.val_accuracy), kept),
        ("Training time", duration(result.seconds or job.seconds), result.device or ""),
        ("Trained parameters", f"{trained:,}", f"{as_share(trained / total if total else None)} of the network"),
        ("Peak memory", size(result.peak_memory_bytes), ""),
    ]


def _phase(phase: Phase, card: BackboneCard) -> str:
    names = [name for index, name in enumerate(card.stage_names) if phase.trains(index)]
    what = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    if phase.solved:
        return f"{what}, solved on cached features ({phase.optimizer})"
    return (
        f"{what}, {counted(phase.epochs, 'epoch')} of {phase.optimizer_in_words}, learning rate {lr(phase.lr_head)} "
        f"(head), {lr(phase.lr_stage)}"
    )


def _freeze_map(phase: Phase, card: BackboneCard, classes: int, head: Head) -> Markup:
    stages = range(card.head + 1)
    rates = [phase.stage_lr(stage, card.head) for stage in stages]
    return freeze_map(card, [phase.trains(stage) for stage in stages], rates, classes, head=head)


def _points(rows: Sequence[dict[str, Any]], x: str, y: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(row[x]), float(row[y])) for row in rows if row[x] is not None and row[y] is not None)


def _run_curves(rows: Sequence[dict[str, Any]]) -> Markup:
    parts = []
    for what, title in (("loss", "Loss"), ("accuracy", "Accuracy")):
        lines = [
            Line("training", _points(rows, "epoch", f"train_{what}"), TRAINED),
            Line("validation", _points(rows, "epoch", f"val_{what}"), FROZEN, "dash"),
        ]
        parts.append(curves(lines, title, "epochs (each pass of a solver counts as one)", shares=what == "accuracy"))
    return Markup().join(parts)


@dataclass(frozen=True)
class _Classes:
    """Recall by class, and which is taken for which: as a picture, or as a list where there are many."""

    recalls: Table
    confusion: Markup
    mistakes: Table


def _class_by_class(job: Job, labels: Sequence[str], home: Path) -> _Classes | None:
    """None where no test image of a known class was answered."""
    answers = answers_of(home, job)
    counts = matrix(answers, len(labels))
    if not counts.any():
        return None
    right, total = counts.diagonal().tolist(), counts.sum(axis=1).tolist()
    order = sorted(range(len(labels)), key=lambda label: right[label] / max(1, total[label]))
    rows = [
        (labels[i], percent(wilson(right[i], total[i])) if total[i] else "no test image", f"{total[i]:,}")
        for i in order[:MOST_CLASSES]
    ]
    many = len(labels) > MOST_CLASSES
    mistakes = [
        (labels[one.truth], labels[one.predicted], str(one.count)) for one in most_confused(counts, MOST_LISTED)
    ]
    return _Classes(
        Table(("class", f"recall, the {MOST_CLASSES} lowest" if many else "recall", "test images"), rows),
        Markup() if many else confusion(counts.tolist(), labels),
        Table(("is", "answered as", "images"), mistakes),
    )


def _settings(config: RunConfig) -> dict[str, object]:
    """What was chosen, then what differs from its default; the rest is as `core.plans` has it."""
    strategy = config.strategy
    usual = {one.name: one.default for one in fields(Strategy) if one.default is not MISSING}
    own = {name: getattr(strategy, name) for name in usual if getattr(strategy, name) != usual[name]}
    return {
        "batch size": strategy.batch_size, "augmented views": strategy.views, "seed": config.seed,
        "split seed": config.split_seed,
        "planned for": "no limit" if config.minutes is None else minutes(config.minutes),
        **{name.replace("_", " "): value for name, value in own.items() if name not in ("batch_size", "views")},
    }  # fmt: skip

"""One page about a run, or about runs side by side: HTML with inline figures, to read, send and print.

Everything comes from the store and the run's own files, and is escaped here. No script, nothing loaded from elsewhere.
No torch, no streamlit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from advisor import catalog
from advisor.errors import NotFound
from advisor.ingest import load_dataset
from advisor.plans import RunConfig, Strategy, run_config_from_json
from advisor.words import counted, duration, lr, minutes, percent, size
from training import lineage
from training.answers import answers_of
from training.compare import compare
from training.confusion import matrix, most_confused
from training.report_figures import (
    FROZEN,
    TRAINED,
    Dot,
    Line,
    curves,
    esc,
    freeze_strip,
    scatter,
    scoreboard,
)
from training.report_figures import confusion as confusion_picture
from training.report_tables import as_share, as_table, in_numbers, pair_by_pair, settings_that_differ
from training.stats import wilson
from training.store import Job, Store

MOST_CLASSES = 20
"""Above this the confusion matrix would be grains: the commonest confusions are listed instead."""
MOST_LISTED = 15
CSS = Path(__file__).with_name("report.css")


def run_report(store: Store, run_id: str) -> str:
    """One run. Raises NotFound, PlanError for a run of a version that this one cannot read."""
    job = store.job(run_id)
    config = run_config_from_json(job.config)
    strategy, card = config.strategy, catalog.backbone(config.strategy.backbone)
    title = f"{catalog.STRATEGIES[strategy.kind].title} of {card.title}"
    name, labels = _dataset(store.home, job.dataset_id)
    rows = store.metrics(run_id)
    classes = max(2, len(labels))
    phases = "".join(
        f"<p>Phase {number}: {_phase(phase, strategy)}</p>{freeze_strip(card, phase, classes)}"
        for number, phase in enumerate(strategy.phases, start=1)
    )
    notes = [event["text"] for event in store.events(run_id) if event["level"] != "info"]
    notes += [str(job.result["note"])] if job.result and job.result.get("note") else []
    body = [
        f'<p class="lead">{esc(_headline(job))}</p>', *_before(job), _tiles(job),
        "<h2>What was trained</h2>", phases,
        "<h2>How it went</h2>", f'<div class="two">{_run_curves(rows)}</div>',
        *_notes("What the coach said", list(dict.fromkeys(notes))),
        _answers(job, labels, store.home),
        "<h2>Settings</h2>", _settings(config),
        "<h2>Repeat it</h2>", f"<pre>python -m training reproduce {esc(run_id)}</pre>",
        _versions(job),
    ]  # fmt: skip
    return _page(title, f"{name} · run {run_id} · {_day(job.finished or job.created)}", body)


def comparison_report(store: Store, run_ids: Sequence[str]) -> str:
    """Runs of one dataset and split. Raises NotFound and CompareError as `compare` does."""
    comparison = compare(store, run_ids)
    name, _ = _dataset(store.home, comparison.dataset_id)
    looks = {row.run_id: catalog.STRATEGIES[row.kind] for row in comparison.rows}
    dots = [
        Dot(row.label, row.test_accuracy, looks[row.run_id].colour, f"{duration(row.seconds)}, run {row.run_id}")
        for row in comparison.rows
    ]
    metrics = {row.run_id: store.metrics(row.run_id) for row in comparison.rows}
    pictures = "".join(
        curves(
            [
                Line(row.label, _points(metrics[row.run_id], x, "val_accuracy"), look.colour, look.dash)
                for row in comparison.rows
                for look in (looks[row.run_id],)
            ],
            f"Validation accuracy against {x}", x_title, shares=True,
        )
        for x, x_title in (("epoch", "epochs"), ("seconds", "seconds"))
    )  # fmt: skip
    of = list(zip(comparison.rows, dots, strict=True))
    costs = scatter([(row.seconds, dot) for row, dot in of], "Test accuracy against training time", "seconds")
    costs += scatter(
        [(float(row.trainable_params or 0), dot) for row, dot in of], "Test accuracy against trained parameters",
        "trained parameters",
    )  # fmt: skip
    body = [
        f'<p class="lead">{esc(comparison.verdict)} {esc(comparison.settles)}</p>', scoreboard(dots),
        *_notes("To keep in mind", list(comparison.notes)),
        "<h2>Curves</h2>", f'<div class="two">{pictures}</div>',
        "<h2>What it cost</h2>", f'<div class="two">{costs}</div>',
        "<h2>In numbers</h2>", in_numbers(comparison),
        *settings_that_differ(comparison), *pair_by_pair(comparison),
    ]  # fmt: skip
    return _page(
        f"{counted(len(comparison.rows), 'run')} on {name}",
        f"split seed {comparison.split_seed} · {_day(time.time())}", body,
    )  # fmt: skip


def _page(title: str, line: str, body: Sequence[str]) -> str:
    style = CSS.read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{esc(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head><body>'
        f"<header><h1>{esc(title)}</h1><span>{esc(line)}</span></header><main>{''.join(body)}</main>"
        "<footer>Made by Thaw on this machine. Intervals are 95 % intervals on the test images; a difference is called "
        "one only when a paired test on the same images says so.</footer></body></html>\n"
    )


def _dataset(home: Path, dataset_id: str) -> tuple[str, tuple[str, ...]]:
    """(name, classes); a dataset that is gone is called by its id."""
    try:
        ref = load_dataset(home, dataset_id)
    except NotFound:
        return f"dataset {dataset_id}", ()
    return ref.name, ref.classes


def _headline(job: Job) -> str:
    result = job.result or {}
    if not result.get("test_total"):
        return f"This run is {job.state} and has no test result."
    accuracy = wilson(int(result["test_correct"]), int(result["test_total"]))
    said = f"{percent(accuracy)} of the test images are named right ({accuracy.how}), looked at once, at the end."
    if result.get("target_total"):
        there = wilson(int(result["target_correct"]), int(result["target_total"]))
        said += f" Of the target's, the other domain's: {percent(there)} ({there.how})."
    return said if job.state == "finished" else f"Stopped before its plan was done. {said}"


def _before(job: Job) -> list[str]:
    """What the run stands on: the stages before it."""
    chain = lineage.of_result(job.result)
    return [f"<p>Lineage: {esc(lineage.in_words(chain, 'this run'))}.</p>"] if chain else []


def _tiles(job: Job) -> str:
    result = job.result or {}
    share = result["trainable_params"] / result["total_params"] if result.get("total_params") else None
    items = [
        ("Validation accuracy", as_share(result.get("val_accuracy")), _best(result)),
        ("Training time", duration(result.get("seconds") or job.seconds), str(result.get("device", ""))),
        ("Trained parameters", f"{result.get('trainable_params', 0):,}", f"{as_share(share)} of the network"),
        ("Peak memory", size(result.get("peak_memory_bytes")), ""),
    ]
    cells = "".join(
        f"<div><dt>{esc(what)}</dt><dd>{esc(value)}<small>{esc(note)}</small></dd></div>" for what, value, note in items
    )
    return f'<dl class="tiles">{cells}</dl>'


def _best(result: dict[str, Any]) -> str:
    epoch = result.get("best_epoch")
    return f"best at epoch {epoch:g}" if isinstance(epoch, (int, float)) else ""


def _phase(phase: Any, strategy: Strategy) -> str:
    card = catalog.backbone(strategy.backbone)
    names = [name for index, name in enumerate(card.stage_names) if phase.trains(index)]
    what = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    if phase.solved:
        return f"{esc(what)}, solved on cached features ({esc(phase.optimizer)})"
    return (
        f"{esc(what)}, {counted(phase.epochs, 'epoch')}, learning rate {lr(phase.lr_head)} (head), {lr(phase.lr_stage)}"
    )


def _points(rows: Sequence[dict[str, Any]], x: str, y: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(row[x]), float(row[y])) for row in rows if row[x] is not None and row[y] is not None)


def _run_curves(rows: Sequence[dict[str, Any]]) -> str:
    parts = []
    for what, title in (("loss", "Loss"), ("accuracy", "Accuracy")):
        lines = [
            Line("training", _points(rows, "epoch", f"train_{what}"), TRAINED),
            Line("validation", _points(rows, "epoch", f"val_{what}"), FROZEN, "dash"),
        ]
        parts.append(curves(lines, title, "epochs (each pass of a solver counts as one)", shares=what == "accuracy"))
    return "".join(parts) or "<p>No rows were measured.</p>"


def _answers(job: Job, labels: Sequence[str], home: Path) -> str:
    answers = answers_of(home, job)
    if not len(answers) or not labels:
        return ""
    counts = matrix(answers, len(labels))
    if not counts.any():
        return ""
    right, total = counts.diagonal().tolist(), counts.sum(axis=1).tolist()
    order = sorted(range(len(labels)), key=lambda label: right[label] / max(1, total[label]))
    rows = [
        (labels[i], percent(wilson(right[i], total[i])) if total[i] else "no test image", f"{total[i]:,}")
        for i in order[:MOST_CLASSES]
    ]
    worst = f", the {MOST_CLASSES} lowest" if len(labels) > MOST_CLASSES else ""
    table = as_table([("class", f"recall{worst}", "test images")], rows)
    if len(labels) <= MOST_CLASSES:
        picture = confusion_picture(counts.tolist(), labels)
    else:
        mistakes = [
            (labels[one.truth], labels[one.predicted], str(one.count)) for one in most_confused(counts, MOST_LISTED)
        ]
        picture = as_table([("is", "answered as", "images")], mistakes)
    return f'<h2>Class by class</h2><div class="two">{picture}<div>{table}</div></div>'


def _settings(config: RunConfig) -> str:
    """What was chosen, then what differs from its default; the rest is as `advisor.plans` has it."""
    strategy = config.strategy
    usual = {one.name: one.default for one in fields(Strategy) if one.default is not MISSING}
    own = {name: getattr(strategy, name) for name in usual if getattr(strategy, name) != usual[name]}
    planned = "no limit" if config.minutes is None else minutes(config.minutes)
    shown = {
        "batch size": strategy.batch_size, "augmented views": strategy.views, "seed": config.seed,
        "split seed": config.split_seed, "planned for": planned,
        **{name.replace("_", " "): value for name, value in own.items() if name not in ("batch_size", "views")},
    }  # fmt: skip
    cells = "".join(f"<div><dt>{esc(name)}</dt><dd>{esc(value)}</dd></div>" for name, value in shown.items())
    return f'<dl class="settings">{cells}</dl>'


def _versions(job: Job) -> str:
    known = (job.result or {}).get("versions")
    if not isinstance(known, dict):
        return ""
    return f"<p><small>{esc(', '.join(f'{name} {version}' for name, version in known.items()))}</small></p>"


def _notes(title: str, notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    return [f"<h2>{esc(title)}</h2>", f'<ul class="notes">{"".join(f"<li>{esc(note)}</li>" for note in notes)}</ul>']


def _day(unix: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix))

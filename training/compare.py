"""Runs side by side, under the same conditions or not at all: what each reached, and is one really better?

Reads the store and the runs' own test answers; changes nothing. Words like "better" follow from McNemar's
exact test on the shared test images with Holm's correction, never from one number. No torch, no streamlit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from advisor.catalog import STRATEGIES
from advisor.datasets import load_dataset
from advisor.errors import CompareError, NotFound
from advisor.plans import KINDS, Kind, RunConfig, run_config_from_json, to_json
from advisor.types import Estimate
from advisor.words import counted, listing, minutes, percent
from training.answers import Answers, paired_tests, shared_answers
from training.stats import wilson
from training.store import Job, Store

ALPHA = 0.05
"""Adjusted p-value below which a difference may be called one."""

Verdict = Literal["better", "worse", "no difference shown", "not tested"]
Metrics = list[dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """One run in the table. `None` = not known (yet)."""

    run_id: str
    kind: Kind
    backbone: str
    state: str
    seed: int
    label: str
    """The strategy's title, with the seed, backbone or run id where that is needed to tell rows apart."""
    test_accuracy: Estimate | None
    """With its 95% Wilson interval."""
    val_accuracy: float | None
    """Of the kept weights (the best on validation)."""
    seconds: float
    trainable_params: int | None
    epochs: int | None
    """Epochs run so far."""
    epochs_to_90: float | None
    """First epoch whose validation accuracy is at least 90 % of the last epoch's."""
    overfit_gap: float | None
    """Training minus validation accuracy at the best epoch."""
    minutes: float | None
    """The time budget it was planned for; None = no limit."""


@dataclass(frozen=True)
class Pair:
    """Two runs tested against each other on the same images."""

    a: str
    b: str
    difference: float | None
    """Test accuracy of a minus that of b."""
    p: float | None
    """Exact two-sided McNemar p-value, not corrected."""
    p_adjusted: float | None
    """The same after Holm's correction over all pairs of this comparison."""
    verdict: Verdict
    """What may be said of a against b."""


@dataclass(frozen=True)
class Comparison:
    dataset_id: str
    split_seed: int
    rows: tuple[Row, ...]
    """In the catalogue's order, oldest first within a strategy."""
    pairs: tuple[Pair, ...]
    verdict: str
    """In words, for under the scoreboard."""
    notes: tuple[str, ...]
    """What to keep in mind: unequal budgets, runs not finished, what a run notes of itself, answers missing."""
    differs: dict[str, dict[str, str]]
    """Setting -> run id -> value, for the settings in which the runs differ."""


def compare(store: Store, run_ids: Sequence[str]) -> Comparison:
    """Put runs of one dataset and one split side by side.

    Raises NotFound for an unknown id and CompareError naming the field in which the runs must not differ.
    """
    jobs = [store.job(run_id) for run_id in dict.fromkeys(run_ids)]
    configs = _comparable(jobs, store.home)
    jobs.sort(key=lambda job: (KINDS.index(configs[job.id].strategy.kind), job.created))
    differs = _differs(configs, jobs)
    labels = _labels(configs)
    rows = tuple(_row(job, configs[job.id], labels[job.id], store.metrics(job.id)) for job in jobs)
    answers, missing = shared_answers(store.home, jobs)
    pairs = _pairs(rows, answers)
    first = configs[jobs[0].id]
    return Comparison(
        dataset_id=first.dataset_id,
        split_seed=first.split_seed,
        rows=rows,
        pairs=pairs,
        verdict=_verdict(rows, pairs, max(map(len, answers.values()), default=0)),
        notes=_notes(jobs, rows, missing, labels),
        differs=differs,
    )


def curves(store: Store, run_ids: Iterable[str]) -> dict[str, Metrics]:
    """All metrics rows of each run, in the order asked for. Raises NotFound."""
    return {store.job(run_id).id: store.metrics(run_id) for run_id in run_ids}


def _comparable(jobs: Sequence[Job], home: Path) -> dict[str, RunConfig]:
    if not jobs:
        raise CompareError("Choose at least one run to compare.")
    for job in jobs:
        if job.kind != "train":
            raise CompareError(f"Job '{job.id}' is a profile, not a training run: it has nothing to compare.")
    configs = {job.id: run_config_from_json(job.config) for job in jobs}
    first = jobs[0]
    for job in jobs[1:]:
        for field, name in (("dataset_id", "dataset"), ("split_seed", "split seed")):
            mine, other = getattr(configs[first.id], field), getattr(configs[job.id], field)
            if mine != other:
                if field == "dataset_id" and (told := _revisions(home, mine, other)):
                    name, mine, other = "dataset's revision", *told
                raise CompareError(
                    f"Runs '{first.id}' and '{job.id}' cannot be compared: their {name} differs"
                    f" ({mine} and {other})."
                )
    return configs


def _revisions(home: Path, *ids: str) -> list[str]:
    """How to call two revisions of one import; empty for different imports."""
    try:
        refs = [load_dataset(home, one) for one in ids]
    except NotFound:
        return []
    if len({ref.images_id for ref in refs}) > 1:
        return []
    return [f"{ref.id}, '{ref.edit}'" if ref.edit else f"{ref.id}, as imported" for ref in refs]


def _row(job: Job, config: RunConfig, label: str, metrics: Metrics) -> Row:
    result = job.result or {}
    validated = [row for row in metrics if row["val_accuracy"] is not None]
    tested = result.get("test_total")
    best = _best(validated, result.get("best_epoch"))
    epochs = result.get("epochs", validated[-1]["epoch"] if validated else None)
    return Row(
        run_id=job.id,
        kind=config.strategy.kind,
        backbone=config.strategy.backbone,
        state=job.state,
        seed=config.seed,
        label=label,
        test_accuracy=wilson(int(result["test_correct"]), int(tested)) if tested else None,
        val_accuracy=result.get("val_accuracy", best["val_accuracy"] if best else None),
        seconds=float(result.get("seconds") or job.seconds),
        trainable_params=result.get("trainable_params"),
        epochs=None if epochs is None else int(epochs),
        epochs_to_90=_epochs_to_90(validated),
        overfit_gap=_gap(best),
        minutes=config.minutes,
    )


def _best(validated: Metrics, epoch: float | None) -> dict[str, Any] | None:
    """The row of the kept weights: the epoch that the run names, else the first with the highest accuracy."""
    named = [row for row in validated if epoch is not None and row["epoch"] == epoch]
    if named:
        return named[-1]
    return max(validated, key=lambda row: row["val_accuracy"], default=None)


def _gap(row: dict[str, Any] | None) -> float | None:
    if row is None or row["train_accuracy"] is None:
        return None
    return float(row["train_accuracy"] - row["val_accuracy"])


def _epochs_to_90(validated: Metrics) -> float | None:
    if not validated:
        return None
    goal = 0.9 * validated[-1]["val_accuracy"]
    return next(float(row["epoch"]) for row in validated if row["val_accuracy"] >= goal)


def _pairs(rows: Sequence[Row], answers: dict[str, Answers]) -> tuple[Pair, ...]:
    tests = paired_tests({row.run_id: answers[row.run_id] for row in rows if row.run_id in answers})
    return tuple(_pair(a, b, tests.get((a.run_id, b.run_id))) for a, b in combinations(rows, 2))


def _pair(a: Row, b: Row, test: tuple[float, float] | None) -> Pair:
    difference = None
    if a.test_accuracy is not None and b.test_accuracy is not None:
        difference = a.test_accuracy.value - b.test_accuracy.value
    if test is None or difference is None:
        return Pair(a.run_id, b.run_id, difference, None, None, "not tested")
    p, adjusted = test
    verdict: Verdict = "no difference shown"
    if adjusted < ALPHA:
        verdict = "better" if difference > 0 else "worse"
    return Pair(a.run_id, b.run_id, difference, p, adjusted, verdict)


# -- in words ---------------------------------------------------------------------------------------


def _verdict(rows: Sequence[Row], pairs: Sequence[Pair], images: int) -> str:
    tested = [pair for pair in pairs if pair.verdict != "not tested"]
    if not tested:
        return "Nothing is compared yet: fewer than two of these runs have test answers."
    label = {row.run_id: row.label for row in rows}
    accuracy = {row.run_id: row.test_accuracy for row in rows if row.test_accuracy is not None}
    wins: dict[str, list[str]] = {}
    for pair in tested:
        if pair.verdict in ("better", "worse"):
            winner, loser = (pair.a, pair.b) if pair.verdict == "better" else (pair.b, pair.a)
            wins.setdefault(winner, []).append(loser)
    compared = {run_id for pair in tested for run_id in (pair.a, pair.b)}
    # Of equals the first in the catalogue's order: the least trained, so the cheapest.
    top = max((r.run_id for r in rows if r.run_id in compared), key=lambda run_id: accuracy[run_id].value)
    how = f"exact McNemar test on the same {images:,} test images"
    how += f", Holm's correction for {len(tested)} pairs" if len(tested) > 1 else ""
    if not wins:
        return f"No difference shown: {images:,} test images cannot tell these runs apart ({how})."
    sentences = [
        f"{label[winner]} ({percent(accuracy[winner])}) is better than"
        f" {listing([f'{label[loser]} ({percent(accuracy[loser])})' for loser in losers])}"
        for winner, losers in sorted(wins.items(), key=lambda item: -accuracy[item[0]].value)
        # Of many runs only what concerns the best is said in words; every pair stands in `pairs`.
        if winner == top or top not in wins
    ]
    undecided = [label[other] for other in label if other in compared - {top} - set(wins.get(top, []))]
    if undecided:
        sentences.append(f"no difference shown between {label[top]} and {listing(undecided)}")
    return f"{'; '.join(sentences)} ({how})."


def _notes(
    jobs: Sequence[Job], rows: Sequence[Row], missing: Sequence[str], labels: dict[str, str]
) -> tuple[str, ...]:
    notes = []
    budgets = {row.minutes for row in rows}
    if len(budgets) > 1:
        shown = [minutes(b) for b in sorted(b for b in budgets if b is not None)]
        shown += ["no limit"] if None in budgets else []
        notes.append(f"Time budgets differ ({listing(shown)}): a longer budget may explain a difference.")
    waiting = [labels[job.id] for job in jobs if job.state in ("queued", "running")]
    if waiting:
        notes.append(f"Still to come: {listing(waiting)}.")
    ended = [f"{labels[job.id]} ({job.state})" for job in jobs if job.state in ("stopped", "failed", "lost")]
    if ended:
        notes.append(f"Ended before their plan was done: {listing(ended)}.")
    # What a run says of its own result, such as which phase's weights it kept.
    notes += [f"{labels[job.id]}: {job.result['note']}" for job in jobs if job.result and job.result.get("note")]
    devices = sorted({str(job.result["device"]) for job in jobs if job.result and job.result.get("device")})
    if len(devices) > 1:
        notes.append(f"Trained on different devices ({listing(devices)}): their seconds do not compare.")
    if missing:
        these = listing([labels[run_id] for run_id in missing])
        notes.append(f"Not tested, because the answers on the test images cannot be read: {these}.")
    return tuple(notes)


def _labels(configs: dict[str, RunConfig]) -> dict[str, str]:
    """Per run its strategy's title, with what sets it apart where a strategy comes more than once."""
    details = {
        run_id: (config.strategy.kind, (config.strategy.backbone, f"seed {config.seed}", run_id))
        for run_id, config in configs.items()
    }
    labels = {}
    for run_id, (kind, mine) in details.items():
        rivals = [theirs for other, (same, theirs) in details.items() if same == kind and other != run_id]
        apart = (text for i, text in enumerate(mine) if all(theirs[i] != text for theirs in rivals))
        title = STRATEGIES[kind].title
        labels[run_id] = f"{title} · {next(apart)}" if rivals else title
    return labels


def _differs(configs: dict[str, RunConfig], jobs: Sequence[Job]) -> dict[str, dict[str, str]]:
    """The settings table, less what all runs share (and less the group, which is no setting)."""
    tables = {job.id: _settings(configs[job.id]) for job in jobs}
    names = list(next(iter(tables.values())))
    by_name = {name: {run_id: table[name] for run_id, table in tables.items()} for name in names}
    return {name: values for name, values in by_name.items() if len(set(values.values())) > 1}


def _settings(config: RunConfig) -> dict[str, str]:
    strategy = to_json(config.strategy)
    phases = strategy.pop("phases")
    settings = {name.replace("_", " "): str(value) for name, value in strategy.items()}
    settings["phases"] = "; then ".join(
        f"boundary {phase['boundary']}, {_length(phase['optimizer'], phase['epochs'])}" for phase in phases
    )
    for name in ("lr_head", "lr_stage", "decay", "optimizer", "schedule", "batch_norm"):
        settings[name.replace("_", " ")] = ", ".join(dict.fromkeys(str(phase[name]) for phase in phases))
    settings["seed"] = str(config.seed)
    settings["minutes"] = "no limit" if config.minutes is None else f"{config.minutes:g}"
    return settings


def _length(optimizer: str, epochs: int) -> str:
    return counted(epochs, "epoch") if optimizer == "adamw" else counted(epochs, "solver pass", "solver passes")

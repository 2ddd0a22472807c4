"""Jobs, facts and comparisons as JSON documents and as lines to read: what the terminal commands print.

Pure formatting: nothing here opens a store or starts anything. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import DatasetFacts, DatasetRef, Recommendation
from core.words import counted, duration, listing, moment, percent
from training.compare import Comparison
from training.evaluation import wilson
from training.jobs import hanging
from training.store import Job, RunResult, in_words

if TYPE_CHECKING:
    from advisor.advice import Said

COPIED = (
    "test_accuracy", "test_correct", "test_total", "val_accuracy", "val_loss", "train_accuracy", "best_epoch",
    "epochs", "cache_seconds", "trainable_params", "total_params", "stopped_early", "device", "arithmetic",
    "weights_sha256", "note", "refitted_on", "peak_memory_bytes", "overhead_seconds", "rollbacks",
    "target_accuracy", "target_correct", "target_total",
)  # fmt: skip
"""What a run's document takes from its result as it is (None when the result has no such value)."""


def run_document(home: Path, job: Job) -> dict[str, Any]:
    """One run as the `--json` document of fit, resume, stop and (with 'id') runs: always the same keys."""
    strategy = job.config.get("strategy") or {}
    result = RunResult.of(job)
    return {
        "run_id": job.id,
        "state": job.state,
        "strategy": strategy.get("kind"),
        "head": strategy.get("head"),
        "backbone": strategy.get("backbone") or job.config.get("backbone"),
        "dataset_id": job.dataset_id,
        "seed": job.config.get("seed"),
        "minutes": job.config.get("minutes"),
        "target_id": job.config.get("target_id") or None,
        "from_run": job.config.get("from_run") or None,
        "per_class": job.config.get("per_class") or None,
        "group": job.group,
        "queued_by": job.queued_by,
        "label": {"name": job.name, "tags": list(job.tags), "note": job.note},
        "created": job.created,
        "attempt": job.attempt,
        "progress": job.progress,
        "eta_s": job.eta_s,
        "stop_requested": job.stop_requested,
        "still_s": round(hanging.still_s(job), 1),
        "seconds": result.seconds or job.seconds,
        **{key: getattr(result, key) for key in COPIED},
        "lineage": [asdict(stage) for stage in result.lineage] or None,
        "weights": str(home / result.weights) if result.weights else None,
        "error": job.error,
    }


def run_lines(home: Path, job: Job) -> list[str]:
    document = run_document(home, job)
    lines = [f"Run {job.id}: {job.state} after {duration(document['seconds'])}."]
    for images in ("test", "target"):
        if document[f"{images}_total"]:
            accuracy = wilson(document[f"{images}_correct"], document[f"{images}_total"])
            lines.append(f"{images.capitalize()} accuracy {percent(accuracy)}, {accuracy.how}.")
    if document["refitted_on"]:
        lines.append(f"The chosen head was solved once more on all {document['refitted_on']:,} images but the test's.")
    if document["lineage"]:
        lines.append(f"Lineage: {in_words(RunResult.of(job).lineage, 'this run')}.")
    if document["weights"]:
        lines.append(f"Best weights: {document['weights']}")
    return lines


def runs_lines(documents: Sequence[dict[str, Any]]) -> list[str]:
    """The table of `runs`."""
    if not documents:
        return ["No runs yet. Start one: python -m training fit PATH --strategy linear_probe"]
    heads = ("run", "state", "strategy", "backbone", "test", "time", "dataset", "created", "name and tags")
    rows = [
        (d["id"], _state(d), d["strategy"] or "unknown", d["backbone"] or "unknown", percent(d["test_accuracy"]),
         duration(d["seconds"]), d["dataset_id"], moment(d["created"]), _label(d["label"]))
        for d in documents
    ]  # fmt: skip
    named = any(row[-1] for row in rows)
    return table(heads, rows) if named else table(heads[:-1], [row[:-1] for row in rows])


def _label(label: dict[str, Any]) -> str:
    return " ".join([label["name"], *(f"#{tag}" for tag in label["tags"])]).strip()


def _state(document: dict[str, Any]) -> str:
    if document["state"] != "running":
        return str(document["state"])
    still = f", no step for {duration(document['still_s'])}" if document["still_s"] > hanging.STILL_S else ""
    return f"running {document['progress']:.0%}{still}"


def facts_lines(ref: DatasetRef, facts: DatasetFacts | None) -> list[str]:
    if facts is None:
        return [f"Dataset {ref.id}: not measured."]
    lines = [
        f"Dataset {ref.id}: {counted(facts.train_images, 'image')} to train and validate on,"
        f" {facts.test_images:,} to test, {counted(len(facts.classes), 'class', 'classes')}.",
        f"Ready-made accuracy: {percent(facts.ready_made)}, where guessing gets {percent(facts.chance)}.",
    ]
    speeds = {"Forward": facts.forward_images_per_s, "Training the whole backbone": facts.train_images_per_s}
    lines += [f"{text}: {speed:,.0f} images/s." for text, speed in speeds.items() if speed is not None]
    if facts.seconds is not None:
        lines.append(f"Measured in {duration(facts.seconds)}.")
    return lines


def advice_lines(advice: Recommendation) -> list[str]:
    lines = [advice.sentence, *([f"Confidence: {advice.confidence}"] if advice.confidence else [])]
    lines += [f"- {reason}" for reason in advice.reasons]
    lines += [f"! {warning}" for warning in advice.warnings]
    lines += ["", *(f"{answer.rulebook}: {answer.says}" for answer in advice.answers), ""]
    candidates = (advice.best, *advice.alternatives)
    heads = ("strategy", "time", "accuracy", "trained parameters")
    rows = [(c.strategy.kind, duration(c.seconds), percent(c.accuracy), f"{c.trainable_params:,}") for c in candidates]
    lines += table(heads, rows)
    return lines + [f"{what_if.change}: {what_if.says}" for what_if in advice.would_change]


def rulebook_lines(said: Sequence[Said]) -> list[str]:
    """Every rulebook's answer with the way to it, side by side."""
    kinds = {one.answer.kind for one in said if one.answer}
    lines = ["They agree." if len(kinds) == 1 else f"They name {len(kinds)} strategies.", ""]
    for one in said:
        if one.answer is None:
            lines += [f"{one.title}: no answer. {one.why_not}", ""]
            continue
        lines.append(f"{one.title}: {one.answer.kind}. {one.answer.says}")
        lines += [f"    {step.question} {step.answer}" for step in one.answer.path]
        lines += [f"    ! {caveat}" for caveat in one.answer.caveats] + [""]
    return [*lines, "Nothing was measured: with images, advise measures them and says what a strategy would reach."]


def comparison_lines(comparison: Comparison) -> list[str]:
    heads = ("run", "strategy", "state", "test", "time", "trained parameters", "epochs to 90%", "gap")
    rows = [
        (row.run_id, row.label, row.state, percent(row.test_accuracy), duration(row.seconds),
         _known(row.trainable_params, ","), _known(row.epochs_to_90, "g"), _known(row.generalisation_gap, "+.1%"))
        for row in comparison.rows
    ]  # fmt: skip
    lines = [*table(heads, rows), "", comparison.verdict, *filter(None, [comparison.settles]), *comparison.notes]
    if comparison.differs:
        lines.append(f"They differ in {listing(list(comparison.differs))}.")
    return lines


def _known(value: float | None, style: str) -> str:
    return "unknown" if value is None else format(value, style)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Left-aligned columns, two spaces apart."""
    widths = [max(len(line[i]) for line in (heads, *rows)) for i in range(len(heads))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in (heads, *rows))
    return [line.rstrip() for line in lines]

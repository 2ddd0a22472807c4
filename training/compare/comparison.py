"""Runs side by side, under the same conditions or not at all: what each reached, and is one really better?

Reads the store and the runs' own test answers; changes nothing. Words like "better" follow from a paired test on the
shared test images with Holm's correction (`stats`), never from one number. No torch, no streamlit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import KINDS, CompareError, Estimate, Kind, NotFound, RunConfig
from dataset import load_dataset
from training.compare import chosen
from training.compare import contests as who
from training.compare import in_words as words
from training.compare.contests import ALPHA, Group, Pair, Verdict
from training.evaluation import Answers, Scores, answered, shared_answers, wilson
from training.evaluation.scores import scores
from training.store import Job, RunResult, Side, Store

__all__ = ["ALPHA", "Comparison", "Group", "Pair", "Row", "Verdict", "compare"]

MOST_PAIRED = 40
"""Runs up to which each is tested against each other one; of more only their groups are."""
MUST_MATCH = (("dataset_id", "dataset"), ("split_seed", "split seed"), ("split_rules", "way of splitting"))
"""Fields of a run in which those compared may not differ, and what they are called."""

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
    """With its 95% Wilson interval; on the target's test images where `Comparison.target` names one."""
    val_accuracy: float | None
    """Of the kept weights (the best on validation)."""
    seconds: float
    trainable_params: int | None
    epochs: int | None
    """Epochs run so far."""
    epochs_to_90: float | None
    """First epoch whose validation accuracy is at least 90 % of the last epoch's."""
    seconds_to_90: float | None
    """The same in seconds of training."""
    generalisation_gap: float | None
    """Training minus validation accuracy at the best epoch."""
    minutes: float | None
    """The time budget it was planned for; None = no limit."""
    peak_memory_bytes: int | None = None
    scores: Scores | None = None
    """On the test images; None where their answers cannot be read."""
    source_accuracy: Estimate | None = None
    """On its own dataset's test images, where `test_accuracy` is the target's; else None."""
    group: int = 0
    """Which of `Comparison.groups` it belongs to."""


@dataclass(frozen=True)
class Comparison:
    dataset_id: str
    split_seed: int
    rows: tuple[Row, ...]
    """In the catalogue's order, oldest first within a strategy."""
    groups: tuple[Group, ...]
    """The rows, seeds of one strategy together; in the order of the rows."""
    pairs: tuple[Pair, ...]
    """Of runs; none where there are more than `MOST_PAIRED`."""
    contests: tuple[Pair, ...]
    """Of groups, by label; where no strategy has two tested seeds these are the pairs of runs."""
    verdict: str
    """In words, for under the scoreboard: what the contests say."""
    notes: tuple[str, ...]
    """What to keep in mind: runs left out, unequal budgets, runs not finished, what a run notes of itself, answers
    missing."""
    differs: dict[str, dict[str, str]]
    """Setting -> run id -> value, for the settings in which the runs differ."""
    images: int
    """Shared test images that the pairs were tested on; 0 where none were."""
    settles: str = ""
    """Where no difference was shown to the best: how many seeds of each would show one. Else ""."""
    target: str = ""
    """The dataset whose test images every accuracy here is about, where that is the target that all these runs were
    adapted to; "" = their own dataset's."""

    @property
    def side(self) -> Side:
        """Which of a run's answers are compared."""
        return "target" if self.target else "test"


def compare(store: Store, run_ids: Sequence[str]) -> Comparison:
    """Put runs of one dataset revision and one split side by side; of very many only some (`chosen.looked_at`).

    Raises NotFound for an unknown id and CompareError naming the field in which the runs must not differ.
    """
    jobs = [store.job(run_id) for run_id in dict.fromkeys(run_ids)]
    configs = _comparable(jobs, store.home)
    jobs.sort(key=lambda job: (KINDS.index(configs[job.id].strategy.kind), job.created))
    target, why = _target(jobs, configs)
    side: Side = "target" if target else "test"
    everyone = who.same_but_seed(jobs, configs)
    looked = chosen.looked_at(everyone, [configs[group[0].id].strategy.kind for group in everyone], side)
    members, family = looked.members, looked.family
    kept = {job.id for group in members for job in group}
    jobs = [job for job in jobs if job.id in kept]
    configs = {run: config for run, config in configs.items() if run in kept}
    names = {job.id: job.name for job in jobs}
    labels = words.labels(configs, names)
    answers, missing = shared_answers(store.home, jobs, side)
    rows = tuple(
        _row(job, configs[job.id], labels[job.id], store.validated(job.id), answers.get(job.id), number, side)
        for number, group in enumerate(members)
        for job in group
    )
    accuracies = {row.run_id: row.test_accuracy for row in rows}
    groups = who.groups(members, configs, accuracies, answers, words.group_labels(configs, members, names))
    lucks = who.lucks(store, configs, answers, side)
    contests = who.contests(groups, answers, lucks, family)
    images = max(map(len, answers.values()), default=0)
    first = configs[jobs[0].id]
    return Comparison(
        dataset_id=first.dataset_id,
        split_seed=first.split_seed,
        rows=rows,
        groups=groups,
        pairs=who.pairs(accuracies, answers, lucks) if len(rows) <= MOST_PAIRED else (),
        contests=contests,
        verdict=words.verdict(groups, contests, images, side, family),
        notes=(*filter(None, [looked.said, why]), *words.notes(jobs, configs, groups, missing, labels)),
        differs=words.differing(configs, [row.run_id for row in rows]),
        images=images,
        settles=words.settles(groups, contests, images, side),
        target=target,
    )


def _comparable(jobs: Sequence[Job], home: Path) -> dict[str, RunConfig]:
    if not jobs:
        raise CompareError("Choose at least one run to compare.")
    for job in jobs:
        if job.kind != "train":
            raise CompareError(f"Job '{job.id}' is a {job.kind} job, not a training run: it has nothing to compare.")
    configs = {job.id: job.plan for job in jobs}
    first = jobs[0]
    for job in jobs[1:]:
        for field, name in MUST_MATCH:
            mine, other = getattr(configs[first.id], field), getattr(configs[job.id], field)
            if mine != other:
                if field == "dataset_id" and (told := _revisions(home, mine, other)):
                    name, mine, other = "dataset's revision", *told
                raise CompareError(
                    f"Runs '{first.id}' and '{job.id}' cannot be compared: their {name} differs ({mine} and {other})."
                )
    return configs


def _target(jobs: Sequence[Job], configs: dict[str, RunConfig]) -> tuple[str, str]:
    """(the target whose test images are compared on, or ""; a sentence about it, or "").

    On the target only where every tested run answered for the same one: accuracies on different images never mix.
    """
    done = [job for job in jobs if answered(job)]
    targets = {configs[job.id].target_id for job in done}
    if not any(targets):
        return "", ""
    judged = all(answered(job, "target") for job in done)
    return (targets.pop() if judged and len(targets) == 1 else ""), words.about_target(done, configs)


def _revisions(home: Path, *ids: str) -> list[str]:
    """How to call two revisions of one import; empty for different imports."""
    try:
        refs = [load_dataset(home, one) for one in ids]
    except NotFound:
        return []
    if len({ref.images_id for ref in refs}) > 1:
        return []
    return [f"{ref.id}, '{ref.edit}'" if ref.edit else f"{ref.id}, as imported" for ref in refs]


def _row(
    job: Job, config: RunConfig, label: str, validated: Metrics, answers: Answers | None, group: int, side: Side
) -> Row:
    result = RunResult.of(job)
    best = _best(validated, result.best_epoch)
    epochs = validated[-1]["epoch"] if result.epochs is None and validated else result.epochs
    near = _near_final(validated)
    return Row(
        run_id=job.id,
        kind=config.strategy.kind,
        backbone=config.strategy.backbone,
        state=job.state,
        seed=config.seed,
        label=label,
        test_accuracy=_accuracy(job, side),
        val_accuracy=best["val_accuracy"] if job.result is None and best else result.val_accuracy,
        seconds=result.seconds or job.seconds,
        trainable_params=result.trainable_params,
        epochs=None if epochs is None else int(epochs),
        epochs_to_90=None if near is None else float(near["epoch"]),
        seconds_to_90=None if near is None or near["seconds"] is None else float(near["seconds"]),
        generalisation_gap=_gap(best),
        minutes=config.minutes,
        peak_memory_bytes=result.peak_memory_bytes,
        scores=scores(answers) if answers is not None else None,
        source_accuracy=_accuracy(job, "test") if side == "target" else None,
        group=group,
    )


def _accuracy(job: Job, side: Side) -> Estimate | None:
    tested = RunResult.of(job).on(side)
    return wilson(tested.correct, tested.total) if tested else None


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


def _near_final(validated: Metrics) -> dict[str, Any] | None:
    """The first row whose validation accuracy is at least 90 % of the last row's."""
    goal = 0.9 * validated[-1]["val_accuracy"] if validated else 0.0
    return next((row for row in validated if row["val_accuracy"] >= goal), None)

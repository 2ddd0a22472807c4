"""Two domains, compared: did aligning them help on the target, and what do a few of its labels give instead?

Reads runs and their answers on the target's test images; changes nothing. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import ADAPTING, Estimate, Kind
from core.words import Tone, listing, percent
from core.zoo import STRATEGIES
from training.compare import seeds
from training.evaluation import Answers, paired_tests, read_answers, wilson
from training.store import Job, RunResult, Store

ALPHA = 0.05


@dataclass(frozen=True)
class Adapted:
    """One run judged on the target's test images."""

    run_id: str
    kind: Kind
    title: str
    target: Estimate


@dataclass(frozen=True)
class DomainVerdict:
    tone: Tone
    headline: str
    text: str
    rows: tuple[Adapted, ...]
    """Source-only first, then what was aligned, then a few labels, each the newest of its kind."""


def gap_file(home: Path, dataset_id: str, target_id: str, backbone: str) -> Path:
    """Where a gap is kept once it has been measured (`training.profile.domain_gap`)."""
    return home / "targets" / f"gap-{dataset_id}-{target_id}-{backbone}.json"


def runs_on(store: Store, dataset_id: str, target_id: str) -> list[Job]:
    """The newest run with two domains of each kind, whatever its state, in the order of ADAPTING."""
    newest: dict[str, Job] = {}
    for job in store.jobs(kind="train", dataset_id=dataset_id):
        if job.config.get("target_id") == target_id:
            newest.setdefault(str((job.config.get("strategy") or {}).get("kind")), job)
    return [newest[kind] for kind in ADAPTING if kind in newest]


def few_labels(store: Store, target_id: str) -> Job | None:
    """The newest run on the target itself with only some images a class."""
    return next((job for job in store.jobs(kind="train", dataset_id=target_id) if job.config.get("per_class")), None)


def judge(store: Store, jobs: Sequence[Job], labelled: Job | None = None) -> DomainVerdict | None:
    """What may be said of the finished ones; None while source-only has no answers on the target."""
    rows: list[Adapted] = []
    answers: dict[str, Answers] = {}
    lucks: dict[str, float] = {}
    for job in jobs:
        tested = RunResult.of(job).on("target")
        if tested:
            strategy = job.plan.strategy
            kind = strategy.kind
            estimate = wilson(tested.correct, tested.total)
            rows.append(Adapted(job.id, kind, STRATEGIES[kind].title, estimate))
            answers[job.id] = read_answers(store.home / tested.predictions)
            lucks[job.id] = seeds.assumed(strategy)
    base = next((row for row in rows if row.kind == "source_only"), None)
    aligned = [row for row in rows if row.kind != "source_only"]
    if base is None or not aligned:
        return None
    same = {run: given for run, given in answers.items() if given.paths == answers[base.run_id].paths}
    tests = paired_tests(same, lucks)
    helps: list[Adapted] = []
    hurts: list[Adapted] = []
    open_: list[Adapted] = []
    for row in aligned:
        p = next((fair for pair, (_, fair) in tests.items() if set(pair) == {base.run_id, row.run_id}), 1.0)
        better = row.target.value > base.target.value
        (open_ if p >= ALPHA else helps if better else hurts).append(row)
    said = f"Source only reaches {percent(base.target)} of the target's test images."
    said += _told(helps, "better than source only") + _told(hurts, "worse than source only: aligning hurts here")
    if open_:
        said += f" No difference shown for {listing([_named(row) for row in open_])}."
    tone: Tone = "good" if helps else "bad" if hurts else "info"
    headline = "Adaptation helps" if helps else "Adaptation hurts" if hurts else "Adaptation makes no difference shown"
    counted = RunResult.of(labelled).on("test") if labelled else None
    if labelled and counted:
        estimate = wilson(counted.correct, counted.total)
        each = labelled.config["per_class"]
        rows.append(Adapted(labelled.id, "prototype", f"{each} labels a class", estimate))
        best = max([base, *aligned], key=lambda row: row.target.value)
        more = estimate.value > best.target.value
        said += (
            f" Labelling {each} target images a class instead gives {percent(estimate)}: "
            f"{'more' if more else 'less'} than the best of these."
        )
        if more:
            tone = "caution" if tone == "good" else tone
    said += " Paired tests on the target's test images, with room for the luck of a seed; Holm's correction."
    return DomainVerdict(tone, headline, said, tuple(rows))


def _named(row: Adapted) -> str:
    return f"{row.title.lower() if row.title.startswith('Aligned') else row.title} ({percent(row.target)})"


def _told(rows: Sequence[Adapted], what: str) -> str:
    return f" {listing([_named(row) for row in rows]).capitalize()}: {what}." if rows else ""

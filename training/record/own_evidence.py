"""Learning from a user's own runs: every finished "compare all" becomes lines of a local evidence table.

The committed evidence stays what it is; this home's table lies beside its runs, and what is learned from both together
replaces the committed rulebook for this home alone. No torch.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

from advisor.advice import LOCAL_EVIDENCE, LOCAL_RULES, Learned, evidence, learned_rules
from advisor.planning import affordable_epochs
from core import DatasetFacts, PlanError, write_json, write_whole
from core.zoo import catalog
from training.store import Job, RunResult, Store

LEAST = 3
"""Tested runs of one dataset and budget that make a comparison worth learning from."""
COLUMNS = (
    "dataset", "backbone", "image_px", "per_class", "budget", "strategy", "seed", "classes", "train_images",
    "affordable_epochs", "ready_made", "probe_accuracy", "domain_gap_raw", "depth_gap", "test_accuracy", "test_images",
)  # fmt: skip


def lines(store: Store) -> list[dict[str, Any]]:
    """One line for each tested run of a set of `LEAST` or more under one group, with its dataset's facts."""
    groups: dict[str, list[Job]] = defaultdict(list)
    for job in store.jobs(kind="train", states=("finished",)):
        if job.group.startswith("set-") and RunResult.of(job).test_accuracy is not None:
            groups[job.group].append(job)
    found = []
    for group, jobs in groups.items():
        facts = store.facts(jobs[0].dataset_id, jobs[0].config["strategy"]["backbone"])
        if len(jobs) < LEAST or facts is None or facts.ready_made is None:
            continue
        given = [job.config["minutes"] for job in jobs if job.config.get("minutes")]
        epochs = affordable_epochs(facts, max(given)) if given else None
        if epochs is not None:
            found += [_line(job, facts, group, epochs) for job in jobs]
    return found


def _line(job: Job, facts: DatasetFacts, group: str, epochs: float) -> dict[str, Any]:
    gap, ready, plain, depth = facts.domain_gap, facts.ready_made, facts.probe_accuracy, facts.depth_gap
    result = RunResult.of(job)
    px = gap.image_px if gap else catalog.backbone(facts.backbone).image_px
    values = (
        f"own {facts.dataset_id}", facts.backbone, px, 0, group, job.config["strategy"]["kind"], job.config["seed"],
        len(facts.classes), facts.train_images, epochs, ready.value if ready else "", plain.value if plain else "",
        gap.raw if gap else "", depth.value if depth else "", result.test_accuracy, result.test_total,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def learn(store: Store) -> Learned:
    """Write this home's evidence and learn from it and the committed one. Raises PlanError when there is none yet."""
    own = lines(store)
    if not own:
        raise PlanError(
            f"There is nothing to learn from yet: finish a 'compare all' with at least {LEAST} tested runs of a "
            "measured "
            "dataset first."
        )
    table = store.home / LOCAL_EVIDENCE
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(own)
    write_whole(table, text.getvalue())
    known = learned_rules.learn(evidence.read(), evidence.read(table))
    write_json(store.home / LOCAL_RULES, learned_rules.to_json(known))
    return known


def forget(home: Path) -> None:
    """Back to the committed evidence."""
    for name in (LOCAL_RULES, LOCAL_EVIDENCE):
        (home / name).unlink(missing_ok=True)

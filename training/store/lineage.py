"""Multi-stage transfer: a run that starts from an earlier run's weights, and the chain that led to it.

Both are kept in the run's own folder (`starting`): it can be resumed, and tells its story, without the earlier run.
Reads only. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core import NotFound, PlanError, RunConfig, Unreadable, read_json
from core.decode import decode
from dataset import load_dataset
from training.store.run_folder import RunFolder
from training.store.run_result import RunResult, Stage

if TYPE_CHECKING:
    from training.store.records import Job

def origin(job: Job, config: RunConfig, home: Path) -> Stage:
    """A finished run as a link of a chain."""
    try:
        name = load_dataset(home, job.dataset_id).name
    except NotFound:
        name = f"dataset {job.dataset_id}"
    result = RunResult.of(job)
    return Stage(job.id, name, config.strategy.kind, result.test_accuracy, result.weights_sha256 or "")


def check(parent: Job, backbone: str) -> RunConfig:
    """The configuration of a run to start from. Raises PlanError when it has no weights or another backbone."""
    if parent.kind != "train" or not RunResult.of(parent).weights:
        raise PlanError(f"Run '{parent.id}' has no weights to start from: it is {parent.state}. Choose a finished run.")
    config = parent.plan
    if config.strategy.backbone != backbone:
        raise PlanError(
            f"Run '{parent.id}' trained {config.strategy.backbone}; its weights do not fit {backbone}. "
            f"Add --backbone {config.strategy.backbone}."
        )
    return config


def stages_of(home: Path, run_id: str) -> list[Stage]:
    """The chain that a run started from, oldest first, as it was written down; [] for one from a backbone's weights."""
    try:
        return read(RunFolder(home, run_id).lineage)
    except Unreadable:
        return []


def read(path: Path) -> list[Stage]:
    """A chain as `starting` writes it. Raises Unreadable, naming file and field."""
    return list(decode(read_json(path), tuple[Stage, ...], f"The file {path}", "Train the run again."))


def in_words(stages: Sequence[Stage], here: str = "") -> str:
    """'ImageNet, then cifar10_12k (partial, 81.2%), then ...'; '' for a run that started from no other."""
    if not stages:
        return ""

    def one(stage: Stage) -> str:
        if not stage.run_id:
            return stage.dataset
        reached = "" if stage.test_accuracy is None else f", {100 * stage.test_accuracy:.1f}%"
        return f"{stage.dataset} ({stage.strategy}{reached})"

    return ", then ".join([*map(one, stages), *([here] if here else [])])

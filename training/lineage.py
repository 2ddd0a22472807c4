"""Multi-stage transfer: a run that starts from an earlier run's weights, and the chain that led to it.

Both are kept in the run's own folder (`starting`): it can be resumed, and tells its story, without the earlier run.
Reads only. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import BrokenFile, NotFound, PlanError
from advisor.files import read_json
from advisor.ingest import load_dataset
from advisor.plans import RunConfig, run_config_from_json
from training.run_folder import RunFolder

if TYPE_CHECKING:
    from training.store import Job

@dataclass(frozen=True)
class Stage:
    """One link of the chain, oldest first: what was trained on what, and how far it got."""

    run_id: str
    """Empty for the backbone's own weights."""
    dataset: str
    """Name of the images: 'ImageNet' for a backbone's own weights."""
    strategy: str = ""
    test_accuracy: float | None = None
    weights_sha256: str = ""


def origin(job: Job, config: RunConfig, home: Path) -> Stage:
    """A finished run as a link of a chain."""
    try:
        name = load_dataset(home, job.dataset_id).name
    except NotFound:
        name = f"dataset {job.dataset_id}"
    result = job.result or {}
    return Stage(job.id, name, config.strategy.kind, result.get("test_accuracy"), result.get("weights_sha256") or "")


def check(parent: Job, backbone: str) -> RunConfig:
    """The configuration of a run to start from. Raises PlanError when it has no weights or another backbone."""
    if parent.kind != "train" or not (parent.result or {}).get("weights"):
        raise PlanError(f"Run '{parent.id}' has no weights to start from: it is {parent.state}. Choose a finished run.")
    config = run_config_from_json(parent.config)
    if config.strategy.backbone != backbone:
        raise PlanError(
            f"Run '{parent.id}' trained {config.strategy.backbone}; its weights do not fit {backbone}. "
            f"Add --backbone {config.strategy.backbone}."
        )
    return config


def stages_of(home: Path, run_id: str) -> list[Stage]:
    """The chain that a run started from, oldest first, as it was written down; [] for one from a backbone's weights."""
    try:
        return from_links(read_json(RunFolder(home, run_id).lineage))
    except (BrokenFile, ValueError):
        return []


def from_links(links: Any) -> list[Stage]:
    """A chain as it is written in files and results. Raises ValueError for anything else."""
    try:
        chain = [Stage(**link) for link in links]
    except TypeError as error:
        raise ValueError(f"no chain of runs: {error}") from error
    for stage in chain:
        texts = (stage.run_id, stage.dataset, stage.strategy, stage.weights_sha256)
        known = stage.test_accuracy is None or isinstance(stage.test_accuracy, (int, float))
        if not known or not all(isinstance(text, str) for text in texts):
            raise ValueError("no chain of runs: a link holds something else than text and an accuracy")
    return chain


def of_result(result: dict[str, Any] | None) -> list[Stage]:
    """The chain that a finished run's result tells; [] where there is none."""
    try:
        return from_links((result or {}).get("lineage") or [])
    except ValueError:
        return []


def in_words(stages: list[Stage], here: str = "") -> str:
    """'ImageNet, then cifar10_12k (partial, 81.2%), then ...'."""

    def one(stage: Stage) -> str:
        if not stage.run_id:
            return stage.dataset
        reached = "" if stage.test_accuracy is None else f", {100 * stage.test_accuracy:.1f}%"
        return f"{stage.dataset} ({stage.strategy}{reached})"

    return ", then ".join([*map(one, stages), *([here] if here else [])])

"""Starting a run from an earlier run's weights: what the worker does before it trains a further stage."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core import RunConfig, ThawError, write_json, write_whole
from dataset import load_dataset
from training.backbones import read_weights, write_weights
from training.store import RunFolder, RunResult, Stage, lineage

if TYPE_CHECKING:
    from training.store import Job, Store


def begin(config: RunConfig, run_id: str, store: Store, home: Path) -> tuple[Stage, ...]:
    """Keep the earlier run's weights and the chain in this run's folder, where they are read from whenever this run is
    opened (`Bench.of_run`); returns the chain's links.

    The head is taken over where the classes are the same. Raises PlanError, NotFound, WeightsError.
    """
    folder = RunFolder(home, run_id)
    if not folder.lineage.exists() and config.repeats:
        _as_before(RunFolder(home, config.repeats), folder)
    if not folder.lineage.exists():
        parent = store.job(config.from_run)
        earlier = lineage.check(parent, config.strategy.backbone)
        taken = read_weights(home / str(RunResult.of(parent).weights))
        if not same_classes(parent, config, home):
            taken = {name: tensor for name, tensor in taken.items() if not name.startswith("head.")}
        write_weights(folder.start_weights, taken)
        first = "ImageNet" if earlier.strategy.pretrained else "random weights"
        chain = lineage.stages_of(home, parent.id) or [Stage("", first)]
        links = [asdict(stage) for stage in [*chain, lineage.origin(parent, earlier, home)]]
        write_json(folder.lineage, links)
    return tuple(lineage.read(folder.lineage))


def _as_before(repeated: RunFolder, folder: RunFolder) -> None:
    """A repetition starts where the run it repeats did, wherever the run before that is now."""
    if repeated.start_weights.is_file() and repeated.lineage.is_file():
        write_whole(folder.start_weights, repeated.start_weights.read_bytes())
        write_whole(folder.lineage, repeated.lineage.read_bytes())


def same_classes(parent: Job, config: RunConfig, home: Path) -> bool:
    """Whether the earlier run answered the same classes in the same order."""
    try:
        return load_dataset(home, parent.dataset_id).classes == load_dataset(home, config.dataset_id).classes
    except ThawError:
        return False

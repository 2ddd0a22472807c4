"""`python -m training cache`: what the caches take, and clearing them. No torch."""

from __future__ import annotations

from pathlib import Path

import click

from core import NotFound
from core.words import size
from training.caches import budget
from training.cli.shared import DATASETS, Answer, Place, verb
from training.cli.text import table

ALL = "all"
"""What `--clear` means without a dataset."""


@verb
@click.option("--clear", is_flag=False, flag_value=ALL, metavar="DATASET", shell_complete=DATASETS,
              help="clear the caches of one dataset (its id), or of all")  # fmt: skip
def cache(place: Place, clear: str | None) -> Answer:
    """List what is cached and how much disk it takes; clear it."""
    freed = None
    if clear is not None:
        place.executor.check()  # a dead worker must not keep its caches
        freed = budget.clear(place.home, None if clear == ALL else budget.import_of(place.home, clear))
    listed = budget.sizes(place.home)
    total = sum(one.bytes for one in listed)
    root = place.home / "cache"
    root.mkdir(parents=True, exist_ok=True)
    allowed = budget.budget(root)
    document = {
        "caches": [{"dataset_id": one.dataset_id, "kind": one.kind, "bytes": one.bytes} for one in listed],
        "total_bytes": total, "features_allowed_bytes": allowed, "freed_bytes": freed,
    }  # fmt: skip
    lines = [] if freed is None else [f"Cleared {size(freed)}."]
    if listed:
        rows = [(one.dataset_id, _name(place.home, one.dataset_id), one.kind, size(one.bytes)) for one in listed]
        lines += [*table(("dataset", "name", "kind", "on disk"), rows), f"Together {size(total)}."]
    else:
        lines.append("Nothing is cached.")
    lines.append(f"Frozen features may take {size(allowed)}, the oldest unused go first; {budget.LIMIT_GB} changes it.")
    return Answer(document, lines)


def _name(home: Path, dataset_id: str) -> str:
    from dataset import load_dataset

    try:
        return load_dataset(home, dataset_id).name
    except NotFound:
        return "(deleted)"

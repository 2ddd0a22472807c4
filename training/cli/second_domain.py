"""What advice says of a second domain: which one, how far apart, what speaks against aligning, what came of it.

As a document and as lines to read. No torch.
"""

from __future__ import annotations

from typing import Any

from advisor.planning import gap_words, likely_to_hurt, shares_apart
from core import ADAPTING, DatasetRef, find_as
from core.words import counted
from dataset.ingest import targets
from training.compare import adapted
from training.store import DomainMap, Store


def about(store: Store, ref: DatasetRef, backbone: str) -> dict[str, Any] | None:
    """None where no second domain is attached: without one there is nothing to adapt to."""
    target = targets.target_of(store.home, ref)
    if target is None:
        return None
    shares = shares_apart(ref, target)
    found = find_as(adapted.gap_file(store.home, ref.id, target.id, backbone), DomainMap)
    told_apart = found.told_apart if found else None
    gap = None if told_apart is None else gap_words(told_apart)[1]
    verdict = adapted.judge(store, adapted.runs_on(store, ref.id, target.id), adapted.few_labels(store, target.id))
    return {
        "dataset_id": target.id, "name": target.name, "images": target.images,
        "labelled_images": target.images - target.unlabelled, "told_apart_fraction": told_apart, "gap": gap,
        "class_shares_apart_fraction": shares, "likely_to_hurt": likely_to_hurt(shares),
        "measured": None if verdict is None else f"{verdict.headline}. {verdict.text}",
        "strategies": list(ADAPTING),
    }  # fmt: skip


def lines(ref: DatasetRef, found: dict[str, Any] | None) -> list[str]:
    """The same to read; [] without a second domain."""
    if found is None:
        return []
    labels = f"{found['labelled_images']:,} with a label, which only judges"
    said = ["", f"Second domain: {found['name']}, {counted(found['images'], 'image')}, {labels}."]
    said += [found["gap"]] if found["gap"] else []
    said += [f"! Aligning is likely to hurt here. {found['likely_to_hurt']}"] if found["likely_to_hurt"] else []
    if found["measured"]:
        return [*said, found["measured"]]
    fit = f"python -m training fit {ref.id} --target {found['dataset_id']} --strategy"
    return [*said, f"Not tried yet. Does adapting help? Compare {', '.join(f'{fit} {kind}' for kind in ADAPTING)}"]

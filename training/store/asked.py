"""What lists, comparisons and deletions read of a run's config as it stands, without its whole plan. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from core.decode import check_counts, check_texts


@dataclass(frozen=True)
class AskedStrategy:
    kind: str = ""
    backbone: str = ""


@dataclass(frozen=True)
class Asked:
    """What lists read of a run's config without its whole plan, which may be of another version."""

    dataset_id: str = ""
    strategy: AskedStrategy = field(default_factory=AskedStrategy)
    seed: int = 0
    split_seed: int = 0
    minutes: float | None = None
    group: str = ""
    repeats: str = ""
    target_id: str = ""
    from_run: str = ""
    per_class: int = 0

    def __post_init__(self) -> None:
        check_texts(kind=self.strategy.kind, backbone=self.strategy.backbone, group=self.group)
        check_counts(minutes=self.minutes)


def known(config: dict[str, Any]) -> dict[str, Any]:
    """Of a run's config the fields of `Asked`."""
    found = {one.name: config[one.name] for one in fields(Asked) if one.name in config}
    if isinstance(strategy := found.get("strategy"), dict):
        found["strategy"] = {one.name: strategy[one.name] for one in fields(AskedStrategy) if one.name in strategy}
    return found

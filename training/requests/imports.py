"""The kind of job that brings in images; by itself, since each import waits for what this loads. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dataset.ingest import Order
from training.requests.base import Request


@dataclass(frozen=True)
class ImportImages(Order, Request):
    """Import images: a dataset of their own, or the target of one that is there."""

    kind, noun, lane, handler = "import", "Import", "import", "training.jobs.handlers:import_images"

    dataset_id: str = field(default="", init=False)
    """The dataset whose target they become; "" = none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "dataset_id", self.target_of)

    @property
    def title(self) -> str:
        kind, _, rest = self.source.partition(":")
        called = {"upload": "", "sample": rest}.get(kind, Path(self.source).name)
        return f"Importing {self.name or called or 'images'}"

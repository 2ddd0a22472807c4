"""The kinds of job that bring in weights, a class more for a model, and public sets. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from core import PlanError, read_as, run_config_from_json
from core.zoo import catalog
from dataset import load_dataset
from dataset.ingest import public_set
from training.backbones.file_kinds import kind_of
from training.requests.base import Request
from training.store import Extended, Job, RunFolder, RunResult, Store


@dataclass(frozen=True)
class AddClass(Request):
    """One more class for a finished prototype model, shown by a folder of images. Nothing is trained."""

    kind, noun, lane, handler = "extend", "New class", "side", "training.jobs.handlers:add_class"

    run: str
    name: str
    folder: str
    """Absolute path on this machine."""

    @classmethod
    def of(cls, run: Job, name: str, folder: str | Path) -> Self:
        """folder: as somebody typed it."""
        return cls(run.dataset_id, run.id, name, str(Path(folder).expanduser().absolute()))

    @property
    def title(self) -> str:
        return f"Adding '{self.name}' to run {self.run}"

    def check(self, store: Store) -> None:
        super().check(store)
        run = store.job(self.run)
        prototype = run.kind == "train" and run_config_from_json(run.config).strategy.kind == "prototype"
        if not prototype or not RunResult.of(run).weights:
            raise PlanError(
                f"Run '{run.id}' is no finished prototype model. Only there is a class one row of the head; train one "
                "with --strategy prototype, or import the new class with the others and train again."
            )
        made = RunFolder(store.home, run.id).extended
        added = read_as(made, Extended).added if made.exists() else ()
        if not self.name.strip() or self.name in (*load_dataset(store.home, run.dataset_id).classes, *added):
            raise PlanError(
                f"'{self.name}' is a class of this model already, or no name: give the new class another one."
            )


@dataclass(frozen=True)
class AddBackbone(Request):
    """Bring in a backbone's weights: from a file, else by download."""

    kind, noun, lane, handler = "backbone", "Download", "fetch", "training.jobs.handlers:add_backbone"

    dataset_id: str = field(default="", init=False)
    name: str
    weights: str | None = None
    """Absolute path of a file on this machine; None = download them."""

    def __post_init__(self) -> None:
        catalog.safe_name(self.name)

    @classmethod
    def of(cls, name: str, path: str | Path | None = None) -> Self:
        """path: as somebody typed it."""
        return cls(name, str(Path(path).expanduser().absolute()) if path else None)

    @property
    def title(self) -> str:
        return f"Adding {self.name}"

    def check(self, store: Store) -> None:
        if self.weights is not None:
            kind_of(Path(self.weights))


@dataclass(frozen=True)
class FetchPublic(Request):
    """Download a public image set and import it."""

    kind, noun, lane, handler = "public", "Download", "fetch", "training.jobs.handlers:fetch_public"

    dataset_id: str = field(default="", init=False)
    name: str

    def __post_init__(self) -> None:
        public_set(self.name)

    @property
    def title(self) -> str:
        return f"Fetching {public_set(self.name).title}"

"""The kinds of job that look: measuring, maps, the gap of two domains, looking into runs, exporting them. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

from core import PlanError, StateError
from core.zoo import catalog
from dataset import load_dataset
from training.backbones import weights
from training.requests.base import Request
from training.store import Job, RunResult, Store

MapName = Literal["pca", "tsne"]
MAPS: tuple[MapName, ...] = get_args(MapName)


def weights_are_here(backbone: str, home: Path) -> None:
    """Raises PlanError for a backbone that nobody knows, WeightsError with what to do where its weights are missing."""
    card = catalog.backbone(backbone)
    if card.pretrained:
        weights.find(card, home)


def exportable(run: Job, to: str = "export") -> None:
    """Raises StateError, with what to do, for a job that has no weights to export, or whatever else is to be done."""
    if run.kind != "train":
        raise StateError(f"Job '{run.id}' is no run: it holds no trained model to {to}.")
    if not RunResult.of(run).weights_sha256:
        what = "wait until it has ended" if run.active else "start a new run"
        raise StateError(f"Run '{run.id}' is {run.state} and has no weights to {to}: {what}.")


@dataclass(frozen=True)
class Profile(Request):
    """Measure a dataset with one backbone: ready-made accuracy, gaps, and what training costs on this machine."""

    kind, noun, lane, handler = "profile", "Profile job", "train", "training.jobs.handlers:profile"

    backbone: str
    seed: int = 0

    @property
    def title(self) -> str:
        return "Measuring the dataset"

    def check(self, store: Store) -> None:
        super().check(store)
        weights_are_here(self.backbone, store.home)


@dataclass(frozen=True)
class DrawMap(Request):
    """Draw a map of a dataset from one backbone's features."""

    kind, noun, lane, handler = "map", "Map", "side", "training.jobs.handlers:draw_map"

    backbone: str
    name: MapName

    def __post_init__(self) -> None:
        if self.name not in MAPS:
            raise PlanError(f"There is no map called '{self.name}'; choose one of {', '.join(MAPS)}.")

    @property
    def title(self) -> str:
        return "Drawing a map"

    def check(self, store: Store) -> None:
        super().check(store)
        weights_are_here(self.backbone, store.home)


@dataclass(frozen=True)
class Explain(Request):
    """Look into a run that has ended."""

    kind, noun, lane, handler = "explain", "Explanation", "side", "training.jobs.handlers:explain"

    run: str
    source: str = ""
    """A dataset of ImageNet's classes, on which the original ability is measured as well; "" = none."""

    @classmethod
    def of(cls, run: Job, source: str = "") -> Self:
        return cls(run.dataset_id, run.id, source)

    @property
    def title(self) -> str:
        return f"Looking into run {self.run}"

    def check(self, store: Store) -> None:
        super().check(store)
        run = store.job(self.run)
        exportable(run, "look into")
        if not run.plan.tested and RunResult.of(run).test_total is None:
            raise StateError(
                f"What is found inside run '{run.id}' rests on its test images, which its race left alone. Judge it on "
                f"them first: python -m training judge {run.id}"
            )
        if self.source:
            load_dataset(store.home, self.source)


@dataclass(frozen=True)
class Export(Request):
    """Write a run as a model that runs without Thaw."""

    kind, noun, lane, handler = "export", "Export", "side", "training.jobs.handlers:export"

    run: str
    int8: bool = False
    """In 8-bit integers too."""

    @classmethod
    def of(cls, run: Job, *, int8: bool = False) -> Self:
        return cls(run.dataset_id, run.id, int8)

    @property
    def title(self) -> str:
        return f"Exporting run {self.run}"

    def check(self, store: Store) -> None:
        super().check(store)
        exportable(store.job(self.run))

    def joins(self, other: Request) -> bool:
        return isinstance(other, Export) and other.run == self.run and other.int8 >= self.int8


@dataclass(frozen=True)
class MeasureGap(Request):
    """Measure how far apart a dataset and its target are for a backbone as it is."""

    kind, noun, lane, handler = "gap", "Measurement", "side", "training.jobs.handlers:measure_gap"

    target: str
    """Id of the other dataset."""
    backbone: str

    @property
    def title(self) -> str:
        return "Measuring the gap of two domains"

    def check(self, store: Store) -> None:
        super().check(store)
        load_dataset(store.home, self.target)
        weights_are_here(self.backbone, store.home)

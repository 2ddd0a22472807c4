"""What was found when a run was looked into (`explaining`), read from its folder: `runs/<id>/explained/`. No torch.

One JSON document (`Explained`) and a small picture per activation map. The folder appears whole, by one rename.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core import Estimate, Unreadable, find_json
from core.decode import decode
from training.evaluation.unseen import HELD_OUT
from training.store import RunFolder

RECORD = "explained.json"
VERSION = 1


@dataclass(frozen=True)
class Source:
    """The backbone's accuracy on a set whose classes are ImageNet's, before and after fine-tuning."""

    dataset_id: str
    name: str
    before: Estimate
    after: Estimate
    classes: int
    """Classes of the set that ImageNet has; images of others were left out."""


@dataclass(frozen=True)
class Explained:
    """One run, looked into. Entry i of `truth`, `predicted`, `confidence`, ... belongs to test image `rows[i]`."""

    rows: tuple[int, ...]
    """Manifest rows of the test images."""
    truth: tuple[int, ...]
    predicted: tuple[int, ...]
    confidence: tuple[float, ...]
    """Probability of the answer."""
    truth_probability: tuple[float, ...]
    """Probability of the label: the loss is minus its logarithm."""
    calibrated: tuple[float, ...]
    """Confidence after temperature scaling."""
    temperature: float
    """Fitted on the validation images (Guo et al. 2017, arXiv 1706.04599); 1 = as it is."""
    validation_images: int
    """That the temperature was fitted on."""
    map_kind: str
    """'CAM' (exact), 'Grad-CAM', or '' for a backbone without a picture plane."""
    maps: tuple[int, ...]
    """Manifest rows that have an activation map, for the class answered."""
    neighbours: dict[int, tuple[tuple[int, float], ...]]
    """Test row -> (training row, cosine of their features), nearest first."""
    searched: int
    """Training images among which the nearest were looked for."""
    stages: tuple[str, ...]
    """Of the backbone, without the head."""
    moved: tuple[float, ...]
    """Per stage: |w - w0| / |w0| of its weights, from where this run began."""
    agreement: Estimate | None
    """Share of the test images that keep their original ImageNet prediction; None where the weights came without a
    classifier."""
    source: Source | None
    seconds: float
    folds: bool = False
    """Whether heads that had not seen these images answered them."""

    @property
    def fitted_on(self) -> str:
        """Of the temperature: '49 validation images'."""
        return f"{self.validation_images:,} {HELD_OUT if self.folds else 'validation images'}"

    def losses(self) -> tuple[float, ...]:
        """Cross-entropy per test image, in nats."""
        return tuple(max(0.0, -math.log(max(p, 1e-12))) for p in self.truth_probability)


def folder_of(home: Path, run_id: str) -> Path:
    return RunFolder(home, run_id).explained


def map_file(home: Path, run_id: str, row: int) -> Path:
    """Where the activation map of one manifest row lies, if there is one."""
    return folder_of(home, run_id) / f"{row}.jpg"


def to_record(found: Explained) -> dict[str, Any]:
    return {"version": VERSION, **asdict(found)}


def read(home: Path, run_id: str) -> Explained | None:
    """None where the run was not looked into, or by a version that this one cannot read."""
    data = find_json(folder_of(home, run_id) / RECORD) or {}
    try:
        return decode(data, Explained, "What was found") if data.pop("version", None) == VERSION else None
    except Unreadable:
        return None


def agreement_of(home: Path, run_id: str) -> Estimate | None:
    """How much of its original predictions a run kept; None where that is not known."""
    found = read(home, run_id)
    return found.agreement if found else None

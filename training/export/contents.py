"""Exported runs as they lie on disk: what an export holds, whether it is there, and copying it out.

An export is the folder `runs/<id>/export`, written whole by a job of kind 'export' (see `exporting`). No torch.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from core import find_as
from training.evaluation.unseen import HELD_OUT
from training.store import Extended, Job, RunFolder, RunResult

MODEL, INT8, FACTS = "model.onnx", "model-int8.onnx", "export.json"
CONTENTS: dict[str, str] = {
    MODEL: "the model for onnxruntime: preprocessing, labels and thresholds inside",
    INT8: "the same in 8-bit integers",
    "predict.py": "answers from a terminal; needs onnxruntime, numpy and Pillow",
    "pictures.py": "how it reads an image file, as training did",
    "reasons.py": "why a file cannot be read, in words",
    "dicom.py": "the same for DICOM, where pydicom is installed",
    "neighbours.npz": "features of the training images, for 'nearest' and 'unknown'",
    "model.safetensors": "the weights",
    "config.json": "what timm needs to load them",
    "README.md": "the model card",
    "report.html": "one page about the run, to print",
    "metrics.csv": "every measured row of the run",
    "metrics.parquet": "the same for pandas",
    FACTS: "what was verified and measured when this was written",
}
"""The files of an export, as people look for them."""
DEAR = 0.01
"""Validation accuracy that 8 bits may cost before a page, a model card and the terminal warn of it."""


@dataclass(frozen=True)
class Quantised:
    """What 8-bit integers cost and bring, measured on the validation images."""

    accuracy: float
    agreement: float
    """Share of the images on which it answers as the full model does."""
    ms: float
    bytes: int


@dataclass(frozen=True)
class ExportFacts:
    """What was verified and measured when a run was exported."""

    run: str
    weights_sha256: str
    """Of the run's weights: after a resumed run has ended anew, an older export is not its own any more."""
    made: float
    """Unix time."""
    labels: tuple[str, ...]
    side: int
    """Of the squares that the model reads, px."""
    temperature: float
    threshold: float
    least_similarity: float
    calibrated_on: int
    """Images: those for validation, or with `folds` all but those for the test."""
    right_kept: float | None
    wrong_flagged: float | None
    verified_on: int
    """Images on which onnxruntime was held against torch, from the file to the probabilities."""
    largest_difference: float
    """Of a probability, on those images."""
    accuracy: float
    """On the calibration images, by the ONNX file, with `folds` by the heads that had not seen them."""
    ms: float
    """Median per image, one at a time, on `threads` threads."""
    threads: int
    bytes: int
    timm: bool
    """Whether timm loads the folder to the same answers."""
    maps: bool
    """Whether the model gives exact class-activation maps."""
    neighbours: int
    """Training images whose features came along."""
    int8: Quantised | None = None
    folds: bool = False
    """Whether the calibration images were answered by heads that had not seen them, as the model itself had."""

    @property
    def calibrated(self) -> str:
        """'49 validation images', '68 images held out in folds'."""
        return f"{self.calibrated_on:,} {HELD_OUT if self.folds else 'validation images'}"


def folder_of(home: Path, run_id: str) -> Path:
    return RunFolder(home, run_id).export


def find(home: Path, run: Job) -> ExportFacts | None:
    """The export of a run as it is now; None when there is none, or only one of older weights."""
    facts = find_as(folder_of(home, run.id) / FACTS, ExportFacts)
    return facts if facts and facts.weights_sha256 == RunResult.of(run).weights_sha256 else None


def costly(facts: ExportFacts) -> str:
    """A warning where 8 bits cost more than DEAR on the validation images; else ''."""
    lost = facts.accuracy - facts.int8.accuracy if facts.int8 else 0.0
    if lost <= DEAR:
        return ""
    return f"8 bits cost {100 * lost:.1f} points here: prefer the full model unless size decides."


def left_out(home: Path, run: Job) -> str:
    """What an export does not hold of a run that learned more classes later (`extending`); else ''."""
    extended = find_as(RunFolder(home, run.id).extended, Extended)
    if not extended or not extended.added:
        return ""
    return (
        f"Exports and the Predict page know the run as it was trained, without what was added to it later "
        f"({', '.join(extended.added)}): to use that there, import it with the other classes and train again."
    )


def at_most(difference: float) -> str:
    """A difference of probabilities as 'less than 0.000001': its next power of ten, in plain digits."""
    power = min(6, max(0, math.floor(-math.log10(difference)))) if difference > 0 else 6
    return f"less than {10.0**-power:.{power}f}"


def copy_out(home: Path, run_id: str, to: Path) -> list[Path]:
    """Copy an export's files into the folder `to` (made if needed); other files there stay. Returns what it wrote."""
    to.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted(folder_of(home, run_id).iterdir()):
        written.append(to / source.name)
        shutil.copyfile(source, written[-1])
    return written

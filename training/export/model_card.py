"""The model card of an exported run: what it was trained on and how, how good it is, what it cannot do, whose weights.

Text only. No torch.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from core import HIDDEN_WIDTH, DatasetRef, Decoding, Estimate, RunConfig
from core.zoo import catalog
from training.evaluation import answers_of, matrix, wilson
from training.export.contents import CONTENTS, INT8, ExportFacts, at_most, costly
from training.report import render
from training.store import Job, RunResult, lineage

if TYPE_CHECKING:
    from training.backbones import Preprocessing  # torch, which text does not need


def preprocessing(side: int, prep: Preprocessing, decoding: Decoding) -> str:
    """What happens to an image, in words: what is left to the caller, then what the graph does."""
    channels = "grey value" if prep.grey_vector else "channel"
    crop = max(1, round(side * prep.size / prep.resize))
    resize = f", resize to {prep.size} x {prep.size}" if crop != prep.size else ""
    deep = ""
    if decoding.value_range:
        low, high = decoding.value_range
        deep = f"of more than 8 bits a sample, values from {low:g} to {high:g} in 256 equal steps; "
    if decoding.pages != (1,):
        deep += f"page {', '.join(map(str, decoding.pages))}; "
    return (
        f"Before: {deep}EXIF upright, transparency over white, RGB, central square resized to {side} x {side} px with "
        f"Pillow ({prep.interpolation}, reducing_gap=2.0, JPEG decoded at the nearest reduced scale), uint8 [batch, "
        f"{side}, {side}, 3]; predict.py does it. Inside: centre crop of {crop} px{resize}, divided by 255, minus "
        f"{_numbers(prep.mean)}, divided by {_numbers(prep.std)} per {channels}."
    )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in dict.fromkeys(values)) if len(set(values)) == 1 else str(values)


def licence(config: RunConfig) -> str:
    """Of the pre-trained weights; the images have their own."""
    card = catalog.backbone(config.strategy.backbone)
    return card.licence if config.strategy.pretrained else "none: trained from random weights"


def text(job: Job, config: RunConfig, ref: DatasetRef, facts: ExportFacts, home: Path) -> str:
    """The card as Markdown."""
    result = RunResult.of(job)
    tested = result.on("test")
    return render(
        "model_card.md.j2",
        run=job.id,
        config=config,
        strategy=catalog.STRATEGIES[config.strategy.kind],
        title=catalog.titled(config.strategy.kind, config.strategy.head),
        backbone=catalog.backbone(config.strategy.backbone),
        dataset=ref,
        facts=facts,
        made=time.strftime("%Y-%m-%d", time.gmtime(facts.made)),
        files={name: what for name, what in CONTENTS.items() if name != "README.md" and (name != INT8 or facts.int8)},
        seconds=result.seconds,
        device=result.device or "an unknown device",
        lineage=lineage.in_words(result.lineage, "this run"),
        note=result.note,
        accuracy=wilson(tested.correct, tested.total) if tested else None,
        recalls=_recalls(job, ref, home) if tested else (),
        difference=at_most(facts.largest_difference),
        warning=costly(facts),
        licence=licence(config),
        hidden=HIDDEN_WIDTH,
    )


def _recalls(job: Job, ref: DatasetRef, home: Path) -> list[tuple[str, Estimate | None, int]]:
    """(class, its recall, its test images)."""
    counts = matrix(answers_of(home, job), len(ref.classes))
    of = zip(ref.classes, counts.diagonal().tolist(), counts.sum(axis=1).tolist(), strict=True)
    return [(name, wilson(right, images) if images else None, images) for name, right, images in of]

"""The model card of an exported run: what it was trained on and how, how good it is, what it cannot do, whose weights.

Text only. No torch.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import catalog
from advisor.plans import RunConfig
from advisor.types import DatasetRef
from advisor.words import counted, duration, percent
from training import lineage
from training.answers import answers_of
from training.confusion import matrix
from training.exports import CONTENTS, Facts, Quantised, at_most, costly
from training.records import Job
from training.stats import wilson

if TYPE_CHECKING:
    from training.backbones import Preprocessing  # torch, which text does not need


def preprocessing(side: int, prep: Preprocessing) -> str:
    """What happens to an image, in words: what is left to the caller, then what the graph does."""
    channels = "grey value" if prep.grey_vector else "channel"
    crop = max(1, round(side * prep.size / prep.resize))
    resize = f", resize to {prep.size} x {prep.size}" if crop != prep.size else ""
    return (
        f"Before: EXIF upright, transparency over white, RGB, central square resized to {side} x {side} px with Pillow "
        f"({prep.interpolation}, reducing_gap=2.0, JPEG decoded at the nearest reduced scale), uint8 [batch, {side}, "
        f"{side}, 3]; predict.py does it. Inside: centre crop of {crop} px{resize}, divided by 255, minus "
        f"{_numbers(prep.mean)}, divided by {_numbers(prep.std)} per {channels}."
    )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in dict.fromkeys(values)) if len(set(values)) == 1 else str(values)


def licence(config: RunConfig) -> str:
    """Of the pre-trained weights; the images have their own."""
    card = catalog.backbone(config.strategy.backbone)
    return card.licence if config.strategy.pretrained else "none: trained from random weights"


def text(job: Job, config: RunConfig, ref: DatasetRef, facts: Facts, home: Path) -> str:
    """The card as Markdown."""
    strategy, card = config.strategy, catalog.backbone(config.strategy.backbone)
    about = catalog.STRATEGIES[strategy.kind]
    result = job.result or {}
    made = time.strftime("%Y-%m-%d", time.gmtime(facts.made))
    lines = [
        f"# {card.title} on {ref.name}",
        "",
        f"An image classifier for {counted(len(ref.classes), 'class', 'classes')}: "
        f"{', '.join(ref.classes[:12])}{' and others' if len(ref.classes) > 12 else ''}. "
        f"Exported by Thaw on {made} from run {job.id}.",
        "",
        "## Files",
        "",
        *[
            f"- `{name}`: {what}"
            for name, what in CONTENTS.items()
            if name not in ("README.md",) and _there(name, facts)
        ],
        "",
        "    pip install onnxruntime numpy pillow",
        "    python predict.py IMAGE_OR_FOLDER > answers.csv",
        "",
        f"timm: `timm.create_model('local-dir:FOLDER', pretrained=True)`. {_timm(facts)}",
        "",
        "## Data",
        "",
        f"- {counted(ref.images, 'image')}, revision `{ref.id}` (hash of the images and labels), from {ref.source}.",
        f"- Split: seed {config.split_seed}; the same seed and revision give the same split.",
        f"- Files set aside because they could not be used: {len(ref.set_aside):,}.",
        "",
        "## Training",
        "",
        f"- {about.title} (`{strategy.kind}`) of {card.title}, seed {config.seed}, {duration(result.get('seconds'))} "
        f"on {result.get('device', 'an unknown device')}.",
        *_lineage(job),
        *[f"- {note}" for note in [result.get("note")] if note],
        "",
        "## Quality",
        "",
        *_quality(job, ref, facts, home),
        "",
        "## Unknown",
        "",
        *_unknown(facts),
        "",
        "## Limits",
        "",
        "- It knows only the classes above; everything else should become 'unknown', and not all of it does.",
        "- The figures hold for images like those of the test set. Other cameras, places or times may lower them.",
        "- It looks at the central square of an image; what lies outside is not seen.",
        "",
        "## Licence",
        "",
        f"- Pre-trained weights: {licence(config)} ({card.weights}).",
        "- The images' own terms may bind the trained weights too: Thaw does not know them.",
        "",
        "## Preprocessing",
        "",
        "Stated in the ONNX file's metadata (`preprocessing`); `predict.py` does it. The rest is inside the graph.",
        "",
    ]
    return "\n".join(lines)


def _lineage(job: Job) -> list[str]:
    chain = lineage.of_result(job.result)
    if not chain:
        return []
    return [f"- Started from an earlier run's weights: {lineage.in_words(chain, 'this run')}."]


def _there(name: str, facts: Facts) -> bool:
    return name != "model-int8.onnx" or facts.int8 is not None


def _timm(facts: Facts) -> str:
    return "Tried: it gives the same answers." if facts.timm else "timm does not load this network to the same answers."


def _quality(job: Job, ref: DatasetRef, facts: Facts, home: Path) -> list[str]:
    result = job.result or {}
    lines = []
    if result.get("test_total"):
        accuracy = wilson(int(result["test_correct"]), int(result["test_total"]))
        lines.append(f"- Test accuracy {percent(accuracy)} ({accuracy.how}), looked at once.")
        lines += ["", "| class | recall (95% interval) | test images |", "|---|---|---|"]
        for label, counts in enumerate(matrix(answers_of(home, job), len(ref.classes)).tolist()):
            recall = percent(wilson(counts[label], sum(counts))) if sum(counts) else "no test image"
            lines.append(f"| {ref.classes[label]} | {recall} | {sum(counts):,} |")
        lines.append("")
    else:
        lines.append("- No test image: nothing is known about images it has not seen.")
    lines += [
        f"- The ONNX file answers {percent(facts.accuracy)} of {facts.calibrated_on:,} validation images right. It was "
        f"held against torch on {facts.verified_on} images: same answers, probabilities differ by "
        f"{at_most(facts.largest_difference)}.",
        f"- {facts.ms:.0f} ms an image (median, one at a time, {counted(facts.threads, 'thread')}), "
        f"{facts.bytes / 1e6:.1f} MB.",
    ]
    return lines + ([_int8(facts, facts.int8)] if facts.int8 else [])


def _int8(facts: Facts, small: Quantised) -> str:
    return (
        f"- In 8-bit integers: {percent(small.accuracy)} of the same validation images right (full: "
        f"{percent(facts.accuracy)}), the same answer on {percent(small.agreement)}; {small.ms:.0f} ms an image "
        f"(full: {facts.ms:.0f}), {small.bytes / 1e6:.1f} MB. {costly(facts)}".rstrip()
    )


def _unknown(facts: Facts) -> list[str]:
    kept = "none" if facts.right_kept is None else percent(facts.right_kept)
    flagged = "there were none" if facts.wrong_flagged is None else percent(facts.wrong_flagged)
    return [
        f"Confidence is the softmax at temperature {facts.temperature:.2f}, fitted on {facts.calibrated_on:,} "
        f"validation images. An answer is 'unknown' when its confidence is below {facts.threshold:.2f} or its "
        f"features' cosine to the nearest training image is below {facts.least_similarity:.2f}. On the validation "
        f"images that keeps {kept} of the right answers and flags this share of the wrong ones: {flagged}.",
    ]

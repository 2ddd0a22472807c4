"""What a comparison says beyond "better": did transfer help, what was forgotten, what was learned by heart.

Pure functions of a `Comparison`, one remark each, with the words that follow from tests and never from one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import Estimate
from core.words import Tone, listing, percent
from training.compare.comparison import Comparison
from training.compare.contests import Group

SOME_GAP, LARGE_GAP = 0.05, 0.15
"""Training minus validation accuracy from which the risk of overfitting is called some, and high. Thaw's own rule of
thumb, not from a source: the gap says what was learned by heart, not what it cost."""
FORGOT_LITTLE, FORGOT_MUCH = 0.8, 0.4
"""Agreement with the original predictions above which little was forgotten, and below which most was. Thaw's own."""


@dataclass(frozen=True)
class Remark:
    tone: Tone
    title: str
    text: str


def negative_transfer(comparison: Comparison) -> Remark:
    """Whether the best run from pre-trained weights beats training from scratch, by the comparison's own tests."""
    scratch = [group for group in comparison.groups if group.kind == "scratch" and group.accuracy is not None]
    transfer = [group for group in comparison.groups if group.kind != "scratch" and group.accuracy is not None]
    if not scratch or not transfer:
        missing = "starts from random weights" if not scratch else "starts from pre-trained weights"
        return Remark(
            "info", "Does transfer help? Not known",
            f"None of these runs {missing}: train one of each to see what pre-training brings here.",
        )  # fmt: skip
    best, floor = max(transfer, key=_value), max(scratch, key=_value)
    verdict = _verdict_of(comparison, best, floor)
    said = f"{_scored(best)} against {_scored(floor)} from random weights"
    if verdict == "better":
        text = f"{said}: what was learned before is of use here."
        return Remark("good", "Transfer helps", text)
    if verdict == "worse":
        return Remark(
            "bad", "Negative transfer",
            f"{said}: the pre-trained weights hurt here. Look for a backbone trained on more similar images.",
        )  # fmt: skip
    return Remark(
        "caution", "Whether transfer helps is not shown",
        f"{said}: {comparison.images:,} test images cannot tell the two apart.",
    )  # fmt: skip


def overfitting(comparison: Comparison) -> Remark | None:
    """The risk of overfitting per strategy, from training minus validation accuracy; None where no gap is known."""
    known = _gaps(comparison)
    if not known:
        return None
    parts = []
    for name, low, high in (("high", LARGE_GAP, 2.0), ("some", SOME_GAP, LARGE_GAP), ("low", -2.0, SOME_GAP)):
        found = sorted((one for one in known if low <= one[1] < high), key=lambda one: -one[1])
        if found:
            parts.append((name, listing([f"{label} ({100 * gap:+.0f})" for label, gap in found])))
    worst = parts[0][0]
    tone: Tone = {"high": "caution", "some": "info"}.get(worst, "good")  # type: ignore[assignment]
    bound = "" if len(known) == 1 or worst == "low" else "up to "
    text = ". ".join(f"{name.capitalize()} for {rows}" for name, rows in parts)
    return Remark(
        tone, f"Risk of overfitting: {bound}{worst}",
        f"{text}. Points by which training accuracy exceeds validation accuracy at the best epoch.",
    )  # fmt: skip


def forgetting(comparison: Comparison, agreement: Mapping[str, Estimate | None]) -> Remark | None:
    """How much of the backbone's original ability each looked-into run kept. agreement: run id -> share of the test
    images whose original prediction it kept, None where the weights came without a classifier. None without any run."""
    rows = [row for row in comparison.rows if agreement.get(row.run_id) is not None]
    if not rows:
        return None
    kept = {row.run_id: agreement[row.run_id] for row in rows}
    lowest = min(estimate.value for estimate in kept.values() if estimate is not None)
    said = listing([f"{row.label} {percent(kept[row.run_id])}" for row in rows])
    tone: Tone = "good" if lowest >= FORGOT_LITTLE else "info" if lowest >= FORGOT_MUCH else "caution"
    title = {"good": "Little was forgotten", "info": "Some was forgotten", "caution": "Catastrophic forgetting"}[tone]
    return Remark(
        tone, title,
        f"Test images that the backbone still gives its original ImageNet prediction for: {said}. It matters when the "
        "network is to keep its old task; for the new task alone it does not.",
    )  # fmt: skip


def _verdict_of(comparison: Comparison, a: Group, b: Group) -> str:
    for pair in comparison.contests:
        if (pair.a, pair.b) == (a.label, b.label):
            return pair.verdict
        if (pair.a, pair.b) == (b.label, a.label):
            return {"better": "worse", "worse": "better"}.get(pair.verdict, pair.verdict)
    return "not tested"


def _value(group: Group) -> float:
    return group.accuracy.value if group.accuracy else 0.0


def _scored(group: Group) -> str:
    return f"{group.label} {percent(group.accuracy)}"


def _gaps(comparison: Comparison) -> list[tuple[str, float]]:
    """Each strategy with its gap, the mean over its seeds; those whose gap is not known are left out."""
    found = []
    for group in comparison.groups:
        gaps = [row.generalisation_gap for row in comparison.rows if row.run_id in group.runs]
        known = [gap for gap in gaps if gap is not None]
        if known:
            found.append((group.label, sum(known) / len(known)))
    return found


def remarks_on(comparison: Comparison, agreement: Mapping[str, Estimate | None]) -> Sequence[Remark]:
    """All that can be said of these runs, in the order of the page."""
    found = [negative_transfer(comparison), overfitting(comparison), forgetting(comparison, agreement)]
    return [remark for remark in found if remark is not None]

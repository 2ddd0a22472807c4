"""The seed notebook's closing observations, held against what the Playground has just measured. Pure.

The notebook prints them whatever its numbers are; here each is checked in the setting that is on the screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.words import counted
from training.playground.settings import Arm, ArmResult, gain

LEVEL = 0.01
"""Differences of final accuracy below this are called level: the half width of chance among the held-out samples."""


@dataclass(frozen=True)
class Claim:
    """One observation: what is claimed, whether it holds here, and the numbers."""

    says: str
    holds: bool
    measured: str


def check(results: Mapping[Arm, ArmResult]) -> list[Claim]:
    """In the notebook's order. results: every arm of the Playground, 'scratch' among them."""
    scratch, frozen, full = results["scratch"], results["frozen"], results["full"]
    discriminative = results["discriminative"]
    others = [result for arm, result in results.items() if arm != "scratch"]
    above = [one for one in others if gain(one, scratch).verdict == "helps"]
    below = [one for one in others if gain(one, scratch).verdict == "hurts"]
    faster = [one for one in others if one.epochs_to_90 < scratch.epochs_to_90]
    best = max(result.mean for result in results.values())
    return [
        Claim(
            "All transfer strategies outperform training from scratch when target data is limited.",
            len(above) == len(others),
            f"{len(above)} of {len(others)} are shown above scratch ({_percent(scratch.mean)}), {len(below)} below.",
        ),
        Claim(
            "Feature extraction converges fast.",
            frozen.epochs_to_90 <= scratch.epochs_to_90,
            f"90% of its final accuracy after {_epochs(frozen)}, from scratch after {_epochs(scratch)}.",
        ),
        Claim(
            "Full fine-tuning can achieve the highest accuracy.",
            full.mean >= best - LEVEL,
            f"It ends at {_percent(full.mean)}, the best here at {_percent(best)}.",
        ),
        Claim(
            "Smaller rates for earlier layers balance adaptation and preservation.",
            discriminative.mean >= full.mean - LEVEL,
            f"On the target {_percent(discriminative.mean)}, with one low rate {_percent(full.mean)}; what is "
            "preserved of the source is measured in the lesson on forgetting.",
        ),
        Claim(
            "Transfer converges faster than training from scratch.",
            len(faster) == len(others),
            f"{len(faster)} of {len(others)} are faster than scratch ({_epochs(scratch)}); full fine-tuning takes "
            f"{_epochs(full)}.",
        ),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _epochs(result: ArmResult) -> str:
    return counted(round(result.epochs_to_90), "epoch")

"""What the Playground says of its results: pure sentences over `training.playground.settings`, and how each arm is
drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.words import listing
from training.playground.claims import check
from training.playground.settings import Arm, ArmResult, Gain, Settings, gain
from ui.pictures.cards import SIGNS
from ui.pictures.theme import strategy_style
from ui.pictures.words import esc

NO_INTERVAL = 2.0
"""Width of the interval of a single seed: all there is."""
UNRELATED = 0.75
"""From this shift on the page calls the tasks unrelated."""


@dataclass(frozen=True)
class Look:
    title: str
    one_line: str
    colour: str
    dash: str
    marker: str


def _like(kind: str, title: str, one_line: str) -> Look:
    style = strategy_style(kind)  # type: ignore[arg-type]
    return Look(title, one_line, style.colour, style.dash, style.marker)


LOOKS: dict[Arm, Look] = {
    "scratch": _like("scratch", "From scratch", "random weights, target samples only"),
    "frozen": _like("linear_probe", "Feature extraction", "source stages frozen, a new head trained"),
    "full": Look("Full, one rate", "everything trained at one low rate", "#C9503F", "dash", "triangle-left"),
    "discriminative": _like("full", "Discriminative", "everything trained, lower stages at lower rates"),
    "gradual": _like("gradual", "Gradual unfreezing", "the head, then one stage more at a time"),
    "ewc": Look("EWC", "everything trained, pulled back where the old task is sensitive", "#4E8F7A", "dot", "square"),
    "l2_sp": Look("L2-SP", "everything trained, pulled back to the source weights", "#7E9B2E", "dashdot", "square"),
}
"""Strategies that exist elsewhere in Thaw look as they do there; the two others have looks of their own."""


def freeze_word(settings: Settings) -> str:
    """What the arm 'frozen' freezes: 'Feature extraction' or what the slider made of it."""
    return ("Nothing frozen", "Hidden 1 frozen", LOOKS["frozen"].title)[settings.frozen_stages]


def title(arm: Arm, settings: Settings) -> str:
    return freeze_word(settings) if arm == "frozen" else LOOKS[arm].title


def verdict(results: Mapping[Arm, ArmResult], settings: Settings) -> tuple[str, str, str]:
    """(tone, headline, sentence): does transfer pay here? Paired with scratch on the same seeds."""
    scratch = results["scratch"]
    gains = [gain(result, scratch) for arm, result in results.items() if arm != "scratch"]
    best = max(gains, key=lambda one: one.value)
    helped = [one for one in gains if one.verdict == "helps"]
    hurt = [one for one in gains if one.verdict == "hurts"]
    seeds = len(scratch.finals)
    how = f"Held-out accuracy on the target, {seeds} seeds, paired; 95% interval of the mean in brackets."
    if seeds == 1:
        how = "One seed shows nothing yet: choose more of them under More settings."
    if hurt and not helped:
        return (
            "bad", "Transfer is negative here",
            f"{_list(hurt, settings)} {'end' if len(hurt) > 1 else 'ends'} below training from scratch "
            f"({100 * scratch.mean:.1f}%). No transfer strategy is shown to help: what the source taught is in the "
            f"way. {how}",
        )  # fmt: skip
    if helped and hurt:
        return (
            "caution", "Transfer cuts both ways here",
            f"{_list(helped, settings)} {'end' if len(helped) > 1 else 'ends'} above scratch "
            f"({100 * scratch.mean:.1f}%), {_list(hurt, settings)} below it. {how}",
        )  # fmt: skip
    if helped:
        return (
            "good", "Transfer pays here",
            f"{_list(helped, settings)} {'end' if len(helped) > 1 else 'ends'} above training from scratch "
            f"({100 * scratch.mean:.1f}%). {how}",
        )  # fmt: skip
    return (
        "info", "No difference shown",
        f"No strategy can be told from training from scratch ({100 * scratch.mean:.1f}%); the best, "
        f"{title(best.arm, settings)}, is {_points(best)}. {how}",
    )  # fmt: skip


def claims(results: Mapping[Arm, ArmResult]) -> str:
    """The notebook's observations with what was measured here, as rows."""
    rows = []
    for claim in check(results):
        tone, said = ("good", "holds here") if claim.holds else ("bad", "does not hold here")
        rows.append(
            f'<li class="is-{tone}"><b>{SIGNS[tone]} {said}</b><span>{esc(claim.says)}'
            f"<small>{esc(claim.measured)}</small></span></li>"
        )
    return f'<ul class="thaw-claims">{"".join(rows)}</ul>'


def speed(results: Mapping[Arm, ArmResult], settings: Settings) -> str:
    """Who gets to 90 % of its own final accuracy first."""
    order = sorted(results.values(), key=lambda result: result.epochs_to_90)
    first, scratch = order[0], results["scratch"]
    if first.arm == "scratch":
        return f"From scratch is the first to reach 90% of its final accuracy, after {scratch.epochs_to_90:.0f} epochs."
    return (
        f"{title(first.arm, settings)} reaches 90% of its final accuracy after {first.epochs_to_90:.0f} "
        f"{'epoch' if round(first.epochs_to_90) == 1 else 'epochs'}, training from scratch after "
        f"{scratch.epochs_to_90:.0f}."
    )


def shift_words(settings: Settings) -> str:
    """What the slider means right now."""
    if settings.redrawn:
        return "The target's classes lie somewhere else altogether, as in the notebook's code."
    if settings.shift == 0:
        return "The target is the source task again, with new samples."
    if settings.shift >= UNRELATED:
        return "The target's classes have next to nothing to do with the source's: unrelated tasks."
    return f"Each class centre has turned by {90 * settings.shift:.0f} degrees, and the features are mixed a little."


def crossing(sweep: Mapping[float, Mapping[Arm, ArmResult]], settings: Settings) -> str:
    """From which shift on transfer is shown to hurt, in a sentence."""
    hurts = {}
    for shift, results in sorted(sweep.items()):
        gains = [gain(result, results["scratch"]) for arm, result in results.items() if arm != "scratch"]
        hurts[shift] = [one for one in gains if one.verdict == "hurts"]
    first = next((shift for shift, found in hurts.items() if found), None)
    if first is None:
        return "At no shift that was tried is a transfer strategy shown to end below training from scratch."
    names = listing([title(one.arm, settings) for one in hurts[first]])
    return f"From a shift of {first:g} on, transfer is shown to be negative: first for {names}."


def _list(gains: list[Gain], settings: Settings) -> str:
    ordered = sorted(gains, key=lambda one: -abs(one.value))
    return listing([f"{title(one.arm, settings)} ({_points(one)})" for one in ordered])


def _points(one: Gain) -> str:
    if one.high - one.low >= NO_INTERVAL:
        return f"{100 * one.value:+.1f} points"
    each = "" if not one.every else ", on every seed"
    return f"{100 * one.value:+.1f} points, {100 * one.low:+.1f} to {100 * one.high:+.1f}{each}"

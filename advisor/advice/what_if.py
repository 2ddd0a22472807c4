"""What would change the advice: each single change of an input that leads to another strategy, by asking again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from advisor.advice import reasons
from advisor.advice.candidates import LADDER, downwards, plan_within
from advisor.advice.learned_rules import GAP_OF
from advisor.planning import Options, estimate_seconds, lowest_boundary, plan
from advisor.rulebooks.tree import Field, Rulebook, Situation, answer, can_answer, leaf_for
from core import Budget, Candidate, DatasetFacts, Kind, Priority, WhatIf
from core.words import count, minutes
from core.zoo import STRATEGIES, BackboneCard


def what_ifs(
    kind: Kind,
    best: Candidate,
    answered: Candidate,
    card: BackboneCard,
    facts: DatasetFacts,
    situation: Situation,
    book: Rulebook,
) -> tuple[WhatIf, ...]:
    """Every single change of an input that leads to another kind; per input the nearest change for each
    kind."""
    found: list[WhatIf] = []

    def consider(change: str, there: Situation, seen: set[Kind]) -> None:
        if not can_answer(book, there):
            return  # there the measured rulebook asks about something that was not measured
        other, says = _best_kind(there, card, facts, book)
        if other not in seen:
            seen.add(other)
            found.append(WhatIf(change=change, kind=other, says=says))

    n = situation.train_images
    sizes = book.thresholds("train_images")
    for steps in (_going_up(sizes, n, 1), _going_down(sizes, n, 1)):
        seen = {kind}
        for value, side in steps:
            words = _size_words(round(value), side)
            consider(words, replace(situation, train_images=max(2, round(value))), seen)

    for other in ("high", "medium", "low"):
        if other != situation.similarity:
            gap = None if situation.domain_gap is None else GAP_OF[other]
            there = replace(situation, similarity=other, domain_gap=gap)
            consider(f"If the similarity were {other}", there, {kind})

    for change, there, seen in _measured_changes(situation, book, kind):
        consider(change, there, seen)

    limits = {*book.thresholds("minutes"), *_needed_minutes(kind, best, answered, card, facts)}
    if situation.affordable_epochs:
        a_minute = situation.affordable_epochs / situation.minutes
        limits |= {_round_up(60 * epochs / a_minute) / 60 for epochs in book.thresholds("affordable_epochs")}
    for steps in (
        _going_up(sorted(limits), situation.minutes, 1e-6),
        _going_down(sorted(limits), situation.minutes, 1e-6),
    ):
        seen = {kind}
        for value, side in steps:
            consider(_minutes_words(value, side), _with_minutes(situation, value), seen)

    flipped: Priority = "speed" if situation.priority == "accuracy" else "accuracy"
    consider(f"If {flipped} came first", replace(situation, priority=flipped), {kind})
    return tuple(found)


def _with_minutes(situation: Situation, minutes: float) -> Situation:
    epochs = situation.affordable_epochs
    return replace(
        situation, minutes=minutes, affordable_epochs=None if epochs is None else epochs * minutes / situation.minutes
    )


def _measured_changes(
    situation: Situation, book: Rulebook, kind: Kind
) -> Iterator[tuple[str, Situation, set[Kind]]]:
    """(in words, the changed situation, kinds that would be no news), for what the measured rulebook asks about."""
    classes = situation.classes or 1
    now = situation.images_per_class
    if now is not None:
        for steps in (_going_up(book.thresholds("images_per_class"), now, 0), _going_down(
            book.thresholds("images_per_class"), now, 1e-6
        )):  # fmt: skip
            seen = {kind}
            for value, side in steps:
                images = max(2, math.ceil(value * classes) if side == "or more" else math.floor(value * classes))
                share = situation.train_images / images
                epochs = situation.affordable_epochs
                there = replace(
                    situation, train_images=images, images_per_class=value,
                    affordable_epochs=None if epochs is None else epochs * share,
                )  # fmt: skip
                if side in ("or more", "less than"):
                    amount = "or more" if side == "or more" else "fewer"
                    words = f"{math.ceil(value)} images per class {amount}" if amount == "or more" else (
                        f"fewer than {math.ceil(value)} images per class")  # fmt: skip
                    yield f"If you had {words}", there, seen
    fields: tuple[tuple[Field, str, float, str], ...] = (
        ("ready_made", "a ready-made probe reached", 100, "%"), ("domain_gap", "the domain gap were", 1, ""),
        ("depth_gap", "all stages beat the last by", 100, " points"),
    )  # fmt: skip
    for name, words, factor, unit in fields:
        given = getattr(situation, name)
        if given is None:
            continue
        for steps in (_going_up(book.thresholds(name), given, 0), _going_down(book.thresholds(name), given, 1e-6)):
            seen = {kind}
            for value, side in steps:
                shown = f"{round(factor * (value + (1e-6 if side == 'less than' else 0)), 1):g}{unit}"
                there = replace(situation, **{name: value})  # type: ignore[arg-type]
                if side == "or more":
                    yield f"If {words} {shown} or more", there, seen
                elif side == "less than":
                    yield f"If {words} less than {shown}", there, seen


def _best_kind(there: Situation, card: BackboneCard, facts: DatasetFacts, book: Rulebook) -> tuple[Kind, str]:
    """The kind that `recommend` would choose there, and why in a few words. Plans no more than it must."""
    leaf, _ = leaf_for(book, there)
    imagined = replace(facts, train_images=there.train_images)
    budget = Budget(minutes=there.minutes, priority=there.priority)
    followed = answer(book, there)
    for kind in downwards(leaf.kind):
        price = estimate_seconds(plan_within(kind, card, imagined, budget, followed)[0], imagined, card)
        if price is None or price[0] <= there.minutes * 60:
            break
    else:
        kind = LADDER[0]
    says = f"The {reasons.book(book.name)} would say: {leaf.says}."
    if kind != leaf.kind:
        says = f"{says[:-1]}, which would not fit; {STRATEGIES[kind].title.lower()} would be next."
    return kind, says


def _needed_minutes(
    kind: Kind, best: Candidate, answered: Candidate, card: BackboneCard, facts: DatasetFacts
) -> Iterator[float]:
    """The budgets at which the answered kind begins to fit and the best one stops to: 1 epoch a phase,
    after the solved head where there is one."""
    if best.fits is None:
        return
    if answered is not best and answered.seconds is not None:
        yield _round_up(answered.seconds) / 60
    if best.fits:
        stages = None
        if kind == "partial":
            stages = card.head - lowest_boundary(best.strategy)
        shortest = plan(
            kind, card, train_images=facts.train_images, classes=len(facts.classes), minutes=1e-9,
            costs=facts.costs, options=Options(trained_stages=stages), test_images=facts.test_images,
        )  # fmt: skip
        price = estimate_seconds(shortest, facts, card)
        if price is not None and price[0] >= 1:
            yield math.floor(price[0]) / 60


def _round_up(seconds: float) -> int:
    """Up to a whole second, or to a whole minute where seconds would only be noise."""
    return math.ceil(seconds) if seconds < 600 else math.ceil(seconds / 60) * 60


def _going_up(
    thresholds: tuple[float, ...] | list[float], now: float, eps: float
) -> Iterator[tuple[float, str]]:
    """Values above `now`, nearest first, on and just beyond each threshold."""
    for t in thresholds:
        if t > now:
            yield t, "or more"
        if t + eps > now:
            yield t + eps, "more than"


def _going_down(
    thresholds: tuple[float, ...] | list[float], now: float, eps: float
) -> Iterator[tuple[float, str]]:
    """Values below `now`, nearest first, on and just short of each threshold."""
    for t in reversed(thresholds):
        if t < now:
            yield t, "or less"
        if t - eps < now:
            yield t - eps, "less than"


def _size_words(value: int, side: str) -> str:
    if side == "more than":
        return f"If you had more than {count(value - 1)} training images"
    if side == "less than":
        return f"If you had fewer than {count(value + 1)} training images"
    return f"If you had {count(value)} training images or {'more' if side == 'or more' else 'fewer'}"


def _minutes_words(value: float, side: str) -> str:
    # The steps beside a threshold are 1e-6 min: they vanish in rounding.
    if side in ("more than", "less than"):
        return f"If you had {side} {minutes(value)}"
    return f"If you had {minutes(value)} {side}"

"""From facts and a budget to a recommendation: pure, instant, and it says what it does not know.

The followed rulebook answers first. If its answer cannot run within the budget on this machine, the
most-trained kind below it that can takes its place, and the recommendation says so. Every other strategy is
planned and priced beside it. The only accuracy forecast is the measured one of the linear probe: the rest is
unknown, never guessed. Sentences are made in `advisor.reasons`; nothing here may touch a file, a clock or a
random number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from advisor import memory, reasons
from advisor.catalog import STRATEGIES, BackboneCard, backbone
from advisor.costs import Sizes, affordable_epochs
from advisor.forecast import forecast
from advisor.learning import NOISE, LeafRecord
from advisor.measured import GAP_OF, Learned, facts_for, gap_percent
from advisor.measured import similarity as similarity_of
from advisor.options import Options
from advisor.plans import Kind, Strategy
from advisor.rulebooks import RULEBOOKS, Rulebook, Situation, answer, leaf_for, rulebook
from advisor.rulebooks.tree import Field, can_answer
from advisor.strategies import PLANNED, estimate_seconds, lowest_boundary, plan, stage_lrs, trainable_params
from advisor.types import (
    Answer,
    Budget,
    Candidate,
    DatasetFacts,
    Priority,
    Recommendation,
    Similarity,
    WhatIf,
)
from advisor.words import count, duration, minutes

MEASURED = "measured"
ACCURACY_ORDER: tuple[Kind, ...] = ("lp_ft", "partial", "gradual", "full", "linear_probe", "prototype", "scratch")
"""Tie-break among alternatives when accuracy comes first: LP-FT is the default fine-tune and
scratch the weakest; the rest from cheap to dear. An order, not a forecast."""
LADDER: tuple[Kind, ...] = tuple(kind for kind in PLANNED if kind != "prototype")
"""What to fall back to step by step when time is short. Prototypes cost what the probe costs: no rung below it."""


def recommend(
    facts: DatasetFacts,
    similarity: Similarity | None,
    budget: Budget,
    *,
    follow: str = "course",
    free_bytes: int | None = None,
    learned: Learned | None = None,
) -> Recommendation:
    """What to train on this dataset within this budget, and everything that was considered.

    `similarity`: set by hand; None = as the measured domain gap says ('medium' where it was not measured). `follow`
    names the rulebook whose answer leads; 'measured' needs `learned` and everything measured that it asks about, else
    the course tree leads. `free_bytes` is the machine's free memory, which batches must fit. `learned` also gives
    forecasts. Raises PlanError for an unknown rulebook or backbone and for inputs that no rulebook can be asked about.
    """
    card = backbone(facts.backbone)
    situation = situation_of(facts, similarity, budget, learned)
    books = {book.name: book for book in _books(situation, learned)}
    lead = books.get(follow) or (books["course"] if follow == MEASURED else rulebook(follow))
    answers = tuple(answer(book, situation) for book in (lead, *(b for b in books.values() if b is not lead)))
    followed = answers[0]

    plans = {kind: _plan(kind, card, facts, budget, followed) for kind in PLANNED}
    room = memory.memory_for(facts, free_bytes)
    candidates = {kind: _candidate(kind, plans[kind], card, facts, budget, room) for kind in PLANNED}
    if learned is not None:
        known = facts_for(facts, situation.domain_gap, situation.affordable_epochs)
        for one, candidate in candidates.items():
            foreseen = forecast(one, known, learned.corrections)
            candidates[one] = replace(candidate, accuracy=foreseen or candidate.accuracy)
    record = learned.leaves.get(followed.leaf) if learned and followed.rulebook == MEASURED else None
    kind = _first_that_fits(followed.kind, {k: c.fits for k, c in candidates.items()})
    need = _why_left(followed, candidates[followed.kind], candidates[kind], budget)
    best = candidates[kind]
    if kind == followed.kind:
        best = replace(best, why=f"The {reasons.book(followed.rulebook)}'s answer: {followed.says}.")
    else:
        best = replace(best, limits=(need, *best.limits))

    return Recommendation(
        best=best,
        alternatives=_ranked([c for k, c in candidates.items() if k != kind], answers, budget.priority, record),
        answers=answers,
        agree=len({a.kind for a in answers}) == 1,
        sentence=reasons.sentence(
            best, candidates[followed.kind], candidates["linear_probe"], followed, facts, situation
        ),
        reasons=reasons.reasons(best, candidates, answers, facts, card, need),
        would_change=_what_ifs(
            kind, candidates[kind], candidates[followed.kind], card, facts, situation, lead
        ),
        warnings=reasons.warnings(best, plans[kind][1], answers, facts, budget, card),
        confidence=reasons.confidence(kind, followed, record),
        within_noise=_within_noise(kind, record, candidates),
        domain_gap=situation.domain_gap,
        similarity=situation.similarity,
        affordable_epochs=situation.affordable_epochs,
    )


def situation_of(
    facts: DatasetFacts, similarity: Similarity | None, budget: Budget, learned: Learned | None = None
) -> Situation:
    """What rulebooks may ask about: counts, the budget, and what was measured. A similarity set by hand stands for a
    domain gap in the middle of its third."""
    gap = gap_percent(facts, learned)
    if similarity is not None and gap is not None and similarity_of(gap) != similarity:
        gap = GAP_OF[similarity]
    return Situation(
        facts.train_images,
        similarity or similarity_of(gap) or "medium",
        budget.minutes,
        budget.priority,
        images_per_class=facts.train_images / max(1, len(facts.classes)),
        classes=len(facts.classes),
        ready_made=facts.ready_made.value if facts.ready_made else None,
        domain_gap=gap,
        depth_gap=facts.depth_gap.value if facts.depth_gap else None,
        affordable_epochs=affordable_epochs(facts, budget.minutes),
    )


def _books(situation: Situation, learned: Learned | None) -> Iterator[Rulebook]:
    if learned is not None and can_answer(learned.rulebook, situation):
        yield learned.rulebook
    yield from RULEBOOKS.values()


def _within_noise(kind: Kind, record: LeafRecord | None, candidates: dict[Kind, Candidate]) -> tuple[Kind, ...]:
    """What ended as high as the best on the tasks of this leaf, give or take `NOISE`, and fits."""
    if record is None or kind not in record.regrets:
        return ()
    lost = record.regrets
    return tuple(
        k for k in lost if k != kind and abs(lost[k] - lost[kind]) <= NOISE and candidates[k].fits is not False
    )


# --- candidates -------------------------------------------------------------------------------------------


def _plan(
    kind: Kind, card: BackboneCard, facts: DatasetFacts, budget: Budget, followed: Answer
) -> tuple[Strategy, Strategy]:
    """(cut to the budget, as it would be without one)."""
    stages = None
    if kind == "partial" and followed.kind == "partial" and followed.trained_stages is not None:
        stages = min(followed.trained_stages, card.head)

    def make(limit: float | None) -> Strategy:
        return plan(
            kind,
            card,
            train_images=facts.train_images,
            classes=len(facts.classes),
            minutes=limit,
            costs=facts.costs,
            options=Options(trained_stages=stages),
            test_images=facts.test_images,
        )

    uncut = make(None)
    price = estimate_seconds(uncut, facts, card)
    if price is None or price[0] <= budget.minutes * 60:
        return uncut, uncut
    return make(budget.minutes), uncut


def _candidate(
    kind: Kind,
    plans: tuple[Strategy, Strategy],
    card: BackboneCard,
    facts: DatasetFacts,
    budget: Budget,
    room: int | None,
) -> Candidate:
    planned, uncut = plans
    classes = len(facts.classes)
    sizes = Sizes.of(facts.train_images, facts.test_images, classes)
    strategy = memory.fit_batch(planned, card, sizes, facts, room)
    needed = memory.forecast_bytes(strategy, card, sizes, facts)
    price = estimate_seconds(strategy, facts, card)
    seconds, cached = price if price is not None else (None, None)
    fits = None if seconds is None else seconds <= budget.minutes * 60
    return Candidate(
        strategy=strategy,
        trainable_params=trainable_params(strategy, card, classes),
        total_params=sum(card.params(classes)),
        stage_lrs=stage_lrs(strategy, card),
        seconds=seconds,
        cached_seconds=cached,
        fits=fits,
        accuracy=facts.ready_made if kind == "linear_probe" else None,
        why=reasons.why(kind, strategy, card, facts),
        limits=(
            *reasons.limits(strategy, uncut, seconds, fits, budget, card),
            *memory.limits(strategy, planned.batch_size, needed, room),
        ),
        memory_bytes=needed,
    )


def _first_that_fits(wanted: Kind, fits: dict[Kind, bool | None]) -> Kind:
    """The wanted kind, or the most-trained one below it that fits. Unknown counts as fitting; nothing fits:
    the least."""
    for kind in _downwards(wanted):
        if fits[kind] is not False:
            return kind
    return LADDER[0]


def _downwards(wanted: Kind) -> tuple[Kind, ...]:
    return LADDER[LADDER.index(wanted) :: -1] if wanted in LADDER else (wanted, *LADDER[:1])


def _why_left(followed: Answer, answered: Candidate, best: Candidate, budget: Budget) -> str:
    """Why the rulebook's own answer was not taken; '' when it was."""
    if answered is best:
        return ""
    asked = STRATEGIES[followed.kind].title
    fitting = (
        f"{STRATEGIES[best.strategy.kind].title.lower()} is the most-trained strategy below it that fits"
        if best.fits
        else f"nothing fits, and {STRATEGIES[best.strategy.kind].title.lower()} takes the least"
    )
    return (
        f"{asked}, the {reasons.book(followed.rulebook)}'s answer, needs at least "
        f"{duration(answered.seconds)} on this machine and the budget is {minutes(budget.minutes)}; "
        f"{fitting}."
    )


def _ranked(
    others: list[Candidate], answers: tuple[Answer, ...], priority: Priority, record: LeafRecord | None = None
) -> tuple[Candidate, ...]:
    """What fits first; then what lost least in the evidence of the leaf; then what more rulebooks name; then the
    cheaper (speed) or the usual order (accuracy)."""

    def key(candidate: Candidate) -> tuple[int, float, int, float, int]:
        kind = candidate.strategy.kind
        lost = record.regrets.get(kind, 1.0) if record else 0.0
        votes = sum(a.kind == kind for a in answers)
        cost = candidate.seconds if priority == "speed" and candidate.seconds is not None else 0.0
        order = PLANNED if priority == "speed" else ACCURACY_ORDER
        return (2 if candidate.fits is False else 1, lost, -votes, cost, order.index(kind))

    return tuple(sorted(others, key=key))


# --- what would change it ---------------------------------------------------------------------------------


def _what_ifs(
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
    for kind in _downwards(leaf.kind):
        price = estimate_seconds(_plan(kind, card, imagined, budget, followed)[0], imagined, card)
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

"""From facts and a budget to a recommendation: pure, instant, and it says what it does not know.

The followed rulebook answers first. If its answer cannot run within the budget on this machine, the
most-trained kind below it that can takes its place, and the recommendation says so. Every other strategy is
planned and priced beside it (`advisor.advice.candidates`), and what would change the answer is found by asking again
(`advisor.advice.what_if`). Accuracies are forecast from the evidence where it was learned; else only the probe's,
which was
measured. Sentences are made in `advisor.advice.reasons`; nothing here may touch a file, a clock or a random number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from advisor.advice import reasons
from advisor.advice.candidates import LADDER, candidate_of, downwards, plan_within
from advisor.advice.forecasts import forecast
from advisor.advice.learned_rules import GAP_OF, Learned, facts_for, gap_percent
from advisor.advice.learned_rules import similarity as similarity_of
from advisor.advice.learning import NOISE, LeafRecord
from advisor.advice.what_if import what_ifs
from advisor.planning import PLANNED, affordable_epochs, memory
from advisor.rulebooks import RULEBOOKS, rulebook
from advisor.rulebooks.tree import Rulebook, Situation, answer, can_answer
from core import Answer, Budget, Candidate, DatasetFacts, Kind, Priority, Recommendation, Similarity
from core.words import duration, minutes
from core.zoo import STRATEGIES, backbone

MEASURED = "measured"
ACCURACY_ORDER: tuple[Kind, ...] = ("lp_ft", "partial", "gradual", "full", "linear_probe", "prototype", "scratch")
"""Tie-break among alternatives when accuracy comes first: LP-FT is the default fine-tune and
scratch the weakest; the rest from cheap to dear. An order, not a forecast."""


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

    plans = {kind: plan_within(kind, card, facts, budget, followed) for kind in PLANNED}
    room = memory.memory_for(facts, free_bytes)
    candidates = {kind: candidate_of(kind, plans[kind], card, facts, budget, room) for kind in PLANNED}
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
        would_change=what_ifs(
            kind, candidates[kind], candidates[followed.kind], card, facts, situation, lead
        ),
        warnings=reasons.warnings(best, plans[kind][1], answers, facts, budget, card),
        confidence=reasons.confidence(kind, record, *(plan.adam_epochs for plan in plans[kind])),
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


# --- which of them leads ------------------------------------------------------------------------------------


def _first_that_fits(wanted: Kind, fits: dict[Kind, bool | None]) -> Kind:
    """The wanted kind, or the most-trained one below it that fits. Unknown counts as fitting; nothing fits:
    the least."""
    for kind in downwards(wanted):
        if fits[kind] is not False:
            return kind
    return LADDER[0]


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

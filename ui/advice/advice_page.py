"""The Advice page: three inputs on the left; on the right what to do, why, and what would change it."""

from __future__ import annotations

import secrets

import streamlit as st

from advisor.advice import Learned, gap_percent, learned, recommend
from advisor.advice import book as reasons_book
from advisor.planning import PLANNED, state_at
from advisor.rulebooks import RULEBOOKS
from core import Budget, Candidate, DatasetFacts, DatasetRef, Recommendation, Similarity
from core.words import listing
from core.zoo import STRATEGIES, BackboneCard, backbone
from training.record import tally
from training.requests import Race, room
from ui import pictures
from ui.advice import also, domains, panel, pilots, record
from ui.advice.by_hand import by_hand
from ui.advice.inputs import choice, inputs
from ui.advice.plan import details
from ui.data import profile
from ui.kit import frame, ids, stages, state
from ui.kit import jobs as parts_jobs
from ui.kit.show import show
from ui.pictures.words import duration

CARDS_A_ROW = 2
RACE = "Solves a head first, looks, and spends the rest of the time where it can still gain; says why, and ends early."


def main() -> None:
    state.pump()
    ref = frame.dataset_or_stop(
        "Advice", "Advice needs images: a zip of class folders, or one of the samples."
    )
    st.title("Advice")
    left, right = st.columns([2, 5], gap="large")
    with left:
        chosen = inputs()
        st.subheader("Measured")
        known = learned(state.home())
        measured = profile.measured_panel(ref, chosen.backbone, start=False)
        if measured:
            panel.panel(measured, known)
    facts = state.facts_or_counts(ref, chosen.backbone)
    with right, frame.calm("No advice for these inputs"):
        stages.banner(chosen.backbone)
        card = backbone(chosen.backbone)
        advice = advised(facts, chosen.similarity, chosen.budget, known)
        st.caption(profile.measured_or_counts(facts))
        verdict(ref, advice, facts, card, chosen.budget)
        overridden(advice, facts, chosen.similarity, chosen.budget, known)
        pilots.section(ref, facts, advice, card, chosen.budget)
        reasons(advice)
        tree(advice, known)
        cards(ref, advice, card, chosen.budget)
        also.also(ref, facts, advice, card)
        record.record(known)
        domains.section(ref, facts, card, chosen.budget)
        by_hand(ref, facts, card, chosen.budget)
        details(advice, card, len(ref.classes))
    state.prepare()


def advised(
    facts: DatasetFacts, similarity: Similarity | None, budget: Budget, known: Learned | None
) -> Recommendation:
    return recommend(
        facts, similarity, budget, follow="measured", free_bytes=room(state.store()), learned=known
    )


def overridden(
    advice: Recommendation, facts: DatasetFacts, similarity: Similarity | None, budget: Budget, known: Learned | None
) -> None:
    """What a similarity set by hand changes, against what is measured; nothing is drawn without either."""
    gap = gap_percent(facts, known)
    if similarity is None or gap is None:
        return
    measured = advised(facts, None, budget, known)
    if measured.similarity == similarity:
        st.caption(f"Measured says the same: {similarity} (domain gap {gap:.0f} of 100).")
        return
    before = {answer.rulebook: answer.kind for answer in measured.answers}
    changes = [
        f"{reasons_book(a.rulebook)}: {STRATEGIES[before[a.rulebook]].title.lower()} becomes "
        f"{STRATEGIES[a.kind].title.lower()}"
        for a in advice.answers
        if a.rulebook in before and before[a.rulebook] != a.kind
    ]
    first, now = measured.best.strategy.kind, advice.best.strategy.kind
    outcome = (
        "The recommendation stays the same."
        if first == now
        else f"The recommendation changes from {STRATEGIES[first].title.lower()} to {STRATEGIES[now].title.lower()}."
    )
    title = f"You set {similarity}; measured is {measured.similarity} (domain gap {gap:.0f} of 100)"
    show(pictures.notice("info", title, f"{'; '.join(changes) + '. ' if changes else ''}{outcome}"))


def verdict(
    ref: DatasetRef, advice: Recommendation, facts: DatasetFacts, card: BackboneCard, budget: Budget
) -> None:
    """The recommendation in one sentence, its freeze map, the rulebooks' answers and the two buttons."""
    best = advice.best
    with st.container(border=True):
        st.subheader(frame.plain(advice.sentence))
        if advice.confidence:
            st.markdown(f"**Confidence.** {frame.plain(advice.confidence)}")
        if advice.within_noise:
            ties = listing([STRATEGIES[kind].title.lower() for kind in advice.within_noise])
            st.caption(
                f"Within the noise of it on these tasks: {ties}. Where strategies cannot be told apart, the cheapest "
                "is recommended."
            )
        last = len(best.strategy.phases) - 1
        show(pictures.freeze_map(card, state_at(best.strategy, card, last), best.stage_lrs, len(ref.classes)))
        show(pictures.freeze_legend())
        planned = parts_jobs.plan_set(facts, card, budget.minutes)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if st.button(f"Best in {duration(60 * budget.minutes)}", type="primary", key="best_in", help=RACE):
                start_race(ref, card, budget)
            if st.button("Train this", key="train_best"):
                train(ref, best, budget)
            if st.button("Compare all strategies", key="compare_all"):
                compare_all(ref, planned, advice, budget)
        st.caption(set_in_words(planned, budget))
    show(pictures.rulebook_chips(advice.answers, followed=advice.answers[0].rulebook))
    if advice.warnings:
        show(pictures.notice("caution", "Keep in mind", " ".join(advice.warnings)))


def set_in_words(planned: list[parts_jobs.Planned], budget: Budget) -> str:
    """What the button 'Compare all strategies' will cost, and what memory is too small for."""
    trained = {part.strategy.kind for part in planned}
    too_large = [STRATEGIES[kind].title.lower() for kind in PLANNED if kind not in trained]
    without = f" Left out, as memory is too small: {listing(too_large)}." if too_large else ""
    return cost_in_words(planned, budget) + without


def cost_in_words(planned: list[parts_jobs.Planned], budget: Budget) -> str:
    total = parts_jobs.total_seconds(planned)
    runs = f"Compare all: {len(planned)} runs, one after the other, on the same split and seed,"
    given = duration(60 * budget.minutes)
    if total is None:
        share = duration(60 * budget.minutes / len(planned))
        return f"{runs} sharing {given} ({share} each). How much of it they need is unknown until measured."
    if total > 75 * budget.minutes:
        return f"{runs} about {duration(total)} in all: more than {given}, though each is cut to its minimum."
    return f"{runs} about {duration(total)} in all, inside {given}."


def train(ref: DatasetRef, candidate: Candidate, budget: Budget) -> None:
    with frame.calm("This run cannot be started"):
        frame.open_run(parts_jobs.start_run(ref, candidate.strategy, budget.minutes).id)


def start_race(ref: DatasetRef, card: BackboneCard, budget: Budget) -> None:
    with frame.calm("This race cannot be started"):
        frame.open_race(parts_jobs.start(Race(ref.id, card.name, budget.minutes, parts_jobs.SEED)).id)


def compare_all(
    ref: DatasetRef, planned: list[parts_jobs.Planned], advice: Recommendation, budget: Budget
) -> None:
    group, kind, book = f"set-{secrets.token_hex(4)}", advice.best.strategy.kind, advice.answers[0].rulebook
    with frame.calm("These runs cannot be started"):
        tally.write(state.home(), tally.Advised(group, ref.id, kind, book, budget.minutes))
        jobs = parts_jobs.start_set(ref, planned, group)
        ids.remember_runs([job.id for job in jobs])
        frame.open_run(jobs[0].id)


def reasons(advice: Recommendation) -> None:
    """Why, and which single change would change it, side by side."""
    why, what_if = st.columns(2, gap="large")
    with why:
        st.subheader("Why")
        st.markdown("\n".join(f"- {frame.plain(reason)}" for reason in advice.reasons))
    with what_if:
        st.subheader("What would change it")
        if advice.would_change:
            lines = [
                f"- **{frame.plain(item.change)}:** {frame.plain(item.says)}" for item in advice.would_change
            ]
            st.markdown("\n".join(lines))
        else:
            st.markdown("No single change of the inputs would.")


def tree(advice: Recommendation, known: Learned | None) -> None:
    """One rulebook's decision tree with the path of this dataset lit."""
    st.subheader("How the rulebooks decide")
    by_name = {answer.rulebook: answer for answer in advice.answers}
    followed = advice.answers[0].rulebook
    books = {**RULEBOOKS, **({known.rulebook.name: known.rulebook} if known else {})}
    titles = {key: books[key].title for key in by_name}
    name = choice("Rulebook to draw", "tree", titles, followed, hidden_label=True)
    answer = by_name[name]
    show(pictures.decision_tree(books[name], answer))
    st.caption(
        f"{frame.plain(books[name].title)} says: {frame.plain(answer.says)}. Source: {frame.plain(answer.source)}."
    )
    if known and books[name] is known.rulebook:
        st.caption(frame.plain(known.rulebook.reading))
    for caveat in answer.caveats:
        st.caption(frame.plain(caveat))


def cards(ref: DatasetRef, advice: Recommendation, card: BackboneCard, budget: Budget) -> None:
    """Every strategy as a card, on one accuracy axis, each with its own Train button."""
    st.subheader("All strategies for these images")
    candidates = [advice.best, *advice.alternatives]
    scale = pictures.axis_scale(candidate.accuracy for candidate in candidates)
    for start in range(0, len(candidates), CARDS_A_ROW):
        row = candidates[start : start + CARDS_A_ROW]
        for column, candidate in zip(st.columns(CARDS_A_ROW), row, strict=False):
            kind = candidate.strategy.kind
            with column.container(border=False, key=f"card_{kind}", height="stretch"):
                best = candidate is advice.best
                show(pictures.strategy_card(candidate, card, len(ref.classes), scale, best=best))
                if st.button(f"Train: {STRATEGIES[kind].title}", key=f"train_{kind}"):
                    train(ref, candidate, budget)


main()

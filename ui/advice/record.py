"""The advice's record: forecasts against what came of them, who won the comparisons, learning from one's own runs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from advisor.advice import Learned
from core import ThawError
from core.zoo import STRATEGIES
from training.record import foreseen, own_evidence, tally
from ui.kit import frame, state
from ui.pictures.words import counted, duration, interval, percent, size

SHOWN = 12
RECENT = 200
"""Finished runs that the record is of, the newest."""


def record(learned: Learned | None) -> None:
    """A fold: nothing is claimed before there is a finished run."""
    store = state.store()
    kept = foreseen.kept(store.home, store.jobs(kind="train", states=("finished",), limit=RECENT))
    judged = tally.judged(store.home, store)
    with st.expander(title(len(kept), judged), key="record"):
        if judged:
            st.markdown(frame.plain(tally.in_words(judged)))
        if kept:
            st.markdown(frame.plain(in_words(foreseen.standing(kept))))
            st.table(pd.DataFrame([row(one) for one in kept[:SHOWN]]), hide_index=True)
        else:
            st.caption("No run has finished here yet. Every run's forecast is kept and shown beside what came of it.")
        own_runs(learned)


def title(runs: int, judged: list[tally.Judged]) -> str:
    if not runs:
        return "Was the advice right? No finished run yet"
    return f"Was the advice right? {counted(runs, 'finished run')}" + (
        f", {len(judged)} compared" if judged else ""
    )


def in_words(standing: foreseen.Standing) -> str:
    """The four numbers in a sentence; what cannot be judged yet is left out."""
    parts = []
    if standing.accuracy_error is not None:
        parts.append(f"forecast accuracies were off by {100 * standing.accuracy_error:.1f} points on average")
    if standing.inside is not None:
        parts.append(f"{percent(standing.inside)} of the results lay inside their 80% intervals")
    if standing.time_within is not None:
        parts.append(f"{percent(standing.time_within)} of the runs took the time foreseen, give or take a quarter")
    if standing.memory_within is not None:
        parts.append(f"{percent(standing.memory_within)} the memory, give or take a fifth")
    return f"Of {counted(standing.runs, 'finished run')}: {'; '.join(parts)}." if parts else ""


def row(one: foreseen.Kept) -> dict[str, str]:
    inside = {True: "yes", False: "no", None: ""}[one.inside]
    return {
        "Strategy": STRATEGIES[one.kind].title,
        "Forecast": interval(one.foreseen),
        "Reached": interval(one.reached),
        "Inside": inside,
        "Time foreseen": duration(one.seconds_foreseen),
        "Time": duration(one.seconds),
        "Memory foreseen": size(one.bytes_foreseen),
        "Memory": size(one.bytes),
    }


def own_runs(learned: Learned | None) -> None:
    """The button that adds this home's comparisons to the evidence, and the way back."""
    if learned is None:
        return
    st.caption(
        f"The measured rulebook rests on {learned.runs:,} runs on {len(learned.sets)} image sets"
        + (f", {learned.local_runs} of them your own." if learned.local_runs else ".")
    )
    with st.container(horizontal=True):
        if st.button("Learn from my runs", key="learn_own"):
            try:
                own_evidence.learn(state.store())
            except ThawError as error:
                frame.show_error(error, "Nothing was learned")
            else:
                st.rerun()
        if learned.local_runs and st.button("Forget my runs", key="forget_own"):
            own_evidence.forget(state.home())
            st.rerun()

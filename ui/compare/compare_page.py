"""The Compare page: scoreboard and verdict first, curves second, the table and the trade-offs after."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import CompareError, DatasetRef
from training.compare import Comparison, Row, compare, usual
from training.record import tally
from training.report import comparison_figures
from training.store import Job
from ui import pictures
from ui.compare import remarks, side_by_side, table
from ui.data import revisions
from ui.kit import frame, ids, state
from ui.kit import jobs as parts_jobs
from ui.kit import runs as parts_runs
from ui.kit.show import show
from ui.pictures.words import ago, duration
from ui.server import report_url
from ui.server.runs import MOST_RUNS
from ui.train import load_ahead
from ui.train.live_chart import live_chart

POLL_S = 2.0
CHART_PX = 340
MOST_CHIPS = 40
"""Chosen runs that a list shows one by one; of more those to leave out are chosen."""
MOST_CURVES = 20
MOST_NAMED = 12
"""Runs without a result that are named one by one."""
WORDS = {"queued": "waiting", "running": "training"}
NONE = "none"
"""What `?runs=` says when every run was taken out by hand: not the same as no choice."""


def main() -> None:
    state.pump()
    chosen = runs_in_url()
    if chosen and chosen[0].dataset_id != ids.current("dataset"):
        ids.remember("dataset", chosen[0].dataset_id)
        st.rerun()  # the header, drawn before this page, names the dataset
    ref = frame.dataset_or_stop(
        "Compare", "Runs to compare come from images: a zip of class folders, or a sample."
    )
    st.title("Compare")
    load_ahead()
    runs = state.store().jobs(kind="train", dataset_id=ref.id)
    if not runs:
        frame.empty("No runs of these images yet", "Advice can queue all strategies under one time budget.")
        if st.button("Get advice", type="primary"):
            st.switch_page(state.ADVICE_PAGE)
        frame.set_aside(state.store().set_aside(ref.id))
        revisions.other_runs(ref)
        return
    unknown = {job.id: why for job in [*chosen, *runs] if (why := parts_jobs.why_unknown(job))}
    picked = picker(
        [job for job in runs if job.id not in unknown], [job for job in chosen if job.id not in unknown]
    )
    frame.set_aside([*state.store().set_aside(ref.id), *unknown.values()])
    pending(picked)
    if not picked:
        frame.empty("Choose at least one run", "Two or more of them can be compared.")
        return
    results(picked, ref)


def runs_in_url() -> list[Job]:
    """The runs of `?runs=A,B`, or of `?group=ID`; ids that do not exist are named."""
    group = st.query_params.get("group")
    if group:
        found = state.store().jobs(kind="train", group=group)[::-1]
        ids.remember_runs([job.id for job in found])
        del st.query_params["group"]
        return found
    wanted = ids.current_runs()
    if ids.current("runs") and not wanted:
        st.caption("The choice of runs in this address is not kept any more.")
    found, missing = state.existing_runs([run_id for run_id in wanted if run_id != NONE])
    if missing:
        more = f" and {len(missing) - MOST_NAMED:,} others" if len(missing) > MOST_NAMED else ""
        st.caption(f"Not here any more: {', '.join(missing[:MOST_NAMED])}{more}.")
    return found


def picker(runs: Sequence[Job], chosen: Sequence[Job]) -> list[Job]:
    """All runs of the dataset to choose from; without a choice in the URL, the newest set and what came after it."""
    by_id = {job.id: job for job in [*chosen, *runs]}
    newest = usual(runs)
    wanted = [] if ids.current("runs") == NONE else [job.id for job in chosen] or newest
    with st.expander(f"{len(wanted):,} of {len(by_id):,} runs chosen", expanded=not wanted, key="choose"):
        names = frame.apart({run_id: label(job) for run_id, job in by_id.items()})
        st.session_state.pop("left_out" if len(wanted) <= MOST_CHIPS else "picked", None)
        if len(wanted) <= MOST_CHIPS:
            if st.session_state.get("picked") != wanted:
                st.session_state["picked"] = wanted  # the URL is the truth, the widget follows
            st.multiselect(
                "Runs to compare", list(by_id), format_func=names.__getitem__, key="picked",
                placeholder="Choose runs of these images", on_change=picked_by_hand,
            )  # fmt: skip
        else:
            st.multiselect(
                "Leave out", wanted, format_func=names.__getitem__, key="left_out", placeholder="Search among them",
                on_change=left_out, args=(wanted,),
            )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            finished = [job.id for job in runs if job.result][::-1]
            for key, text, these in (
                ("newest_set", f"The newest ones ({len(newest):,})", newest),
                ("all_runs", f"All with a result ({len(finished):,})", finished),
            ):
                if these and set(these) != set(wanted):
                    st.button(text, key=key, on_click=ids.remember_runs, args=(these,))
    return [by_id[run_id] for run_id in wanted]


def picked_by_hand() -> None:
    wanted = st.session_state.get("picked")
    if wanted is not None:  # else the browser repeats what it said of an input that is not drawn any more
        ids.remember_runs(wanted or [NONE])


def left_out(wanted: Sequence[str]) -> None:
    without = set(st.session_state.get("left_out") or ())
    if without:
        st.session_state["left_out"] = []  # set, not let go of: so the browser empties it too
        ids.remember_runs([run_id for run_id in wanted if run_id not in without] or [NONE])


def label(job: Job) -> str:
    """'Linear probe, 93.1%, 12 s, 3 min ago'."""
    if job.result:
        return f"{parts_runs.called(job)}, {parts_runs.accuracy(job)}, {ago(job.finished)}"
    return f"{parts_runs.called(job)}, {job.state}, {ago(job.created)}"


def pending(picked: Sequence[Job]) -> None:
    """Which of the chosen runs have no result yet; reruns the page when that changes."""
    waiting = [job for job in picked if job.active]
    if waiting:
        frame.fragment(progress, POLL_S)(tuple((job.id, job.state) for job in waiting))
    ended = [job for job in picked if not job.active and not job.result]
    for job in ended[:MOST_NAMED]:
        st.caption(f"{frame.plain(parts_runs.called(job))} ({job.id}) ended without a test result: {job.state}.")
    if len(ended) > MOST_NAMED:
        st.caption(f"{len(ended) - MOST_NAMED:,} further ones ended without a test result.")


def progress(watched: tuple[tuple[str, str], ...]) -> None:
    """Runs by itself while a chosen run is active."""
    state.pump()
    jobs, _ = state.existing_runs([run_id for run_id, _ in watched])
    if tuple((job.id, job.state) for job in jobs) != watched:
        st.rerun()
    done = sum(job.progress for job in jobs) / len(jobs)
    names = ", ".join(f"{frame.plain(parts_runs.called(job))} ({WORDS[job.state]})" for job in jobs[:MOST_NAMED])
    names += f" and {len(jobs) - MOST_NAMED:,} others" if len(jobs) > MOST_NAMED else ""
    left = next((job.eta_s for job in jobs if job.eta_s), None)
    eta = f"; the running one has about {duration(left)} left" if left else ""
    st.progress(min(1.0, done), text=f"Still to come: {names}{eta}. Below is what there is so far.")


def results(picked: Sequence[Job], ref: DatasetRef) -> None:
    """Scoreboard and verdict, curves, numbers, trade-offs, images of the runs that have begun."""
    begun = [job.id for job in picked if job.started]
    if not begun:
        frame.empty("None of these runs has begun", "The curves appear here as soon as the first one trains.")
        return
    try:
        comparison = compare(state.store(), begun)
    except CompareError as error:
        frame.show_error(error, "These runs cannot be compared")
        return
    tested = any(row.test_accuracy for row in comparison.rows)
    board, curves, costs, cases, numbers, foot = (st.container() for _ in range(6))
    with foot:
        if tested and len(begun) <= MOST_RUNS:
            st.link_button(
                "Report to print", report_url(begun), help="One page with the verdict, the plots and the table"
            )
    with curves:
        # Sent first though it stands second: the browser loads its script and rows while the rest is put together.
        st.subheader("Curves")
        drawn = curves_of(comparison)
        by_id = {job.id: job for job in picked}
        wake = " ".join(f"{by_id[run_id].state} {by_id[run_id].attempt}" for run_id in drawn)
        live_chart(drawn, key="compare_live", height=CHART_PX, wake=wake)
        if len(drawn) < len(begun):
            st.caption(f"Of {len(begun):,} runs the {len(drawn)} most accurate.")
    with numbers:
        st.subheader("In numbers")
        table.table(comparison, ref.classes)
    if tested:
        with cases:
            side_by_side.side_by_side(comparison, ref)
        with costs:
            trade_offs(comparison)
    with board:
        scoreboard(picked, comparison)


def curves_of(comparison: Comparison) -> list[str]:
    """Runs whose curves are drawn: those still under way first, then the most accurate."""

    def order(row: Row) -> tuple[bool, float]:
        return row.state != "running", -row.test_accuracy.value if row.test_accuracy else 0.0

    if len(comparison.rows) <= MOST_CURVES:
        return [row.run_id for row in comparison.rows]
    return [row.run_id for row in sorted(comparison.rows, key=order)[:MOST_CURVES]]


def scoreboard(picked: Sequence[Job], comparison: Comparison) -> None:
    """Who is better, as a picture and in words; what to keep in mind; what it says beyond accuracy."""
    tested = any(row.test_accuracy for row in comparison.rows)
    if tested:
        st.markdown(f"#### {frame.plain(comparison.verdict)}")
        if comparison.settles:
            st.markdown(frame.plain(comparison.settles))
        show(comparison_figures.scoreboard(comparison))
    advice_held(picked, comparison)
    for note in comparison.notes:
        st.caption(frame.plain(note))
    if tested:
        remarks.remarks(comparison)


def advice_held(picked: Sequence[Job], comparison: Comparison) -> None:
    """Whether the advice won, once every run of a "compare all" has ended, and how it has done so far."""
    groups = {job.group for job in picked}
    if len(groups) != 1 or any(job.active for job in picked):
        return
    advised = next((one for one in tally.read(state.home()) if one.group in groups), None)
    judged = tally.judge(advised, comparison) if advised else None
    if judged:
        tone = {"won": "good", "held": "info", "lost": "caution"}[judged.outcome]
        so_far = tally.in_words(tally.judged(state.home(), state.store(), comparison))
        show(pictures.notice(tone, judged.sentence, so_far))


def trade_offs(comparison: Comparison) -> None:
    """What the accuracy cost in time and in trained parameters, with the Pareto fronts."""
    drawn = [comparison_figures.trade_off(comparison, cost) for cost in ("seconds", "params")]
    if not any(drawn):
        return
    st.subheader("What it cost")
    show(f'<div class="thaw-scatters">{"".join(drawn)}</div>')
    said = comparison_figures.pareto_in_words(comparison, "seconds")
    if said:
        st.caption(frame.plain(said))


main()

"""Two domains on the pages: the target of a dataset, the gap between the two, the runs that adapt, and what came of it.

Decides nothing: the plans are `advisor.planning.two_domains`'s, the verdict is `training.compare.adapted`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from advisor.planning import Options, gap_words, likely_to_hurt, plan, plan_adaptation, shares_apart
from core import ADAPTING, Budget, DatasetFacts, DatasetRef, RunConfig, find_as
from core.words import counted
from core.zoo import BackboneCard
from dataset.ingest import PAIRS, targets
from training.compare import adapted
from training.requests import ImportImages, MeasureGap
from training.store import DomainMap, FewShot, Job, RunFolder, lineage
from ui import pictures
from ui.advice import charts_domains
from ui.bring_in import imports
from ui.data import target as parts_target
from ui.kit import frame, progress, state
from ui.kit import jobs as parts_jobs
from ui.kit.show import show
from ui.pictures import charts
from ui.pictures.lineage import chain
from ui.pictures.words import percent

FEW = 5
"""Labels a class that adaptation is compared with."""


def section(ref: DatasetRef, facts: DatasetFacts, card: BackboneCard, budget: Budget) -> None:
    """The fold on the Advice page."""
    target = targets.target_of(state.home(), ref)
    opened = bool(st.session_state.get("open_domains")) or target is not None
    with st.expander("A second domain: the same classes in another style", expanded=opened, key="domains"):
        if target is None:
            _attach(ref)
            return
        labelled = target.images - target.unlabelled
        st.markdown(
            f"**{frame.plain(ref.name)}** (labelled) to **{frame.plain(target.name)}** "
            f"({counted(target.images, 'image')}, {labelled:,} with a label that only judges)."
        )
        left, right = st.columns([2, 3], gap="large")
        with left:
            _gap(ref, target, card)
        with right:
            _runs(ref, target, facts, card, budget)


def _attach(ref: DatasetRef) -> None:
    st.markdown(
        "Have you images of the same classes that look different, and no labels for them (sketches for photos, another "
        "camera, another year)? Then the labels here can teach a model for the images there. Without such a second "
        "set there is nothing to adapt to, and Thaw does not suggest it."
    )
    if st.button("Attach a second domain", key="to_target"):
        st.session_state["view"] = parts_target.TAB
        st.switch_page(state.DATA_PAGE)
    pair = PAIRS[PAIRS["digits_plain"].pair]
    if ref.source == "sample: digits_plain":
        if st.button(f"Attach the sample: {pair.title}", key="attach_sample") and _sample(pair.key, ref):
            st.rerun()
    elif st.button("Or try the worked example: digits, and digits over photographs", key="try_pair"):
        source = _sample("digits_plain")
        if source and _sample("digits_coloured", source):
            state.choose_dataset(source.id)
            st.rerun()


def _sample(name: str, target_of: DatasetRef | None = None) -> DatasetRef | None:
    """Import a sample here and now, told as it goes; None when that failed, or was cancelled."""
    asked = ImportImages(f"sample:{name}", target_of=target_of.id if target_of else "")
    return imports.follow(parts_jobs.start(asked), st.empty())


def _gap(ref: DatasetRef, target: DatasetRef, card: BackboneCard) -> None:
    """How well the two can be told apart, measured when asked for, and the map."""
    st.markdown("##### The gap")
    found = find_as(adapted.gap_file(state.home(), ref.id, target.id, card.name), DomainMap)
    if found is None:
        _not_measured(MeasureGap(ref.id, target.id, card.name))
        return
    tone, text = gap_words(found.told_apart)
    show(pictures.notice(tone, f"Told apart: {percent(found.told_apart)}", text))
    charts.show(charts_domains.domain_map(found, by_class=False), key="gap_map", label="Both domains' features")


def _not_measured(asked: MeasureGap) -> None:
    job = parts_jobs.latest(asked)
    if job and job.active:
        progress.follow(job, "Running the backbone over both")
        return
    if job and job.state in ("failed", "lost"):
        show(pictures.notice("bad", "The gap could not be measured", job.error or "The worker gave no reason."))
    st.caption("Not measured yet. It takes one pass over at most 300 images of each.")
    if st.button("Measure the gap", key="measure_gap"):
        with frame.calm("The gap could not be measured"):
            parts_jobs.start(asked)
            st.rerun()


def _runs(ref: DatasetRef, target: DatasetRef, facts: DatasetFacts, card: BackboneCard, budget: Budget) -> None:
    """Queue the three, and a few labels instead; what came of them."""
    st.markdown("##### Does adapting help?")
    store = state.store()
    jobs = adapted.runs_on(store, ref.id, target.id)
    few = adapted.few_labels(store, target.id)
    verdict = adapted.judge(store, jobs, few)
    if verdict:
        show(pictures.notice(verdict.tone, verdict.headline, verdict.text))
        rows = [pictures.AxisRow(row.title, row.kind, row.target, f"run {row.run_id}") for row in verdict.rows]
        show(pictures.accuracy_axis(rows))
    else:
        if why := likely_to_hurt(shares_apart(ref, target)):
            show(pictures.notice("caution", "Aligning is likely to hurt here", why, f"Try {FEW} labels a class first."))
        st.caption(
            "Measured, not promised: three runs that differ only in the alignment. On published pairs it gained "
            "between 3 and 8 points and sometimes lost (arXiv 1505.07818 and TLlib's tables); a few labels often gain "
            "more. Both ways of aligning take it that the classes have about the same shares in the two sets."
        )
    active = [job for job in [*jobs, *([few] if few else [])] if job.active]
    if active:
        names = ", ".join(f"{job.config['strategy']['kind']} ({job.state})" for job in active)
        st.caption(f"On their way: {frame.plain(names)}. Reload to see what came of them.")
    with st.container(horizontal=True, gap="small"):
        if st.button("Train all three", key="train_domains"):
            with frame.calm("These runs cannot be started"):
                group = [start(ref, target, kind, facts, card, budget) for kind in ADAPTING]
                frame.open_run(group[0].id)
        whole = target.unlabelled == 0 and all(target.per_class)
        if st.button(
            f"{FEW} labels a class instead", key="train_few", disabled=not whole,
            help=None if whole else "Needs labels on the target: folders named like the classes.",
        ):  # fmt: skip
            with frame.calm("This run cannot be started"):
                frame.open_run(start_few(target, card).id)


def start(
    ref: DatasetRef, target: DatasetRef, kind: Any, facts: DatasetFacts, card: BackboneCard, budget: Budget
) -> Job:
    """Queue one of the three, planned for a third of the time."""
    minutes = budget.minutes / len(ADAPTING)
    strategy = plan_adaptation(
        kind, card, train_images=facts.train_images, classes=len(ref.classes), minutes=minutes, costs=facts.costs,
        test_images=facts.test_images,
    )  # fmt: skip
    return parts_jobs.train(RunConfig(ref.id, strategy, seed=parts_jobs.SEED, minutes=minutes, target_id=target.id))


def start_few(target: DatasetRef, card: BackboneCard) -> Job:
    """Queue class means of a few labelled images a class of the target itself."""
    strategy = plan(
        "prototype", card, train_images=max(2, FEW * len(target.classes)), classes=len(target.classes), minutes=None,
        options=Options(refit=False),
    )  # fmt: skip
    return parts_jobs.train(RunConfig(target.id, strategy, seed=parts_jobs.SEED, per_class=FEW))


# -- on the Train page ------------------------------------------------------------------------------------------


def of_run(job: Job) -> None:
    """What a run kept besides its curves: lineage, the two domains before and after, the few-shot curve."""
    folder = RunFolder(state.home(), job.id)
    stages = lineage.stages_of(state.home(), job.id)
    if stages:
        st.markdown("##### The stages before it")
        show(chain(stages, "this run", str((job.config.get("strategy") or {}).get("kind"))))
    _maps([(title, find_as(folder.note(f"map_{title.lower()}"), DomainMap)) for title in ("Before", "After")])
    few = find_as(folder.note("few_shot"), FewShot)
    if few and few.shots:
        st.markdown("##### With fewer images a class")
        charts.show(
            charts_domains.few_shot(few.shots), key="few_shot", label="Validation accuracy by images a class"
        )
        st.caption(
            f"Class means of so many images, {few.shots[0].draws} random draws each; the band holds 95% of them: with "
            "one image a class, which one it is decides."
        )


def _maps(notes: Sequence[tuple[str, DomainMap | None]]) -> None:
    known = [(title, note) for title, note in notes if note]
    if not known:
        return
    st.markdown("##### Where the two domains lie")
    by_class = st.toggle("Colour by class", key="map_by_class")
    for column, (title, note) in zip(st.columns(2, gap="large"), known, strict=False):
        with column:
            st.markdown(f"**{title}**: told apart in {percent(note.told_apart)} of cases")
            charts.show(
                charts_domains.domain_map(note, by_class=by_class), key=f"map_{title}",
                label=f"Features of source and target, {title.lower()}",
            )  # fmt: skip
    st.caption("Validation images on the two largest principal components of their features; 50% would be chance.")

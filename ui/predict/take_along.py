"""Taking a model along: preparing the export, what it holds and was verified on, and the downloads."""

from __future__ import annotations

import streamlit as st

from core.words import counted
from training.export import contents
from training.requests import Export
from training.store import Job
from ui import pictures
from ui.kit import frame, jobs, progress, state
from ui.kit.show import show
from ui.pictures.words import percent, size
from ui.server import download_url, report_url


def prepare(run: Job) -> None:
    """The run has no export yet: say why it needs one, and how far it is."""
    job = jobs.latest_about(run, Export)
    if job is not None and job.active:
        st.subheader("Preparing the model")
        progress.follow(job)
        return
    if job is not None and job.state in ("failed", "lost"):
        show(pictures.notice("bad", "This model could not be exported", job.error or "The worker gave no reason."))
    else:
        frame.empty(
            "This model is not prepared yet",
            "It is written as ONNX and held against torch on 50 images, so that what you try here is exactly what you "
            "can download. That takes under a minute for most models.",
        )
    if st.button("Prepare this model", type="primary", key="prepare"):
        jobs.start(Export.of(run))
        st.rerun()


def panel(run: Job, facts: contents.ExportFacts) -> None:
    """What was exported, and every way to take it along."""
    st.subheader("Take it with you")
    differ = contents.at_most(facts.largest_difference)
    checked = f"Same answers as torch on {facts.verified_on} images; probabilities differ by {differ}."
    show(pictures.notice("good", "Verified", checked))
    if left_out := contents.left_out(state.home(), run):
        show(pictures.notice("caution", "Some classes are not in it", left_out))
    st.link_button("Download all (zip)", download_url(run.id, "all.zip"), type="primary", width="stretch")
    with st.container(horizontal=True, gap="small"):
        st.link_button("ONNX", download_url(run.id, contents.MODEL))
        st.link_button("Model card", download_url(run.id, "README.md"))
        st.link_button("Report", report_url([run.id]))
    st.caption(
        f"ONNX, {size(facts.bytes)}, {facts.ms:.0f} ms an image on {counted(facts.threads, 'thread')}. The zip also "
        "holds predict.py (needs only onnxruntime, numpy and Pillow), "
        f"{'weights that timm loads' if facts.timm else 'the weights'}, a model card and all metrics."
    )
    eight_bits(run, facts)
    bundle(run)


def eight_bits(run: Job, facts: contents.ExportFacts) -> None:
    """The smaller model: offered with what it costs, or to be measured."""
    if facts.int8 is not None:
        small = facts.int8
        st.markdown("**In 8-bit integers**")
        st.caption(
            f"{percent(small.accuracy, 1)} of {facts.calibrated_on:,} validation images right (full model "
            f"{percent(facts.accuracy, 1)}), {small.ms:.0f} ms an image (full {facts.ms:.0f}), {size(small.bytes)}."
        )
        if contents.costly(facts):
            show(pictures.notice("caution", contents.costly(facts)))
        st.link_button("ONNX, 8 bits", download_url(run.id, contents.INT8))
        return
    job = jobs.latest_about(run, Export)
    if job is not None and job.active:
        progress.follow(job)
    elif st.button("Measure it in 8-bit integers", key="int8", help="A smaller file; what it costs is measured"):
        jobs.start(Export.of(run, int8=True))
        st.rerun()


def bundle(run: Job) -> None:
    """Everything that is needed to show and repeat the run elsewhere."""
    st.markdown("**Run bundle**")
    st.caption(
        "Split, settings, versions, metrics, report and, up to 500 MB, the images: another Thaw shows the run and "
        "trains it again."
    )
    st.link_button("Download the bundle", download_url(run.id, "bundle.zip"))

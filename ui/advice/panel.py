"""The measured panel: every fact as a figure, one sentence that anyone understands, and how it is measured."""

from __future__ import annotations

import streamlit as st

from advisor.advice import Learned, gap_percent
from core import DatasetFacts, fit_curve, percentile
from core.zoo import backbone
from ui.advice import panel_pictures
from ui.kit import frame
from ui.kit.show import show
from ui.pictures.words import count, counted, percent


def panel(facts: DatasetFacts, learned: Learned | None) -> None:
    """Domain gap, depth gap and data curve under the ready-made accuracy; what was not measured is left out."""
    gap = gap_percent(facts, learned)
    if facts.domain_gap is not None:
        fact("Domain gap", "not placed" if gap is None else f"{gap:.0f} of 100", gap_sentence(gap))
        references = _references(facts, learned)
        show(panel_pictures.gauge(gap, references))
        names = backbone(facts.backbone).stage_names[:-1]
        show(panel_pictures.stage_bars(facts.domain_gap.stages, names))
        st.caption(stages_sentence(facts))
        how(
            "gap",
            f"The activations of {counted(facts.domain_gap.images, 'image')} are compared, channel by channel, with "
            "the "
            "running averages that the backbone's BatchNorm layers keep from their pre-training: the divergence of two "
            f"Gaussians, here {facts.domain_gap.raw:.2f} nats per channel on average. No photo of the pre-training is "
            f"needed. The 0-100 scale is a percentile among {counted(len(references), 'reference set')} (the ticks). "
            "Small or grey images lie further out because enlarging blurs them.",
        )
    if facts.depth_gap is not None:
        points = 100 * facts.depth_gap.value
        low, high = 100 * facts.depth_gap.low, 100 * facts.depth_gap.high
        fact("Depth gap", f"{points:+.1f} points ({low:+.1f} to {high:+.1f})", depth_sentence(facts))
        how(
            "depth",
            "Two probes on the same images and folds: one sees the averaged output of every stage, the other the last "
            f"stage alone ({facts.depth_gap.how}). The figure is the difference of their balanced accuracies.",
        )
    if facts.data_curve:
        curve = fit_curve(facts.data_curve)
        last = facts.data_curve[-1]
        fact("Data curve", f"{percent(last.value)} with {count(last.images)} images", curve_sentence(facts))
        show(panel_pictures.data_curve(facts.data_curve, curve))
        how(
            "curve",
            "The probe is trained on an eighth, a quarter, half and all of the images of each fold, other ones in "
            "every "
            "fold, and judged on the fold left out. The dashed line continues error = a n^-b + c, fitted to these "
            "points, "
            "to at most four times as many images: a trend, not a promise.",
        )


def fact(title: str, value: str, sentence: str) -> None:
    st.markdown(f"**{title}: {frame.plain(value)}**  \n{frame.plain(sentence)}")


def how(key: str, text: str) -> None:
    with st.expander("How is this measured?", key=f"how_{key}"):
        st.caption(frame.plain(text))


def gap_sentence(gap: float | None) -> str:
    if gap is None:
        return "Measured, but there are no reference sets for this backbone and image size to place it among."
    if gap < 100 / 3:
        return "To the backbone these look much like the photos it learned from."
    if gap <= 200 / 3:
        return "To the backbone these look somewhat unlike the photos it learned from."
    return "To the backbone these look very unlike the photos it learned from."


def stages_sentence(facts: DatasetFacts) -> str:
    """Where the gap sits: in the first, middle or last third of the stages."""
    assert facts.domain_gap is not None
    values = facts.domain_gap.stages
    third = max(1, len(values) // 3)
    early, late = sum(values[:third]) / third, sum(values[-third:]) / third
    if early > 1.5 * late:
        return "The gap is widest in the early stages: textures, colours or sharpness differ."
    if late > 1.5 * early:
        return "The gap is widest in the late stages: the objects themselves differ."
    return "The gap is spread over all stages."


def depth_sentence(facts: DatasetFacts) -> str:
    assert facts.depth_gap is not None
    if facts.depth_gap.low > 0:
        return "Earlier stages know things that the last one has thrown away: training deeper stages should help."
    if facts.depth_gap.high < 0:
        return "The last stage alone is the better description: the top of the backbone suits these images."
    return "Earlier stages add nothing that can be measured: the top of the backbone suits these images."


def curve_sentence(facts: DatasetFacts) -> str:
    curve, last = fit_curve(facts.data_curve), facts.data_curve[-1]
    if curve is None:
        return "Accuracy no longer rises with more images of this kind."
    doubled = 100 * (curve.accuracy(2 * last.images) - curve.accuracy(last.images))
    if doubled < 0.5:
        return "Twice the images would hardly change a ready-made probe."
    return f"Twice the images would give a ready-made probe about {doubled:.1f} points more."


def _references(facts: DatasetFacts, learned: Learned | None) -> list[float]:
    if learned is None or facts.domain_gap is None:
        return []
    known = learned.references.get((facts.backbone, facts.domain_gap.image_px), ())
    return [percentile(value, known) for value in known] if len(known) > 1 else []

"""What else is advised: more labels, the backbone, augmentation, no transfer at all, and this dataset's pitfalls."""

from __future__ import annotations

import streamlit as st

from advisor.advice import further
from core import DatasetFacts, DatasetRef, Recommendation, ThawError
from core.zoo import BACKBONES, DEFAULT_BACKBONE, BackboneCard
from training.backbones import weights
from training.requests import Profile
from ui import pictures
from ui.kit import frame, jobs, state
from ui.kit.show import show
from ui.pictures.words import counted


def also(ref: DatasetRef, facts: DatasetFacts, advice: Recommendation, card: BackboneCard) -> None:
    """Drawn where something was measured; a sentence each."""
    if facts.ready_made is None:
        return
    st.subheader("Besides the strategy")
    no_transfer = further.no_transfer(facts, card)
    if no_transfer:
        show(pictures.notice("info", "How much there is to gain", no_transfer))
    lines = [
        ("More labels", further.more_labels(facts, advice)),
        ("Augmentation", further.augmentation(advice.best, facts.classes)),
    ]
    st.markdown("\n".join(f"- **{title}:** {frame.plain(text)}" for title, text in lines if text))
    pitfalls = further.pitfalls(facts, advice)
    if pitfalls:
        with st.expander(f"Pitfalls of this dataset ({len(pitfalls)})", expanded=True, key="pitfalls"):
            st.markdown("\n".join(f"- {frame.plain(text)}" for text in pitfalls))
    backbones(ref)


def backbones(ref: DatasetRef) -> None:
    """Other backbones that were measured on these images, against the default; a button measures those at hand."""
    known = [found for name in BACKBONES if (found := state.store().facts(ref.id, name))]
    said = further.backbones(known, DEFAULT_BACKBONE)
    missing = [card for card in BACKBONES.values() if card.pretrained and _here(card.name)]
    missing = [card for card in missing if card.name not in {facts.backbone for facts in known}]
    with st.expander("Another backbone?", key="backbone_advice"):
        if said:
            st.markdown("\n".join(f"- {frame.plain(text)}" for text in said))
            st.caption(
                "LogME scores how well features explain the labels. It is a hint: such scores agree with the order "
                "that "
                "fine-tuning finds only in part, and the default is a good choice for most images."
            )
        else:
            st.caption("Only the default has been measured on these images.")
        if missing and st.button(f"Measure {counted(len(missing), 'more backbone')}", key="measure_backbones"):
            for card in missing:
                if jobs.latest(Profile(ref.id, card.name)) is None:
                    jobs.start(Profile(ref.id, card.name))
            st.rerun()


def _here(name: str) -> bool:
    """Whether a backbone's weights are on this machine."""
    try:
        weights.find(BACKBONES[name], state.home())
    except ThawError:
        return False
    return True

"""Choosing a backbone: what each one is, whether its weights are here, and how to get them. Never imports torch."""

from __future__ import annotations

import time

import streamlit as st

from core.zoo import BackboneCard, catalog
from training.backbones import weights
from training.requests import AddBackbone
from training.store import Job
from ui import pictures, sharing
from ui.kit import frame, progress, state
from ui.kit import jobs as parts_jobs
from ui.kit.show import show
from ui.kit.url_inputs import keep, start
from ui.pictures.words import params, size

SHOWN_S = 600
"""How long what became of an addition stays in view."""


def chooser() -> str:
    """Draw the choice, what is known about it and, where its weights are missing, the ways to get them; its name."""
    catalog.load_cards(state.home())
    offered = {card.name: card for card in catalog.BACKBONES.values() if card.pretrained}
    here = {name: weights.locate(card, state.home()) is not None for name, card in offered.items()}
    if st.session_state.get("backbone") not in offered:
        st.session_state.pop("backbone", None)  # its card went away, or it never had one
    start("backbone", {name: name for name in offered}, catalog.DEFAULT_BACKBONE)
    name = st.selectbox(
        "Backbone",
        list(offered),
        format_func=lambda key: offered[key].title if here[key] else f"{offered[key].title} · not here yet",
        key="backbone",
        persist_state="session",
    )
    keep("backbone", name, catalog.DEFAULT_BACKBONE)
    card = offered[name]
    st.caption(f"{frame.plain(facts_line(card))}  \n{frame.plain(card.fit_for)}")
    _weights_here(card, here[name])
    return name


def facts_line(card: BackboneCard) -> str:
    """'23.5 M parameters · ImageNet 81.2% (at 288 px) · 224 px · Apache-2.0'."""
    parts = [f"{params(card.body_params)} parameters"]
    if card.imagenet_top1 is not None:
        at = f" (at {card.top1_px} px)" if card.top1_px else ""
        parts.append(f"ImageNet {card.imagenet_top1:.1f}%{at}")
    return " · ".join([*parts, f"{card.image_px} px", card.licence])


def _weights_here(card: BackboneCard, here: bool) -> None:
    """What is being added, what could not be, and the buttons that add."""
    jobs = state.store().jobs(kind="backbone")
    active = next((job for job in jobs if job.active), None)
    if active:
        progress.follow(active)
    elif jobs:
        _failure(jobs[0], card, here)
        _told(jobs[0], card)
    if not here and not active:
        if card.hub:
            st.caption(f"Its weights are not on this machine. They come from {weights.host()}; nothing is sent.")
            if st.button(f"Download ({size(card.download_bytes)})", key="download_backbone"):
                parts_jobs.start(AddBackbone(card.name))
                st.rerun()
        else:
            st.caption("Its weights are not on this machine; add their file below.")
    if not active:
        _form(card, here)


def _failure(job: Job, card: BackboneCard, here: bool) -> None:
    """The latest addition, when it failed and is what the reader waits for."""
    name = str(job.config.get("name"))
    recent = time.time() - (job.finished or 0) < SHOWN_S
    if job.state not in ("failed", "lost") or not ((name == card.name and not here) or recent):
        return
    what = catalog.BACKBONES[name].title if name in catalog.BACKBONES else name
    show(pictures.notice("bad", f"{what} was not added", job.error or "The worker gave no reason."))


def _told(job: Job, card: BackboneCard) -> None:
    """What was chosen or left out of the file that was just added."""
    said = " ".join((job.result or {}).get("said", ()))
    recent = job.state == "finished" and time.time() - (job.finished or 0) < SHOWN_S
    if said and recent and job.config.get("name") == card.name:
        show(pictures.notice("info", f"{card.title} was added", said))


def _form(card: BackboneCard, here: bool) -> None:
    """Another model of timm by its name, or a file with weights for the chosen one."""
    with st.expander("Add a weights file, or another model"), st.form("add_backbone", border=False):
        name = st.text_input("Name in timm", value="" if here else card.name, placeholder="regnety_032")
        closed = sharing.roots() == ()
        path = st.text_input(
            "Weights file on this computer",
            placeholder="switched off: others can reach this server" if closed else "/home/me/weights.safetensors",
            disabled=closed,
            help="A .safetensors, .pth or .ckpt file with a state dict; its classifier may be another. Left empty, the "
            "weights are downloaded.",
        )
        asked = st.form_submit_button("Add")
    if not asked:
        return
    if not name.strip():
        st.caption("Type a model's name first.")
        return
    with frame.calm("This backbone cannot be added"):
        parts_jobs.start(AddBackbone.of(name.strip(), sharing.typed(path or "")))
        st.rerun()

"""The catalogue: which backbones and strategies exist, what they are, for whom, and how they are drawn.

Facts only. Nothing here decides (that is `advisor.rulebooks` and `advisor.advice`) or plans (that is `strategies`),
and nothing here loads a weight. Curated backbones are written down in `curated`; those that were added to a home
have their card there, written by a worker. The strategies' colours live here and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core import Head, Kind, PlanError, Unreadable, files
from core.zoo.cards import HEAD, BackboneCard, StageCard
from core.zoo.curated import CURATED

__all__ = [
    "BACKBONES", "DEFAULT_BACKBONE", "HEAD", "STRATEGIES", "BackboneCard", "StageCard", "StrategyCard",
    "backbone", "known", "load_cards", "safe_name", "strategy",
]  # fmt: skip

DEFAULT_BACKBONE = "efficientnet_lite0"
FOLDER = "backbones"
"""Of a home: cards (.json) and weights (.safetensors) of the backbones that were added to it."""
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)?")

BACKBONES: dict[str, BackboneCard] = {card.name: card for card in CURATED}
"""The curated ones first, then those that were added to the home that is open."""

_seen: tuple[Path, int] | None = None
"""The folder whose cards are in BACKBONES, and when it was last changed (ns)."""


def safe_name(name: str) -> str:
    """`name`, when it can be a backbone's name and so a file's. Raises PlanError."""
    if not _SAFE.fullmatch(name) or len(name) > 100:
        raise PlanError(
            f"'{name}' is no backbone's name: those of timm are letters, digits, '_' and '-', with at most one dot "
            "before the tag."
        )
    return name


def load_cards(home: Path) -> None:
    """Make `BACKBONES` hold the backbones of this home besides the curated ones. Costs next to nothing when nothing
    has changed; a card that cannot be read is left out (`python -m training backbone add NAME` writes it anew)."""
    global _seen
    folder = home / FOLDER
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        changed = 0
    if _seen == (folder, changed):
        return
    added = {}
    for path in sorted(folder.glob("*.json")):
        try:
            card = files.read_as(path, BackboneCard, f"Write it anew: python -m training backbone add {path.stem}")
        except Unreadable:
            continue
        if card.name == path.stem and card.name not in _CURATED:
            added[card.name] = card
    for name in [name for name in BACKBONES if name not in _CURATED and name not in added]:
        del BACKBONES[name]
    BACKBONES.update(added)
    _seen = (folder, changed)


_CURATED = frozenset(BACKBONES)


def known(name: str) -> BackboneCard | None:
    """The card of one backbone, None when there is none: looks again at the open home before it says so."""
    if name not in BACKBONES and _seen:
        load_cards(_seen[0].parent)
    return BACKBONES.get(name)


def backbone(name: str) -> BackboneCard:
    """The card of one backbone. Raises PlanError, listing the names there are."""
    card = known(name)
    if card is None:
        raise PlanError(
            f"There is no backbone called '{name}'; choose one of {', '.join(BACKBONES)}, or add any other one that "
            f"timm knows: python -m training backbone add {name if _SAFE.fullmatch(name) else 'NAME'}"
        )
    return card


@dataclass(frozen=True)
class StrategyCard:
    """What a strategy is called, for whom it is, and how it is drawn on every page."""

    kind: Kind
    title: str
    also: str
    """The names textbooks use for it."""
    one_line: str
    for_whom: str
    colour: str
    dash: str
    """Line style in plotly's terms, so that colour is never the only carrier."""
    marker: str
    """Marker symbol in plotly's terms; no two strategies share one."""
    source: str


STRATEGIES: dict[Kind, StrategyCard] = {
    card.kind: card
    for card in (
        StrategyCard(
            kind="prototype",
            title="Class prototypes",
            also="few-shot, nearest class mean",
            one_line="Compares each image with the average of every class; nothing is trained.",
            for_whom="At most about 5 images a class.",
            colour="#8EC5F2",
            dash="dot",
            marker="star",
            source="Guo et al. 2020, arXiv 1912.07200",
        ),
        StrategyCard(
            kind="linear_probe",
            title="Linear probe",
            also="feature extraction, frozen backbone, train the last layer only",
            one_line="Keeps the whole backbone frozen and fits a new head on its features.",
            for_whom="Little data, images like the pre-training ones, or little time; the floor to beat.",
            colour="#3B8FE0",
            dash="solid",
            marker="circle",
            source="Kumar et al. 2022, arXiv 2202.10054",
        ),
        StrategyCard(
            kind="partial",
            title="Partial fine-tuning",
            also="conservative fine-tuning, fine-tune the top layers",
            one_line="Trains the head and the last stages; everything below stays frozen.",
            for_whom="Some data (about 1,000 images and more), or images unlike the pre-training ones.",
            colour="#5B7BD5",
            dash="dash",
            marker="square",
            source="Lee et al. 2022, arXiv 2210.11466",
        ),
        StrategyCard(
            kind="gradual",
            title="Gradual unfreezing",
            also="progressive unfreezing",
            one_line="Starts with the head and thaws one stage after the other, from the top down.",
            for_whom="Medium-sized data unlike the pre-training images, where forgetting is the worry.",
            colour="#8E6BC4",
            dash="dashdot",
            marker="diamond",
            source="Howard and Ruder 2018 (ULMFiT), arXiv 1801.06146",
        ),
        StrategyCard(
            kind="lp_ft",
            title="Probe, then fine-tune",
            also="LP-FT",
            one_line="Fits the head on frozen features first, then trains everything at a low rate.",
            for_whom="Fine-tuning that must hold up on images a little unlike the training ones.",
            colour="#C2609F",
            dash="longdash",
            marker="triangle-up",
            source="Kumar et al. 2022, arXiv 2202.10054",
        ),
        StrategyCard(
            kind="full",
            title="Full fine-tuning",
            also="aggressive fine-tuning, fine-tune the entire network",
            one_line="Trains every stage from the pre-trained weights, lower stages at lower rates.",
            for_whom="Much data (more than 10,000 images) and the time to use it.",
            colour="#EE7A3B",
            dash="longdashdot",
            marker="triangle-down",
            source="Howard and Ruder 2018 (layer-wise rates), arXiv 1801.06146",
        ),
        StrategyCard(
            kind="scratch",
            title="From scratch",
            also="train from scratch, random initialisation",
            one_line="Forgets the pre-trained weights and trains everything from random numbers.",
            for_whom="Very much data unlike any photograph; otherwise a yardstick for what transfer brings.",
            colour="#7A828C",
            dash="dot",
            marker="x",
            source="Zhai et al. 2019 (VTAB), arXiv 1910.04867",
        ),
        StrategyCard(
            kind="source_only",
            title="Source only",
            also="no adaptation, the baseline of domain adaptation",
            one_line="Trains the top stages on the labelled source and hopes that the target is alike.",
            for_whom="The baseline that any adaptation has to beat on the target.",
            colour="#8C7B5E",
            dash="dash",
            marker="hexagon",
            source="Long et al. 2015 (DAN), arXiv 1502.02791",
        ),
        StrategyCard(
            kind="mmd",
            title="Aligned by MMD",
            also="deep adaptation network (DAN), maximum mean discrepancy",
            one_line="Trains on the source while pulling the two domains' features together by their kernel distance.",
            for_whom="A second domain of the same classes without labels.",
            colour="#1F9E9E",
            dash="dashdot",
            marker="pentagon",
            source="Long et al. 2015 (DAN), arXiv 1502.02791",
        ),
        StrategyCard(
            kind="dann",
            title="Aligned by an adversary",
            also="DANN, domain-adversarial training, gradient reversal",
            one_line="Trains on the source while hiding from a discriminator which domain an image is from.",
            for_whom="A second domain of the same classes without labels.",
            colour="#A8457E",
            dash="longdash",
            marker="cross",
            source="Ganin et al. 2016 (DANN), arXiv 1505.07818",
        ),
    )
}


def titled(kind: Kind, head: Head = "linear") -> str:
    """A strategy's title, with its head where that reads all stages."""
    return f"{STRATEGIES[kind].title}{' on all stages' if head == 'stages' else ''}"


def strategy(kind: str) -> StrategyCard:
    """The card of one strategy. Raises PlanError, listing the kinds there are."""
    for card in STRATEGIES.values():
        if card.kind == kind:
            return card
    raise PlanError(f"There is no strategy called '{kind}'; choose one of {', '.join(STRATEGIES)}.")

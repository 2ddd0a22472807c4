"""What a card says: a backbone as an ordered list of stages, with what a person wants to know before choosing it.

A card is facts about weights that exist; `curated` writes them down for the curated ones, a worker for any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from core import HIDDEN_WIDTH, Head, PlanError

HEAD = "head"


@dataclass(frozen=True)
class StageCard:
    """One stage of a backbone: its name, how many parameters it holds and in how many weight layers."""

    name: str
    params: int
    layers: int
    """Convolutions and linear maps: what people count when they freeze "the first n layers"."""


@dataclass(frozen=True)
class BackboneCard:
    """A backbone as an ordered list of stages. The head is not in `stages`: its size depends on the
    classes."""

    name: str
    title: str
    stages: tuple[StageCard, ...]
    """From the input upwards, without the head."""
    feature_width: int
    """Numbers that the last stage gives per image, and a head reads."""
    image_px: int
    """Side of the square image it reads."""
    imagenet_top1: float | None
    """Top-1 accuracy on ImageNet in per cent, as published; None without pre-trained weights, or when unknown."""
    licence: str
    weights: str
    """Where its pre-trained weights come from, in words."""
    pretrained: bool
    fit_for: str
    top1_px: int | None = None
    """Side of the images that `imagenet_top1` was measured on, where it is not `image_px`."""
    timm: str = ""
    """The name, with its tag, by which timm knows network and weights. Empty: Thaw's own network."""
    hub: str = ""
    """The Hugging Face repository that the weights download from. Empty: they come with a package, or by hand only."""
    fixed_px: bool = False
    """Whether the side of its images is set when it is built (a transformer's positions, the MLP's inputs) and cannot
    change from epoch to epoch."""
    download_bytes: int = 0
    """About how much a download is: the weights in fp32, the classifier included. 0: nothing to download."""
    all_width: int = 0
    """Numbers that the pooled outputs of all stages have together: what a head on all of them reads. 0 = not known, of
    a card that an earlier version of Thaw wrote."""
    tried: bool = False
    """Whether the export was tried before this card was written: earlier versions of Thaw did not."""

    @property
    def stage_names(self) -> tuple[str, ...]:
        """All stages in order, the head last."""
        return (*(stage.name for stage in self.stages), HEAD)

    @property
    def head(self) -> int:
        """Index of the head: the boundary of a linear probe."""
        return len(self.stages)

    @property
    def body_params(self) -> int:
        """Parameters below the head."""
        return sum(stage.params for stage in self.stages)

    def head_width(self, head: Head) -> int:
        """Numbers per image that a head reads. Raises PlanError for one on all stages where the card does not tell."""
        if head != "stages":
            return self.feature_width
        if not self.all_width:
            raise PlanError(
                f"The card of {self.title} was written before heads on all stages existed. Add it again, its weights "
                f"stay: python -m training backbone add {self.name}"
            )
        return self.all_width

    def params(self, classes: int, head: Head = "linear") -> tuple[int, ...]:
        """Parameters per stage, the head (weights and biases for `classes` classes) last."""
        if classes < 2:
            raise PlanError(f"A classifier needs at least 2 classes, not {classes}.")
        width = (self.all_width if head == "stages" else 0) or self.feature_width  # drawn all the same, of an old card
        widths = (width, *((HIDDEN_WIDTH,) if head == "hidden" else ()), classes)
        return (*(stage.params for stage in self.stages), sum((a + 1) * b for a, b in pairwise(widths)))

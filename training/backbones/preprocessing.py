"""What pre-trained weights expect of an image. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from core import PlanError


@dataclass(frozen=True)
class Preprocessing:
    """What the pre-trained weights expect of an image. Values come from the weights' own card, never guessed."""

    size: int
    """Side of the square input, px."""
    resize: int
    """The image's shorter side before the centre crop, px (size / crop fraction)."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    grey_vector: bool = False
    """True for the small MLP: the image becomes a flat vector of size * size grey values."""
    interpolation: str = "bicubic"
    """How the images were resized in pre-training. The pixel cache always resizes bicubic."""

    @classmethod
    def of_timm(cls, cfg: Mapping[str, Any]) -> Self:
        """What weights expect, from timm's `pretrained_cfg` of these weights."""
        size = int(cfg["input_size"][-1])
        return cls(
            size=size, resize=round(size / cfg["crop_pct"]), mean=tuple(cfg["mean"]), std=tuple(cfg["std"]),
            interpolation="bilinear" if cfg["interpolation"] == "bilinear" else "bicubic",
        )  # fmt: skip

    def at(self, px: int) -> Preprocessing:
        """The same for images of another side, px. Raises PlanError where the side is fixed."""
        if px == self.size:
            return self
        if self.grey_vector:
            raise PlanError(f"The small MLP reads images of {self.size} px; {px} px cannot be chosen.")
        return replace(self, size=px, resize=round(self.resize * px / self.size))

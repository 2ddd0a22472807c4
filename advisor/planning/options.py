"""What a person may set by hand on top of a recipe. `strategies.plan` turns it into phases; `None` leaves it alone.

The terminal's flags and the page's fields are these fields, one to one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from core import Augment, Balance, Head, HeadInit, Kind, Optimizer, PlanError
from core.words import listing
from core.zoo import BackboneCard

Unfreeze = Literal["epochs", "plateau"]
DESCENDING: tuple[Kind, ...] = ("partial", "gradual", "lp_ft", "full", "scratch")
"""The kinds with at least one phase of gradient descent."""
DESCENT_ONLY = (
    "optimizer", "augment", "lr", "mixup", "l2_sp", "ewc", "label_smoothing", "early_stopping", "balance",
    "lr_range_test",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """Raises PlanError where a value, or two together, make no sense. What suits which kind, `check` says."""

    epochs: int | None = None
    """Epochs in all after the head is solved or trained alone ('gradual' thaws at most one stage an epoch); a solver's
    passes."""
    trained_stages: int | None = None
    """'partial': how many stages below the head are trained."""
    only_stages: tuple[int, ...] | None = None
    """'partial': exactly these stages and the head are trained; (0,) is 'first stage + head' (surgical)."""
    freeze: str | None = None
    """'partial': freeze the first '20' weight layers, or '80%' of them; the rest is trained."""
    unfreeze: Unfreeze | None = None
    """'gradual': thaw the next stage after a number of epochs, or when validation stops improving."""
    optimizer: Optimizer | None = None
    """'sgd' has momentum 0.9, and rates and weight decay of its own (`strategies.SGD_RATE`)."""
    head: Head | None = None
    head_init: HeadInit | None = None
    """'full': whether the new head is first solved on frozen features, or begins at random with everything else."""
    batch_size: int | None = None
    views: int | None = None
    augment: Augment | None = None
    lr: float | None = None
    """Peak rate of the topmost stage below the head; the head keeps its ratio to it."""
    weight_decay: float | None = None
    label_smoothing: float | None = None
    mixup: float | None = None
    l2_sp: float | None = None
    l2_sp_head: float | None = None
    ewc: float | None = None
    balance: Balance | None = None
    early_stopping: int | None = None
    """End after this many epochs without a better validation loss."""
    image_px: int | None = None
    progressive: bool = False
    """'full', 'lp_ft', 'scratch': start with images of half the side."""
    refit: bool | None = None
    """'linear_probe', 'prototype': whether the chosen head is solved once more on all images but the test's."""
    lr_range_test: bool = False

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise PlanError(f"A run trains at least 1 epoch, not {self.epochs}.")
        if self.batch_size is not None and self.batch_size < 1:
            raise PlanError(f"The batch size is at least 1, not {self.batch_size}.")
        if self.lr is not None and not 0 < self.lr <= 1:
            raise PlanError(f"A learning rate lies between 0 and 1, not at {self.lr:g}.")
        if self.views is not None and not 0 <= self.views <= 16:
            raise PlanError(f"Between 0 and 16 augmented views are kept, not {self.views}.")
        if self.early_stopping is not None and self.early_stopping < 1:
            raise PlanError("Early stopping waits for at least 1 epoch.")
        if self.unfreeze is not None and self.unfreeze not in get_args(Unfreeze):
            raise PlanError(f"Unfreezing goes by 'epochs' or on a 'plateau', not by '{self.unfreeze}'.")
        if self.optimizer is not None and self.optimizer not in get_args(Optimizer):
            raise PlanError(f"The optimizer is one of {', '.join(get_args(Optimizer))}, not '{self.optimizer}'.")
        if self.head_init is not None and self.head_init not in get_args(HeadInit):
            raise PlanError(f"A head begins 'solved' or 'random', not '{self.head_init}'.")
        if self.views == 0 and self.augment is not None:
            raise PlanError(f"Augmentation '{self.augment}' is what augmented views show, and 0 are to be kept.")
        chosen = [n for n in ("trained_stages", "only_stages", "freeze") if getattr(self, n) is not None]
        if len(chosen) > 1:
            raise PlanError(f"Choose what to train in one way only, not by {' and '.join(chosen)} at once.")

    def check(self, kind: Kind, card: BackboneCard) -> None:
        """Raises PlanError, naming the field, when an option does not go with a strategy or a backbone."""
        if not card.tried:
            raise PlanError(
                f"{card.title} was added by an earlier version of Thaw, which did not try whether a model trained with "
                f"it can be exported. Add it again, its weights stay: python -m training backbone add {card.name}"
            )
        for name in ("trained_stages", "only_stages", "freeze"):
            if getattr(self, name) is not None and kind != "partial":
                raise PlanError(f"{_words(name)} can be set for 'partial' only, not for '{kind}'.")
        if self.unfreeze is not None and kind != "gradual":
            raise PlanError(f"How stages are thawed can be set for 'gradual' only, not for '{kind}'.")
        if self.progressive and kind not in ("full", "lp_ft", "scratch"):
            raise PlanError(f"Progressive resizing needs a strategy that trains every stage, not '{kind}'.")
        if self.head_init is not None and kind != "full":
            raise PlanError(
                f"What the head begins as can be set for 'full' only: '{kind}' "
                + ("begins at random." if kind == "scratch" else "solves it first.")
            )
        if self.refit and kind in DESCENDING:
            raise PlanError(f"Only a head that is solved alone is fitted once more, and '{kind}' trains more.")
        if self.progressive and card.fixed_px:
            raise PlanError(f"{card.title} is built for one side of its images: they cannot grow while it trains.")
        if kind == "scratch" and (self.l2_sp or self.ewc):
            raise PlanError("L2-SP and EWC hold weights near the pre-trained ones; 'scratch' has none.")
        if self.head == "stages" and kind != "linear_probe":
            raise PlanError(
                f"A head on all stages goes with 'linear_probe', which trains nothing below it, not with '{kind}'."
            )
        if self.head == "stages":
            card.head_width(self.head)
        if self.head == "hidden" and kind not in DESCENDING:
            raise PlanError(
                f"'{kind}' solves a linear head at once; one with a hidden layer cannot be solved. It goes with "
                f"{listing(DESCENDING)}."
            )
        if kind not in DESCENDING:
            for name in DESCENT_ONLY:
                if getattr(self, name) not in (None, False, 0, "none"):
                    raise PlanError(f"'{kind}' solves its head at once: {_words(name)} has nothing to act on.")
        if self.trained_stages is not None and not 1 <= self.trained_stages <= card.head:
            raise PlanError(
                f"{card.title} has {card.head} stages below its head; {self.trained_stages} cannot be trained."
            )
        for stage in self.only_stages or ():
            if not 0 <= stage < card.head:
                raise PlanError(f"{card.title} has stages 0 to {card.head - 1} below its head; there is no {stage}.")
        if self.freeze is not None:
            freeze_point(card, self.freeze)


def freeze_point(card: BackboneCard, freeze: str) -> tuple[int, int]:
    """(boundary, frozen layers inside that stage) for '20' (layers) or '80%' (of the layers below the head).

    A percentage is rounded to whole layers. Raises PlanError for anything else or more layers than there are.
    """
    layers = [stage.layers for stage in card.stages]
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", freeze.strip())
    if not match:
        raise PlanError(f"'{freeze}' is not a number of layers to freeze like '20', nor a share like '80%'.")
    total = sum(layers)
    first = round(float(match[1]) / 100 * total) if match[2] else int(float(match[1]))
    if not 0 <= first <= total:
        raise PlanError(f"{card.title} has {total} weight layers below its head; the first {freeze} cannot be frozen.")
    for stage, own in enumerate(layers):
        if first < own:
            return stage, first
        first -= own
    return card.head, 0


def _words(name: str) -> str:
    return {
        "trained_stages": "The number of trained stages", "only_stages": "The choice of stages",
        "freeze": "The share of frozen layers", "optimizer": "an optimizer", "augment": "augmentation",
        "lr": "a learning rate", "l2_sp": "L2-SP", "ewc": "EWC", "lr_range_test": "a range test",
        "balance": "balancing",
    }.get(name, name.replace("_", " "))  # fmt: skip

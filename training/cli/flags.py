"""The switches of `python -m training fit`: one flag for each field of `advisor.planning.options.Options`. No torch."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from typing import get_args

from advisor.planning import Options, Unfreeze
from core import Balance


def add_flags(parser: ArgumentParser) -> None:
    """Each flag is named after its field; without it the recipe decides."""
    add = parser.add_argument_group("set by hand (the strategy's recipe decides what is left out)").add_argument
    add("--epochs", type=int, metavar="E")
    add("--trained-stages", type=int, metavar="N", help="partial: stages trained below the head")
    add("--only-stages", type=_stages, metavar="I,J", help="partial: these and the head; 0 = first stage + head")
    add("--freeze", metavar="N|P%", help="partial: freeze the first 20 weight layers, or 80%% of them")
    add("--unfreeze", choices=get_args(Unfreeze), help="gradual: thaw by epochs or on a plateau")
    add("--batch-size", type=int, metavar="B")
    add("--views", type=int, metavar="K", help="augmented views of each image that are kept (0 = none)")
    add("--lr", type=float, metavar="LR", help="peak learning rate of the topmost stage below the head")
    add("--weight-decay", type=float, metavar="W")
    add("--label-smoothing", type=float, metavar="S")
    add("--mixup", type=float, metavar="ALPHA", help="mix pairs of images; 0.1 to 0.4 is usual")
    add("--l2-sp", type=float, metavar="ALPHA", help="hold weights near the pre-trained ones")
    add("--l2-sp-head", type=float, metavar="BETA")
    add("--ewc", type=float, metavar="LAMBDA", help="the same, each weight by how much it mattered")
    add("--balance", choices=get_args(Balance), help="against unequal classes: weights in the loss, or a sampler")
    add("--early-stopping", type=int, metavar="N", help="end after N epochs without a better validation loss")
    add("--image-px", type=int, metavar="PX", help="side of the images (the weights' own)")
    add("--progressive", action="store_true", default=None, help="start with images of half the side")
    add("--lr-range-test", action="store_true", default=None, help="measure the loss over rising rates first")


def options_of(args: Namespace) -> Options:
    """Raises PlanError where a value makes no sense."""
    given = {field.name: getattr(args, field.name) for field in fields(Options)}
    return Options(**{name: value for name, value in given.items() if value is not None})


def _stages(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of stage numbers like 0 or 0,7") from None

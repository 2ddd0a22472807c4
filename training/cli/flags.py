"""The switches of `python -m training fit`, one for each field of `advisor.planning.options.Options`, and of every
command that imports. No torch."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from typing import get_args

from advisor.planning import Options, Unfreeze
from core import Balance, DataError, Decoding


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


def add_decoding(parser: ArgumentParser) -> None:
    """How image files are decoded when a dataset is imported."""
    add = parser.add_argument_group("files of more than 8 bits or of several pages").add_argument
    add("--value-range", type=_pair, metavar="LOW,HIGH", help="these become black and white; a negative LOW after '='")
    add("--window", type=_pair, metavar="CENTRE,WIDTH", help="the same, as CT viewers name it: 40,400")
    add("--page", type=int, metavar="N", help="the page to take of each file (1)")
    add("--pages-as-channels", action="store_true", help="the first three pages as red, green and blue")


def decoding_of(args: Namespace) -> Decoding:
    """Raises DataError where the flags contradict each other or make no sense."""
    if args.value_range and args.window:
        raise DataError("--value-range and --window say the same thing: give one of them.")
    if args.page and args.pages_as_channels:
        raise DataError("--page takes one page and --pages-as-channels three: give one of them.")
    value_range = args.value_range
    if args.window:
        centre, width = args.window
        value_range = (centre - width / 2, centre + width / 2 - 1)  # DICOM PS3.3 C.11.2.1.2: the last value is white
    return Decoding(value_range, (1, 2, 3) if args.pages_as_channels else (1 if args.page is None else args.page,))


def options_of(args: Namespace) -> Options:
    """Raises PlanError where a value makes no sense."""
    given = {field.name: getattr(args, field.name) for field in fields(Options)}
    return Options(**{name: value for name, value in given.items() if value is not None})


def _pair(text: str) -> tuple[float, float]:
    try:
        first, second = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not two numbers like 0,4095") from None
    return first, second


def _stages(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of stage numbers like 0 or 0,7") from None

"""The options of `python -m training fit`: one for each field of `advisor.planning.options.Options`. No torch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

import click

from advisor.planning import Options, Unfreeze
from core import Augment, Balance, Head, HeadInit, Optimizer
from training.cli.shared import Answer


def _stages(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a list of stage numbers like 0 or 0,7.") from None


FLAGS = (
    click.option("--epochs", type=int, metavar="E"),
    click.option("--trained-stages", type=int, metavar="N", help="partial: stages trained below the head"),
    click.option("--only-stages", type=_stages, metavar="I,J",
                 help="partial: these and the head; 0 = first stage + head"),
    click.option("--freeze", metavar="N|P%", help="partial: freeze the first 20 weight layers, or 80% of them"),
    click.option("--unfreeze", type=click.Choice(get_args(Unfreeze)), help="gradual: thaw by epochs or on a plateau"),
    click.option("--optimizer", type=click.Choice(get_args(Optimizer)),
                 help="sgd: with momentum 0.9, at rates of its own"),
    click.option("--head", type=click.Choice(get_args(Head)),
                 help="stages: linear, on all stages; hidden: with one hidden layer of 512 units"),
    click.option("--head-init", type=click.Choice(get_args(HeadInit)),
                 help="full: solve the new head on frozen features first, or begin at random"),
    click.option("--batch-size", type=int, metavar="B"),
    click.option("--views", type=int, metavar="K", help="augmented views of each image that are kept (0 = none)"),
    click.option("--augment", type=click.Choice(get_args(Augment)),
                 help="what they show: crops and mirror images (light), crops alone, colours too, TrivialAugment"),
    click.option("--lr", type=float, metavar="LR", help="peak learning rate of the topmost stage below the head"),
    click.option("--weight-decay", type=float, metavar="W"),
    click.option("--label-smoothing", type=float, metavar="S"),
    click.option("--mixup", type=float, metavar="ALPHA", help="mix pairs of images; 0.1 to 0.4 is usual"),
    click.option("--l2-sp", type=float, metavar="ALPHA", help="hold weights near the pre-trained ones"),
    click.option("--l2-sp-head", type=float, metavar="BETA"),
    click.option("--ewc", type=float, metavar="LAMBDA", help="the same, each weight by how much it mattered"),
    click.option("--balance", type=click.Choice(get_args(Balance)),
                 help="against unequal classes: weights in the loss, or a sampler"),
    click.option("--early-stopping", type=int, metavar="N", help="end after N epochs without a better validation loss"),
    click.option("--image-px", type=int, metavar="PX", help="side of the images (the weights' own)"),
    click.option("--progressive", is_flag=True, help="start with images of half the side"),
    click.option("--refit/--no-refit", default=None,
                 help="solve the chosen head once more on all images but the test's (where they are few)"),
    click.option("--lr-range-test", is_flag=True, help="measure the loss over rising rates first"),
)  # fmt: skip


def options_of(typed: dict[str, Any]) -> Options:
    """Takes the options out of what was typed. Raises PlanError where a value makes no sense."""
    given = {field.name: typed.pop(field.name) for field in fields(Options)}
    return Options(**{name: value for name, value in given.items() if value is not None})


def by_hand(run: Callable[..., Answer]) -> Callable[..., Answer]:
    """Adds the options and hands them over as one, `options`; what is left out the recipe decides."""

    @functools.wraps(run)
    def with_options(*place: Any, **typed: Any) -> Answer:
        return run(*place, options=options_of(typed), **typed)

    for flag in reversed(FLAGS):
        with_options = flag(with_options)
    return with_options

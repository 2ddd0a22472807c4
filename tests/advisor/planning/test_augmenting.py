"""What is said of augmentation: that there is none, and where it may change what a class means."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from advisor.planning.augmenting import AUGMENTED, augmentation_caution, augmentation_remarks
from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.plans import Augment
from core.zoo.catalog import BACKBONES

PARTIAL = plan("partial", BACKBONES["efficientnet_lite0"], train_images=500, classes=3)
PROBE = plan("linear_probe", BACKBONES["efficientnet_lite0"], train_images=500, classes=3)


@pytest.mark.parametrize(
    ("classes", "named"),
    [
        (("turn left", "turn right", "stop"), "'turn left' and 'turn right' mean"),
        (("Hand_Left", "hand-RIGHT"), "'Hand_Left' and 'hand-RIGHT' mean"),
        (("clockwise", "none", "anticlockwise"), "'clockwise' and 'anticlockwise' mean"),
        (("0", "1", "2", "3"), "'0' and '1' mean"),
        (("b", "d", "cat"), "'b' and 'd' mean"),
        (("zero", "One", "two"), "'zero' and 'One' mean"),
        (("cat", "stop sign"), "'stop sign' means"),
        (("handwritten", "printed"), "'handwritten' means"),
    ],
)
def test_classes_that_mirroring_may_change_are_named(classes: tuple[str, ...], named: str) -> None:
    assert augmentation_caution(PARTIAL, classes) == (
        f"Some augmented views are mirrored, which may change what {named}. If it does, train with crops alone: "
        "--augment crop."
    )
    assert augmentation_remarks(PARTIAL, classes) == [("caution", augmentation_caution(PARTIAL, classes))]
    assert not augmentation_caution(replace(PARTIAL, augment="crop"), classes)
    assert not augmentation_remarks(replace(PARTIAL, augment="crop"), classes)


@pytest.mark.parametrize(
    "classes",
    [
        ("ants", "bees"), ("right whale", "blue whale"), ("leftovers", "rights"), ("x", "cat", "dog", "cow"),
        ("one-piece suit", "coat"), ("001.albatross", "002.wren"), ("up", "down"), ("design", "textile"),
    ],
)  # fmt: skip
def test_other_classes_are_not(classes: tuple[str, ...]) -> None:
    assert augmentation_remarks(PARTIAL, classes) == []


def test_turning_changes_what_is_up() -> None:
    told = augmentation_caution(replace(PARTIAL, augment="trivial"), ("thumb up", "thumb down"))
    assert told.startswith("Some augmented views are turned or mirrored, which may change what 'thumb up' and ")


def test_a_descent_without_augmentation_is_told_of_it_and_a_solved_head_needs_none() -> None:
    ((level, told),) = augmentation_remarks(replace(PARTIAL, views=0), ("0", "1"))
    assert level == "info" and told == (
        "No augmentation is on: every epoch shows the same pictures, and a small set is soon learnt by heart. "
        "Augmented views (--views 3) help against it where there is time for them."
    )
    assert augmentation_remarks(PROBE, ("left", "right")) == []


def test_every_augmentation_is_planned_and_put_in_words() -> None:
    assert set(AUGMENTED) == set(get_args(Augment))
    for augment in get_args(Augment):
        options = Options(augment=augment)
        planned = plan("partial", BACKBONES["mlp"], train_images=99, classes=3, options=options)
        assert planned.augment == augment

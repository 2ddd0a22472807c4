"""A wider backbone beside the race's own: looked at with time that is left over, trained where its head keeps up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.zoo import catalog
from tests.training.race.test_deciding import CARD, PROBE, facts, rung, standing
from training.race.deciding import decide
from training.race.lanes import BEHIND, worth_a_look
from training.race.standing import Begin, End, Rung, Standing, Wider
from training.race.worth import believed, choose, reached

LITE2 = catalog.backbone("efficientnet_lite2")
WIDE = Wider(LITE2, 2.1, 0.002)
PARTIAL = rung("partial", 0.9, 1.5)


def theirs(kind: str, accuracy: float, minutes: float = 1.0) -> Rung:
    return replace(rung(kind, accuracy, minutes, f"wide {kind}"), backbone=LITE2.name)  # type: ignore[arg-type]


def after(*rungs: Rung, left_s: float = 400.0, wider: Wider | None = WIDE) -> Standing:
    return standing(PROBE, PARTIAL, *rungs, known=facts(), left_s=left_s, wider=wider)


def test_with_time_left_over_a_head_is_solved_on_the_wider_backbone() -> None:
    step = decide(after())
    assert isinstance(step, Begin)
    assert (step.strategy.kind, step.strategy.backbone) == ("linear_probe", LITE2.name)
    assert "EfficientNet-Lite2 knows more (" in step.says
    assert "its head is solved after a pass of about 6 s" in step.says  # 500 images at 10.5 ms, 600 read at 2


def test_a_look_is_taken_where_there_is_time_and_something_to_gain() -> None:
    assert worth_a_look(after(wider=None))
    assert not worth_a_look(after(wider=None, left_s=12.0))
    assert not worth_a_look(standing(PROBE, known=facts(), left_s=400.0)), "before its own top stages"
    perfect = replace(after(wider=None), rungs=(PROBE, rung("partial", 1.0, 1.5)), val_images=100_000)
    assert not worth_a_look(perfect)
    assert not worth_a_look(standing(PROBE, PARTIAL, left_s=400.0)), "nothing was measured"


def test_where_nothing_is_known_of_the_wider_one_any_more_its_own_goes_on() -> None:
    """Its card is gone, or its rung failed: the race's own weights are trained further."""
    step = decide(after(theirs("linear_probe", 0.84), theirs("partial", 0.8, 2.0), wider=None))
    assert isinstance(step, Begin) and (step.strategy.backbone, step.from_run) == (CARD.name, "partial")
    failed = replace(theirs("partial", 0.0), val_accuracy=None)
    step = decide(after(theirs("linear_probe", 0.84), failed))
    assert isinstance(step, Begin) and (step.strategy.backbone, step.from_run) == (CARD.name, "partial")


def test_nothing_is_looked_at_beside_before_the_top_stages_are_trained() -> None:
    step = decide(standing(PROBE, known=facts(), left_s=400.0, wider=WIDE))
    assert isinstance(step, Begin) and (step.strategy.kind, step.strategy.backbone) == ("partial", CARD.name)


@pytest.mark.parametrize(
    "at",
    [
        after(left_s=12.0),  # the pass alone takes most of it
        after(wider=None),
        replace(after(), rungs=(PROBE, rung("partial", 1.0, 1.5)), val_images=100_000),  # nothing is left to gain
    ],
)
def test_it_is_not_looked_at_in_vain(at: Standing) -> None:
    step = decide(at)
    assert isinstance(step, End) or step.strategy.backbone == CARD.name  # type: ignore[union-attr]


def test_after_something_went_wrong_no_further_rung_of_it_begins_and_it_may_still_lead() -> None:
    closed = replace(WIDE, closed=True)
    step = decide(after(theirs("linear_probe", 0.86), wider=closed))
    assert isinstance(step, Begin) and step.strategy.backbone == CARD.name
    refused = decide(after(theirs("linear_probe", 0.86), theirs("partial", 0.91, 2.0), wider=closed))
    assert isinstance(refused, End) or refused.strategy.backbone == CARD.name, "it would be refused again, without end"  # type: ignore[union-attr]
    led = after(theirs("linear_probe", 0.9), theirs("partial", 0.97, 2.0), wider=closed)
    assert reached(led).startswith("Partial fine-tuning of EfficientNet-Lite2 leads")


def test_test_images_that_the_pass_leaves_out_are_not_priced_twice() -> None:
    """Many given test images: the pass does not touch them."""
    many = replace(after(), test_images=5_000, wider=replace(WIDE, read_s=0.0))
    assert many.pass_s == pytest.approx(500 * 2.1 * 0.005)


def test_its_top_stages_are_trained_where_its_head_keeps_up() -> None:
    step = decide(after(theirs("linear_probe", 0.86)))
    assert isinstance(step, Begin) and not step.from_run
    assert (step.strategy.kind, step.strategy.backbone) == ("partial", LITE2.name)
    assert "Training the top stages of EfficientNet-Lite2 may gain up to" in step.says


def test_a_head_far_behind_is_left_at_that() -> None:
    step = decide(after(theirs("linear_probe", 0.85 - BEHIND - 0.01)))
    assert isinstance(step, Begin) and (step.strategy.kind, step.strategy.backbone) == ("lp_ft", CARD.name)


def test_what_follows_starts_from_whichever_is_best() -> None:
    step = decide(after(theirs("linear_probe", 0.88), theirs("partial", 0.95, 2.0), left_s=300.0))
    assert isinstance(step, Begin) and step.strategy.kind == "lp_ft"
    assert (step.strategy.backbone, step.from_run) == (LITE2.name, "wide partial")
    own = decide(after(theirs("linear_probe", 0.88), theirs("partial", 0.8, 2.0), left_s=300.0))
    assert isinstance(own, Begin) and (own.strategy.backbone, own.from_run) == (CARD.name, "partial")


def test_the_wider_ones_costs_and_forecasts_are_in_proportion() -> None:
    at = after(theirs("linear_probe", 0.9))
    seen = at.beside()
    assert at.facts and seen.facts and seen.card is LITE2
    assert seen.facts.costs[0].train_s == pytest.approx(2.1 * at.facts.costs[0].train_s)
    assert at.facts.probe_accuracy and seen.facts.probe_accuracy
    assert seen.facts.probe_accuracy.value == pytest.approx(at.facts.probe_accuracy.value + 0.05)
    assert seen.affordable(100.0) == pytest.approx(at.affordable(100.0) / 2.1)
    assert believed(at, theirs("partial", 0.9)) > believed(at, rung("partial", 0.9, 1.0)), "its probe promises more"


def test_who_leads_is_named_with_its_backbone() -> None:
    at = after(theirs("linear_probe", 0.9), theirs("partial", 0.97, 2.0))
    best = choose(at)
    assert best is not None and best.backbone == LITE2.name
    assert reached(at).startswith("Partial fine-tuning of EfficientNet-Lite2 leads with 97.0%")


@pytest.mark.parametrize("seconds", [30, 120, 300, 1200])
@pytest.mark.parametrize("images", [60, 500, 5000])
def test_every_race_with_a_lane_beside_comes_to_an_end(seconds: float, images: int) -> None:
    known, rungs, left = facts(0.8, train_images=images), [PROBE], float(seconds)
    for _ in range(10):
        at = standing(*rungs, known=known, left_s=left, train_images=images, wider=WIDE)
        step = decide(at)
        if isinstance(step, End):
            assert seconds < 300 or images > 500 or any(made.backbone for made in rungs), "time for a lane beside"
            return
        assert isinstance(step, Begin) and step.minutes * 60 <= max(left, 0.0) + 1e-9
        beside = "" if step.strategy.backbone == CARD.name else step.strategy.backbone
        left -= 0.5 * 60 * step.minutes
        made = Rung(f"r{len(rungs)}", step.strategy.kind, 0.8 + 0.02 * len(rungs), step.minutes, 0, beside)
        rungs.append(made)
    raise AssertionError("ten rungs, and no end")

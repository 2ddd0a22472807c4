"""Which rung comes next, and when there is none: cheap things first, then only what can still gain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.advice import Learned, learned
from core import DatasetFacts, Estimate, HardwareFacts, Kind, StageCost
from core.zoo import catalog
from training.race.deciding import decide
from training.race.standing import LEAST_S, Begin, End, Measure, Rung, Standing
from training.race.worth import believed, choose, gain_deeper

CARD = catalog.backbone("efficientnet_lite0")
KNOWN = learned()


def facts(probe: float = 0.85, classes: int = 5, train_images: int = 500, slow: float = 1.0) -> DatasetFacts:
    costs = tuple(
        StageCost(b, slow * (0.001 + 0.0005 * b), slow * (0.05 - 0.005 * b), slow * (0.01 - 0.001 * b))
        for b in range(9)
    )
    measured = Estimate(probe, probe - 0.03, min(1.0, probe + 0.03), "5-fold cross-validation")
    return DatasetFacts(
        dataset_id="d", backbone=CARD.name, classes=tuple("abcdefghij"[:classes]), train_images=train_images,
        test_images=100, per_class=(train_images // classes,) * classes, ready_made=measured, probe_accuracy=measured,
        chance=1 / classes, costs=costs, hardware=HardwareFacts("cpu", "CPU, 2 cores", 2, 8 << 30),
    )  # fmt: skip


def standing(*rungs: Rung, left_s: float = 50.0, known: DatasetFacts | None = None, **other: object) -> Standing:
    assert isinstance(KNOWN, Learned)
    whole = known.train_images if known else 500
    at = Standing(
        CARD, whole, 100, 5, whole // 5, left_s=left_s, passed_s=0.006, rungs=rungs, facts=known,
        learned=KNOWN,
    )  # fmt: skip
    return replace(at, **other)  # type: ignore[arg-type]


def rung(kind: Kind, accuracy: float | None, minutes: float = 0.5, run_id: str = "") -> Rung:
    return Rung(run_id or kind, kind, accuracy, minutes)


PROBE = rung("linear_probe", 0.85)
ON_ALL = replace(PROBE, run_id="all", head="stages")


def test_the_first_rung_is_a_solved_head() -> None:
    step = decide(standing())
    assert isinstance(step, Begin) and step.strategy.kind == "linear_probe" and not step.from_run


def test_a_pass_that_took_all_the_time_leaves_a_head_and_no_more() -> None:
    late = decide(standing(left_s=-3.0))
    assert isinstance(late, Begin) and late.strategy.kind == "linear_probe" and late.minutes == 0
    few = decide(standing(PROBE, train_images=45, left_s=-3.0))
    assert isinstance(few, End) and "too short" in few.says


def test_class_means_are_compared_where_images_are_few() -> None:
    few = decide(standing(PROBE, train_images=45))
    assert isinstance(few, Begin) and few.strategy.kind == "prototype"
    assert isinstance(decide(standing(PROBE, train_images=50)), Measure)


def test_a_head_on_all_stages_follows_where_the_pass_left_what_it_reads_and_images_are_not_few() -> None:
    step = decide(standing(PROBE, all_stages=True))
    assert isinstance(step, Begin) and (step.strategy.kind, step.strategy.head) == ("linear_probe", "stages")
    assert step.strategy.phases == decide(standing()).strategy.phases  # type: ignore[union-attr]
    assert isinstance(decide(standing(PROBE)), Measure), "nothing is stored"
    few = decide(standing(PROBE, train_images=45, all_stages=True))
    assert isinstance(few, Begin) and few.strategy.kind == "prototype"
    assert isinstance(decide(standing(PROBE, ON_ALL, all_stages=True)), Measure), "once is enough"
    slow = replace(PROBE, seconds=40.0)
    assert isinstance(decide(standing(slow, all_stages=True)), Measure), "it would take more than half of what is left"


def test_validation_says_how_much_a_head_on_all_stages_is_worth_and_few_images_say_little() -> None:
    """The same images judged both heads: what counts is their difference, not a forecast of the last stage's."""
    ahead, behind = replace(ON_ALL, val_accuracy=0.93), replace(ON_ALL, val_accuracy=0.80)
    many = standing(PROBE, ahead, known=facts(train_images=5000))
    assert believed(many, ahead) == pytest.approx(believed(many, PROBE) + 0.08, abs=0.01)
    assert choose(standing(PROBE, behind, known=facts(train_images=5000))) == PROBE
    alone = standing(PROBE, ahead, known=facts(), val_images=10)
    gap = believed(alone, ahead) - believed(alone, PROBE)
    assert 0.02 < gap < 0.05, "ten images hardly move what such heads gained elsewhere"


def test_a_better_head_on_all_stages_says_that_there_is_more_below() -> None:
    """Spectrograms: the head on all stages reached 93 % where the forecast for the top stages, learned beside heads on
    the last one, ended below that; the race stopped, and the top stages reach 97."""
    known = facts(probe=0.83, train_images=1500)
    plain = decide(standing(PROBE, known=known))
    lifted = decide(standing(PROBE, replace(ON_ALL, val_accuracy=0.93), known=known))
    assert isinstance(plain, Begin) and isinstance(lifted, Begin) and lifted.strategy.kind == "partial"
    assert plain.gain is not None and lifted.gain is not None and lifted.gain > 0.5 * plain.gain
    behind = standing(PROBE, replace(ON_ALL, val_accuracy=0.78), known=known)
    assert behind.foresee("partial", 40.0) == standing(PROBE, known=known).foresee("partial", 40.0)


def test_what_the_top_stages_gained_is_counted_from_the_head_that_they_began_with() -> None:
    on_all, partial = replace(ON_ALL, val_accuracy=0.94), rung("partial", 0.95, 0.4)
    both = standing(PROBE, on_all, partial, known=facts(), left_s=60.0)
    without = standing(PROBE, partial, known=facts(), left_s=60.0)
    assert gain_deeper(both, None) >= gain_deeper(without, None) > 0.01


def test_what_the_choice_needs_is_measured_once_and_within_its_share() -> None:
    assert isinstance(decide(standing(PROBE)), Measure)
    short = decide(standing(PROBE, left_s=15.0))
    assert isinstance(short, End) and "too short to measure" in short.says


def test_the_top_stages_follow_where_they_may_gain() -> None:
    step = decide(standing(PROBE, known=facts()))
    assert isinstance(step, Begin) and step.strategy.kind == "partial"
    assert step.gain is not None and step.gain > 0.004
    assert f"may gain up to {100 * step.gain:.1f} points" in step.says


@pytest.mark.parametrize("left_s", [-3.0, 0.0, LEAST_S - 0.1])
def test_no_rung_begins_in_no_time(left_s: float) -> None:
    step = decide(standing(PROBE, left_s=left_s, known=facts()))
    assert isinstance(step, End) and "too short for another rung" in step.says


def test_it_ends_where_nothing_is_left_to_gain_and_says_so() -> None:
    sure = standing(rung("linear_probe", 1.0), known=facts(0.9999, train_images=50_000), left_s=50.0)
    step = decide(sure)
    assert isinstance(step, End) and step.gain is not None and step.gain < 0.004
    assert "can gain at most" in step.says


def test_time_for_many_epochs_is_kept_for_all_stages() -> None:
    long = standing(PROBE, known=facts(), left_s=580.0)
    first = decide(long)
    assert isinstance(first, Begin) and first.minutes * 60 == pytest.approx(290, rel=0.01)
    then = decide(replace(long, rungs=(PROBE, rung("partial", 0.9, first.minutes)), left_s=290.0))
    assert isinstance(then, Begin) and then.strategy.kind == "lp_ft" and then.from_run == "partial"
    assert [phase.boundary for phase in then.strategy.phases] == [0], "its head comes with the weights it starts from"
    done = (PROBE, rung("partial", 0.9), rung("lp_ft", 0.91))
    assert isinstance(decide(replace(long, rungs=done)), End)


def test_short_of_epochs_the_top_stages_get_all_the_time() -> None:
    first = decide(standing(PROBE, known=facts(), left_s=50.0))
    assert isinstance(first, Begin) and first.minutes * 60 == pytest.approx(50, rel=0.02)
    then = decide(standing(PROBE, rung("partial", 0.86), known=facts(slow=5), left_s=30.0))
    assert isinstance(then, End) and "too few to gain by" in then.says


def test_a_rung_without_weights_is_never_taken() -> None:
    assert choose(standing(rung("partial", None))) is None
    best = choose(standing(PROBE, rung("partial", None), known=facts()))
    assert best is not None and best.kind == "linear_probe"


def test_of_equals_the_cheaper_is_taken_where_nothing_is_forecast() -> None:
    best = choose(standing(rung("linear_probe", 0.9), rung("partial", 0.9)))
    assert best is not None and best.kind == "linear_probe"


def test_few_validation_images_say_little_against_a_forecast() -> None:
    """One of ten more is no reason to leave what was foreseen; a hundred of a thousand are."""
    known = facts()
    low, high = rung("linear_probe", 0.8), rung("linear_probe", 0.9)
    few = standing(known=known, val_images=10)
    many = standing(known=known, val_images=1000)
    assert 0 < believed(few, high) - believed(few, low) < 0.05 < believed(many, high) - believed(many, low)


@pytest.mark.parametrize("seconds", [5, 20, 60, 300, 1200])
@pytest.mark.parametrize("probe", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("images", [20, 100, 500, 5000])
def test_every_race_comes_to_an_end(seconds: float, probe: float, images: int) -> None:
    """Each rung takes what it was given; whatever they reach, the next decision is made, within the budget."""
    known, rungs, left = facts(probe, train_images=images), [], float(seconds)
    for _ in range(10):
        at = standing(*rungs, known=known, left_s=left, train_images=images)
        step = decide(at)
        if isinstance(step, End):
            return
        assert isinstance(step, Begin)
        assert step.minutes * 60 <= max(left, 0.0) + 1e-9 or step.strategy.kind in ("linear_probe", "prototype")
        solved = step.strategy.kind in ("linear_probe", "prototype")
        left -= 1.0 if solved else 60 * step.minutes
        rungs.append(rung(step.strategy.kind, min(1.0, probe + 0.01 * len(rungs)), step.minutes))
    raise AssertionError("ten rungs, and no end")

"""The coach: planted faults are named once with their numbers, healthy curves are left in peace, and a resumed run
hears what an uninterrupted one would."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.plans import Balance, Phase, Strategy
from tests.support.clocks import times_as_long
from training.engine.coach import FEWEST_STEPS, TITLES, Coach, Diagnosis, rollback_text
from training.engine.symptoms import SPIKE_STEPS, SPIKE_WINDOW

CURVES, MAY_ALARM = 2000, 0.005
"""Healthy runs tried, and the share of them in which a false alarm is accepted."""


def strategy(*phases: Phase, balance: Balance = "none", batch_size: int = 16) -> Strategy:
    return Strategy("partial", "efficientnet_lite0", phases, batch_size=batch_size, balance=balance)


def descent(epochs: int, schedule: Any = "one_cycle", **more: Any) -> Phase:
    return Phase(6, epochs, 1e-3, 1e-3, schedule=schedule, **more)


SOLVED = Phase(8, 20, 0.0, optimizer="lbfgs", schedule="constant")


def epoch_of(coach: Coach, epoch: int, train: float, val: float, accuracy: float = 0.8, **more: Any) -> list[Diagnosis]:
    usual = {
        "phase": 0, "train_accuracy": min(1.0, accuracy + 0.05), "predicted_counts": [10, 10], "val_counts": [10, 10],
        "seconds": 10.0 * epoch, "seconds_left": None, "budget_s": None,
    }  # fmt: skip
    return coach.after_epoch(
        epoch=epoch, train_loss=train, val_loss=val, val_accuracy=accuracy, **{**usual, **more}
    )


def told(coach: Coach, train: Sequence[float], val: Sequence[float], accuracy: Sequence[float]) -> list[Diagnosis]:
    found = []
    for epoch, values in enumerate(zip(train, val, accuracy, strict=True), 1):
        found += epoch_of(coach, epoch, *values)
    return found


# -- planted faults: told once, with their numbers -----------------------------------------------------------------


def test_overfitting_is_told_once_with_when_and_how_much() -> None:
    coach = Coach(strategy(SOLVED, descent(20)), ("a", "b"), (50, 50))
    train = [0.6 * 0.8**e for e in range(20)]
    val = [max(0.40, 0.7 - 0.05 * e) + 0.05 * max(0, e - 6) for e in range(20)]
    found = []
    for e in range(20):
        found += epoch_of(coach, e + 1, train[e], val[e], 0.9 if e < 8 else 0.88, phase=1)
    (one,) = found
    assert (one.level, one.kind) == ("caution", "overfitting")
    assert "since epoch 7 the validation loss rose from 0.45 to 0.75" in one.text
    assert "training loss fell from 0.157" in one.text
    assert "fewer epochs, more augmentation or fewer trained stages" in one.text


def test_a_hump_at_the_peak_rate_is_not_overfitting() -> None:
    coach = Coach(strategy(descent(20)), ("a", "b"), (50, 50))
    train = [0.6 * 0.9**e for e in range(20)]
    val = [0.4 + (0.3 * math.sin(math.pi * e / 12) if e < 12 else 0.0) for e in range(20)]
    assert told(coach, train, val, [0.85] * 12 + [0.9] * 8) == []


def test_a_rising_loss_with_a_still_rising_accuracy_is_not_called_overfitting() -> None:
    coach = Coach(strategy(descent(20)), ("a", "b"), (50, 50))
    val = [max(0.40, 0.7 - 0.05 * e) + 0.05 * max(0, e - 6) for e in range(20)]
    assert told(coach, [0.6 * 0.8**e for e in range(20)], val, [0.7 + 0.01 * e for e in range(20)]) == []


def test_a_plateau_at_a_high_rate_is_told_once() -> None:
    coach = Coach(strategy(descent(30, "constant")), ("a", "b"), (50, 50))
    noise = random.Random(1)
    flat = [0.6 + noise.uniform(-0.002, 0.002) for _ in range(30)]
    (one,) = told(coach, flat, [0.65] * 30, [0.71] * 30)
    assert (one.level, one.kind) == ("caution", "plateau")
    assert "No progress in 6 epochs" in one.text and "100% of its peak" in one.text
    assert "validation loss 0.65" in one.text and "at most 71.0%" in one.text


def test_standing_still_in_the_annealed_tail_is_the_plan() -> None:
    coach = Coach(strategy(descent(30)), ("a", "b"), (50, 50))
    falling = [0.9 - 0.03 * e for e in range(18)] + [0.36] * 12
    assert told(coach, falling, [x + 0.1 for x in falling], [0.7] * 18 + [0.9] * 12) == []


def test_a_plateau_under_one_cycle_is_only_a_remark() -> None:
    (one,) = told(Coach(strategy(descent(40)), ("a", "b"), (50, 50)), [0.6] * 40, [0.65] * 40, [0.7] * 40)
    assert (one.level, one.kind) == ("info", "plateau")
    assert "may move again as the rate falls" in one.text


def test_a_phase_with_patience_acts_on_its_plateau_itself() -> None:
    coach = Coach(strategy(descent(40, "constant", patience=3)), ("a", "b"), (50, 50))
    assert told(coach, [0.6] * 40, [0.65] * 40, [0.7] * 40) == []


def spiked(coach: Coach, losses: Sequence[float], phase: int = 0) -> list[tuple[int, Diagnosis]]:
    found = [(i, coach.after_step(loss=x, phase=phase, epoch=i // 10, step=i % 10)) for i, x in enumerate(losses)]
    return [(i, one) for i, one in found if one]


def test_divergence_is_told_within_a_few_steps_with_its_numbers() -> None:
    noise = random.Random(2)
    healthy = [0.5 + noise.uniform(-0.2, 0.2) for _ in range(100)]
    ((at, one),) = spiked(Coach(strategy(descent(30)), ("a", "b"), (50, 50)), healthy + [4.0 + i for i in range(60)])
    assert at == 100 + SPIKE_STEPS - 1
    assert (one.level, one.kind) == ("bad", "spike")
    assert "jumped to 8 in epoch 11" in one.text and "until step 5" in one.text and "guessing costs 0.69" in one.text
    assert "lower it" in one.text


def test_divergence_from_the_first_steps_on_is_seen_too() -> None:
    ((at, _),) = spiked(Coach(strategy(descent(30)), ("a", "b"), (50, 50)), [0.7, 1.4, 9.0, 30, 55, 80, 90, 100, 99])
    assert at == 6


def test_a_slow_climb_does_not_carry_its_own_measure_along() -> None:
    losses = [0.1] * 40 + [0.1 * 1.03**i for i in range(150)]
    assert len(spiked(Coach(strategy(descent(30)), ("a", "b"), (50, 50)), losses)) == 1


def test_a_second_divergence_is_told_again_after_the_loss_came_down() -> None:
    losses = [0.5] * 40 + [6.0] * 20 + [0.5] * 20 + [6.0] * 20
    assert len(spiked(Coach(strategy(descent(30)), ("a", "b"), (50, 50)), losses)) == 2


def test_a_few_bad_batches_and_losses_that_are_not_finite_are_not_the_coachs() -> None:
    losses = ([0.1] * 20 + [8.0] * (SPIKE_STEPS - 1)) * 3 + [math.nan, math.inf] * 10 + [0.1] * 5
    assert spiked(Coach(strategy(descent(30)), ("a", "b"), (50, 50)), losses) == []


@pytest.mark.parametrize(
    ("train", "balance", "remedy"),
    [
        ((60, 60, 60, 4), "none", "class weights or a balanced sampler"),
        ((60, 60, 60, 4), "weights", "more images of the rare ones"),
        ((60, 60, 60, 60), "none", "More epochs may be enough"),
    ],
)
def test_a_class_never_predicted_is_named_with_its_images_and_a_remedy(train, balance, remedy) -> None:
    coach = Coach(strategy(descent(10), balance=balance), ("ant", "bee", "cat", "dodo"), train)
    found = []
    for e in range(1, 11):
        found += epoch_of(
            coach, e, 1 / e, 1 / e, 0.7 + e / 100, predicted_counts=[16, 12, 12, 0], val_counts=[10] * 4
        )
        assert bool(found) == (e >= 5), "told in the second half, not in the first"
    (one,) = found
    assert (one.level, one.kind) == ("caution", "never_predicted")
    assert f"last 5 epochs: 'dodo' ({train[3]} training images, 10 to validate)" in one.text
    assert remedy in one.text


def test_of_many_classes_never_predicted_three_are_named() -> None:
    names = tuple(f"c{i}" for i in range(8))
    coach = Coach(strategy(descent(4)), names, [30] * 8)
    counts = {"predicted_counts": [80] + [0] * 7, "val_counts": [10] * 8}
    found = [one for e in range(1, 5) for one in epoch_of(coach, e, 2.0, 2.0, 0.125, **counts)]
    (one,) = found
    assert "'c1'" in one.text and "'c3'" in one.text and "'c4'" not in one.text and "and 4 more" in one.text


def test_a_class_with_one_validation_image_may_be_missed() -> None:
    coach = Coach(strategy(descent(10)), ("a", "b"), (50, 3))
    counts = {"predicted_counts": [21, 0], "val_counts": [20, 1]}
    assert [one for e in range(1, 11) for one in epoch_of(coach, e, 1 / e, 1 / e, 0.9 + e / 500, **counts)] == []


def test_a_solver_is_judged_by_where_it_ends() -> None:
    def passes(plan: Strategy) -> list[Diagnosis]:
        coach = Coach(plan, ("a", "b"), (50, 50))
        counts = {"predicted_counts": [20, 0], "val_counts": [10, 10]}
        return [one for e in range(1, 21) for one in epoch_of(coach, e, 0.7, 0.7 + e, 0.5, **counts)]

    assert [one.kind for one in passes(strategy(SOLVED))] == ["never_predicted"]
    assert passes(strategy(SOLVED, descent(5))) == []


def test_too_few_steps_are_told_once_for_all_short_phases() -> None:
    plan = Strategy("gradual", "efficientnet_lite0", (SOLVED, Phase(7, 3, 1e-3, 1e-3), Phase(6, 9, 1e-3, 1e-3)))
    coach = Coach(plan, ("a", "b"), (15, 15))
    start = {"promised_params": 7, "trainable_params": 7, "steps_per_epoch": 2}
    assert coach.at_start(phase=0, **start) == []
    (one,) = coach.at_start(phase=1, **start)
    assert (one.level, one.kind) == ("caution", "few_steps")
    assert "Phases 2 and 3 make only 6 and 18 optimisation steps (2 an epoch)" in one.text
    assert f"fewer than the {FEWEST_STEPS}" in one.text
    assert coach.at_start(phase=2, **start) == []


def test_enough_steps_or_no_schedule_is_fine() -> None:
    start = {"promised_params": 7, "trainable_params": 7, "phase": 0}
    assert Coach(strategy(descent(10)), ("a",), (5,)).at_start(steps_per_epoch=2, **start) == []
    assert Coach(strategy(descent(3, "constant")), ("a",), (5,)).at_start(steps_per_epoch=2, **start) == []


@pytest.mark.parametrize(("trained", "words"), [(4_049_564, "4,036,754 that should be"), (10_000, "2,810 are missing")])
def test_parameters_that_differ_from_the_promise_are_told(trained, words) -> None:
    coach = Coach(strategy(descent(10)), ("a", "b"), (50, 50))
    start = {"promised_params": 12_810, "trainable_params": trained, "steps_per_epoch": 9, "phase": 0}
    (one,) = coach.at_start(**start)
    assert (one.level, one.kind) == ("bad", "not_frozen")
    assert f"{trained:,} parameters" in one.text and "promises 12,810" in one.text and words in one.text
    assert coach.at_start(**start) == []


def test_a_budget_about_to_be_exceeded_is_told_when_two_forecasts_agree() -> None:
    def run(ends: Sequence[float]) -> list[tuple[int, Diagnosis]]:
        coach = Coach(strategy(descent(10)), ("a", "b"), (50, 50))
        return [
            (e, one)
            for e, end in enumerate(ends, 1)
            for one in epoch_of(
                coach, e, 1 / e, 1 / e, 0.5 + e / 50, seconds=60.0 * e, seconds_left=end - 60.0 * e, budget_s=600.0
            )
        ]

    ((at, one),) = run([840.0] * 9)
    assert at == 2
    assert (one.level, one.kind) == ("caution", "budget")
    assert "14 min, 40% more than its budget of 10 min" in one.text
    assert run([900.0, 640.0, 900.0, 640.0, 655.0]) == [], "one slow epoch, or 10 % over, is no reason"


def test_the_roll_back_names_both_rates() -> None:
    assert rollback_text(2e-3, 1e-3, "The loss is not finite at step 12") == (
        "The loss is not finite at step 12: the learning rate is too high. Training went back to the last good"
        " checkpoint and goes on with 1e-3 instead of 2e-3."
    )


# -- healthy curves are left in peace ------------------------------------------------------------------------------


def healthy_run(seed: int) -> tuple[Coach, list[Diagnosis]]:
    """A run that learns: losses fall towards a floor in noise, validation a little above training, a hump at the peak
    rate, batches of 16 with long-tailed losses and wrong labels, classes of unlike difficulty and size."""
    rng, draw = random.Random(seed), np.random.default_rng(seed)
    classes = rng.choice((2, 3, 5, 10, 40))
    epochs, steps = rng.randint(4, 40), rng.randint(5, 20)
    schedule = rng.choice(("one_cycle", "one_cycle", "cosine", "constant"))
    plan = strategy(descent(epochs, schedule))
    coach = Coach(plan, tuple(f"c{i}" for i in range(classes)), [rng.randint(20, 80) for _ in range(classes)])
    chance = math.log(classes)
    begin, floor = chance * rng.uniform(0.4, 1.05), chance * rng.uniform(0.02, 0.3)
    tau, hump = epochs * rng.uniform(0.15, 0.6), rng.choice((0.0, 0.0, 0.2))
    gap, wrong = rng.uniform(1.0, 1.6), rng.choice((0.0, 0.02))
    val_noise, train_noise = rng.uniform(0.01, 0.12), rng.uniform(0.005, 0.04)
    val_counts = [rng.randint(1, 15) for _ in range(classes)]
    recalls = [rng.uniform(0.6, 1.0) for _ in range(classes)]
    budget = rng.choice((None, 10.0 * epochs))
    found = coach.at_start(promised_params=9, trainable_params=9, steps_per_epoch=steps, phase=0)
    for epoch in range(1, epochs + 1):
        t = epoch / epochs
        level = floor + (begin - floor) * math.exp(-epoch / tau)
        level *= 1 + (hump * math.exp(-(((t - 0.35) / 0.15) ** 2)) if schedule == "one_cycle" else 0.0)
        # Per image a gamma of shape 0.4: most images are easy, a few cost many times the mean.
        batches = draw.gamma(0.4, level / 0.4, (steps, 16)) + 6 * (draw.random((steps, 16)) < wrong)
        for step, loss in enumerate(batches.mean(axis=1).tolist()):
            one = coach.after_step(loss=loss, phase=0, epoch=epoch - 1, step=step)
            found += [one] if one else []
        accuracy = sum(recalls) / classes * (1 - level / begin * 0.5)
        predicted = [0] * classes
        for index, images in enumerate(val_counts):
            for _ in range(images):
                right = rng.random() < recalls[index] * (1 - 0.4 * level / begin)
                predicted[index if right else rng.randrange(classes)] += 1
        found += epoch_of(
            coach, epoch, level * rng.gauss(1, train_noise), gap * level * rng.gauss(1, val_noise),
            accuracy * rng.gauss(1, 0.02), predicted_counts=predicted, val_counts=val_counts,
            seconds=9.5 * epoch, seconds_left=9.5 * (epochs - epoch) * rng.gauss(1, 0.03), budget_s=budget,
        )  # fmt: skip
    return coach, found


def test_healthy_runs_hear_nothing() -> None:
    alarms: Counter[str] = Counter()
    loud = 0
    for seed in range(CURVES):
        _, found = healthy_run(seed)
        loud += bool(found)
        alarms.update(one.kind for one in found)
    print(f"false alarms in {loud} of {CURVES} healthy runs: {dict(alarms)}")
    assert loud <= MAY_ALARM * CURVES, alarms
    assert alarms["spike"] == 0


# -- resume --------------------------------------------------------------------------------------------------------


def faulty_run() -> list[tuple[str, dict[str, Any]]]:
    """Every call the engine would make in a run with many faults, in order."""
    rng = random.Random(5)
    calls: list[tuple[str, dict[str, Any]]] = []
    for phase, (epochs, steps) in enumerate(((20, 0), (12, 6), (3, 6))):
        calls.append(("at_start", {"promised_params": 9, "trainable_params": 9 + phase, "steps_per_epoch": 6,
                                   "phase": phase}))  # fmt: skip
        for epoch in range(1, epochs + 1):
            for step in range(steps):
                high = phase == 1 and epoch in (4, 5, 9, 10)
                loss = rng.uniform(8, 9) if high else rng.uniform(0.2, 0.6)
                calls.append(("after_step", {"loss": loss, "phase": phase, "epoch": epoch - 1, "step": step}))
            calls.append(("after_epoch", {
                "phase": phase, "epoch": epoch, "train_loss": 0.5 * 0.8**epoch, "train_accuracy": 0.9,
                "val_loss": 0.4 + 0.06 * epoch, "val_accuracy": 0.7, "predicted_counts": [18, 0],
                "val_counts": [10, 8], "seconds": 9.0 * epoch, "seconds_left": 300.0, "budget_s": 100.0,
            }))  # fmt: skip
    return calls


def play(coach: Coach, calls: Sequence[tuple[str, dict[str, Any]]]) -> list[Diagnosis]:
    found: list[Diagnosis] = []
    for name, values in calls:
        answer = getattr(coach, name)(**values)
        found += answer if isinstance(answer, list) else [answer] if answer else []
    return found


def test_a_run_cut_anywhere_hears_the_same_as_a_whole_one() -> None:
    plan = Strategy("gradual", "efficientnet_lite0", (SOLVED, Phase(7, 12, 1e-3, 1e-3), Phase(6, 3, 1e-3, 1e-3)))
    new = lambda: Coach(plan, ("a", "b"), (50, 10))  # noqa: E731
    calls = faulty_run()
    whole = play(new(), calls)
    assert Counter(one.kind for one in whole) == {
        "not_frozen": 2, "few_steps": 1, "spike": 2, "overfitting": 1, "never_predicted": 1, "budget": 1,
    }  # fmt: skip
    for cut in range(len(calls) + 1):
        first = new()
        before = play(first, calls[:cut])
        # Through JSON: the state is plain values, whatever the checkpoint's format.
        saved = json.loads(json.dumps(first.state(), allow_nan=False))
        second = new()
        second.restore(saved)
        assert second.state() == first.state()
        assert before + play(second, calls[cut:]) == whole, cut


def test_the_state_of_a_long_run_stays_small() -> None:
    coach = Coach(strategy(descent(5000)), ("a", "b"), (50, 50))
    for epoch in range(1, 1001):
        epoch_of(coach, epoch, 1 / epoch, 1 / epoch, 0.9)
    assert len(json.dumps(coach.state())) < 30_000


# -- its cost and its rooms ----------------------------------------------------------------------------------------


def test_a_step_costs_no_more_than_sorting_its_window() -> None:
    coach = Coach(strategy(descent(30)), tuple("abcdefghij"), [50] * 10)
    rng = random.Random(3)
    losses = [rng.uniform(0.1, 1.0) for _ in range(5000)]

    def coached() -> None:
        for step, loss in enumerate(losses):
            coach.after_step(loss=loss, phase=0, epoch=0, step=step)

    def sorting() -> None:
        for step in range(len(losses)):
            sorted(losses[step : step + 2 * SPIKE_WINDOW])

    assert times_as_long(coached, sorting) < 1.5  # 0.6


def test_every_kind_that_the_coach_says_has_a_title() -> None:
    plan = Strategy("gradual", "efficientnet_lite0", (SOLVED, Phase(7, 12, 1e-3, 1e-3), Phase(6, 3, 1e-3, 1e-3)))
    kinds = {one.kind for one in play(Coach(plan, ("a", "b"), (50, 10)), faulty_run())}
    assert kinds <= set(TITLES)


def test_the_coach_needs_no_torch() -> None:
    script = "import sys, training.engine.coach; assert 'torch' not in sys.modules"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

"""What counts in a budget, how many steps it leaves, and that whoever goes on with a run goes along the same rates."""

from __future__ import annotations

import time

import pytest

from core.plans import Phase
from training.caches.bench import Runtime
from training.engine.clock import Clock, Pace
from training.engine.progress import Position
from training.engine.schedule import factor

ONE_CYCLE = Phase(0, 10, 1e-3, 1e-3, most_epochs=20)
STEPS = 10
"""Of an epoch."""


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    passed = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: passed[0])
    return passed


def made(pace: Pace, clock: Clock, now: list[float], step_s: float, later: float = 0.0, first: int = 0) -> int:
    """Steps until the phase is over, each taking so long; returns how many there are then."""
    step = first
    while step < pace.total(step):
        now[0] += step_s
        pace.took(step_s)
        clock.took(step_s)
        clock.tick()
        step += 1
        pace.fit(step, later, clock)
    return step


def test_without_a_budget_a_phase_is_what_was_planned(now: list[float]) -> None:
    for schedule in ("one_cycle", "cosine", "constant"):
        phase = Phase(0, 4, 1e-3, schedule=schedule)  # type: ignore[arg-type]
        pace = Pace(phase, 0, STEPS, Runtime({}))
        assert [pace.rate(step) for step in range(40)] == [factor(schedule, step, 40) for step in range(40)]
        assert made(pace, Clock(Position(), None), now, 1.0) == 40
        assert pace.rate(0) == factor(schedule, 0, 40) and pace.phase(39) == phase
    assert Pace(Phase(0, 1, 1e-3), 0, 1, Runtime({})).rate(0) == 1.0  # a single step is made at the peak rate


@pytest.mark.parametrize(
    ("step_s", "budget_s", "steps"),
    [
        (1.0, 60, 54),  # 100 were planned; 4 s were over, 0.3 follow, the schedule aims 1.8 s before the end
        (1.0, 150, 141),  # more than planned
        (0.1, 60, 200),  # as many as the recipe asks for, and no more
        (10.0, 60, 5),  # less than an epoch
    ],
)
def test_steps_are_as_many_as_the_time_leaves(now: list[float], step_s: float, budget_s: float, steps: int) -> None:
    """Each ends with its rate down, whatever was planned."""
    clock, pace = Clock(Position(), budget_s, 4.0), Pace(ONE_CYCLE, 1, STEPS, Runtime({}))
    last = made(pace, clock, now, step_s)
    assert abs(last - steps) <= 1 and now[0] + 4 <= budget_s
    assert pace.rate(last - 1) < 1e-3 and pace.done(last) == 1.0
    assert pace.phase(last).epochs == -(-last // STEPS)


def test_a_pace_that_changes_is_followed(now: list[float]) -> None:
    """Another program takes half of the machine after a third of the time, and gives it back."""
    clock, pace = Clock(Position(), 100.0), Pace(ONE_CYCLE, 0, STEPS, Runtime({}))
    step = 0
    while step < pace.total(step):
        seconds = 2.0 if 33 < now[0] < 66 else 1.0
        now[0] += seconds
        pace.took(seconds)
        clock.took(seconds)
        clock.tick()
        step += 1
        pace.fit(step, 0.0, clock)
    assert 90 <= now[0] <= 100


def test_a_busy_moment_at_the_start_does_not_end_the_run_early(now: list[float]) -> None:
    """The pace that it measures leaves so few steps that they are made before it would be measured again."""
    clock, pace = Clock(Position(), 100.0), Pace(ONE_CYCLE, 0, STEPS, Runtime({}))
    step = 0
    while step < pace.total(step):
        seconds = 5.0 if step < 3 else 0.5
        now[0] += seconds
        pace.took(seconds)
        clock.took(seconds)
        clock.tick()
        step += 1
        pace.fit(step, 0.0, clock)
    assert 85 <= now[0] <= 100


def test_judging_and_the_phases_to_come_have_their_part(now: list[float]) -> None:
    """100 images judged after an epoch and 200 at the end, 0.01 s each; a later phase takes as long as this one."""
    clock = Clock(Position(), 60.0, judged=100, tested=200)
    clock.judging_took(0.5, 50)
    clock.testing_took(0.5, 50)
    pace = Pace(ONE_CYCLE, 0, STEPS, Runtime({}))
    # 60 less 1.8 aimed, 3 to judge and 0.3 to write leave 55; a step takes 1 s and a tenth of an epoch's judging.
    assert abs(made(pace, clock, now, 1.0, later=1.0) - 55 / 1.1 / 2) <= 2


def test_what_was_decided_is_repeated(now: list[float]) -> None:
    """By an attempt that begins anywhere, and by a repetition that has no budget at all."""
    kept = Runtime({})
    first = Pace(ONE_CYCLE, 1, STEPS, kept)
    last = made(first, Clock(Position(), 60.0), now, 1.0)
    decided = dict(kept.known)
    assert list(decided) == [f"steps 1.{number}" for number in range(len(decided))] and 5 <= len(decided) <= 14
    again = Pace(ONE_CYCLE, 1, STEPS, Runtime(dict(kept.known)))
    assert [again.rate(step) for step in range(last)] == [first.rate(step) for step in range(last)]
    assert made(again, Clock(Position(), None), now, 5.0) == last
    other = Pace(ONE_CYCLE, 2, STEPS, Runtime(dict(kept.known)))  # another phase
    assert other.total(99) == 100


def test_nothing_is_decided_again_before_the_step_of_the_last_decision(now: list[float]) -> None:
    """An attempt that goes on from an earlier checkpoint comes by the same steps."""
    kept = Runtime({"steps 0.0": "20 60", "steps 0.1": "30 50"})
    pace = Pace(ONE_CYCLE, 0, STEPS, kept)
    clock = Clock(Position(), 1_000.0)
    for step in range(1, 31):
        pace.took(10.0)
        assert not pace.fit(step, 0.0, clock)
        assert pace.total(step) == (100 if step < 20 else 60 if step < 30 else 50)
    pace.took(10.0)
    assert pace.fit(31, 0.0, clock) and "steps 0.2" in kept.known


def test_seconds_of_earlier_attempts_and_of_loading_count(now: list[float]) -> None:
    at = Position(seconds=20.0)  # of the checkpoint; the attempt went on for 5 s, and loading took 4
    clock = Clock(at, 30.0, spent_s=29.0)
    clock.took(0.5)
    clock.tick()
    assert at.seconds == 29.0 and not clock.over
    now[0] += 2.0
    clock.tick()
    assert clock.over and not clock.late() and not clock.little_used
    now[0] += 1.0
    clock.tick()
    assert clock.late()
    assert Clock(Position(seconds=20.0), 30.0).little_used
    assert not Clock(Position(seconds=20.0), None).little_used

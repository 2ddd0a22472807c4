import pytest

from advisor.advice import forecasts
from advisor.advice.evidence import TaskFacts, tasks
from tests.support.evidence_rows import lines

FACTS = TaskFacts(
    images_per_class=100, classes=5, affordable_epochs=3.0, ready_made=0.6, probe_accuracy=0.6, domain_gap=50
)


def test_corrections_learn_what_a_strategy_gains() -> None:
    known = forecasts.learn(tasks(lines()))
    poor = forecasts.forecast("partial", FACTS, known)
    probe = forecasts.forecast("linear_probe", FACTS, known)
    assert poor is not None and probe is not None
    assert probe.value == pytest.approx(0.6, abs=0.03)
    assert poor.value > probe.value + 0.03
    assert poor.low < poor.value < poor.high


def test_what_is_hard_to_tell_has_a_wider_interval() -> None:
    known = forecasts.learn(tasks(lines()))
    sure = forecasts.forecast("partial", TaskFacts(100, 5, 3.0, 0.97, 0.97, 50, 0.0), known)
    unsure = forecasts.forecast("partial", FACTS, known)
    assert sure is not None and unsure is not None
    assert sure.high - sure.low < unsure.high - unsure.low


def test_without_a_measured_probe_nothing_is_forecast() -> None:
    known = forecasts.learn(tasks(lines()))
    assert forecasts.forecast("partial", TaskFacts(100, 5, 3.0), known) is None


def test_what_was_hardly_run_is_not_forecast() -> None:
    known = forecasts.learn(tasks(lines()))
    assert "scratch" not in known
    assert forecasts.forecast("scratch", FACTS, known) is None
    assert forecasts.learn(tasks(lines(sets=2))) == {}


def test_all_of_a_few_right_is_no_certainty() -> None:
    few = forecasts.settled(TaskFacts(5, 2, 3.0, probe_accuracy=1.0))
    many = forecasts.settled(TaskFacts(500, 2, 3.0, probe_accuracy=1.0))
    assert few == pytest.approx((10 + 1.92) / (10 + 3.84), abs=0.001) and many == pytest.approx(0.998, abs=0.001)
    assert forecasts.settled(TaskFacts(5, 2, 3.0)) is None

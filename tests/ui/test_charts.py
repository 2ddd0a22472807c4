"""The plotly figures: what they plot, that texts are safe, that they carry no theme of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from advisor.catalog import STRATEGIES
from advisor.plans import Kind
from advisor.types import DatasetRef
from training.compare import Comparison, Group, Row
from training.stats import wilson
from ui import charts, charts_compare


def row(kind: Kind, correct: int | None, seconds: float = 60.0, trained: int | None = 1000, label: str = "") -> Row:
    return Row(
        run_id=f"run{kind}", kind=kind, backbone="efficientnet_lite0", state="finished", seed=0,
        label=label or STRATEGIES[kind].title, test_accuracy=None if correct is None else wilson(correct, 289),
        val_accuracy=0.9, seconds=seconds, trainable_params=trained, epochs=5, epochs_to_90=2.0, seconds_to_90=3.0,
        generalisation_gap=0.02, minutes=10.0,
    )  # fmt: skip


def comparison(*rows: Row) -> Comparison:
    groups = tuple(Group(one.label, one.kind, (one.run_id,), one.test_accuracy, None) for one in rows)
    return Comparison("0" * 16, 0, rows, groups, (), (), "No difference shown.", (), {}, 289)


FULL = comparison(
    row("linear_probe", 257, 9, 12_810),
    row("partial", 275, 160, 2_683_050),
    row("scratch", None, 40, None),
    row("full", 268, 900, 3_383_818, label="<b>Full</b> %{x} fine-tuning"),
)
FIGURES = (charts_compare.scoreboard, charts_compare.accuracy_vs_time, charts_compare.accuracy_vs_params)


@pytest.mark.parametrize("draw", FIGURES)
def test_figures_leave_background_to_the_page_and_escape_names(draw):
    text = json.dumps(draw(FULL).to_plotly_json(), default=str)
    assert '"paper_bgcolor": "rgba(0,0,0,0)"' in text
    assert "<b>Full</b>" not in text
    assert "%{x} fine" not in text


@pytest.mark.parametrize("draw", FIGURES)
def test_figures_of_runs_without_a_result_are_empty_not_broken(draw):
    figure = draw(comparison(row("full", None), row("partial", None)))
    assert len(figure.data) == 0


def test_scoreboard_is_ranked_with_intervals_in_the_strategies_colours():
    figure = charts_compare.scoreboard(FULL)
    values = [trace.x[0] for trace in figure.data]
    assert values == sorted(values, reverse=True)
    assert figure.data[0].marker.color == STRATEGIES["partial"].colour
    assert figure.data[0].marker.symbol == STRATEGIES["partial"].marker
    best = wilson(275, 289)
    assert figure.data[0].error_x.array[0] == pytest.approx(best.high - best.value)
    assert figure.data[0].error_x.arrayminus[0] == pytest.approx(best.value - best.low)
    assert "95% (92–97)" in figure.layout.annotations[0].text


def test_scoreboard_leaves_room_for_its_longest_label():
    short, long = (charts_compare.scoreboard(comparison(row("full", correct))) for correct in (275, 289))
    assert "100% (99–100)" in long.layout.annotations[0].text
    assert long.layout.margin.r > short.layout.margin.r
    # 14 px bold: about 9 px a letter at most, after a gap of 12 px.
    assert long.layout.margin.r >= 12 + 9 * len("100% (99–100)")


def test_time_axis_is_logarithmic_with_times_in_words():
    figure = charts_compare.accuracy_vs_time(FULL)
    assert figure.layout.xaxis.type == "log"
    assert "1 min" in figure.layout.xaxis.ticktext
    assert all(a < b for a, b in pairwise(figure.layout.xaxis.tickvals))


def test_the_front_joins_the_runs_that_no_other_beats():
    cheap_and_bad, dear_and_worse = row("prototype", 200, 5, 10), row("scratch", 190, 500, 4_000_000)
    figure = charts_compare.accuracy_vs_params(comparison(*FULL.rows[:2], cheap_and_bad, dear_and_worse))
    front = next(trace for trace in figure.data if trace.name == "Pareto front")
    assert list(front.x) == [10, 12_810, 2_683_050]
    assert "12.8 k" not in figure.layout.xaxis.ticktext
    assert "10 k" in figure.layout.xaxis.ticktext
    said = charts_compare.pareto_in_words(FULL, "seconds")
    assert said.startswith("Pareto front, from cheap to accurate: Linear probe (9 s), Partial fine-tuning (2 min")


def test_seeds_of_one_strategy_share_a_line_of_the_scoreboard():
    seeds = [row("partial", correct) for correct in (270, 275, 280)]
    rows = [replace(one, run_id=f"seed{i}") for i, one in enumerate(seeds)]
    together = Group("Partial fine-tuning · 3 seeds", "partial", ("seed0", "seed1", "seed2"), wilson(275, 289), 0.02)
    figure = charts_compare.scoreboard(replace(comparison(*rows), groups=(together,)))
    dots, mean = figure.data
    assert list(dots.x) == pytest.approx([270 / 289, 275 / 289, 280 / 289])
    assert list(dots.y) == [0, 0, 0]
    assert mean.x[0] == pytest.approx(275 / 289)


def dataset(classes: tuple[str, ...], counts: dict[str, tuple[int, ...]]) -> DatasetRef:
    return DatasetRef("0" * 16, "name", "/nowhere", classes, counts, "test", 0.0)


def test_class_balance_sorts_and_keeps_long_and_foreign_names_apart():
    twins = ("a" * 60 + "1", "a" * 60 + "2", "שלום")
    figure = charts.class_balance(dataset(twins, {"train": (5, 9, 2), "test": (1, 2, 1)}))
    assert [trace.name for trace in figure.data[:2]] == ["training", "test"]
    assert list(figure.data[0].x) == [9, 5, 2]
    assert list(figure.data[0].y) == [0, 1, 2]
    assert figure.data[0].customdata[0].endswith("2")
    assert figure.layout.showlegend


def test_class_balance_of_200_classes_stays_readable_and_says_what_is_missing():
    figure = charts.class_balance(dataset(tuple(f"c{i}" for i in range(200)), {"": tuple(range(1, 201))}))
    assert len(figure.data[0].x) == charts.MOST_CLASSES
    assert "160 classes" in figure.layout.xaxis.title.text
    assert figure.data[0].x[0] == 200
    assert figure.data[0].x[-1] == 1
    assert not figure.layout.showlegend

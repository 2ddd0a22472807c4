"""Scoreboard and trade-offs of a comparison as SVG: what they show, and that texts are safe."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from core.plans import Kind
from core.zoo.catalog import STRATEGIES
from training.compare.comparison import Comparison, Row
from training.compare.contests import Group
from training.evaluation.stats import wilson
from training.report import comparison_figures

DRAW = (
    comparison_figures.scoreboard,
    lambda one: comparison_figures.trade_off(one, "seconds"),
    lambda one: comparison_figures.trade_off(one, "params"),
)


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
    row("full", 268, 900, 3_383_818, label="<b>Full</b> fine-tuning"),
)


def texts(html: str) -> list[str]:
    """What is written in a picture, in order."""
    return [text for node in ElementTree.fromstring(html).iter() if (text := (node.text or "").strip())]


def places(html: str, cost_axis: str) -> dict[str, float]:
    """Run -> position of its dot on an axis, in percent."""
    root = ElementTree.fromstring(html)
    found = {}
    for group in (one for one in root.iter("g") if one.get("class") == "s-dot"):
        title, dot = group.find("title"), group.find("svg")
        assert title is not None and title.text and dot is not None
        found[title.text.split(":")[0]] = float(str(dot.get(cost_axis)).rstrip("%"))
    return found


@pytest.mark.parametrize("draw", DRAW)
def test_names_are_escaped_and_everything_is_on_one_line(draw):
    html = draw(FULL)
    assert "<b>Full</b>" not in html and "&lt;b&gt;Full" in html
    assert "\n" not in html  # a newline would end the HTML block inside Markdown
    ElementTree.fromstring(html)


@pytest.mark.parametrize("draw", DRAW)
def test_runs_without_a_result_are_not_drawn(draw):
    assert draw(comparison(row("full", None), row("partial", None))) == ""


def test_scoreboard_is_ranked_with_intervals_in_the_strategies_colours():
    html = comparison_figures.scoreboard(FULL)
    said = texts(html)
    names = [name for name in said if name in ("Linear probe", "Partial fine-tuning", "<b>Full</b> fine-tuning")]
    assert names == ["Partial fine-tuning", "<b>Full</b> fine-tuning", "Linear probe"]
    assert "95% (92–97)" in said
    assert html.index(STRATEGIES["partial"].colour) < html.index(STRATEGIES["linear_probe"].colour)
    assert said[-1] == "test accuracy, with its 95% interval"


def test_seeds_of_one_strategy_share_a_line_of_the_scoreboard_and_are_all_seen():
    rows = [replace(row("partial", correct), run_id=f"seed{i}") for i, correct in enumerate((250, 275, 285))]
    together = Group("Partial fine-tuning", "partial", ("seed0", "seed1", "seed2"), wilson(275, 289), 0.02)
    html = comparison_figures.scoreboard(replace(comparison(*rows), groups=(together,)))
    ticks = re.findall(r'x1="([0-9.]+)%"[^>]*><title>one seed: ([0-9.]+)%', html)
    assert [value for _, value in ticks] == ["86.5", "95.2", "98.6"]
    assert 0 < float(ticks[0][0]) < float(ticks[1][0]) < float(ticks[2][0]) < 100  # none is cut off by the axis
    assert "a small tick is one seed" in html


def test_dots_stand_where_cost_and_accuracy_put_them_on_a_log_axis():
    html = comparison_figures.trade_off(FULL, "seconds")
    x, y = places(html, "x"), places(html, "y")
    assert x["Linear probe"] < x["Partial fine-tuning"] < x["<b>Full</b> fine-tuning"]
    ratio = (x["Partial fine-tuning"] - x["Linear probe"]) / (x["<b>Full</b> fine-tuning"] - x["Partial fine-tuning"])
    assert ratio == pytest.approx(1.666, abs=0.01)  # log(160 / 9) / log(900 / 160)
    assert y["Partial fine-tuning"] < y["<b>Full</b> fine-tuning"] < y["Linear probe"]  # the best is the highest
    assert {"10 s", "1 min", "10 min"} <= set(texts(html))


def test_the_front_joins_the_runs_that_no_other_beats():
    cheap_and_bad, dear_and_worse = row("prototype", 200, 5, 10), row("scratch", 190, 500, 4_000_000)
    html = comparison_figures.trade_off(comparison(*FULL.rows[:2], cheap_and_bad, dear_and_worse), "params")
    corners = set(re.findall(r'class="thaw-front" x1="([0-9.]+)%"', html))
    at = places(html, "x")
    front = [STRATEGIES[kind].title for kind in ("prototype", "linear_probe", "partial")]
    assert {float(one) for one in corners} == {at[name] for name in front}
    assert "10 k" in texts(html)
    said = comparison_figures.pareto_in_words(FULL, "seconds")
    assert said.startswith("Pareto front, from cheap to accurate: Linear probe (9 s), Partial fine-tuning (2 min")


def test_an_accuracy_on_the_target_is_called_so():
    adapted = replace(FULL, target="1" * 16)
    assert "accuracy on the target, with its 95% interval" in comparison_figures.scoreboard(adapted)
    assert "accuracy on the target" in comparison_figures.trade_off(adapted, "seconds")

"""The learning-rate range test on the Train page: drawn from its file, and silent without a readable one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from core.types import DatasetRef
from tests.support.seeding import finished_run, words
from tests.ui.conftest import Open
from training.store.store import Store
from ui.train import range_test

GOOD: dict[str, Any] = {
    "lrs": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1], "losses": [0.7, 0.65, 0.4, 0.5, 90.0], "suggestion": 1.2e-3, "used": 2e-3,
    "diverged_at": 0.1,
}  # fmt: skip


def written(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lr_range.json"
    path.write_text(content, encoding="utf-8")
    return path


def test_the_chart_marks_both_rates_and_is_not_flattened_by_divergence(tmp_path: Path) -> None:
    test = range_test.read(written(tmp_path, json.dumps(GOOD)))
    assert test is not None
    figure = range_test.draw(test)
    assert figure.layout.xaxis.type == "log"
    assert list(figure.data[0].y) == GOOD["losses"]
    assert [shape.x0 for shape in figure.layout.shapes] == [1.2e-3, 2e-3]
    assert len({shape.line.dash for shape in figure.layout.shapes}) == 2, "told apart without colour"
    # An annotation on a log axis stands at the logarithm.
    assert [(a.text, a.x) for a in figure.layout.annotations] == [
        ("suggested 1.2e-3", math.log10(1.2e-3)), ("used 2e-3", math.log10(2e-3))
    ]  # fmt: skip
    assert [a.xanchor for a in figure.layout.annotations] == ["right", "left"], "apart, however close the lines are"
    assert figure.layout.yaxis.range[1] < 2
    assert range_test.in_words(test) == (
        "Loss at rates from 1e-5 to 1e-1, measured before training; it suggests 1.2e-3; this run uses 2e-3; the loss"
        " diverges at 1e-1."
    )


def test_points_that_are_not_finite_and_rates_not_found_are_left_out(tmp_path: Path) -> None:
    losses = [0.7, 0.6, 0.5, math.nan, None]
    test = range_test.read(written(tmp_path, json.dumps({**GOOD, "losses": losses, "suggestion": None})))
    assert test is not None
    assert test.lrs == (1e-5, 1e-4, 1e-3)
    assert "suggests" not in range_test.in_words(test)
    assert len(range_test.draw(test).layout.shapes) == 1


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", json.dumps({**GOOD, "lrs": [1e-3]}), json.dumps({**GOOD, "losses": "abcde"}),
     json.dumps({**GOOD, "lrs": [0, -1, 0, 0, 0]}), json.dumps({**GOOD, "used": [1]})],
)  # fmt: skip
def test_an_unreadable_file_shows_nothing(
    content: str, open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    job = finished_run(store, dataset, "partial")
    written(store.home / "runs" / job.id, content)
    at = open_page("train", run=job.id)
    assert [fold.label for fold in at.expander] == ["The plan of this run"]


def test_the_page_has_a_fold_only_for_a_run_with_a_range_test(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    job = finished_run(store, dataset, "partial")
    assert [fold.label for fold in open_page("train", run=job.id).expander] == ["The plan of this run"]
    written(store.home / "runs" / job.id, json.dumps(GOOD))
    at = open_page("train", run=job.id)
    assert [fold.label for fold in at.expander] == ["Learning-rate range test", "The plan of this run"]
    assert "it suggests 1.2e-3; this run uses 2e-3" in words(at)
    assert len(at.get("plotly_chart")) == 1

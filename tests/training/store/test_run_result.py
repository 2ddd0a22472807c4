"""What a run came to, typed: old results are read, what contradicts itself or has another type is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import PlanError, ThawError, Unreadable
from core.plans import to_json
from training.store.run_result import Answered, RunResult, Stage
from training.store.store import Store


def read(data: dict[str, Any]) -> RunResult:
    return RunResult.read(data, "The result of run 'ab12cd34'")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    result = RunResult(
        val_accuracy=0.5, test_accuracy=0.75, test_correct=3, test_total=4, predictions="runs/x/test_predictions.csv",
        arithmetic={"frozen": "fp32-nchw"}, lineage=(Stage("", "ImageNet"), Stage("ab12cd34", "photos", "full", 0.5)),
    )  # fmt: skip
    store = Store(tmp_path)
    job = store.create_job("train", "d", {})
    store.claim_next()
    store.finish(store.job(job.id), to_json(result))
    assert RunResult.of(store.job(job.id)) == result
    assert result.on("test") == Answered(3, 4, "runs/x/test_predictions.csv")
    assert result.on("target") is None


def test_a_run_without_a_result_has_nothing(tmp_path: Path) -> None:
    assert RunResult.of(Store(tmp_path).create_job("train", "d", {})) == RunResult()


def test_results_of_older_versions_are_read() -> None:
    assert read({"test_accuracy": 0.5, "test_correct": 1, "test_total": 2, "precision": "float32"}).test_total == 2
    assert read({"seconds": 12, "test_total": 0, "test_correct": 0, "test_accuracy": None}).on("test") is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"test_correct": "3"}, " at 'test_correct': expected int | null, got str."),
        ({"seconds": [1.0]}, " at 'seconds': expected float | null, got array."),
        ({"arithmetic": {"threads": 2}}, " at 'arithmetic[...]': expected str, got int."),
        ({"lineage": [{"run_id": "a"}]}, " at 'lineage[0].dataset': it is missing."),
        ({"accuracy": 0.5}, " at 'accuracy': no such field is known."),
        ({"test_correct": 5, "test_total": 4}, ": test_correct is 5 of test_total 4."),
        ({"test_accuracy": 0.5, "test_correct": 3, "test_total": 4}, ": test_accuracy is 0.5, but 3 of 4 were right."),
        ({"val_accuracy": 1.5}, ": val_accuracy is a fraction from 0 to 1, not 1.5."),
    ],
)
def test_what_cannot_be_is_refused_by_name(data: dict[str, Any], why: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(json.loads(json.dumps(data)))
    assert str(refused.value) == (
        f"The result of run 'ab12cd34' is not what this version of Thaw can read{why} "
        "It was damaged or written by another version: train it again."
    )


def test_a_contradiction_is_refused_where_it_is_made() -> None:
    with pytest.raises(ThawError, match="test_correct is 5 of test_total 4"):
        RunResult(test_correct=5, test_total=4)
    with pytest.raises(PlanError, match="Its result is not what"):
        RunResult.read({"seconds": "x"}, "Its result", error=PlanError)

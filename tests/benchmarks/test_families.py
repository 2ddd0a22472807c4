"""What the table of families counts as a refusal, and what as a third outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import families
from core.errors import PlanError
from training.store.store import Store


def outcome(home: Path, error: str, trains: bool) -> str:
    """Of a job that ended with this error."""
    store = Store(home)
    store.create_job("train", "", {}, noun="Run")
    claimed = store.claim_next()
    assert claimed is not None
    return families.refused_or("net", lambda: store.fail(claimed, error), trains)


@pytest.mark.parametrize(
    ("error", "trains", "said"),
    [
        ("net cannot be written as ONNX.", False, "refused: net cannot be written as ONNX."),
        ("Another sentence.", False, "FAILED: Another sentence."),
        ("The worker met an unexpected TypeError: net", False, "FAILED: The worker met an unexpected TypeError: net"),
        ("net cannot be trained.", True, "FAILED: net cannot be trained."),
    ],
)
def test_a_refusal_names_the_network_and_comes_before_anything_is_trained(
    home: Path, error: str, trains: bool, said: str
) -> None:
    assert outcome(home, error, trains) == said


def test_a_plan_may_refuse_by_name() -> None:
    def refuse() -> None:
        raise PlanError("net is built for one side of its images.")

    assert families.refused_or("net", refuse).startswith("refused: net is")  # type: ignore[arg-type]


def test_the_table_counts_every_kind_of_outcome() -> None:
    steps = dict.fromkeys(families.STEPS, "ok")
    nets = {"a": steps, "b": {"add": "refused: b has no features."}, "c": {**steps, "full": "FAILED: it broke"}}
    text = families.table(
        [{"model": name, "module": "m", "seconds": 1.0, "outcomes": said} for name, said in nets.items()]
    )
    assert "3 networks of 1 modules: 1 work in everything, 1 are refused by name" in text and ", 1 did anything" in text
    assert "refused: b has no features." in text and "9 ok; full: FAILED: it broke" in text

"""What the benchmark of averaging makes of answers: how they are judged, and which way validation would have taken."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.averaging import _judged, table


def test_answers_are_judged_by_their_loss_and_by_who_is_right() -> None:
    sure, half = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), np.array([[0.5, 0.5], [0.4, 0.6]], np.float32)
    labels = {"val": np.array([0, 1]), "test": np.array([0, 0])}
    found = _judged({"val": sure, "test": half}, labels)
    assert found["val_loss"] == pytest.approx(-(np.log(0.9) + np.log(0.8)) / 2)
    assert (found["val"], found["test"]) == (1.0, 0.5)


def test_the_table_takes_what_validation_says_and_not_what_the_test_would() -> None:
    def way(val_loss: float, test: float) -> dict[str, float]:
        return {"val_loss": val_loss, "val": 0.9, "test": test}

    ways = {
        "0": way(0.5, 0.80), "0.25": way(0.4, 0.99), "0.5": way(0.3, 0.85), "0.75": way(0.2, 0.91),
        "1": way(0.25, 0.90), "beside": way(0.24, 0.88), "start + trained": way(0.3, 0.89),
        "trained + beside": way(0.26, 0.95),
    }  # fmt: skip
    text = table([{"data": "bees", "seed": 0, "strategy": "partial", "minutes": 1.0, "ways": ways}])
    assert "| bees | partial | 1 | 0 | 80.0 | 90.0 | 85.0 (-5.0) | 91.0 (+1.0) | 89.0 (-1.0) | 88.0 (-2.0) |" in text
    assert "95.0 (+5.0) | 88.0 (-2.0) |" in text, "the better one on validation is taken"
    assert "- by validation: +1.00 points, worse in 0 of 1" in text

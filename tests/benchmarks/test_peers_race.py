"""How many epochs a peer gets, and when the race has won."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import peers_race


def line(seconds: float, training_seconds: float) -> dict[str, float]:
    return {"seconds": seconds, "training_seconds": training_seconds}


@pytest.mark.parametrize(
    ("trace", "seconds", "epochs"),
    [
        ([line(16, 10)], 60, 5),  # 6 s of imports, 10 an epoch
        ([line(12, 6), line(22, 16)], 60, 4),  # the first epoch is made once
        ([line(12, 6), line(22, 16)], 62, 5),
        ([line(50, 44)], 60, 1),
        ([line(90, 84)], 60, 1),  # at least one is made
    ],
)
def test_as_many_epochs_as_fit(trace: list[dict[str, float]], seconds: float, epochs: int) -> None:
    assert peers_race.that_fit(trace, seconds) == epochs


def run(arm: str, right: str, **more: Any) -> dict[str, Any]:
    """right: '1' for an image that was answered rightly."""
    answers = {f"{number}.png": one == "1" for number, one in enumerate(right)}
    accuracy = right.count("1") / len(right) if right else None
    return {
        "data": "bees", "minutes": 1.0, "arm": arm, "test_accuracy": accuracy, "right": answers, "seconds": 58.0,
        "state": "finished", "error": None, "epochs": 3, **more,
    }  # fmt: skip


def test_a_win_is_more_than_luck_on_the_same_images() -> None:
    better, worse = run("race", "1" * 10), run("plain", "1111" + "0" * 6)
    assert peers_race.verdict(better, worse) == "win"
    assert peers_race.verdict(worse, better) == "loss"
    assert peers_race.verdict(better, run("plain", "1" * 5 + "0" * 5)) == "tie" == peers_race.verdict(worse, worse)
    assert peers_race.verdict(better, run("plain", "1" * 9)) == ""


def test_the_table_counts_verdicts_and_keeps_failures() -> None:
    failed = run("plain", "", state="failed", error="No memory.", seconds=5.0)
    rungs = [{"strategy": "partial", "val_accuracy": 0.9, "run_id": "a", "backbone": "efficientnet_lite2"}]
    text = peers_race.table([run("race", "1" * 10, rungs=rungs, run_id="a"), failed, run("fastai", "1111" + "0" * 6)])
    assert "- the race beside fastai: 1 win of 1; +60.0 points on average" in text
    assert "- the race beside plain: 1 not comparable of 1; nothing to compare" in text
    row = "| bees | 1 | 100.0 | 58 | partial of efficientnet_lite2 90.0 % * | failed: No memory. | 5 | 3 |  | 40.0 |"
    assert f"{row} 58 | 3 | win |" in text

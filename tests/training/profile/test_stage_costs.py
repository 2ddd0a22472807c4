"""Training is timed again where other programs took the machine, and what is shortest counts."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from core.types import StageCost
from training.machine.others import Others
from training.profile import stage_costs

SPIN = "import time\nend = time.time() + 20\nwhile time.time() < end: pass"


@pytest.mark.parametrize(
    ("shares", "times", "share"),
    [([0.05], 1, 0.05), ([0.6, 0.02], 2, 0.02), ([0.6, 0.7], 2, 0.6)],
)
def test_a_busy_machine_is_timed_again(
    monkeypatch: pytest.MonkeyPatch, shares: list[float], times: int, share: float
) -> None:
    left: Iterator[float] = iter(shares)
    measured: list[float] = []

    class Told(Others):
        def __exit__(self, *_: object) -> None:
            self.share = next(left)

    def costs(bench: Any, forward_s: float | None) -> tuple[StageCost, ...]:
        measured.append(0.0)
        first = len(measured) == 1
        return (StageCost(0, 0.0, 0.2 if first else 0.1, 0.03 if first else 0.04, 10, 20),)

    monkeypatch.setattr(stage_costs, "Others", Told)
    monkeypatch.setattr(stage_costs, "stage_costs", costs)
    found, others = stage_costs.quietest(SimpleNamespace(device=torch.device("cpu")), None)  # type: ignore[arg-type]
    assert (len(measured), others) == (times, share)
    assert found == (StageCost(0, 0.0, 0.1 if times == 2 else 0.2, 0.03, 10, 20),)


def test_what_other_programs_take_is_told_from_ones_own_work() -> None:
    with Others() as own:
        end = time.perf_counter() + 0.8
        while time.perf_counter() < end:
            sum(range(1000))
    child = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        time.sleep(0.3)
        with Others() as others:
            time.sleep(1.0)
    finally:
        child.kill()
        child.wait()
    cores = psutil.cpu_count() or 1
    assert others.share > own.share + 0.5 / cores or others.share > 0.9


def test_what_is_too_short_to_tell_is_nothing() -> None:
    with Others() as others:
        pass
    assert others.share == 0.0

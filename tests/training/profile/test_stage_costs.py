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


@pytest.mark.parametrize(
    ("passed", "idle", "own", "share"),
    [(2.0, 1.0, 3.0, 0.0), (2.0, 1.0, 1.0, 0.5), (2.0, 0.0, 0.0, 1.0), (0.1, 0.0, 0.0, 0.0)],
)
def test_what_is_neither_idle_nor_ones_own_others_take(
    monkeypatch: pytest.MonkeyPatch, passed: float, idle: float, own: float, share: float
) -> None:
    """Seconds of two CPUs; what is too short is nothing."""
    told = iter([(10.0, 5.0, 7.0), (10.0 + passed, 5.0 + idle, 7.0 + own)])
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    monkeypatch.setattr(Others, "_now", lambda self: next(told))
    with Others() as others:
        pass
    assert others.share == pytest.approx(share)


def test_a_program_that_works_is_seen() -> None:
    child = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        time.sleep(0.3)
        with Others() as others:
            time.sleep(1.0)
    finally:
        child.kill()
        child.wait()
    assert others.share > 0.3 / (psutil.cpu_count() or 1)

"""What a training process frees stays with it; seen as the system counts it, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
FAULTS = """
import resource, sys
import numpy as np
{first}
def once():
    block = np.ones(25_000_000)  # 200 MB, every page of it written
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    del block
    block = np.ones(25_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
once()
print(once())
"""


def faults(first: str) -> int:
    """Pages that the system had to hand out for 200 MB that this process had just freed."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first=first)], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is asked")
def test_it_can_let_go_between_two_pieces_of_work() -> None:
    held = """
import psutil
from training.machine import allocation, shrinking
allocation.keep_freed()
blocks = [b"x" * (1_000_000 + n) for n in range(400)]
blocks[:-1] = []
before = psutil.Process().memory_info().rss
shrinking.give_back()
print(before - psutil.Process().memory_info().rss)
"""
    done = subprocess.run([sys.executable, "-c", held], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 300_000_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is asked")
@pytest.mark.parametrize("first", ["from training.machine import allocation; assert allocation.keep_freed()",
                                   "import training.machine.devices"])  # fmt: skip
def test_a_process_that_trains_has_what_it_freed_at_once(first: str) -> None:
    assert faults(first) < 100
    assert faults("") > 100, "else the C library keeps it anyway, and this room is not needed any more"


def test_elsewhere_it_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.machine import allocation

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not allocation.keep_freed() and not allocation.let_go()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(allocation.ctypes, "CDLL", lambda name: object())
    assert not allocation.keep_freed() and not allocation.let_go()

"""What a worker is said to take is what it takes: counted tensors, sampled peaks, and the machine's own figures."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from torch import nn

from advisor.planning.costs import Sizes
from advisor.planning.memory import (
    ACCELERATED_EVAL_BATCH,
    ACCELERATED_PASS_BATCH,
    EVAL_BATCH,
    PASS_BATCH,
    forecast_bytes,
)
from advisor.planning.options import Options
from advisor.planning.strategies import plan
from core.plans import RunConfig, to_json
from core.zoo import catalog
from dataset.ingest.sources import import_path
from training.caches import frozen_pass, inputs
from training.jobs.executor import executor
from training.machine import memory
from training.machine.peak_memory import peak_of
from training.store.records import Job
from training.store.store import Store

ROOT = Path(__file__).resolve().parents[3]
MEGA = 2**20


def test_live_bytes_counts_what_is_alive_at_once() -> None:
    def work() -> None:
        first = torch.zeros(MEGA)  # 4 MiB
        second = first + 1
        del first
        third = second * 2
        third.mul_(3)  # in place: nothing new
        third.view(-1)

    assert peak_of(work) == 8 * MEGA


def test_live_bytes_counts_what_backward_keeps() -> None:
    """Ten squarings of 1 MiB keep their inputs; without gradients two tensors are alive at a time."""
    start = torch.ones(MEGA // 4, requires_grad=True)

    def chain() -> None:
        x = start
        for _ in range(10):
            x = x.square()
        if x.requires_grad:
            x.sum().backward()

    with torch.no_grad():
        assert peak_of(chain) == 2 * MEGA
    assert 10 * MEGA <= peak_of(chain) < 14 * MEGA


def test_live_bytes_of_a_network_grow_with_the_batch_alone() -> None:
    net = nn.Sequential(nn.Linear(100, 400), nn.ReLU(), nn.Linear(400, 10))

    def step(batch: int) -> int:
        net.zero_grad(set_to_none=True)
        return peak_of(lambda: net(torch.zeros(batch, 100)).sum().backward())

    few, many = step(1000), step(2000)
    per_image = (many - few) / 1000
    assert 4 * (100 + 400 + 400) <= per_image <= 4 * (100 + 4 * 400 + 30)


# Each in a process of its own: pytest's own memory grows and shrinks by as much as is looked for.
PEAK = """
from training.machine import memory
import numpy as np
peak, before = memory.Peak(), memory.process_bytes()
block = np.ones(64 << 20, np.uint8)
peak.sample()
del block
print(before, peak.bytes(), memory.process_bytes())
"""
MAPPED = """
from training.machine import memory
import numpy as np, sys
before = memory.process_bytes()
mapped = np.load(sys.argv[1], mmap_mode="r")
assert int(mapped.sum()) == 64 << 20
print(before, memory.process_bytes())
"""


def figures_of(script: str, *arguments: str) -> list[int]:
    """What a fresh process prints."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(memory.process_bytes() is None, reason="this system does not tell what a process takes")
def test_the_peak_is_seen_and_kept() -> None:
    before, highest, after = figures_of(PEAK)
    assert highest >= before + 60 * MEGA
    assert after < highest - 60 * MEGA


@pytest.mark.skipif(memory.process_bytes() is None, reason="this system does not tell what a process takes")
def test_memory_mapped_files_do_not_count(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones(64 * MEGA, np.uint8))
    before, after = figures_of(MAPPED, str(tmp_path / "x.npy"))
    assert after < before + 32 * MEGA


@pytest.mark.parametrize(
    ("system", "told", "bytes"),
    [
        ("Linux, of which 100 bytes are swapped out", {"rss": 900, "vms": 4000, "shared": 300, "swap": 100}, 700),
        ("Windows", {"rss": 900, "vms": 4000, "private": 800}, 800),
        ("macOS, where mapped files cannot be told apart", {"rss": 900, "vms": 4000}, None),
    ],
)
def test_only_anonymous_memory_counts_and_none_is_invented(
    monkeypatch: pytest.MonkeyPatch, system: str, told: dict[str, int], bytes: int | None
) -> None:
    for name in ("memory_info", "memory_full_info"):
        monkeypatch.setattr(psutil.Process, name, lambda _: SimpleNamespace(**told))
    peak = memory.Peak()
    peak.sample()
    assert (memory.process_bytes(), peak.bytes()) == (bytes, bytes), system


def test_a_process_that_has_ended_takes_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert memory.process_bytes(child.pid) is None


def test_a_container_has_less_than_its_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8_000_000, available=6_000_000))
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.available_bytes() == 6_000_000
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("4000000\n")
    (tmp_path / "memory.stat").write_text("anon 3000000\nfile 1000000\n")
    assert memory.available_bytes() == 6_000_000
    (tmp_path / "memory.max").write_text("5000000\n")
    assert memory.available_bytes() == 2_000_000


def test_the_forecast_judges_in_the_engines_batches() -> None:
    assert (EVAL_BATCH, ACCELERATED_EVAL_BATCH, PASS_BATCH, ACCELERATED_PASS_BATCH) == (
        inputs.EVAL_BATCH, inputs.ACCELERATED_EVAL_BATCH, frozen_pass.BATCH, frozen_pass.ACCELERATED_BATCH,
    )  # fmt: skip


@pytest.mark.skipif(memory.process_bytes() is None, reason="this system does not tell what a process takes")
def test_a_workers_measured_peak_is_near_its_forecast(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    """A real profile and a real run of the small MLP: what they take is nearly all the worker itself."""
    ref = import_path(image_folder(tmp_path / "shapes", classes=("round", "square"), per_class=20), home)
    store, card = Store(home), catalog.backbone("mlp")

    def done(job: Job) -> Job:
        executor(home).submit(job.id)
        deadline = time.monotonic() + 90
        while store.job(job.id).active and time.monotonic() < deadline:
            time.sleep(0.05)
        ended = store.job(job.id)
        assert ended.state == "finished", ended.error
        return ended

    done(store.create_job("profile", ref.id, {"backbone": "mlp"}))
    facts = store.facts(ref.id, "mlp")
    assert facts is not None and facts.memory is not None
    strategy = plan("scratch", card, train_images=32, classes=2, options=Options(epochs=2))
    run = done(store.create_job("train", ref.id, to_json(RunConfig(ref.id, strategy))))
    assert run.result is not None
    measured = run.result["peak_memory_bytes"]
    forecast = forecast_bytes(strategy, card, Sizes.of(32, 8, 2), facts)
    assert forecast is not None
    assert 0.8 < forecast / measured < 1.2

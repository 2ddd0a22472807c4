"""What killed processes leave in a home goes, an hour later; what somebody may still need stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import processes
from dataset.ingest import uploads
from training.jobs import leftovers
from training.store.store import Store

DEAD = 2**22 + 1  # above what Linux gives
LEFT = {
    "a small file of a version that named no place": "runs/ab12cd34/.best.safetensors.{pid}-0a1b2c3d.part",
    "a small file": f"runs/ab12cd34/.best.safetensors.{{pid}}-{processes.place()}0a1b2c3d.part",
    "an export": "runs/ab12cd34/export.{pid}.tmp/model.onnx",
    "the export before": "runs/ab12cd34/export.{pid}.old/model.onnx",
    "a look into a run": "runs/ab12cd34/explained.{pid}.tmp/maps/1.jpg",
    "an import": "datasets/.staging-{pid}-0a1b2c3d/images/cat/1.jpg",
    "decoded images": "cache/0123456789abcdef/pixels-256.{pid}.tmp/pixels.npy",
    "frozen features": "cache/0123456789abcdef/prefix-x/boundary8-view0.npy.{pid}.part",
    "weights": "backbones/resnet50.{pid}.part.safetensors",
    "a download": "public/eurosat.{pid}.tmp/eurosat.zip",
    "a zip for a browser": "downloads/tmpx1y2.{pid}.tmp",
    "an unpacked bundle": "downloads/tmpx1y2.{pid}.tmp/bundle.json",
    "an upload on its way out": "uploads/.0123456789abcdef.{pid}-0a1b2c3d.part/files/1.jpg",
}
"""What is left -> a file of it."""


def lay(home: Path, name: str, pid: int, age_s: float) -> Path:
    """One leftover of that age; the entry that carries the process in its name."""
    file = home / name.format(pid=pid)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    entry = next(one for one in (file, *file.parents) if str(pid) in one.name)
    for path in (file, entry):
        os.utime(path, (time.time() - age_s,) * 2)
    return entry


@pytest.mark.parametrize("what", LEFT)
def test_leftovers_of_dead_processes_go_after_an_hour(home: Path, what: str) -> None:
    store = Store(home)
    store.jobs()
    left = lay(home, LEFT[what], DEAD, leftovers.EVERY_S + 60)
    assert leftovers.sweep(store) == [left]
    assert not left.exists()
    assert left.parent.exists()
    young, in_use = lay(home, LEFT[what], DEAD, 60), lay(home, LEFT[what], os.getpid(), 10 * leftovers.EVERY_S)
    assert leftovers.sweep(store) == []
    assert young.exists() and in_use.exists()


def test_nothing_else_is_taken_for_a_leftover(home: Path) -> None:
    kept = [
        "runs/ab12cd34/best.safetensors", "runs/ab12cd34/checkpoint.pt", "logs/ab12cd34.log", "machine.json",
        f"datasets/0123456789abcdef/images/cat/photo.{DEAD}.tmp", f"uploads/0123456789abcdef/files/a.{DEAD}.old",
        "backbones/resnet50.download/model.safetensors", "spares/12.0a1b2c3d4e5f.free",
    ]  # fmt: skip
    for name in kept:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    assert leftovers.sweep(Store(home)) == []
    assert all((home / name).exists() for name in kept)


def test_uploads_that_nobody_came_back_for_go_unless_one_waits_to_be_imported(home: Path) -> None:
    store = Store(home)
    names = [uploads.open_upload(home) for _ in range(3)]
    for name in names[:2]:
        os.utime(home / "uploads" / name, (time.time() - uploads.KEPT_S - 60,) * 2)
    store.create_job("import", "", {"source": f"upload:{names[0]}"}, lane="import")
    assert [path.name for path in leftovers.sweep(store)] == [names[1]]
    assert sorted(path.name for path in (home / "uploads").iterdir()) == sorted([names[0], names[2]])


def test_a_home_is_looked_through_once_an_hour_by_whoever_comes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, now = Store(home), processes.steady()
    store.jobs()
    left = lay(home, LEFT["an export"], DEAD, leftovers.EVERY_S + 60)
    assert leftovers.sweep_hourly(store) == [left]
    lay(home, LEFT["an export"], DEAD, leftovers.EVERY_S + 60)
    assert leftovers.sweep_hourly(store) == []
    monkeypatch.setattr(leftovers, "_looked", {})  # another process
    assert leftovers.sweep_hourly(store) == []
    os.utime(home / leftovers.STAMP, (time.time() + 10 * leftovers.EVERY_S,) * 2)  # the clock was set back since
    monkeypatch.setattr(processes, "steady", lambda: now + leftovers.EVERY_S + 60)
    assert leftovers.sweep_hourly(store) == [left]


def test_a_terminal_that_starts_sweeps(home: Path) -> None:
    Store(home).jobs()
    left = lay(home, LEFT["an export"], DEAD, leftovers.EVERY_S + 60)
    subprocess.run([sys.executable, "-m", "training", "runs"], check=True, capture_output=True)
    assert not left.exists()

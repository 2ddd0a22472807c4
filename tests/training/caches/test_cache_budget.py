"""Caches keep inside their budget, are never taken from under a living process, and can be seen and cleared."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import portalocker
import pytest
import torch

from core.errors import NotFound, PlanError, StateError
from tests.support.terminal import Said, say
from tests.support.toys import task
from training.backbones.backbone import build
from training.caches import budget, prefix
from training.caches.prefix import PrefixCache
from training.store.store import Store

CPU = torch.device("cpu")
ROWS = np.arange(300)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / "cache"


def cache(root: Path, dataset: str = "data", weights: str = "w") -> PrefixCache:
    """Features of 300 vectors: 64 bytes a row at boundary 1, so some 20 kB a view."""
    backbone = build("mlp", 5, inputs=10)
    backbone.weights_id = weights
    return PrefixCache(backbone, task(), CPU, "fp32", root / dataset)


FEATURES = cache(Path("cache")).folder.name  # type: ignore[union-attr]


def filled(root: Path, dataset: str = "data", weights: str = "w", view: int = 0) -> None:
    """A run that computed the features at boundary 1 and has ended."""
    one = cache(root, dataset, weights)
    one.fill([1], ROWS, view)
    one.close()


def stored(root: Path) -> set[str]:
    """'data/<FEATURES>/boundary1-view0', ... of everything that is there."""
    return {str(path.relative_to(root)).removesuffix(".done.npy") for path in root.glob(budget.PARTS)}


def used_at(root: Path, name: str, when: float) -> None:
    os.utime(root / f"{name}.done.npy", (when, when))


def limit(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    monkeypatch.setenv(budget.LIMIT_GB, str(size / 1e9))


def pair(root: Path) -> int:
    """Bytes on disk of one stored boundary."""
    return next(size.bytes for size in budget.sizes(root.parent) if size.kind == "frozen features")


def test_the_oldest_unused_goes_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for dataset in ("old", "older", "newest"):
        filled(root, dataset)
    one = pair(root)
    for age, dataset in ((200, "old"), (300, "older"), (100, "newest")):
        used_at(root, f"{dataset}/{FEATURES}/boundary1-view0", time.time() - age)
    limit(monkeypatch, 2.5 * one)
    filled(root, "older", view=1)
    # 'older' was opened again just now for its new view, but its old one was not
    assert stored(root) == {f"newest/{FEATURES}/boundary1-view0", f"older/{FEATURES}/boundary1-view1"}


def test_opening_counts_as_use(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, dataset in ((300, "a"), (200, "b")):
        filled(root, dataset)
        used_at(root, f"{dataset}/{FEATURES}/boundary1-view0", time.time() - age)
    again = cache(root, "a")
    again.read(1, ROWS, 0)
    again.close()
    limit(monkeypatch, 1.5 * pair(root))
    budget.make_room(root, 0)
    assert stored(root) == {f"a/{FEATURES}/boundary1-view0"}


def test_what_is_open_stays_though_it_is_the_oldest(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(root, "open")
    reader = cache(root, "open")
    before = reader.read(1, ROWS, 0)
    filled(root, "closed")
    used_at(root, f"open/{FEATURES}/boundary1-view0", 1.0)
    limit(monkeypatch, 0)
    assert budget.make_room(root, 0) > 0
    assert stored(root) == {f"open/{FEATURES}/boundary1-view0"}
    assert torch.equal(reader.read(1, ROWS, 0), before)
    reader.close()
    budget.make_room(root, 0)
    assert stored(root) == set()


HOLDER = """
import sys
from pathlib import Path
from training.caches import budget as caches
held = caches.hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_process(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has 'held' open."""
    filled(root, "held")
    marks = root / f"held/{FEATURES}/boundary1-view0.done.npy"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(marks)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_another_process_keeps_its_caches_until_it_is_killed(
    root: Path, other_process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, 100_000)
    held = pair(root)
    mine = cache(root, "mine")
    assert mine.room() == 100_000 - held, "what somebody else has open cannot be had"
    assert budget.make_room(root, 10**9) == 0
    other_process.kill()
    other_process.wait()
    assert mine.room() == 100_000
    assert budget.make_room(root, 10**9) == held


def test_several_may_hold_the_same_caches(root: Path, other_process: subprocess.Popen[str]) -> None:
    held = budget.hold(root / f"held/{FEATURES}/boundary1-view0.done.npy")
    other_process.kill()
    other_process.wait()
    assert budget.make_room(root, 10**12) == 0
    held.close()
    assert budget.make_room(root, 10**12) > 0


CHANGER = """
import sys
from pathlib import Path
from training.caches import budget as caches
with caches.changing(Path(sys.argv[1])):
    print("changing", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_changes_what_is_cached_until_it_is_killed(root: Path) -> None:
    command = [sys.executable, "-c", CHANGER, str(root)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    by_output = {process.stdout: process for process in processes}
    (inside,), _, _ = select.select(list(by_output), [], [], 60)
    (waiting,) = by_output.keys() - {inside}
    assert select.select([waiting], [], [], 0.5)[0] == [], "both are at it"
    by_output[inside].kill()
    assert by_output[waiting].communicate()[0] == b"changing\n"
    by_output[inside].communicate()


def test_a_system_that_waits_for_no_lock_for_long_is_asked_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = portalocker.lock, []

    def lock(file: IO[bytes], flags: portalocker.LockFlags) -> None:
        tries.append(flags)
        if len(tries) < 3:
            raise portalocker.AlreadyLocked(fh=file)
        real(file, flags)

    monkeypatch.setattr(portalocker, "lock", lock)
    with budget.changing(root):
        assert len(tries) == 3


def test_what_cannot_fit_is_not_cached_and_the_reason_is_a_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = cache(root)
    limit(monkeypatch, 64 * 300)
    assert one.why_not(1, 300) is None
    limit(monkeypatch, 64 * 300 - 1)
    said = one.why_not(1, 300)
    assert said is not None
    assert "'hidden 2'" in said and "computed again in every epoch" in said and "THAW_CACHE_GB" in said


def test_the_default_is_a_third_of_the_free_disk_but_at_most_20_gb(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(root)
    taken = pair(root)
    monkeypatch.delenv(budget.LIMIT_GB, raising=False)
    usage = budget.shutil.disk_usage(root)
    monkeypatch.setattr(budget.shutil, "disk_usage", lambda _: usage._replace(free=9 * 10**9))
    assert budget.budget(root) == (9 * 10**9 + taken) // 3, "what the caches take already does not shrink the budget"
    monkeypatch.setattr(budget.shutil, "disk_usage", lambda _: usage._replace(free=10**12))
    assert budget.budget(root) == 20 * 10**9
    monkeypatch.setenv(budget.LIMIT_GB, "500")
    monkeypatch.setattr(budget.shutil, "disk_usage", lambda _: usage._replace(free=3 * 10**9))
    assert budget.budget(root) == 2 * 10**9 + taken, "the disk is never filled to the brim"


@pytest.mark.parametrize("said", ["much", "-1", "nan", "inf"])
def test_a_wrong_limit_is_named(said: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir(parents=True)
    monkeypatch.setenv(budget.LIMIT_GB, said)
    with pytest.raises(PlanError, match=f"THAW_CACHE_GB is '{said}', which is not a number of gigabytes"):
        budget.budget(root)


def test_rows_are_marked_only_after_their_values_are_on_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that survives a power cut: values flushed, then marks set."""
    steps: list[str] = []
    flush = prefix._flush
    monkeypatch.setattr(prefix, "FLUSH_EVERY_S", 0.0)

    def spy(array: np.ndarray) -> None:
        done = one._files[(1, 0)][1]
        steps.append(f"{'values' if array is not done else 'marks'} at {int(done.sum())}")
        flush(array)

    one = cache(root)
    one.missing(1, ROWS, 0)
    monkeypatch.setattr(prefix, "_flush", spy)
    one.fill([1], np.arange(64), 0)
    assert steps[:4] == ["values at 0", "marks at 32", "values at 32", "marks at 64"]


def test_a_stop_in_the_middle_keeps_what_was_computed(root: Path) -> None:
    one = cache(root)

    def stop(done: int, _: int) -> None:
        if done >= 96:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.fill([1], ROWS, 0, stop)
    one.close()
    assert cache(root).missing(1, ROWS, 0) == 300 - 96


def test_sizes_are_listed_by_dataset_and_kind(root: Path) -> None:
    home = root.parent
    assert budget.sizes(home) == []
    filled(root, "a")
    (root / "b/pixels-64").mkdir(parents=True)
    (root / "b/pixels-64/pixels.npy").write_bytes(b"x" * 50_000)
    listed = {(one.dataset_id, one.kind): one.bytes for one in budget.sizes(home)}
    assert set(listed) == {("a", "frozen features"), ("b", "decoded images")}
    assert 50_000 <= listed["b", "decoded images"] < 60_000
    assert 300 * 64 <= listed["a", "frozen features"] < 40_000
    assert [one.dataset_id for one in budget.sizes(home, "b")] == ["b"]


def test_sparse_files_count_what_they_take(root: Path) -> None:
    one = cache(root)
    one.fill([1], np.arange(32), 0)
    values = next(root.glob("*/*/boundary1-view0.npy"))
    os.truncate(values, 10**9)  # a file for many more rows, none of them filled
    assert sum(size.bytes for size in budget.sizes(root.parent)) < 100_000


def test_clearing_one_dataset_leaves_the_others(root: Path) -> None:
    home = root.parent
    filled(root, "a")
    filled(root, "b")
    assert budget.clear(home, "a") > 300 * 64
    assert [one.dataset_id for one in budget.sizes(home)] == ["b"]
    budget.clear(home)
    assert budget.sizes(home) == []
    with pytest.raises(NotFound, match="Nothing is cached of a dataset 'a'"):
        budget.clear(home, "a")


def test_a_running_job_keeps_its_caches_and_is_named(root: Path) -> None:
    home = root.parent
    filled(root, "busy")
    filled(root, "idle")
    store = Store(home)
    store.create_job("profile", "busy", {"backbone": "mlp"})
    job = store.claim_next()
    assert job is not None
    for which in ("busy", None):
        with pytest.raises(StateError, match=job.id):
            budget.clear(home, which)
    budget.clear(home, "idle")
    store.stopped(store.job(job.id), None)
    budget.clear(home, "busy")
    assert budget.sizes(home) == []


def test_the_terminal_lists_and_clears(root: Path) -> None:
    def cache(*words: str) -> Said:
        return say("cache", *words, "--home", root.parent)

    filled(root, "a")
    filled(root, "b")
    said = cache()
    assert said.code == 0 and "frozen features" in said.out and "Together" in said.out and "THAW_CACHE_GB" in said.out
    listed = cache("--json").json
    assert {one["dataset_id"] for one in listed["caches"]} == {"a", "b"}
    assert listed["total_bytes"] == sum(one["bytes"] for one in listed["caches"]) and listed["freed_bytes"] is None
    assert cache("--clear", "a", "--json").json["freed_bytes"] > 300 * 64
    said = cache("--clear", "a")
    assert said.code == 2 and "Nothing is cached of a dataset 'a'" in said.err
    said = cache("--clear")
    assert said.code == 0 and "Nothing is cached." in said.out and not budget.sizes(root.parent)

"""Memory that runs out: batches shrink and stay small, it is said once, and what cannot shrink ends in a sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import TrainingError
from core.plans import RunConfig, to_json
from dataset.ingest.sources import import_path
from tests.conftest import write_images
from tests.support.toys import STRATEGIES, Recorder, fit
from training.caches import frozen_pass
from training.jobs import worker
from training.jobs.context import StoreContext
from training.machine.shrinking import TOO_SMALL, Parts, listening, ran_out
from training.store.store import Store

ERRORS: list[Callable[[], Exception]] = [
    lambda: MemoryError(),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to"),
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    lambda: ValueError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_every_library_s_word_for_it_is_known(error: Callable[[], Exception]) -> None:
    assert ran_out(error())
    assert not ran_out(RuntimeError("shape mismatch")) and not ran_out(KeyboardInterrupt("out of memory"))


def test_numpy_says_it_too() -> None:
    with pytest.raises(MemoryError) as error:
        np.zeros(2**62, np.uint8)
    assert ran_out(error.value)


def holding(most: int) -> Callable[[list[int]], int]:
    def work(part: list[int]) -> int:
        if len(part) > most:
            raise MemoryError
        return sum(part)

    return work


def test_batches_shrink_for_good_and_it_is_said_once() -> None:
    said: list[str] = []
    parts, tries = Parts("the answers"), []

    def work(part: list[int]) -> int:
        tries.append(len(part))
        return holding(3)(part)

    with listening(said.append):
        assert sum(parts.run(work, list(range(16)))) == sum(range(16))
        assert tries == [16, 8, 4, *[2] * 8]
        tries.clear()
        assert sum(parts.run(work, list(range(16)))) == sum(range(16))
    assert tries == [2] * 8
    assert said == ["Memory ran out: the answers are now computed 2 of 16 images at a time, which is slower."]


def test_one_image_that_does_not_fit_ends_in_a_sentence() -> None:
    with pytest.raises(TrainingError, match="Memory is too small for the answers even one image at a time; free some"):
        Parts("the answers").run(holding(0), list(range(4)))


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        Parts("the answers").run(lambda part: 1 // 0, [1, 2])


@pytest.mark.parametrize("kind", ["linear_probe", "partial"])
def test_the_frozen_pass_and_judging_give_the_same_answers_in_parts(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    free = fit(STRATEGIES[kind], Recorder())[1].best
    forward, said = frozen_pass._Tapped.forward, []

    def tight(self: frozen_pass._Tapped, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if len(x) > 9:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return forward(self, x)

    monkeypatch.setattr(frozen_pass._Tapped, "forward", tight)
    with listening(said.append):
        found = fit(STRATEGIES[kind], Recorder())[1].best
    assert said and all("stages that nothing trains are now computed 8 of 32 images at a time" in one for one in said)
    assert found.val_accuracy == free.val_accuracy and found.val_loss == pytest.approx(free.val_loss, rel=1e-4)


def test_what_cannot_shrink_fails_the_job_in_a_sentence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = import_path(write_images(tmp_path / "photos", per_class=6, px=16), home)
    store = Store(home)
    store.create_job("train", ref.id, to_json(RunConfig(ref.id, STRATEGIES["scratch"])))
    job = store.claim_next()
    assert job is not None

    def handler(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(worker.registry, "handler_of", lambda _: handler)
    ended = worker.perform(StoreContext(store, job))
    assert (ended.state, ended.error) == ("failed", TOO_SMALL)


def test_torch_is_not_loaded_to_know_it() -> None:
    code = "import sys, training.machine.shrinking as s; assert s.ran_out(MemoryError()) and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

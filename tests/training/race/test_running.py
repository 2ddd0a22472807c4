"""A race as a real process: its rungs are runs, its winner alone is judged, it may be stopped, killed and resumed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core import processes
from core.errors import PlanError, StateError
from core.types import DatasetRef
from dataset.audit import feature_check
from dataset.ingest.sources import import_path
from tests.support.terminal import say
from tests.training.jobs.test_worker import ended, wait
from tests.training.race.test_deciding import facts
from training.bundles.repeating import again
from training.jobs.context import StoreContext
from training.jobs.executor import executor
from training.machine import cpu
from training.race import RaceResult, record_of, rungs_of, running
from training.race.record import AFTERWARDS, Looked, title_of, write
from training.race.standing import Begin
from training.requests import JudgeLater, Race, submit
from training.requests.race import race_of
from training.requests.train import NotForeseen
from training.store import Job, RunFolder, RunResult, Store
from training.understand.open_run import OpenRun

CLASSES = ("round", "square", "pointed")


@pytest.fixture
def data(home: Path, tmp_path: Path, image_folder: Callable[..., Path]) -> DatasetRef:
    return import_path(image_folder(tmp_path / "shapes", classes=CLASSES, per_class=20), home)


def started(home: Path, ref: DatasetRef, minutes: float, backbone: str = "mlp") -> Job:
    return executor(home).submit(submit(Store(home), Race(ref.id, backbone, minutes)).id)


def test_a_race_leaves_runs_and_one_tested_winner(home: Path, data: DatasetRef) -> None:
    store = Store(home)
    race = wait(home, started(home, data, 1.0), ended)
    assert race.state == "finished", race.error
    result, rungs, log = RaceResult.of(race), rungs_of(store, race.id), record_of(home, race.id)
    assert [rung.id for rung in rungs] == list(result.rungs) == list(log.rungs)
    assert rungs[0].plan.strategy.kind == "linear_probe" and len(rungs) > 1
    assert all(race_of(rung) == race.id and rung.state == "finished" for rung in rungs)
    tested = [rung.id for rung in rungs if RunResult.of(rung).test_total is not None]
    assert tested == [result.winner], "the winner alone is judged"
    winner = RunResult.of(store.job(result.winner))
    assert (winner.test_accuracy, winner.val_accuracy) == (result.test_accuracy, result.val_accuracy)
    assert (home / str(winner.predictions)).read_text().count("\n") == 1 + (winner.test_total or 0)
    assert log.decisions[-1].says.endswith("were used.") and race.seconds < 66
    assert {"course", "workflow", "classic"} <= {answer.rulebook for answer in log.answers}
    assert feature_check.find(home, data, "mlp") is None, "labels are doubted when asked, not in a race's minutes"
    assert [event["text"] for event in store.events(race.id)] == [one.says for one in log.decisions]
    _judged_afterwards(home, next(rung for rung in rungs if rung.id != result.winner))


def _judged_afterwards(home: Path, rung: Job) -> None:
    """Once, and its record says that it was no part of the choice."""
    before = RunResult.of(rung)
    refused = say("explain", rung.id, "--home", home)
    assert refused.code == 2 and "Judge it on them first" in refused.err
    said = say("judge", rung.id, "--home", home)
    assert said.code == 0 and "after the choice" in said.out, said.err
    result = RunResult.of(Store(home).job(rung.id))
    assert result.test_total and result.note and result.note.endswith(AFTERWARDS)
    assert replace(result, note=before.note, test_accuracy=None, test_correct=None, test_total=None,
                   predictions=None) == before  # fmt: skip
    with pytest.raises(StateError, match="looked at once"):
        submit(Store(home), JudgeLater.of(Store(home).job(rung.id)))


@pytest.mark.fault
def test_killed_within_a_rung_it_goes_on_and_ends_with_the_same_bits(home: Path, data: DatasetRef) -> None:
    """The interrupted rung, resumed within the race, ends as the same run alone, which nobody interrupts."""
    store = Store(home)
    store.save_facts(replace(facts(classes=3, train_images=48), dataset_id=data.id, hardware=cpu.hardware()))
    race = started(home, data, 1.0, "efficientnet_lite0")

    def descends(now: Job) -> bool:
        last = rungs_of(store, race.id)[-1:]
        return ended(now) or any(RunFolder(home, one.id).checkpoint.exists() for one in last)

    now = wait(home, race, descends)
    assert now.state == "running" and now.pid
    os.kill(now.pid, signal.SIGKILL)
    assert wait(home, race, ended).state == "lost"
    killed = rungs_of(store, race.id)[-1]
    assert killed.state == "lost" and "resume the run" in (killed.error or "")
    store.requeue(race.id)
    race = executor(home).submit(race.id)
    race = wait(home, race, lambda now: ended(now) or store.job(killed.id).state == "finished")
    executor(home).stop(race.id)  # what follows takes the rest of its minutes
    race = wait(home, race, ended)
    assert race.state in ("stopped", "finished"), race.error
    resumed = store.job(killed.id)
    assert resumed.state == "finished" and resumed.attempt == 2
    assert not RunResult.of(resumed).stopped_early, "the machine was too slow to compare anything"
    request = again(store, resumed, lambda *_: NotForeseen("A test."))  # without a clock that could end it early
    alone = store.create_job("train", resumed.dataset_id, request.config())
    alone = wait(home, executor(home).submit(alone.id), ended)
    assert RunResult.of(alone).weights_sha256 == RunResult.of(resumed).weights_sha256


def test_with_time_left_over_a_wider_backbone_gets_a_lane(
    home: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    store, ref = Store(home), import_path(image_folder(tmp_path / "few", classes=CLASSES, per_class=8), home)
    store.save_facts(replace(facts(classes=3, train_images=19), dataset_id=ref.id, hardware=cpu.hardware()))

    def solved_beside(race: Job) -> bool:
        rungs = rungs_of(store, race.id)
        return any(one.plan.strategy.backbone == "efficientnet_lite2" and one.state == "finished" for one in rungs)

    race = wait(home, started(home, ref, 1.0, "efficientnet_lite0"), lambda now: ended(now) or solved_beside(now))
    assert solved_beside(race), race.error
    executor(home).stop(race.id)  # what follows takes the rest of the minute
    race = wait(home, race, ended)
    kinds = [(one.plan.strategy.kind, one.plan.strategy.backbone) for one in rungs_of(store, race.id)]
    assert ("partial", "efficientnet_lite0") in kinds and ("linear_probe", "efficientnet_lite2") in kinds
    assert RaceResult.of(race).test_accuracy is not None
    says = " ".join(one.says for one in record_of(home, race.id).decisions)
    assert "EfficientNet-Lite2 knows more (77.6% of ImageNet against 75.1%)" in says
    assert race.seconds < 66


def test_the_pass_leaves_what_a_head_on_all_stages_reads_and_such_a_head_may_win(
    home: Path, data: DatasetRef
) -> None:
    """No image goes through the network a second time for it; it is judged, taken along and opened as any other."""
    store = Store(home)
    race = wait(home, started(home, data, 0.2, "efficientnet_lite0"), ended)
    assert race.state == "finished", race.error
    last, on_all = rungs_of(store, race.id)[:2]
    assert (last.plan.strategy.head, on_all.plan.strategy.head) == ("linear", "stages")
    assert RunResult.of(on_all).cache_seconds < 0.1, "it read what was there: a pass takes three times as long"
    assert record_of(home, race.id).decisions[1].says.startswith("The same pass kept what all stages give")
    assert title_of(on_all.plan.strategy, "efficientnet_lite0") == "Linear probe on all stages"
    if RaceResult.of(race).winner != on_all.id:
        wait(home, executor(home).submit(submit(store, JudgeLater.of(on_all)).id), ended)
    judged = RunResult.of(store.job(on_all.id))
    opened = OpenRun(store.job(on_all.id), home)
    rows = opened.data.rows["test"]
    sure = opened.probabilities(opened.bench.features(rows)).argmax(1).numpy()
    assert judged.test_total == len(rows) and judged.test_correct == int((sure == opened.data.labels[rows]).sum())


def test_a_head_on_all_stages_that_cannot_be_trained_ends_no_race(
    home: Path, data: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory may hold the last stage's features and not those of all."""
    store = Store(home)
    job = submit(store, Race(data.id, "efficientnet_lite0", 0.5))
    claimed = store.claim_next("train")
    assert claimed is not None and claimed.id == job.id
    store.set_pid(claimed, os.getpid(), processes.started(os.getpid()))
    context = StoreContext(store, store.job(job.id))
    race, begin = running._Race(Race(data.id, "efficientnet_lite0", 0.5), context), None

    def refused(self: running._Race, step: Begin) -> str:
        if step.strategy.head == "stages":
            raise PlanError("It needs more memory than is free.")
        return begin(self, step)  # type: ignore[misc]

    begin = running._Race._begun
    monkeypatch.setattr(running._Race, "_begun", refused)
    try:
        result = race.run()
    finally:
        context.close()
    log = record_of(home, job.id)
    assert any("on all stages cannot be trained here: It needs more memory" in one.says for one in log.decisions)
    assert result.winner and not log.all_stages and len(log.decisions) > 3, "what follows was looked at"


def test_what_is_wrong_with_a_wider_backbone_ends_no_race(
    home: Path, data: DatasetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights, its export or an engine may fail in any way: it is told, and not looked for again."""
    store = Store(home)
    job = submit(store, Race(data.id, "efficientnet_lite0", 5.0))
    claimed = store.claim_next("train")
    assert claimed is not None and claimed.id == job.id
    running_race = running._Race(Race(data.id, "efficientnet_lite0", 5.0), StoreContext(store, claimed))

    def broken(*_: object) -> None:
        raise RuntimeError("the engine says no")

    monkeypatch.setattr(running, "look", broken)
    running_race._look(running_race.standing())
    log = record_of(home, job.id)
    assert log.looked == Looked() and log.decisions[-1].says == "No wider backbone is tried: the engine says no"
    assert running_race.standing().wider is None


def test_what_was_found_of_a_wider_backbone_is_kept_for_whoever_resumes(home: Path, data: DatasetRef) -> None:
    store = Store(home)
    job = submit(store, Race(data.id, "efficientnet_lite0", 5.0))
    claimed = store.claim_next("train")
    assert claimed is not None
    write(home, job.id, replace(record_of(home, job.id), looked=Looked("efficientnet_lite2", 2.1, 0.003)))
    resumed = running._Race(Race(data.id, "efficientnet_lite0", 5.0), StoreContext(store, claimed))
    wider = resumed.standing().wider
    assert wider is not None and (wider.card.name, wider.slower, wider.read_s) == ("efficientnet_lite2", 2.1, 0.003)


def test_stopped_it_keeps_the_best_and_judges_it(home: Path, data: DatasetRef) -> None:
    store = Store(home)
    race = started(home, data, 30.0)
    wait(home, race, lambda now: ended(now) or any(one.state == "finished" for one in rungs_of(store, race.id)))
    executor(home).stop(race.id)
    race = wait(home, race, ended)
    assert race.state == "stopped"
    result = RaceResult.of(race)
    assert result.winner and result.test_accuracy is not None
    assert not any(one.active for one in rungs_of(store, race.id))


def test_a_race_from_the_terminal_says_what_it_decided(home: Path, data: DatasetRef) -> None:
    said = say("auto", data.id, "--minutes", "0.5", "--backbone", "mlp", "--home", home)
    assert said.code == 0, said.err
    assert "First the head alone" in said.err and "test accuracy" in said.out and "taken" in said.out
    assert "what the rulebooks said:" in said.out and "course " in said.out


def test_no_minutes_are_no_race(home: Path, data: DatasetRef) -> None:
    said = say("auto", data.id, "--minutes", "0", "--home", home)
    assert said.code == 2 and "above 0" in said.err

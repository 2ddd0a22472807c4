"""Runs that another job's worker carries out itself, and results that are tested after their run has ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import StateError, processes
from training.store import Job, RunFolder, RunResult, Store

UNTESTED = {"val_accuracy": 0.8, "weights": "runs/x/best.safetensors", "weights_sha256": "0" * 64}
TEST = {"test_accuracy": 0.75, "test_correct": 3, "test_total": 4}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def race(store: Store) -> Job:
    """One at work, in this process."""
    store.create_job("race", "d", {}, noun="Race", queued_by="Ann")
    job = store.claim_next()
    assert job is not None
    store.set_pid(job, os.getpid(), processes.started(os.getpid()))
    return store.job(job.id)


def test_a_race_waits_its_turn_as_runs_do(store: Store) -> None:
    first = store.create_job("train", "d", {})
    race = store.create_job("race", "d", {})
    profile = store.create_job("profile", "d", {})
    assert [job.id for job in store.queue()] == [profile.id, first.id, race.id]


def test_a_run_within_is_at_work_at_once_in_the_same_process(store: Store, race: Job) -> None:
    prepared: list[RunFolder] = []
    waiting = store.create_job("train", "d", {})
    run = store.begin_within(race, "d", {"seed": 1}, group="race-x", prepare=prepared.append)
    assert (run.state, run.attempt, run.kind, run.lane, run.group) == ("running", 1, "train", "train", "race-x")
    assert (run.pid, run.pid_started, run.queued_by) == (race.pid, race.pid_started, "Ann")
    assert [folder.run_id for folder in prepared] == [run.id]
    assert store.claim_next() is None, "the lane is the race's"
    store.finish(run, UNTESTED)
    assert store.claim_next() is None
    store.finish(race, {})
    claimed = store.claim_next()
    assert claimed is not None and claimed.id == waiting.id


def test_no_run_begins_within_a_job_that_was_taken_away(store: Store, race: Job) -> None:
    run = store.begin_within(race, "d", {}, group="g")
    store.lose(run, "gone")
    store.lose(race, "gone")
    for begin in (lambda: store.begin_within(race, "d", {}, group="g"), lambda: store.resume_within(race, run.id)):
        with pytest.raises(StateError, match="not running: its worker has to end"):
            begin()
    assert [job.state for job in store.jobs(kind="train")] == ["lost"]


@pytest.mark.parametrize("end", ["lost", "stopped", "failed"])
def test_an_interrupted_run_goes_on_within_the_next_attempt(store: Store, race: Job, end: str) -> None:
    run = store.begin_within(race, "d", {}, group="g")
    {"lost": store.lose, "failed": store.fail, "stopped": store.stopped}[end](run, "gone" if end != "stopped" else None)  # type: ignore[operator]
    store.lose(race, "gone")
    store.requeue(race.id)
    again = store.claim_next()
    assert again is not None
    store.set_pid(again, os.getpid(), processes.started(os.getpid()))
    resumed = store.resume_within(store.job(race.id), run.id)
    assert (resumed.state, resumed.attempt, resumed.pid) == ("running", 2, os.getpid())


def test_a_finished_run_is_not_begun_again(store: Store, race: Job) -> None:
    run = store.begin_within(race, "d", {}, group="g")
    store.finish(run, UNTESTED)
    with pytest.raises(StateError, match="is finished and cannot be resumed"):
        store.resume_within(race, run.id)


def test_test_images_are_added_once_to_a_run_that_has_ended(store: Store, race: Job) -> None:
    run = store.begin_within(race, "d", {}, group="g")
    with pytest.raises(StateError, match="is running and has no model to be judged"):
        store.add_test(run.id, {**UNTESTED, **TEST})
    store.finish(run, UNTESTED)
    tested = store.add_test(run.id, {**UNTESTED, **TEST})
    assert RunResult.of(tested).test_accuracy == 0.75 and tested.state == "finished"
    with pytest.raises(StateError, match="looked at once"):
        store.add_test(run.id, {**UNTESTED, **TEST})

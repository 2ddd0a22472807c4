"""A race on the pages: started from Advice, shown while it runs and when it has ended; its rungs as runs of their own.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from advisor.planning.strategies import plan
from core import Answer, Kind, RunConfig, StateError, processes, to_json
from core.types import DatasetFacts, DatasetRef
from core.zoo import backbone
from tests.support.seeding import NoWorkers, button, param, result_of, words, write_rows
from tests.ui.conftest import Open
from training.race.record import AFTERWARDS, Decision, RaceRecord, RaceResult, record_of, write
from training.requests import JudgeLater, Race, submit
from training.requests.race import group_of
from training.store import Job, RunResult, Store

LITE = "efficientnet_lite0"
UNTESTED = dict.fromkeys(("test_accuracy", "test_correct", "test_total", "predictions"))


@pytest.fixture
def race(store: Store, dataset: DatasetRef) -> Job:
    """One that runs, in the process of these tests."""
    job = submit(store, Race(dataset.id, LITE, 1.0))
    claimed = store.claim_next("train")
    assert claimed is not None and claimed.id == job.id
    store.set_pid(claimed, os.getpid(), processes.started(os.getpid()))
    write(store.home, job.id, RaceRecord(val_images=40))
    return store.job(job.id)


def rung(store: Store, race: Job, ref: DatasetRef, kind: Kind, best: float, *, ends: bool = True) -> Job:
    """A run of the race, as far as its last row, or ended without a look at its test images."""
    strategy = plan(kind, backbone(LITE), train_images=15, classes=3)
    plan_of = RunConfig(ref.id, strategy, minutes=0.5, group=group_of(race.id), tested=False)
    job = store.begin_within(race, ref.id, to_json(plan_of), group=plan_of.group)
    write_rows(store, job, best=best)
    record = RaceRecord((*_decided(store, race), Decision(2.0, f"{kind} begins.", job.id, 0.5)), 3.0, 40)
    write(store.home, race.id, record)
    store.beat(store.job(job.id), seconds=8.0)
    if not ends:
        return job
    return store.finish(store.job(job.id), {**result_of(store, job, 36), **UNTESTED, "val_accuracy": best})


def _decided(store: Store, race: Job) -> tuple[Decision, ...]:
    return record_of(store.home, race.id).decisions


def ended(store: Store, race: Job, ref: DatasetRef) -> tuple[Job, Job, Job]:
    """(the race, its winner, the rung that was not chosen)."""
    probe = rung(store, race, ref, "linear_probe", 0.8)
    partial = rung(store, race, ref, "partial", 0.9)
    partial = store.add_test(partial.id, result_of(store, partial, 36))
    result = RaceResult(partial.id, 0.9, 0.9, 55.0, 3.0, 0.004, (probe.id, partial.id))
    return store.finish(store.job(race.id), to_json(result)), partial, probe


def test_one_coloured_button_starts_the_race(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store, executor: NoWorkers
) -> None:
    at = open_page("advice", dataset=dataset.id, minutes="5")
    coloured = [one.label for one in at.button if one.proto.type == "primary"]
    assert coloured == ["Best in 5 min"]
    button(at, "Best in 5 min").click().run()
    job = store.job(executor.submitted[0])
    assert (job.kind, job.config) == ("race", {"backbone": LITE, "minutes": 5.0, "seed": 0, "wider": True})
    assert at.title[0].value == "Race" and param(at, "race") == job.id
    assert "Waiting in the queue" in words(at)


def test_a_race_that_runs_shows_its_lanes_and_why(
    open_page: Open, dataset: DatasetRef, store: Store, race: Job
) -> None:
    rung(store, race, dataset, "linear_probe", 0.8)
    rung(store, race, dataset, "partial", 0.9, ends=False)
    store.beat(store.job(race.id), seconds=20.0, doing="Partial fine-tuning: Epoch 3.0 of 5", eta_s=40.0)
    text = words(open_page("train", dataset=dataset.id, race=race.id))
    assert "Linear probe 80% (65–90) ended after 8 s" in text
    assert "Partial fine-tuning 90% (77–96) training" in text
    assert "20 s of 1 min" in text and "Epoch 3.0 of 5, 40 s left" in text
    assert "linear_probe begins. 2 s partial begins." in text
    assert "can be used already, while the race goes on" in text


def test_a_race_is_stopped_by_one_click(open_page: Open, dataset: DatasetRef, store: Store, race: Job) -> None:
    at = open_page("train", dataset=dataset.id, race=race.id)
    button(at, "Stop and keep the best").click().run()
    assert store.job(race.id).stop_requested
    assert button(at, "Stop and keep the best").disabled


def test_the_winner_is_named_with_its_interval_and_used_by_one_click(
    open_page: Open, dataset: DatasetRef, store: Store, race: Job
) -> None:
    job, winner, _ = ended(store, race, dataset)
    at = open_page("train", dataset=dataset.id, race=job.id)
    text = words(at)
    assert "Partial fine-tuning: 90.0% of the test images (77 to 96%, 95% interval, 40 images)" in text
    assert "could have gained at most 0.4 points" in text
    assert "taken, 90.0% of the test images" in text
    button(at, "Use this model").click().run()
    assert at.title[0].value == "Predict" and param(at, "run") == winner.id


def test_what_the_rulebooks_said_is_held_against_what_was_taken(
    open_page: Open, dataset: DatasetRef, store: Store, race: Job
) -> None:
    job, *_ = ended(store, race, dataset)
    kinds: dict[str, Kind] = {"measured": "partial", "course": "full"}
    answers = tuple(Answer(book, kind, None, "a", "as it says", (), "a book") for book, kind in kinds.items())
    write(store.home, job.id, replace(record_of(store.home, job.id), answers=answers))
    text = words(open_page("train", dataset=dataset.id, race=job.id))
    assert "Measured: Partial fine-tuning (as taken)" in text and "Course: Full fine-tuning" in text
    assert text.count("(as taken)") == 1


def test_a_rung_says_that_its_test_images_wait_and_is_judged_by_a_click(
    open_page: Open, dataset: DatasetRef, store: Store, race: Job, executor: NoWorkers
) -> None:
    probe = rung(store, race, dataset, "linear_probe", 0.8)
    at = open_page("train", dataset=dataset.id, run=probe.id)
    assert "Its test images are not judged yet" in words(at)
    assert "the race judges its winner alone" in words(at)
    assert not [one for one in at.button if "Judge on the test" in one.label]
    with pytest.raises(StateError, match="part of a race that goes on"):
        submit(store, JudgeLater.of(probe))
    assert "Its test images were left alone" in words(open_page("run", run=probe.id))
    store.finish(store.job(race.id), to_json(RaceResult(rungs=(probe.id,))))
    at = open_page("train", dataset=dataset.id, run=probe.id)
    button(at, "Judge on the test images").click().run()
    job = store.job(executor.submitted[-1])
    assert (job.kind, job.config) == ("judge", JudgeLater.of(probe).config())
    store.request_stop(job.id)
    store.add_test(probe.id, {**result_of(store, probe, 30), "note": AFTERWARDS})
    text = words(open_page("train", dataset=dataset.id, run=probe.id))
    assert AFTERWARDS in text and "30 of 40 test images" in text
    assert RunResult.of(store.job(probe.id)).test_accuracy == 0.75


def test_the_way_back_to_the_race(open_page: Open, dataset: DatasetRef, store: Store, race: Job) -> None:
    probe = rung(store, race, dataset, "linear_probe", 0.8)
    at = open_page("train", dataset=dataset.id, run=probe.id)
    button(at, "Show its race").click().run()
    assert at.title[0].value == "Race" and param(at, "race") == race.id
    button(at, "Open").click().run()
    assert at.title[0].value == "Train" and param(at, "run") == probe.id


def test_past_races_are_listed_with_what_they_came_to(
    open_page: Open, dataset: DatasetRef, store: Store, race: Job
) -> None:
    job, winner, _ = ended(store, race, dataset)
    at = open_page("train", dataset=dataset.id, run=winner.id)
    text = words(at)
    assert "Past races of these images" in text and "Best in 1 min" in text
    button(at, "Best in 1 min").click().run()
    assert at.title[0].value == "Race" and param(at, "race") == job.id


@pytest.mark.parametrize("gone", ["nothere1", "x"])
def test_a_race_that_is_gone_is_forgotten(open_page: Open, dataset: DatasetRef, gone: str) -> None:
    at = open_page("train", dataset=dataset.id, race=gone)
    assert at.title[0].value == "Train" and "race" not in at.query_params

"""The Train page in every state a run can have, its queue, and the runs before it."""

from __future__ import annotations

import json
import os

import pytest
from streamlit.testing.v1 import AppTest

from advisor.planning.strategies import WARM_PASSES
from core import processes
from core.types import DatasetFacts, DatasetRef
from tests.support.seeding import (
    NoWorkers,
    button,
    claim,
    finished_run,
    param,
    queue_run,
    result_of,
    words,
    write_rows,
)
from tests.ui.conftest import Open
from training.store import RunFolder
from training.store.records import Label
from training.store.store import Store
from ui.server.live import live_answer


def shown(at: AppTest) -> str:
    """Which run the page shows."""
    assert at.title[0].value == "Train"
    return str(at.caption[0].value).split(" · ")[0]


def test_nothing_trained_yet_leads_to_advice(open_page: Open, dataset: DatasetRef) -> None:
    at = open_page("train", dataset=dataset.id)
    assert "Nothing has been trained on these images yet" in words(at)
    button(at, "Get advice").click().run()
    assert at.title[0].value == "Advice"


def test_a_running_run_is_shown_and_can_be_stopped(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    job = queue_run(store, dataset, "partial")
    claim(store, job)
    write_rows(store, job, rows=2)
    at = open_page("train", run=job.id)
    text = words(at)
    assert shown(at) == "Partial fine-tuning"
    assert "EfficientNet-Lite0" in text and "planned for 10 min" in text and job.id in text
    assert "a probe and 4 epochs" in text
    assert f"Phase 1: solves the head, {WARM_PASSES} passes, L-BFGS" in text
    assert "Phase 2: trains stage 6 and up, 4 epochs, AdamW, one-cycle" in text
    button(at, "Stop and keep the best").click().run()
    assert store.job(job.id).stop_requested
    assert "It saves its best weights" in words(at)
    assert button(at, "Stop and keep the best").disabled


def test_the_run_in_the_url_decides_the_dataset(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    job = finished_run(store, dataset, "linear_probe")
    at = open_page("train", run=job.id)
    assert param(at, "dataset") == dataset.id
    assert "90.0%" in words(at) and "36 of 40 test images" in words(at)


def test_without_a_run_in_the_url_the_running_one_is_shown(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    finished_run(store, dataset, "linear_probe")
    running = claim(store, queue_run(store, dataset, "full"))
    queue_run(store, dataset, "scratch")
    at = open_page("train", dataset=dataset.id)
    assert shown(at) == "Full fine-tuning"
    assert param(at, "run") == running.id


def test_the_queue_shows_what_waits_and_cancels_it(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    running = claim(store, queue_run(store, dataset, "full"))
    store.beat(store.job(running.id), progress=0.25, eta_s=90.0)
    first, second = queue_run(store, dataset, "scratch"), queue_run(store, dataset, "gradual")
    at = open_page("train", run=running.id)
    text = words(at)
    assert "25%" in text and "about 1 min 30 s left" in text
    assert ("From scratch** · next" in text and "1 before it" in text) or "next" in text
    at.button(key=f"cancel_{first.id}").click().run()
    assert store.job(first.id).state == "stopped"
    at.button(key=f"open_{second.id}").click().run()
    assert shown(at) == "Gradual unfreezing" and "Waiting in the queue" in words(at)
    button(at, "Take out of the queue").click().run()
    assert store.job(second.id).state == "stopped"


def test_a_lost_worker_is_explained_and_resumed(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers
) -> None:
    job = claim(store, queue_run(store, dataset, "partial"))
    write_rows(store, job, rows=2)
    store.lose(
        store.job(job.id),
        "The worker ended without finishing (killed by signal 9: by hand, or because memory ran out).",
    )
    at = open_page("train", run=job.id)
    text = words(at)
    assert "The worker process ended unexpectedly" in text and "signal 9" in text
    assert "Resume continues from the last checkpoint" in text
    button(at, "Resume").click().run()
    assert store.job(job.id).state == "queued" and executor.submitted == [job.id]
    assert "Waiting in the queue" in words(at)


def test_a_run_whose_engine_is_not_here_goes_on_by_another_only_knowingly(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers
) -> None:
    job = claim(store, queue_run(store, dataset, "partial"))
    runtime = RunFolder(store.home, job.id).runtime
    runtime.parent.mkdir(parents=True, exist_ok=True)
    runtime.write_text('{"frozen": "openvino-1.2.3-bf16"}')
    store.lose(store.job(job.id), "The worker ended without finishing.")
    at = open_page("train", run=job.id)
    text = words(at)
    assert "This run began with openvino 1.2.3, which is not installed here" in text
    assert "pip install openvino==1.2.3" in text and "the run's record will say so" in text
    button(at, "Resume by another engine").click().run()
    assert store.job(job.id).state == "queued" and executor.submitted == [job.id]
    assert json.loads(runtime.read_text()) == {"frozen before": "openvino-1.2.3-bf16"}


def test_a_run_that_does_not_move_is_said_with_its_age_and_ended(
    open_page: Open, dataset: DatasetRef, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claim(store, queue_run(store, dataset, "partial"))
    store.set_pid(job, os.getpid(), processes.started(os.getpid()))
    store.beat(job, progress=0.3, doing="Epoch 2 of 4", stepped=processes.steady())
    at = open_page("train", run=job.id)
    assert "does not move" not in words(at) and not [one for one in at.button if one.label == "End it now"]
    now = processes.steady()
    monkeypatch.setattr(processes, "steady", lambda: now + 200)
    store.beat(job, stepped=now)
    text = words(at.run())
    assert "This run does not move" in text
    assert "No step forward" not in text, "said once on this page, where it moves on"
    assert live_answer(store, [(job.id, -1, 0, "")])["runs"][0]["doing"].startswith(
        "No step forward for 3 min, last seen at 'Epoch 2 of 4'. It is ended by itself after 10 min"
    )
    button(at, "End it now").click().run()
    assert store.job(job.id).state == "lost"
    assert "The worker was ended by hand: it did not answer." in words(at)
    assert button(at, "Resume")


def test_a_failed_run_says_why(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    job = claim(store, queue_run(store, dataset, "partial"))
    store.fail(store.job(job.id), "The disk is full.")
    at = open_page("train", run=job.id)
    assert "This run failed" in words(at) and "The disk is full." in words(at)
    assert button(at, "Resume")


def test_a_stopped_run_kept_its_best(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    job = claim(store, queue_run(store, dataset, "partial"))
    write_rows(store, job, rows=2)
    store.stopped(store.job(job.id), result_of(store, job, 30))
    at = open_page("train", run=job.id)
    text = words(at)
    assert "Its best weights so far are kept" in text and "75.0%" in text
    assert button(at, "Resume") and button(at, "Understand this run")
    button(at, "Compare with other runs").click().run()
    assert at.title[0].value == "Compare" and at.multiselect(key="picked").value == [job.id]


def test_past_runs_are_listed_opened_and_compared(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    probe = finished_run(store, dataset, "linear_probe", 32)
    partial = finished_run(store, dataset, "partial", 38)
    at = open_page("train", run=partial.id)
    text = words(at)
    assert "Past runs of these images" in text and "80.0%" in text and "95.0%" in text and "8 s" in text
    at.button(key=f"past_{probe.id}").click().run()
    assert shown(at) == "Linear probe"
    button(at, "Compare the finished runs").click().run()
    assert at.title[0].value == "Compare"
    assert set(param(at, "runs").split(",")) == {probe.id, partial.id}


def test_many_past_runs_fold_and_are_searched(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    jobs = [finished_run(store, dataset, "linear_probe") for _ in range(12)]
    store.describe(jobs[3].id, Label("the one for Bonn"))

    def listed(at: AppTest) -> list[str]:
        return [str(one.key) for one in at.button if str(one.key).startswith("past_")]

    at = open_page("train", run=jobs[-1].id)
    assert len(listed(at)) == 10
    button(at, "Show 2 more of 12 runs").click().run()
    assert len(listed(at)) == 12
    at.text_input(key="past_words").set_value("bonn probe").run()
    assert listed(at) == [f"past_{jobs[3].id}"]
    at.text_input(key="past_words").set_value("nowhere").run()
    assert listed(at) == [] and "No run is called so." in words(at)


def test_an_unknown_run_is_said_and_forgotten(open_page: Open, dataset: DatasetRef) -> None:
    at = open_page("train", run="nosuchid", dataset=dataset.id)
    text = words(at)
    assert "This run is not here any more" in text and "nosuchid" in text
    assert "run" not in at.query_params


def test_a_state_change_reaches_the_page(
    open_page: Open, dataset: DatasetRef, store: Store, facts: DatasetFacts
) -> None:
    job = claim(store, queue_run(store, dataset, "partial"))
    write_rows(store, job)
    at = open_page("train", run=job.id)
    store.finish(store.job(job.id), result_of(store, job, 40))
    text = words(at.run())
    assert "100.0%" in text and "Compare with other runs" in text

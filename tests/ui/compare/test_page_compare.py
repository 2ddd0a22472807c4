"""The Compare page: which runs, what may be said of them, the numbers, and what is still to come."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from core.types import DatasetRef
from tests.support.seeding import button, claim, finished_run, param, queue_run, words
from tests.ui.conftest import Open
from training.compare.comparison import compare
from training.store.store import Store
from ui.compare.table import as_csv


def test_no_runs_yet_leads_to_advice(open_page: Open, dataset: DatasetRef) -> None:
    at = open_page("compare", dataset=dataset.id)
    assert "No runs of these images yet" in words(at)
    button(at, "Get advice").click().run()
    assert at.title[0].value == "Advice"


def test_finished_runs_are_chosen_and_judged(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    probe = finished_run(store, dataset, "linear_probe", 20)
    partial = finished_run(store, dataset, "partial", 39)
    at = open_page("compare", dataset=dataset.id)
    assert set(at.multiselect[0].value) == {probe.id, partial.id}
    text = words(at)
    assert "Partial fine-tuning (98% " in text and "is better than Linear probe" in text
    assert "McNemar" in text
    pictures = " ".join(one.value for one in at.markdown)
    assert pictures.count("thaw-scatter\"") == 2 and 'class="thaw-axis"' in pictures
    quality, price = at.table[0].value, at.table[1].value
    assert list(quality["Test accuracy"]) == ["50.0% (35.2–64.8)", "97.5% (87.1–99.6)"]
    assert list(quality["Generalisation gap"]) == ["+8.0 points", "+8.0 points"]
    assert list(price["Time"]) == ["8 s", "8 s"]
    assert list(price["To 90%"]) == ["8 s (epoch 4)", "8 s (epoch 4)"]
    assert "12,810" in list(price["Trained parameters"])
    assert list(price["Peak memory"]) == ["512 MB", "512 MB"]
    assert "Does transfer help? Not known" in text
    assert "Pareto front" in text
    assert "95% interval" in text


def test_close_runs_are_not_called_better(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    finished_run(store, dataset, "linear_probe", 35)
    finished_run(store, dataset, "partial", 36)
    text = words(open_page("compare", dataset=dataset.id))
    assert "No difference shown" in text and "is better than" not in text


def test_the_url_chooses_the_runs_and_follows_the_widget(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    runs = [finished_run(store, dataset, kind, 30) for kind in ("linear_probe", "partial", "full")]
    at = open_page("compare", runs=f"{runs[0].id},{runs[2].id}")
    assert at.multiselect[0].value == [runs[0].id, runs[2].id]
    at.multiselect[0].set_value([runs[0].id, runs[1].id]).run()
    assert param(at, "runs") == f"{runs[0].id},{runs[1].id}"
    assert "Partial fine-tuning" in list(at.table[0].value["Run"])
    at.multiselect[0].set_value([]).run()
    assert "Choose at least one run" in words(at)
    assert at.multiselect[0].value == []


def test_a_group_in_the_url_is_its_runs(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    finished_run(store, dataset, "full", 30)
    mine = [finished_run(store, dataset, kind, 30, group="set-1") for kind in ("linear_probe", "partial")]
    at = open_page("compare", group="set-1")
    assert set(at.multiselect[0].value) == {job.id for job in mine}


def test_a_choice_of_any_size_is_kept_over_a_reload(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    runs = [finished_run(store, dataset, "linear_probe", 30, seed=seed).id for seed in range(61)]
    at = open_page("compare", dataset=dataset.id, runs=",".join(runs[:60]))
    assert at.expander[0].label == "60 of 61 runs chosen"
    again = open_page("compare", dataset=dataset.id, runs=param(at, "runs"))
    assert again.expander[0].label == "60 of 61 runs chosen"
    assert len(param(again, "runs")) < 100


def test_one_of_many_is_left_out_and_all_are_chosen_again(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    runs = [finished_run(store, dataset, "linear_probe", 30, seed=seed).id for seed in range(45)]
    at = open_page("compare", dataset=dataset.id)
    assert at.expander[0].label == "20 of 45 runs chosen"
    button(at, "All with a result (45)").click().run()
    assert at.expander[0].label == "45 of 45 runs chosen"
    at.multiselect(key="left_out").set_value([runs[7]]).run()
    assert at.expander[0].label == "44 of 45 runs chosen"
    assert at.multiselect(key="left_out").value == [] and at.multiselect(key="left_out").proto.set_value
    said = at._tree.get_widget_states()
    at.multiselect(key="left_out").set_value([runs[8]]).run()
    assert at.expander[0].label == "43 of 45 runs chosen"
    button(at, "The newest ones (20)").click().run()
    assert at.multiselect(key="picked").value == runs[25:]
    at._run(said)  # a browser that was quicker than the server repeats what it said of the other input
    assert not at.exception and at.multiselect(key="picked").value == runs[25:]


def test_a_choice_that_is_not_kept_any_more_is_said(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    finished_run(store, dataset, "linear_probe", 30)
    at = open_page("compare", dataset=dataset.id, runs="choice-0123456789abcdef")
    assert "The choice of runs in this address is not kept any more." in words(at)


def test_without_a_choice_it_is_the_newest_set_and_what_came_after(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    for kind in ("linear_probe", "partial"):
        finished_run(store, dataset, kind, 30, group="set-1")
    newest = [finished_run(store, dataset, kind, 30, group="set-2").id for kind in ("linear_probe", "partial")]
    alone = finished_run(store, dataset, "full", 30).id
    assert set(open_page("compare", dataset=dataset.id).multiselect[0].value) == {*newest, alone}


def test_what_is_still_running_is_said(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    done = finished_run(store, dataset, "linear_probe", 30)
    running = claim(store, queue_run(store, dataset, "partial"))
    waiting = queue_run(store, dataset, "full")
    store.beat(store.job(running.id), progress=0.5, eta_s=20.0)
    at = open_page("compare", runs=",".join(job.id for job in (done, running, waiting)))
    text = words(at)
    assert "Still to come: Partial fine-tuning (training), Full fine-tuning (waiting)" in text
    assert "about 20 s left" in text
    assert "Linear probe" in list(at.table[0].value["Run"])


def test_runs_that_wait_all_have_an_empty_state(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    job = queue_run(store, dataset, "full")
    assert "None of these runs has begun" in words(open_page("compare", runs=job.id))


def test_runs_that_must_not_be_compared_name_the_difference(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    finished_run(store, dataset, "linear_probe", 30)
    finished_run(store, dataset, "partial", 30, split_seed=1)
    text = words(open_page("compare", dataset=dataset.id))
    assert "cannot be compared" in text and "split seed differs" in text


def test_a_run_that_ended_without_a_result_is_named(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    done = finished_run(store, dataset, "linear_probe", 30)
    job = claim(store, queue_run(store, dataset, "full"))
    store.fail(store.job(job.id), "Out of memory.")
    at = open_page("compare", runs=f"{done.id},{job.id}")
    assert f"Full fine-tuning ({job.id}) ended without a test result: failed." in words(at)


def test_missing_ids_are_named(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    done = finished_run(store, dataset, "linear_probe", 30)
    assert "Not here any more: gone1234" in words(open_page("compare", runs=f"{done.id},gone1234"))


def test_the_csv_holds_exact_numbers(dataset: DatasetRef, store: Store) -> None:
    runs = [
        finished_run(store, dataset, kind, correct) for kind, correct in (("linear_probe", 20), ("full", 39))
    ]
    table = pd.read_csv(io.StringIO(as_csv(compare(store, [job.id for job in runs]))))
    assert list(table["run"]) == [job.id for job in runs]
    assert list(table["test_accuracy"]) == pytest.approx([0.5, 0.975])
    assert list(table["trainable_params"]) == [12810, 12810]
    assert table["test_accuracy_low_95"].notna().all()


def test_images_stand_side_by_side_where_the_runs_disagree(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    finished_run(store, dataset, "linear_probe", 30)
    finished_run(store, dataset, "partial", 33)
    at = open_page("compare", dataset=dataset.id)
    pictures = next(one.value for one in at.markdown if "thaw-cases" in one.value)
    assert pictures.count("<figure") == 3
    assert pictures.count("is-wrong") == 3 and pictures.count("is-right") == 3
    assert "The same images, each run's answer" in words(at)
    at.segmented_control[0].set_value("all wrong").run()
    pictures = next(one.value for one in at.markdown if "thaw-cases" in one.value)
    assert pictures.count("<figure") == 7 and "is-right" not in pictures


def test_transfer_that_beats_scratch_is_said(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    finished_run(store, dataset, "partial", 39)
    finished_run(store, dataset, "scratch", 18)
    text = words(open_page("compare", dataset=dataset.id))
    assert "Transfer helps" in text and "from random weights: what was learned before is of use here" in text


def test_a_fold_holds_its_table_once_it_is_open(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    finished_run(store, dataset, "linear_probe", 20)
    finished_run(store, dataset, "partial", 39)
    at = open_page("compare", dataset=dataset.id)
    assert len(at.table) == 2
    at.session_state["pairs"] = True
    at.run()
    assert list(at.table[2].value["is"]) == ["worse"]


def test_what_would_settle_it_is_said(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    finished_run(store, dataset, "linear_probe", 35)
    finished_run(store, dataset, "partial", 36)
    said = "Too few images to show a difference of 5 points here, even with 10 seeds of each: 40 test images."
    assert said in words(open_page("compare", dataset=dataset.id))

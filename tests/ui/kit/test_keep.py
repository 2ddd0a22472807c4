"""Names, tags and notes of runs in every list, and deleting a run or a dataset from the pages."""

from __future__ import annotations

from core.types import DatasetRef
from dataset.folder import list_datasets
from tests.support.seeding import button, facts_of, finished_run, queue_run, words
from tests.ui.conftest import Open
from training.compare.comparison import compare
from training.store.records import Label
from training.store.store import Store


def test_a_run_is_named_on_its_page_and_every_list_shows_it(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    named, other = finished_run(store, dataset, "linear_probe"), finished_run(store, dataset, "partial")
    at = open_page("train", run=named.id)
    at.text_input[0].input("Baseline *1*")
    at.text_input[1].input("paper, final")
    at.text_area[0].input("Before the labels were mended.")
    button(at, "Keep").click().run()
    label = Label("Baseline *1*", ("paper", "final"), "Before the labels were mended.")
    assert store.job(named.id).label == label
    text = words(at)
    assert "Baseline" in text and "paper" in text and label.note in text
    past = words(open_page("train", run=other.id))
    assert "Linear probe" in past and "final" in past
    assert "Before the labels were mended." in words(open_page("run", run=named.id))
    models = open_page("predict", dataset=dataset.id).selectbox(key="model").options
    assert sorted(one.split(", ")[0] for one in models) == ["Baseline *1* · Linear probe", "Partial fine-tuning"]
    chosen = open_page("compare", runs=f"{named.id},{other.id}").multiselect(key="picked")
    assert any(one.startswith("Baseline *1* · Linear probe") for one in chosen.options)
    rows = {row.run_id: row.label for row in compare(store, [named.id, other.id]).rows}
    assert rows == {named.id: "Linear probe · Baseline *1*", other.id: "Partial fine-tuning"}


def test_a_name_that_no_list_could_show_is_refused_in_words(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    job = finished_run(store, dataset, "partial")
    at = open_page("train", run=job.id)
    at.text_input[1].input("a,b,c,d,e,f,g,h,i")
    button(at, "Keep").click().run()
    assert "A run may have 8 tags; these are 9." in words(at)
    assert store.job(job.id).tags == ()


def test_a_run_is_deleted_after_asking_back_once(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    kept, gone = finished_run(store, dataset, "linear_probe"), finished_run(store, dataset, "partial")
    at = open_page("train", run=gone.id)
    button(at, "Delete this run").click().run()
    assert f"Run '{gone.id}': " in words(at) and "This cannot be undone." in words(at)
    button(at, "Keep it").click().run()
    assert len(store.jobs()) == 2
    button(at, "Delete this run").click().run()
    button(at, "Delete it for good").click().run()
    assert [job.id for job in store.jobs()] == [kept.id]
    assert not at.exception


def test_what_is_in_use_is_not_deleted_and_the_page_says_by_what(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    store.save_facts(facts_of(dataset))
    waiting = queue_run(store, dataset, "partial")
    at = open_page("data", dataset=dataset.id, view="numbers")
    button(at, "Delete this dataset").click().run()
    assert f"is used by run '{waiting.id}', which is queued: stop that first." in words(at)
    assert list_datasets(store.home) == [dataset]


def test_a_dataset_is_deleted_with_its_runs_and_the_page_begins_anew(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    store.save_facts(facts_of(dataset))
    finished_run(store, dataset, "partial")
    at = open_page("data", dataset=dataset.id, view="numbers")
    button(at, "Delete this dataset").click().run()
    assert "with 1 run: " in words(at)
    button(at, "Delete it for good").click().run()
    assert at.title[0].value == "Bring in labelled images"
    assert "dataset" not in at.query_params
    assert list_datasets(store.home) == [] and store.jobs() == []

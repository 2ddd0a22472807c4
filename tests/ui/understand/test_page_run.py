"""The page of one run: matrix, images, corrections, before and after, and what a look inside adds."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.types import DatasetRef
from dataset.folder import read_manifest
from dataset.revisions import current
from dataset.splits import sides
from tests.support.seeding import NoWorkers, button, claim, param, queue_run, result_of, words
from tests.ui.conftest import Open
from training.evaluation.stats import wilson
from training.store.records import Job
from training.store.store import Store
from training.understand.findings import RECORD, Explained, folder_of, to_record
from ui.data import tiles as parts_tiles
from ui.understand import confusion


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the components were told, and what they answer: AppTest has no browser."""
    kept: dict[str, Any] = {"cell": "", "picked": [], "look": None}

    def matrix(data: dict[str, Any]) -> str:
        kept["matrix"] = data
        return str(kept["cell"])

    def tiles(key: str, data: dict[str, Any]) -> dict[str, Any]:
        kept["tiles"] = data
        said = {"set": kept.get("set", data["set"]), "rows": kept["picked"]}
        return {"picked": said, "look": kept["look"]}

    monkeypatch.setattr(confusion, "mount", matrix)
    monkeypatch.setattr(parts_tiles, "mount", tiles)
    return kept


def judged_run(store: Store, ref: DatasetRef, wrong: int = 2, group: str = "") -> Job:
    """A finished run whose answers are about the dataset's own test images: the first ones of class 0 are missed."""
    job = claim(store, queue_run(store, ref, "partial", group=group))
    result = result_of(store, job, 0)
    manifest = read_manifest(ref)
    chosen = manifest[sides(ref, 0) == "test"]
    missed = set(chosen[chosen["label"] == 0]["path"].head(wrong))
    rows = [(r.path, r.label, 1 if r.path in missed else r.label) for r in chosen.itertuples()]
    with (store.home / str(result["predictions"])).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "predicted", "confidence"])
        writer.writerows((*row, 0.8) for row in rows)
    right = sum(label == answer for _, label, answer in rows)
    result |= {"test_total": len(rows), "test_correct": right, "test_accuracy": right / len(rows)}
    return store.finish(store.job(job.id), result)


def look_into(store: Store, ref: DatasetRef, run: Job) -> Explained:
    manifest = read_manifest(ref)
    rows = [int(i) for i in (sides(ref, 0) == "test").nonzero()[0]]
    truth = tuple(int(manifest["label"][row]) for row in rows)
    found = Explained(
        rows=tuple(rows), truth=truth, predicted=truth, confidence=(0.8,) * len(rows),
        truth_probability=tuple(0.9 - 0.1 * (i % 8) for i in range(len(rows))), calibrated=(0.9,) * len(rows),
        temperature=0.7, validation_images=12, map_kind="CAM", maps=tuple(rows),
        neighbours=dict.fromkeys(rows, ((0, 0.97), (1, 0.91))), searched=15,
        stages=("stem", *(f"stage {i}" for i in range(1, 8))), moved=(0.0,) * 6 + (0.02, 0.3),
        agreement=wilson(3, 4), source=None, seconds=2.0,
    )  # fmt: skip
    folder = folder_of(store.home, run.id)
    folder.mkdir(parents=True)
    (folder / RECORD).write_text(json.dumps(to_record(found)))
    return found


def open_run(open_page: Open, run: Job, **params: str) -> AppTest:
    return open_page("run", run=run.id, **params)


def test_without_a_run_the_page_leads_to_the_runs(open_page: Open, dataset: DatasetRef, told: dict[str, Any]) -> None:
    at = open_page("run", dataset=dataset.id)
    assert "No run chosen" in words(at)
    at = open_page("run", run="nothere1")
    assert "This run is not here any more" in words(at)


def test_a_run_without_answers_says_so(
    open_page: Open, dataset: DatasetRef, store: Store, told: dict[str, Any]
) -> None:
    assert "Nothing to look into yet" in words(open_run(open_page, queue_run(store, dataset, "partial")))


def test_the_matrix_leads_to_the_images_of_a_cell(
    open_page: Open, dataset: DatasetRef, store: Store, told: dict[str, Any]
) -> None:
    run = judged_run(store, dataset)
    at = open_run(open_page, run)
    data = told["matrix"]
    assert data["counts"][0][1] == 2 or data["counts"][0][1] == data["support"][0]
    assert sum(data["support"]) == run.result["test_total"]  # type: ignore[index]
    assert "Test accuracy" in words(at) and "Macro-F1" in words(at)
    told["cell"] = "0-1"
    at.run()
    assert told["matrix"]["chosen"] == "" or told["matrix"]["chosen"] == "0-1"
    items = told["tiles"]["items"]
    assert len(items) == data["counts"][0][1]
    assert all(item["lines"][0][0] == dataset.classes[0] for item in items)
    assert items[0]["lines"][1] == [f"× {dataset.classes[1]}, 80%", "bad"]
    assert items[0]["src"].startswith(f"/thaw/thumb/{dataset.id}/")


def test_relabelled_images_make_a_revision_that_can_be_trained_and_undone(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers, told: dict[str, Any]
) -> None:
    run = judged_run(store, dataset, wrong=1)
    at = open_run(open_page, run, cell="0-1")
    row = told["tiles"]["items"][0]["row"]
    told["picked"] = [row]
    at.run()
    assert "1 image picked" in words(at)
    button(at, "Relabel").click().run()
    now = current(store.home, dataset)
    assert now.id != dataset.id and "Relabelled" in now.edit
    text = words(at)
    assert "The data was corrected since this run" in text and now.id in text
    assert [f"now {dataset.classes[1]}", "good"] in told["tiles"]["items"][0]["lines"]
    button(at, "Train the same plan").click().run()
    again = store.job(executor.submitted[-1])
    assert (again.dataset_id, again.group) == (now.id, f"after-{run.id}")
    assert again.config["strategy"] == run.config["strategy"]
    assert "Open the run on the corrected images (queued)" in words(at)
    button(at, "Undo").click().run()
    assert current(store.home, dataset).id == dataset.id
    assert "The data was corrected" not in words(at)


def test_what_was_picked_in_another_list_is_not_picked_here(
    open_page: Open, dataset: DatasetRef, store: Store, told: dict[str, Any]
) -> None:
    """The browser marks nothing in a new list; a button that acted all the same would edit unmarked images."""
    at = open_run(open_page, judged_run(store, dataset, wrong=1), cell="0-1")
    told |= {"picked": [told["tiles"]["items"][0]["row"]], "set": told["tiles"]["set"]}
    assert "1 image picked" in words(at.run())
    at.segmented_control(key="which_errors").set_value("surest").run()
    assert told["tiles"]["set"] != told["set"] and told["tiles"]["items"][0]["row"] in told["picked"]
    assert "image picked" not in words(at)
    at.segmented_control(key="which_errors").set_value("cell").run()
    assert "1 image picked" in words(at), "the browser marks it again"


def test_a_cell_can_be_clicked_again_after_another_choice(
    open_page: Open, dataset: DatasetRef, store: Store, told: dict[str, Any]
) -> None:
    at = open_run(open_page, judged_run(store, dataset, wrong=1))
    for chosen in ("0-1", "1-1", "0-1"):
        told["cell"] = chosen
        at.run()
        told["cell"] = ""  # a click is told once
        at.run()
        assert param(at, "cell") == chosen
        at.query_params["cell"] = "1-0"  # by a button beside the matrix
    told["cell"] = "0-1"
    assert param(at.run(), "cell") == "0-1"


def test_excluded_images_count_nowhere(
    open_page: Open, dataset: DatasetRef, store: Store, told: dict[str, Any]
) -> None:
    run = judged_run(store, dataset, wrong=1)
    at = open_run(open_page, run, cell="0-1")
    told["picked"] = [told["tiles"]["items"][0]["row"]]
    at.run()
    button(at, "Exclude").click().run()
    assert current(store.home, dataset).excluded == 1


def test_before_and_after_says_over_which_images(
    open_page: Open, dataset: DatasetRef, store: Store, told: dict[str, Any]
) -> None:
    run = judged_run(store, dataset, wrong=1)
    at = open_run(open_page, run, cell="0-1")
    told["picked"] = [told["tiles"]["items"][0]["row"]]
    at.run()
    button(at, "Relabel").click().run()
    after = judged_run(store, current(store.home, dataset), wrong=0, group=f"after-{run.id}")
    told["picked"] = []
    text = words(open_run(open_page, after))
    assert "Before and after the correction" in text
    assert "No difference shown" in text
    assert "test images that both revisions share, 1 of them under its new label" in text
    assert "by today's labels" in text and "as it was judged then" in text
    assert "Before and after" in words(open_run(open_page, run))


def test_a_look_inside_is_started_once_and_shown(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers, told: dict[str, Any]
) -> None:
    run = judged_run(store, dataset)
    at = open_run(open_page, run)
    assert "Highest loss" not in at.segmented_control[0].options
    button(at, "Look inside this run").click().run()
    job = store.job(executor.submitted[-1])
    assert (job.kind, job.config["run"]) == ("explain", run.id)
    assert "Starting" in words(at) and button(at, "Cancel")
    store.request_stop(job.id)
    look_into(store, dataset, run)
    at = open_run(open_page, run)
    text = words(at)
    assert "Look inside this run" not in text
    assert "Does its confidence mean what it says?" in text and "dividing the logits by 0.70" in text
    assert "How far the weights moved" in text and "30%" in text
    assert "On 75% of the test images" in text
    at.segmented_control[0].set_value("loss").run()
    losses = [item["lines"][2][0] for item in told["tiles"]["items"]]
    assert losses == sorted(losses, reverse=True) and losses[0].startswith("loss ")
    at.toggle[0].set_value(True).run()
    assert told["tiles"]["items"][0]["src"] == f"/thaw/map/{run.id}/{told['tiles']['items'][0]['row']}.jpg"
    told["look"] = told["tiles"]["items"][0]["row"]
    at.run()
    assert any("thaw-closer" in one.value for one in at.markdown)
    assert "Nearest of 15 training images" in words(at)


def test_train_and_compare_lead_here(
    open_page: Open, dataset: DatasetRef, store: Store, told: dict[str, Any]
) -> None:
    run = judged_run(store, dataset)
    at = open_page("train", run=run.id)
    button(at, "Understand this run").click().run()
    assert not at.exception
    assert "What it takes for what" in words(at)
    at = open_page("compare", runs=run.id)
    button(at, "Its mistakes").click().run()
    assert "What it takes for what" in words(at)

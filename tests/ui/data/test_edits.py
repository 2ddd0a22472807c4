"""Edits on the Data page: made at once, said in a line, undone and redone; the history, merging, taking away."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from core.types import DatasetFacts, DatasetRef
from dataset.edits import Edit
from dataset.folder import load_dataset, read_manifest
from dataset.ingest.sources import import_path
from dataset.revisions import current, history, revise
from tests.support.seeding import LONG, NoWorkers, button, finished_run, param
from tests.support.seeding import words as words_with_marks
from tests.ui.conftest import Open
from training.store.store import Store
from ui.server import datasets
from ui.server.routes import routes


@pytest.fixture
def edited(home: Path, dataset: DatasetRef) -> DatasetRef:
    return revise(home, dataset, [Edit("relabel", ("daisy/000.png",), LONG)])


def words(at: AppTest) -> str:
    return words_with_marks(at).replace("**", "")


def shown(at: AppTest) -> str:
    return param(at, "dataset")


def test_an_import_says_nothing_of_edits(open_page: Open, dataset: DatasetRef, facts: DatasetFacts) -> None:
    text = words(open_page("data", dataset=dataset.id, view="edits"))
    assert "Not edited so far" in text and "Undo" not in text and "Edited." not in text


def test_undo_and_redo(open_page: Open, dataset: DatasetRef, edited: DatasetRef, home: Path) -> None:
    at = open_page("data", dataset=edited.id)
    assert "Edited. Relabelled 'daisy/000.png' from 'daisy' to" in words(at)
    button(at, "Undo").click().run()
    assert shown(at) == dataset.id and current(home, dataset) == dataset
    assert "As imported." in words(at)
    button(at, "Redo").click().run()
    assert shown(at) == edited.id and current(home, dataset) == edited


def test_classes_are_merged_and_the_new_revision_is_measured(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, home: Path, store: Store
) -> None:
    at = open_page("data", dataset=dataset.id, view="edits")
    at.multiselect(key=f"merge_{dataset.id}").set_value(["daisy", LONG]).run()
    at.selectbox(key=f"merge_into_{dataset.id}").set_value("daisy").run()
    at.button(key="merge").click().run()
    new = load_dataset(home, shown(at))
    assert new.base == dataset.id and len(new.classes) == 2
    assert "Edited. Merged" in words(at) and new.counts == {"": (14, 5)}
    assert at.toast[0].value.startswith("Merged"), "the button may be far from the heading"
    (job,) = store.jobs(kind="profile", dataset_id=new.id)
    assert job.state == "queued"
    at.run()
    assert len(store.jobs(kind="profile", dataset_id=new.id)) == 1


def test_a_refused_edit_is_said_once_and_changes_nothing(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, home: Path
) -> None:
    at = open_page("data", dataset=dataset.id, view="edits")
    at.multiselect(key=f"merge_{dataset.id}").set_value(list(dataset.classes)).run()
    at.selectbox(key=f"merge_into_{dataset.id}").set_value("daisy").run()
    at.button(key="merge").click().run()
    assert "This edit was not made" in words(at) and "Only one class would be left" in words(at)
    assert shown(at) == dataset.id and history(home, dataset) == [dataset]
    assert "This edit was not made" not in words(at.run())


def test_what_waits_to_measure_an_edited_revision_makes_room(
    dataset: DatasetRef, store: Store, executor: NoWorkers, home: Path
) -> None:
    waiting = store.create_job("profile", dataset.id, {"backbone": "efficientnet_lite0", "seed": 0})
    at = AppTest.from_function(_exclude, args=(dataset, "daisy/001.png"), default_timeout=20).run()
    assert not at.exception, at.exception
    assert store.job(waiting.id).stop_requested or store.job(waiting.id).state == "stopped"
    new = current(home, dataset)
    assert new.excluded == 1 and len(store.jobs(kind="profile", dataset_id=new.id)) == 1


def _exclude(ref, path):  # runs as a script of its own, which knows no names from here
    from dataset.edits import Edit
    from ui.data import edits

    edits.apply(ref, [Edit("exclude", (path,))])


def _tools(ref, rows):
    from ui.data import edits
    from ui.kit import state

    now = state.current_dataset(newest=False) or ref
    edits.line(now)
    edits.tools(now, rows)


def test_chosen_images_are_relabelled_moved_excluded_and_restored(
    dataset: DatasetRef, executor: NoWorkers, home: Path
) -> None:
    at = AppTest.from_function(_tools, args=(dataset, [6, 7]), default_timeout=20).run()
    assert not at.exception, at.exception
    at.selectbox(key="relabel_to").set_value("daisy").run()
    button(at, "Relabel 2 images").click().run()
    assert "Nothing changed" in words(at) and current(home, dataset) == dataset
    at.selectbox(key="relabel_to").set_value(LONG).run()
    button(at, "Relabel 2 images").click().run()
    assert "Relabelled 2 images from 'daisy'" in words(at)
    button(at, "To test").click().run()
    assert "Moved 2 images to test." in words(at)
    button(at, "Exclude").click().run()
    assert "Excluded 2 images." in words(at)
    assert not [one for one in at.button if "Relabel" in one.label], "what is excluded can only be restored"
    button(at, "Restore").click().run()
    now = current(home, dataset)
    assert [now.classes[label] for label in read_manifest(now)["label"][6:8]] == [LONG, LONG]


def test_the_history_leads_back_and_says_which_runs_belong_where(
    open_page: Open, dataset: DatasetRef, store: Store, home: Path
) -> None:
    finished_run(store, dataset, "linear_probe", correct=36)
    first = revise(home, dataset, [Edit("exclude", ("daisy/000.png",))])
    second = revise(home, first, [Edit("exclude", ("daisy/001.png",))])
    branch = revise(home, dataset, [Edit("exclude", ("daisy/002.png",))])
    at = open_page("data", dataset=second.id, view="edits")
    text = words(at)
    assert "Revision 2. Excluded 'daisy/001.png'." in text
    assert "Revision 3, made of the import. Excluded 'daisy/002.png'." in text
    assert "19 images · just now · 1 run, the best 90.0% on test" in text
    at.button(key=f"open_{branch.id}").click().run()
    assert shown(at) == branch.id


def test_runs_of_another_revision_are_found_from_the_train_page(
    open_page: Open, dataset: DatasetRef, edited: DatasetRef, store: Store
) -> None:
    finished_run(store, dataset, "linear_probe")
    at = open_page("train", dataset=edited.id)
    assert "Nothing has been trained on these images yet" in words(at)
    assert "Runs belong to the revision that they saw" in words(at)
    button(at, "1 run · As imported").click().run()
    assert shown(at) == dataset.id and "Past runs of these images" in words(at)


def test_the_import_is_listed_once_and_opens_where_work_was_left(
    open_page: Open, dataset: DatasetRef, edited: DatasetRef
) -> None:
    at = open_page("data")
    mine = [one for one in at.button if "flowers" in one.label]
    assert len(mine) == 1 and "(edited)" in mine[0].label
    mine[0].click().run()
    assert shown(at) == edited.id


# -- taking away ------------------------------------------------------------------------------------------------------


def test_links_lead_to_what_the_routes_serve(
    open_page: Open, dataset: DatasetRef, edited: DatasetRef, home: Path, tmp_path: Path
) -> None:
    at = open_page("data", dataset=edited.id, view="edits")
    links = {one.proto.label: one.proto.url for one in at.get("link_button")}
    with TestClient(Starlette(routes=routes(home))) as client:
        answer = client.get(links["Zip of class folders"])
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="flowers-{edited.id[:6]}.zip"')
        (tmp_path / "cleaned.zip").write_bytes(answer.content)
        table = client.get(links["Table of labels (CSV)"]).text.splitlines()
    assert len(zipfile.ZipFile(tmp_path / "cleaned.zip").namelist()) == 19
    assert import_path(tmp_path / "cleaned.zip", home).per_class == edited.per_class
    assert table[0] == "path,label" and len(table) == 20
    at.checkbox(key="with_split").check().run()
    links = {one.proto.label: one.proto.url for one in at.get("link_button")}
    with TestClient(Starlette(routes=routes(home))) as client:
        table = client.get(links["Table of labels (CSV)"]).text.splitlines()
    assert table[0] == "path,label,split" and {row.rpartition(",")[2] for row in table[1:]} == {"train", "val", "test"}


def test_routes_refuse_what_is_not_there(home: Path, dataset: DatasetRef) -> None:
    with TestClient(Starlette(routes=routes(home))) as client:
        for url, said in (
            ("/thaw/cleaned/0123456789abcdef.zip", "There is no dataset"),
            ("/thaw/cleaned/..%2F..%2Fetc.zip", None),
            (f"/thaw/cleaned/{dataset.id}.rar", "as zip or csv, not as 'rar'"),
        ):
            answer = client.get(url)
            assert answer.status_code == 404 and (said is None or said in answer.json()["error"])
        next(dataset.images_root.rglob("*.png")).unlink()
        answer = client.get(datasets.url(dataset, "zip", False))
        assert answer.status_code == 404 and "is not on disk any more" in answer.json()["error"]

"""The Data page as a user reads it: the ways in, a dataset's own page, its profile, and every error."""

from __future__ import annotations

import io
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.types import DatasetFacts, DatasetRef, Decoding
from dataset import read_rows
from dataset.folder import list_datasets
from dataset.ingest import uploads
from dataset.ingest.samples import SAMPLES
from dataset.ingest.sources import import_path
from dataset.readings import ReadAs
from tests.support.seeding import NoWorkers, button, facts_of, param, picture_folder, words
from tests.ui.conftest import Open, Visit
from training.requests.imports import ImportImages
from training.requests.registry import submit
from training.store.store import Store
from ui.bring_in import imports
from ui.bring_in.drop_zone import Uploaded
from ui.sharing import Visitor


def zipped(folder: Path) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder.parent))
    return target.getvalue()


def test_first_visit_offers_every_way_in(open_page: Open) -> None:
    at = open_page("data")
    text = words(at)
    assert "Bring in labelled images" in text
    for sample in SAMPLES.values():
        assert sample.title in text
        button(at, sample.title)
    assert any("folder" in one.label.lower() for one in at.text_input) and not at.text_input[0].disabled


def test_the_path_field_is_explained_away_for_who_is_not_at_this_computer(open_page: Open, visitor: Visit) -> None:
    visitor(Visitor(local=False, name="Ann"))
    at = open_page("data")
    assert at.text_input[0].disabled and at.text_input[0].label.endswith("on the server")
    assert "other computers reach this server" in words(at) and "THAW_IMPORT_ROOTS" in words(at)


def test_folders_that_the_host_names_may_be_typed_and_nothing_beside_them(
    open_page: Open, visitor: Visit, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor(Visitor(local=False))
    shared = tmp_path / "shared"
    picture_folder(shared / "leaves", {"oak": 3, "elm": 4})
    outside = picture_folder(tmp_path / "private", {"a": 3, "b": 4})
    (shared / "way out").symlink_to(outside)
    monkeypatch.setenv("THAW_IMPORT_ROOTS", str(shared))
    for asked in (outside, shared / "way out", shared / ".." / "private", Path("/"), tmp_path / "shared2"):
        at = open_page("data")
        at.text_input[0].set_value(str(asked))
        button(at, "Import this path").click().run()
        assert "lies outside the folders that may be read here" in words(at) and not list_datasets(home), asked
    at = open_page("data")
    at.text_input[0].set_value(str(shared / "leaves"))
    button(at, "Import this path").click().run()
    assert "7 images in 2 classes" in words(at)


def test_a_folder_path_becomes_a_dataset_and_is_measured(
    open_page: Open, tmp_path: Path, store: Store, home: Path
) -> None:
    folder = picture_folder(tmp_path / "leaves", {"oak": 3, "elm": 4})
    at = open_page("data")
    at.text_input[0].set_value(str(folder))
    button(at, "Import this path").click().run()
    text = words(at)
    assert "leaves" in text and "7 images in 2 classes" in text
    (ref,) = list_datasets(home)
    assert param(at, "dataset") == ref.id
    (job,) = store.jobs(kind="profile", dataset_id=ref.id)
    assert job.config["backbone"] == "efficientnet_lite0"
    at.run()
    assert len(store.jobs(kind="profile")) == 1, "a rerun must not measure again"


def test_a_path_that_does_not_exist_is_one_calm_sentence(open_page: Open) -> None:
    at = open_page("data")
    at.text_input[0].set_value("/nowhere/at/all")
    button(at, "Import this path").click().run()
    assert "There is no file or folder at '/nowhere/at/all'" in words(at)
    assert not at.exception


def test_an_empty_path_asks_for_one(open_page: Open) -> None:
    at = open_page("data")
    button(at, "Import this path").click().run()
    assert "Type the path of a folder" in words(at)


def arrive(home: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The drop zone reports, once, that this folder's zip has arrived."""
    upload = uploads.open_upload(home)
    with uploads.new_file(home, upload, f"{folder.name}.zip") as sink:
        sink.write(zipped(folder))
    arrived = [Uploaded(upload, "")]
    monkeypatch.setattr(imports, "drop_zone", lambda title, key: arrived.pop() if arrived else None)


def test_a_dropped_zip_becomes_a_dataset(
    open_page: Open, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(home, monkeypatch, picture_folder(tmp_path / "birds", {"wren": 3, "tit": 3}))
    at = open_page("data")
    assert "6 images in 2 classes" in words(at) and "birds" in words(at)


def test_a_zip_with_one_class_is_refused_and_not_tried_again(
    open_page: Open, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(home, monkeypatch, picture_folder(tmp_path / "one", {"only": 3}))
    at = open_page("data")
    text = words(at)
    assert "could not be imported" in text and "Only one class folder was found" in text
    at.run()
    assert "could not be imported" not in words(at)
    assert list_datasets(home) == []


def test_an_import_that_was_left_is_found_again(
    open_page: Open, tmp_path: Path, store: Store, executor: NoWorkers
) -> None:
    folder = picture_folder(tmp_path / "leaves", {"oak": 3, "elm": 4})
    executor.submit(submit(store, ImportImages(str(folder))).id)
    assert "7 images in 2 classes" in words(open_page("data"))
    assert store.jobs(kind="import") == []


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("stopped", "The import was cancelled Nothing of it was kept."),
        ("lost", "These images could not be imported The worker ended without finishing."),
    ],
)
def test_how_an_import_ended_is_told_once_to_whoever_comes(open_page: Open, store: Store, end: str, says: str) -> None:
    submit(store, ImportImages("/some/folder"))
    job = store.claim_next("import")
    assert job is not None
    if end == "stopped":
        store.stopped(job, None)
    else:
        store.lose(job, "The worker ended without finishing.")
    assert says in " ".join(words(open_page("data")).split())
    assert says not in " ".join(words(open_page("data")).split())


def test_folders_in_folders_can_be_read_again_as_other_classes(open_page: Open, tmp_path: Path, home: Path) -> None:
    folder = picture_folder(tmp_path / "zoo" / "pets", {"cat": 3, "dog": 3}).parent
    picture_folder(folder / "plants", {"oak": 2, "elm": 2}, size=20)
    ref = import_path(folder, home, read_as=ReadAs("folders"))
    at = open_page("data", dataset=ref.id)
    assert "10 images in 2 classes" in words(at) and "they were counted to that class" in words(at)
    at.selectbox(key=f"again_{ref.id}").set_value("folders:innermost")
    button(at, "Read the folders again").click().run()
    assert "10 images in 4 classes" in words(at)
    assert len(list_datasets(home)) == 2


def test_images_of_more_than_8_bits_can_be_read_again_with_another_range(
    open_page: Open, tmp_path: Path, home: Path
) -> None:
    for label, grey in (("dim", 300), ("bright", 2400)):
        (tmp_path / "cells" / label).mkdir(parents=True)
        for number in range(3):
            values = np.linspace(grey, grey + 1200 + number, 400).reshape(20, 20).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / "cells" / label / f"{number}.png")
    ref = import_path(tmp_path / "cells", home)
    at = open_page("data", dataset=ref.id)
    assert "12 bits in 16: values 0 to 4,095 become black to white" in words(at)
    at.number_input(key=f"high_{ref.id}").set_value(2000)
    button(at, "Read the images again").click().run()
    assert "As asked: values 0 to 2,000 become black to white" in words(at)
    assert {one.decoding.value_range for one in list_datasets(home)} == {(0, 4095), (0, 2000)}


def test_another_page_of_stacks_and_three_as_colours_are_a_form_away(
    open_page: Open, tmp_path: Path, home: Path
) -> None:
    for label, grey in (("dim", 30), ("bright", 140)):
        (tmp_path / "stacks" / label).mkdir(parents=True)
        for number in range(3):
            pages = [Image.new("L", (20, 20), grey + 20 * page + number) for page in range(3)]
            pages[0].save(tmp_path / "stacks" / label / f"{number}.tif", save_all=True, append_images=pages[1:])
    at = open_page("data", dataset=import_path(tmp_path / "stacks", home).id)
    assert "6 files hold several pages or pictures: number 1 of each is taken." in words(at)
    at.number_input(key=f"page_{param(at, 'dataset')}").set_value(3)
    button(at, "Read the images again").click().run()
    assert "number 3 of each is taken." in words(at)
    at.checkbox(key=f"colours_{param(at, 'dataset')}").check()
    button(at, "Read the images again").click().run()
    assert "1, 2 and 3 become red, green and blue." in words(at)
    assert {one.decoding.pages for one in list_datasets(home)} == {(1,), (3,), (1, 2, 3)}


def test_of_two_imports_of_one_name_the_one_that_was_picked_is_shown(
    open_page: Open, tmp_path: Path, home: Path
) -> None:
    folder = picture_folder(tmp_path / "pets", {"cat": 3, "dog": 3})
    first = import_path(folder, home)
    (folder / "cat" / "000.png").rename(folder / "cat" / "tom.png")
    second = import_path(folder, home)
    at = open_page("data", dataset=first.id)
    picker = at.selectbox(key="picker")
    assert sorted(picker.options) == sorted(f"pets · 6 images · {one.id}" for one in (first, second))
    picker.set_value(second.id).run()
    assert param(at, "dataset") == second.id
    at.run()
    assert param(at, "dataset") == second.id


def test_a_browser_that_repeats_an_earlier_choice_of_a_dataset_does_not_switch_back_and_forth(
    open_page: Open, tmp_path: Path, home: Path
) -> None:
    first, second = (import_path(picture_folder(tmp_path / str(n), {"cat": n, "dog": 3}), home) for n in (3, 4))
    at = open_page("data", dataset=first.id)
    at.selectbox(key="picker").set_value(second.id).run()
    said = at._tree.get_widget_states()
    at.selectbox(key="picker").set_value(first.id).run()
    assert param(at, "dataset") == first.id
    at._run(said)  # of a moment ago, when the other one was shown
    at.run()
    assert at.selectbox(key="picker").value == param(at, "dataset")
    at.selectbox(key="picker").set_value(first.id).run()
    assert param(at, "dataset") == first.id


def test_flat_folders_are_not_asked_about(open_page: Open, dataset: DatasetRef) -> None:
    said = words(open_page("data", dataset=dataset.id))
    assert "Read the folders again" not in said and "groups" not in said and "several pages" not in said


def test_groups_of_the_names_are_said_and_one_click_takes_them_away(
    open_page: Open, tmp_path: Path, home: Path
) -> None:
    folder = picture_folder(tmp_path / "moles", {"benign": 8, "malign": 8})
    for name in ("benign", "malign"):
        for number, path in enumerate(sorted((folder / name).iterdir())):
            path.rename(path.with_name(f"patient{name[0] == 'm':d}{number // 2}_{number % 2}{path.suffix}"))
    ref = import_path(folder, home)
    at = open_page("data", dataset=ref.id)
    assert "16 images in 2 classes, of 8 groups" in words(at)
    assert "8 groups ('patient' in the names), kept on one side." in words(at)
    button(at, "Read again without groups").click().run()
    assert "16 images in 2 classes. From" in words(at)
    button(at, "Keep these groups on one side").click().run()
    assert "16 images in 2 classes, of 8 groups" in words(at)
    assert len(list_datasets(home)) == 2


def test_another_choice_of_groups_keeps_the_classes_sides_and_values_as_they_were_read(
    open_page: Open, tmp_path: Path, home: Path
) -> None:
    (tmp_path / "scans").mkdir()
    rows = ["file,finding,split"]
    for number in range(16):
        values = np.random.default_rng(number).integers(0, 4096, (20, 20)).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / "scans" / f"patient{number // 2}_{number % 2}.png")
        split = "test" if number > 11 else "train"
        rows.append(f"patient{number // 2}_{number % 2}.png,{('ill', 'well')[number // 2 % 2]},{split}")
    (tmp_path / "scans" / "findings.csv").write_text("\n".join(rows), encoding="utf-8")
    ref = import_path(tmp_path / "scans", home, decoding=Decoding((0, 2000)))
    assert ref.groups == 8
    at = open_page("data", dataset=ref.id)
    button(at, "Read again without groups").click().run()
    (other,) = [one for one in list_datasets(home) if one.id != ref.id]
    assert (other.groups, other.classes, other.counts, other.decoding) == (0, ref.classes, ref.counts, ref.decoding)
    assert other.reading_key == ref.reading_key == "findings.csv:finding"
    assert [row.split for row in read_rows(other)] == [row.split for row in read_rows(ref)]


def test_a_target_is_attached_by_path_and_detached(
    open_page: Open, dataset: DatasetRef, tmp_path: Path, home: Path
) -> None:
    picture_folder(tmp_path / "sketches", {"daisy": 3, "unknown": 4}, size=24)
    at = open_page("data", dataset=dataset.id, view="target")
    field = next(one for one in at.text_input if "folder or archive on this computer" in one.label)
    field.set_value(str(tmp_path / "sketches"))
    button(at, "Attach this path").click().run()
    assert "7 images, 3 of them labelled" in words(at)
    assert "19 images in 3 classes" in words(at), "the dataset itself is still the current one"
    button(at, "Detach this target").click().run()
    assert "of them labelled" not in words(at)


def test_a_sample_is_one_click(open_page: Open) -> None:
    at = open_page("data")
    button(at, SAMPLES["shapes"].title).click().run()
    assert "240 images in 4 classes" in words(at) and "A built-in sample." in words(at)


def test_a_dataset_shows_counts_and_only_the_section_that_is_open(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    at = open_page("data", dataset=dataset.id)
    assert "19 images in 3 classes" in words(at) and "Class balance" not in words(at)
    assert [tab.label.split()[-1] for tab in at.tabs][:4] == ["Images", "Check", "Map", "Numbers"]
    at = open_page("data", dataset=dataset.id, view="numbers")
    assert "Class balance" in words(at) and "Image sizes" in words(at)
    assert len(at.get("plotly_chart")) == 2


def test_measured_facts_have_units_and_intervals(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    text = words(open_page("data", dataset=dataset.id))
    assert "81% (70–89)" in text and "33.3%" in text
    assert "120 images/s" in text and "18 images/s" in text and "CPU, 2 cores" in text
    assert "Measuring took 12 s" in text


def test_files_set_aside_are_listed_with_reasons(open_page: Open, home: Path, tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "some", {"a": 3, "b": 3})
    (folder / "a" / "broken.png").write_bytes(b"this is no picture")
    ref = import_path(folder, home)
    at = open_page("data", dataset=ref.id, view="check")
    assert any("1 file set aside" in fold.label for fold in at.expander)
    (table,) = at.dataframe
    assert "broken.png" in table.value["File"][0] and table.value["Why"][0]


def test_measuring_shows_progress_and_can_be_cancelled(
    open_page: Open, dataset: DatasetRef, store: Store, executor: NoWorkers
) -> None:
    at = open_page("data", dataset=dataset.id)
    (job,) = store.jobs(kind="profile")
    assert executor.submitted == [job.id]
    store.claim_next()
    store.beat(store.job(job.id), progress=0.4, doing="Features of 1,000 images", eta_s=31.0)
    at.run()
    text = words(at)
    assert "Features of 1,000 images" in text and "about 31 s left" in text
    assert at.get("progress")[0].proto.value == 40
    button(at, "Cancel measuring").click().run()
    assert store.job(job.id).stop_requested
    store.stopped(store.job(job.id), None)
    at.run()
    assert "Measuring was cancelled" in words(at)
    assert len(store.jobs(kind="profile")) == 1, "what was cancelled does not start by itself again"
    button(at, "Measure with EfficientNet-Lite0").click().run()
    assert len(store.jobs(kind="profile")) == 2


def test_accuracy_is_shown_while_speeds_are_still_measured(
    open_page: Open, dataset: DatasetRef, store: Store, facts: DatasetFacts
) -> None:
    """The fixture's facts, as far as a profile knows them before it times training."""
    part = replace(facts, costs=(), forward_images_per_s=None, train_images_per_s=None, memory=None, seconds=None)
    store.save_facts(part)
    at = open_page("data", dataset=dataset.id)
    (job,) = store.jobs(kind="profile")
    store.claim_next()
    store.beat(store.job(job.id), progress=0.93, doing="Measuring training speed at each boundary")
    text = words(at.run())
    assert "81% (70–89)" in text and "being measured" in text and "Measuring training speed" in text
    store.stopped(store.job(job.id), None)
    text = words(at.run())
    assert "81% (70–89)" in text and "being measured" not in text
    assert "Measuring was cancelled" in text and button(at, "Measure with EfficientNet-Lite0")


@pytest.mark.parametrize(
    ("timed", "others", "said"),
    [
        (None, None, "Speeds were measured by an earlier version."),
        (3 * 86400.0, 0.02, "Speeds measured 3 days ago, on a machine with little else to do."),
        (0.0, 0.4, "while other programs took 40% of this machine: times may be forecast too long."),
    ],
)
def test_speeds_say_how_old_they_are_and_are_measured_again(
    open_page: Open, dataset: DatasetRef, store: Store, facts: DatasetFacts, timed: float | None, others: float | None,
    said: str,
) -> None:  # fmt: skip
    store.save_facts(replace(facts, timed_at=None if timed is None else time.time() - timed, others=others))
    at = open_page("data", dataset=dataset.id)
    assert said in words(at)
    button(at, "Measure again").click().run()
    (job,) = store.jobs(kind="profile")
    store.claim_next()
    store.beat(store.job(job.id), progress=0.9, doing="Measuring training speed at each boundary")
    text = words(at.run())
    assert "18 images/s" in text and "Measuring training speed" in text, "the old ones stand until then"
    assert not [one for one in at.button if one.label == "Measure again"]


def test_a_failed_profile_says_why(open_page: Open, dataset: DatasetRef, store: Store) -> None:
    at = open_page("data", dataset=dataset.id)
    job = store.claim_next()
    assert job is not None
    store.fail(store.job(job.id), "The disk is full: 0 bytes left in the home.")
    at.run()
    assert "Measuring failed" in words(at) and "The disk is full" in words(at)


def test_the_page_shows_facts_when_the_profile_ends(
    open_page: Open, dataset: DatasetRef, store: Store
) -> None:
    at = open_page("data", dataset=dataset.id)
    job = store.claim_next()
    assert job is not None
    store.save_facts(facts_of(dataset))
    store.finish(store.job(job.id), {})
    assert "81% (70–89)" in words(at.run())


def test_get_advice_leads_on_with_the_same_dataset(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    at = open_page("data", dataset=dataset.id)
    button(at, "Get advice").click().run()
    assert at.title[0].value == "Advice"
    assert at.session_state["dataset"] == dataset.id


def test_earlier_imports_can_be_chosen_again(
    open_page: Open, dataset: DatasetRef, home: Path, tmp_path: Path
) -> None:
    other = import_path(picture_folder(tmp_path / "other", {"x": 2, "y": 2}), home)
    at = open_page("data")
    button(at, "flowers").click().run()
    assert "19 images in 3 classes" in words(at)
    at.selectbox(key="picker").set_value(other.id).run()
    assert "4 images in 2 classes" in words(at)
    button(at, "Bring in other images").click().run()
    assert "Bring in labelled images" in words(at)


def test_a_deleted_dataset_is_said_and_the_ways_in_follow(open_page: Open, home: Path) -> None:
    at = open_page("data", dataset="0123456789abcdef")
    text = words(at)
    assert "not here any more" in text and "Bring in labelled images" in text


def test_two_hundred_classes_do_not_break_the_page(
    open_page: Open, home: Path, tmp_path: Path, store: Store
) -> None:
    folder = tmp_path / "many"
    for number in range(200):
        place = folder / f"class {number:03d}"
        place.mkdir(parents=True)
        for index in range(2):
            Image.new("RGB", (8, 8), (number, index * 90, 5)).save(place / f"{index}.png")
    ref = import_path(folder, home)
    at = open_page("data", dataset=ref.id)
    assert "400 images in 200 classes" in words(at)
    assert "class 199" in at.selectbox(key="images_class").options

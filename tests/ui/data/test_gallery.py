"""The Images section: what the gallery is told, what it may report, and that the URL keeps it all.

The browser's side is tested in `tests/e2e/test_data_room.py`; here `parts_gallery.mount` is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.types import DatasetFacts, DatasetRef
from dataset.ingest.sources import import_path
from tests.support.seeding import LONG, RTL, button, param, picture_folder, words
from tests.ui.conftest import Open
from ui.data import gallery, selection

TITLE_OF_MAP = ":material/scatter_plot: Map"


class Browser:
    """In place of the component: what it was told last, and the reports that it sends at the next run."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self.events: list[list[Any]] = []
        self.client = "a"

    def mount(self, data: dict[str, Any], on_report: Callable[[], None]) -> None:
        self.told = json.loads(json.dumps(data))
        if self.events:
            events, self.events = self.events, []
            st.session_state["__report"] = {"report": {"client": self.client, "events": events}}
            on_report()
            st.rerun()

    def rows(self) -> list[int]:
        return [item[0] for group in self.told["groups"] for item in group["items"]]

    def report(self, at: AppTest, *events: list[Any]) -> AppTest:
        self.events = [*events]
        return at.run()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    fake = Browser()
    monkeypatch.setattr(gallery, "mount", fake.mount)
    # A component's value cannot be set from a test: let the reports come from beside it.
    monkeypatch.setattr(selection, "_value", lambda key: st.session_state.get("__report"))
    return fake


def test_first_every_class_is_shown_by_a_few_images(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser
) -> None:
    open_page("data", dataset=dataset.id)
    told = browser.told
    assert {group["name"]: group["total"] for group in told["groups"]} == {"daisy": 8, LONG: 6, RTL: 5}
    assert told["strips"] and told["noun"] == "classes" and told["total"] == 3
    assert told["base"] == dataset.id and not told["empty"]
    row, label, path, split = told["groups"][0]["items"][0]
    assert told["classes"][label] in path and split == "" and row >= 0


def test_a_class_is_one_grid_with_an_address(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser
) -> None:
    at = open_page("data", dataset=dataset.id)
    at.selectbox(key="images_class").select("daisy").run()
    assert param(at, "class") == "daisy"
    assert len(browser.rows()) == 8 and not browser.told["strips"] and browser.told["one"]
    open_page("data", **{"dataset": dataset.id, "class": RTL})
    assert len(browser.rows()) == 5, "the address alone shows the same"


def test_pages_of_a_large_class(open_page: Open, home: Path, tmp_path: Path, browser: Browser) -> None:
    ref = import_path(picture_folder(tmp_path / "big", {"many": 150, "few": 2}, size=8), home)
    at = open_page("data", dataset=ref.id, arrange="grid", page="2")
    told = browser.told
    assert (told["page"], told["pages"], told["from"], told["to"], told["total"]) == (2, 3, 73, 144, 152)
    assert len(told["next"]) == 8, "the last page is prepared while this one is looked at"
    second = browser.rows()
    browser.report(at, [1, "page", 3])
    assert param(at, "page") == "3" and len(browser.rows()) == 8 and not set(browser.rows()) & set(second)
    open_page("data", dataset=ref.id, arrange="grid", page="999999")
    assert browser.told["page"] == 3
    open_page("data", dataset=ref.id, arrange="grid", page="-1'")
    assert browser.told["page"] == 1


def test_a_search_finds_files_and_starts_on_its_first_page(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser
) -> None:
    at = open_page("data", dataset=dataset.id, page="9")
    at.text_input(key="images_find").set_value("003").run()
    assert param(at, "find") == "003" and "page" not in at.query_params
    assert len(browser.rows()) == 3 and browser.told["noun"] == "images"


def test_after_another_section_the_browser_is_told_every_filter_again(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser
) -> None:
    """It made the inputs anew; left alone it would report them empty, and an edit would show other images."""
    at = open_page("data", **{"dataset": dataset.id, "find": "003", "class": "daisy", "map": "tsne"})
    titles = {"images": at.session_state["view"], "map": TITLE_OF_MAP}

    said = at._tree.get_widget_states()  # of a browser that is quicker than the server: it reports what is gone, too

    def to(section: str) -> dict[str, Any]:
        at.session_state["view"] = titles[section]
        at._run(said)
        said.MergeFrom(at._tree.get_widget_states())
        return {one.key: one.value for one in (*at.text_input, *at.selectbox, *at.get("button_group")) if told(one)}

    def told(one: Any) -> bool:
        return bool(one.proto.set_value)

    assert to("map")["map_name"] == "tsne"
    filters = to("images")
    assert (filters["images_find"], filters["images_class"]) == ("003", "daisy")
    assert to("map")["map_name"] == "tsne"
    assert len(browser.rows()) == 1 and param(at, "find") == "003"


def test_nothing_found_is_said_with_a_way_back(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser
) -> None:
    at = open_page("data", dataset=dataset.id, find="unicorn")
    assert browser.told["empty"]
    assert "None of the 19 images fits 'unicorn'" in words(at)
    button(at, "Show all images").click().run()
    assert len(browser.told["groups"]) == 3 and "find" not in at.query_params


def test_splits_can_be_looked_at_alone(open_page: Open, home: Path, tmp_path: Path, browser: Browser) -> None:
    for split in ("train", "test"):
        picture_folder(tmp_path / "split" / split, {"a": 3 + len(split), "b": 4}, size=9 + len(split))
    ref = import_path(tmp_path / "split", home)
    at = open_page("data", dataset=ref.id)
    at.selectbox(key="images_split").select("test").run()
    assert {item[3] for group in browser.told["groups"] for item in group["items"]} == {"test"}


def test_an_image_can_be_opened_by_its_address(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser
) -> None:
    at = open_page("data", dataset=dataset.id, image="7")
    assert browser.told["open"] == 7
    browser.report(at, [1, "open", None])
    assert "image" not in at.query_params and browser.told["open"] is None
    browser.report(at, [2, "open", 10**6])
    assert "image" not in at.query_params, "there is no such row"


def test_a_selection_grows_and_is_said(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser
) -> None:
    at = open_page("data", dataset=dataset.id)
    browser.report(at, [1, "pick", 2, True], [2, "pick", 3, True])
    assert "2 images selected" in words(at) and browser.told["ack"] == {"client": "a", "seq": 2}
    browser.report(at, [2, "pick", 3, True], [3, "pick", 3, False])
    assert "1 image selected" in words(at), "what was heard already does not count again"
    at.selectbox(key="images_class").select(RTL).run()
    assert "1 image selected" in words(at) and browser.told["count"] == 1, "it stays while one looks elsewhere"
    button(at, "Select all 5 found").click().run()
    assert "6 images selected" in words(at)
    button(at, "Clear selection").click().run()
    assert "images selected" not in words(at) and browser.told["picked"] == []


@pytest.mark.parametrize(
    "event",
    [[1, "pick", 19, True], [1, "pick", -1, True], [1, "pick", "0", True], [1, "pick", True, True], [1, "pick"],
     [1, "nothing", 3], [1], "pick", None, [1, "page", "x"], [1, "class", "no such class"], [1, "picks", [99, None]]],
)  # fmt: skip
def test_reports_that_make_no_sense_change_nothing(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser, event: Any
) -> None:
    at = open_page("data", dataset=dataset.id)
    before = browser.told | {"ack": None}
    browser.report(at, event)
    assert browser.told | {"ack": None} == before and not at.exception


def test_another_dataset_is_seen_whole(
    open_page: Open, dataset: DatasetRef, home: Path, tmp_path: Path, browser: Browser
) -> None:
    other = import_path(picture_folder(tmp_path / "other", {"x": 2, "y": 2}), home)
    at = open_page("data", dataset=dataset.id, find="003")
    browser.report(at, [1, "pick", 1, True])
    at.selectbox(key="picker").set_value(other.id).run()
    assert len(browser.rows()) == 4 and browser.told["picked"] == [] and "find" not in at.query_params


def test_selected_images_are_excluded_and_brought_back_where_the_click_was(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser, home: Path
) -> None:
    at = open_page("data", **{"dataset": dataset.id, "class": "daisy"})
    row = browser.rows()[0]
    browser.report(at, [1, "pick", row, True])
    button(at, "Exclude").click().run()
    assert param(at, "dataset") != dataset.id and "18 images" in words(at)
    assert "image selected" not in words(at)
    assert at.button(key="undo_here") and not at.toast, "said once, where the click was"
    assert row not in browser.rows() and len(browser.rows()) == 7, "the class stays chosen"
    assert browser.told["base"] == dataset.id and browser.told["picked"] == []
    at.selectbox(key="images_split").select("excluded").run()
    assert browser.rows() == [row]
    at.selectbox(key="images_split").select("\0").run()
    at.button(key="undo_here").click().run()
    assert param(at, "dataset") == dataset.id and len(browser.rows()) == 8


def test_an_edit_that_is_refused_keeps_the_selection(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, browser: Browser
) -> None:
    at = open_page("data", dataset=dataset.id)
    two = [item[0] for group in browser.told["groups"][:2] for item in group["items"]]
    browser.report(at, [1, "picks", two])
    button(at, "Exclude").click().run()
    assert "This edit was not made" in words(at) and "Only one class would be left" in words(at)
    assert f"{len(two)} images selected" in words(at) and param(at, "dataset") == dataset.id


def test_the_images_of_a_finding_can_be_looked_at(
    open_page: Open, home: Path, tmp_path: Path, browser: Browser
) -> None:
    folder = picture_folder(tmp_path / "some", {"a": 4, "b": 4}, size=64)
    (folder / "b" / "copy.png").write_bytes((folder / "a" / "001.png").read_bytes())
    ref = import_path(folder, home)
    at = open_page("data", dataset=ref.id)
    at.selectbox(key="images_finding").select("two_labels").run()
    assert param(at, "finding") == "two_labels"
    assert sorted(item[2] for item in browser.told["groups"][0]["items"]) == ["a/001.png", "b/copy.png"]
    open_page("data", dataset=ref.id, finding="two_labels")
    assert len(browser.rows()) == 2, "the address alone shows the same"
    open_page("data", dataset=ref.id, finding="no such finding")
    assert len(browser.rows()) == 9
    at = open_page("data", dataset=ref.id, view="check")
    button(at, "Show in the gallery").click().run()
    assert len(browser.rows()) == 2 and param(at, "finding") == "two_labels" and "view" not in at.query_params


def test_a_large_set_is_checked_for_the_filter_only_when_it_is_asked_for(
    open_page: Open, home: Path, tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = picture_folder(tmp_path / "some", {"a": 5, "b": 4}, size=64)
    (folder / "b" / "copy.png").write_bytes((folder / "a" / "001.png").read_bytes())
    monkeypatch.setattr(gallery, "CHECKED_AT_ONCE", 5)
    at = open_page("data", dataset=import_path(folder, home).id)
    assert not [one for one in at.selectbox if one.key == "images_finding"]
    button(at, "Filter by finding").click().run()
    at.selectbox(key="images_finding").select("two_labels").run()
    assert len(browser.rows()) == 2
    assert not [one for one in at.button if one.label == "Filter by finding"]

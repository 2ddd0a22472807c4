"""The ways in that only a browser has: the drop zone and the upload of a folder; and what a bad archive is told."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dataset.folder import list_datasets
from tests.e2e.conftest import Server

PATIENT_MS = 30_000
"""An import starts a process, and the machine may be busy."""


@pytest.fixture
def folder(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    return image_folder(tmp_path / "garden", classes=("daisy", "rose"), per_class=5)


def test_a_zip_dropped_on_the_page_is_imported(server: Server, page: Page, folder: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "flowers"), "zip", folder)
    page.goto(server.url)
    page.locator("input[type=file]").first.set_input_files(archive)
    expect(page.get_by_role("heading", name="flowers")).to_be_visible(timeout=PATIENT_MS)
    expect(page.get_by_text("10 images").first).to_be_visible(timeout=PATIENT_MS)
    expect(page.get_by_text("daisy").first).to_be_visible(timeout=PATIENT_MS)
    assert "dataset=" in page.url


def test_a_folder_uploaded_by_the_browser_is_imported(server: Server, page: Page, folder: Path) -> None:
    page.goto(server.url)
    page.locator("input[type=file][webkitdirectory]").first.set_input_files(folder)
    expect(page.get_by_text("10 images").first).to_be_visible(timeout=PATIENT_MS)
    expect(page.get_by_text("rose").first).to_be_visible(timeout=PATIENT_MS)


def test_what_cannot_be_used_is_said_by_name_and_nothing_is_imported(
    server: Server, page: Page, folder: Path, tmp_path: Path
) -> None:
    shutil.rmtree(folder / "rose")
    archive = shutil.make_archive(str(tmp_path / "one"), "zip", folder)
    page.goto(server.url)
    page.locator("input[type=file]").first.set_input_files(archive)
    expect(page.get_by_text("daisy").first).to_be_visible(timeout=PATIENT_MS)
    expect(page.get_by_text("could not be imported").first).to_be_visible(timeout=PATIENT_MS)
    assert not list(server.home.glob("datasets/[0-9a-f]*"))
    assert not list(server.home.glob("uploads/*"))


def test_a_dropped_folder_is_walked_and_what_is_no_image_is_listed(
    server: Server, page: Page, folder: Path, tmp_path: Path
) -> None:
    """Many files in several requests; Chromium's own drag of a folder, through its debugging protocol."""
    for number in range(450):
        shutil.copyfile(folder / "daisy/000.png", folder / "daisy" / f"copy {number}.png")
    (folder / "daisy/notes.txt").write_text("not sent")
    page.goto(server.url)
    zone = page.locator(".thaw-drop").first
    expect(zone).to_be_visible(timeout=PATIENT_MS)
    box = zone.bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        where = {"x": box["x"] + 20, "y": box["y"] + 20}
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **where})
    expect(page.get_by_text("460 images").first).to_be_visible(timeout=PATIENT_MS)
    (ref,) = list_datasets(server.home)
    assert ref.set_aside == (("garden/daisy/notes.txt", "not an image file"),)


def test_an_upload_is_given_up_and_leaves_nothing(server: Server, page: Page, tmp_path: Path) -> None:
    with open(tmp_path / "large.zip", "wb") as file:
        file.truncate(2 * 1024**3)  # a hole: it takes no disk here
    page.goto(server.url)
    page.locator("input[type=file]").first.set_input_files(tmp_path / "large.zip")
    page.get_by_role("button", name="Cancel upload").click()
    expect(page.get_by_text("Drop a zip, a tar or a folder").first).to_be_visible(timeout=PATIENT_MS)
    deadline = time.monotonic() + PATIENT_MS / 1000
    while list(server.home.glob("uploads/*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not list(server.home.glob("uploads/*"))


def test_another_site_cannot_upload(server: Server, page: Page) -> None:
    """Neither without the token nor under another Host."""
    page.goto(server.url)
    without = page.request.post(f"{server.url}/thaw/uploads")
    assert without.status == 403 and "did not come from the page" in without.text()
    other = page.request.post(f"{server.url}/thaw/uploads", headers={"Host": "evil.example"})
    assert other.status == 400
    assert not server.home.joinpath("uploads").exists()

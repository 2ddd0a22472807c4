"""The ways in that only a browser has: the drop zone and the upload of a folder; and what a bad archive is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server


@pytest.fixture
def folder(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    return image_folder(tmp_path / "garden", classes=("daisy", "rose"), per_class=5)


def test_a_zip_dropped_on_the_page_is_imported(server: Server, page: Page, folder: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "flowers"), "zip", folder)
    page.goto(server.url)
    page.locator("input[type=file]").first.set_input_files(archive)
    expect(page.get_by_role("heading", name="flowers")).to_be_visible()
    expect(page.get_by_text("10 images").first).to_be_visible()
    expect(page.get_by_text("daisy").first).to_be_visible()
    assert "dataset=" in page.url


def test_a_folder_uploaded_by_the_browser_is_imported(server: Server, page: Page, folder: Path) -> None:
    page.goto(server.url)
    page.get_by_text("Upload a folder from this browser").click()
    page.locator("input[type=file][webkitdirectory]").set_input_files(folder)
    expect(page.get_by_text("10 images").first).to_be_visible()
    expect(page.get_by_text("rose").first).to_be_visible()


def test_what_cannot_be_used_is_said_by_name_and_nothing_is_imported(
    server: Server, page: Page, folder: Path, tmp_path: Path
) -> None:
    shutil.rmtree(folder / "rose")
    archive = shutil.make_archive(str(tmp_path / "one"), "zip", folder)
    page.goto(server.url)
    page.locator("input[type=file]").first.set_input_files(archive)
    expect(page.get_by_text("daisy").first).to_be_visible()
    expect(page.get_by_text("could not be imported").first).to_be_visible()
    assert not list(server.home.glob("datasets/[0-9a-f]*"))

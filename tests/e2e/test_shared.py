"""A shared server behind a real nginx, below a path, by TLS: what a page asks for arrives, and nothing else does."""

from __future__ import annotations

import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks import proxy
from core.access import token
from dataset.folder import list_datasets
from dataset.ingest.sources import import_path
from tests.conftest import write_images
from tests.e2e.conftest import Server, end_workers, free_port, start_server
from tests.support.seeding import finished_run
from training.store.store import Store

PATIENT_MS = 60_000

@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[Server, str, Path]]:
    """(the server, the address of its front page as the lab knows it, nginx's folder)."""
    if proxy.found() is None:
        why = "No nginx is installed (Debian: apt-get install nginx-light)."
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    home = tmp_path / "home"
    finished_run(Store(home), import_path(write_images(tmp_path / "leaves"), home), "linear_probe")
    server = start_server(
        home, free_port(), "--server.baseUrlPath", "thaw", "--server.allowedHosts", "localhost",
        THAW_SHARED="1",
    )  # fmt: skip
    port = int(server.url.rpartition(":")[2])
    with proxy.proxy(tmp_path / "nginx", port) as before:
        yield server, f"{before.url}/thaw/", before.folder
    server.stop()
    end_workers(server.home)

@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, ignore_https_errors=True)
    tab = context.new_page()
    tab.set_default_timeout(PATIENT_MS)
    yield tab
    context.close()

def status(url: str, headers: dict[str, str] | None = None) -> int:
    try:
        asked = urllib.request.Request(url, headers=headers or {})
        with urllib.request.urlopen(asked, context=proxy.trusting()) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code

def test_a_lab_uses_one_server_behind_its_proxy(
    shared: tuple[Server, str, Path], visitor: Page, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    server, address, nginx = shared
    (ref,), (run,) = list_datasets(server.home), Store(server.home).jobs(kind="train")
    folder = image_folder(tmp_path / "garden", classes=("daisy", "rose"), per_class=5)
    archive = shutil.make_archive(str(tmp_path / "flowers"), "zip", folder)
    failed: list[str] = []
    visitor.on("response", lambda one: failed.append(f"{one.status} {one.url}") if one.status >= 400 else None)
    visitor.on("console", lambda one: failed.append(one.text) if "Content Security" in one.text else None)

    visitor.goto(f"{address}advice?minutes=1")
    visitor.get_by_label("Token").fill(token(server.home))
    visitor.get_by_label("Your name").fill("Ann")
    failed.clear()  # the page that asks for the token is itself a 401
    visitor.get_by_role("button", name="Sign in").click()
    visitor.wait_for_url("**/thaw/advice?minutes=1")
    expect(visitor.get_by_role("link", name="Sign out")).to_be_visible()
    expect(visitor.get_by_text("Nothing leaves this server · Ann")).to_be_visible()

    visitor.goto(address)
    expect(visitor.get_by_text("other computers reach this server")).to_be_visible()
    visitor.locator(".thaw-drop input[type=file]").first.set_input_files(archive)

    expect(visitor.get_by_text("10 images").first).to_be_visible(timeout=PATIENT_MS)
    expect(visitor.locator(".p-tile img").first).to_be_visible(timeout=PATIENT_MS)
    visitor.wait_for_function("document.querySelector('.p-tile img').naturalWidth > 0")
    visitor.locator(".p-tile").first.click()
    visitor.wait_for_function("document.querySelector('dialog img')?.naturalWidth > 0")
    visitor.keyboard.press("Escape")
    assert not list((nginx / "tmp" / "client_body").rglob("*")), "an upload goes straight to Thaw's disk"

    visitor.goto(f"{address}train?dataset={ref.id}&run={run.id}")
    visitor.wait_for_selector(".thaw-live .js-plotly-plot")
    expect(visitor.locator(".thaw-live")).to_have_attribute("data-state", "finished")
    report = visitor.get_by_role("link", name="Report to print").get_attribute("href")
    assert report is not None and report.startswith("/thaw/thaw/report?")
    with visitor.expect_response(re.compile("/thaw/thaw/report")) as sent:
        visitor.goto(address.removesuffix("/thaw/") + report)
    assert sent.value.status == 200
    # Streamlit's page looks for its own server above each page's address, the nearest first.
    assert not [one for one in failed if "_stcore" not in one], failed

    visitor.goto(address)
    visitor.get_by_role("link", name="Sign out").click()
    expect(visitor.get_by_label("Token")).to_be_visible()
    for path in (
        "", "advice", "_stcore/stream", "_stcore/host-config", f"thaw/live?run={run.id}", f"thaw/report?run={run.id}",
        f"thaw/thumb/{ref.id}/0.jpg", f"thaw/run/{run.id}/bundle.zip", f"thaw/cleaned/{ref.id}.zip",
    ):  # fmt: skip
        assert status(address + path) == 401, path
    assert status(f"{address}_stcore/health") == 200
    right = {"Authorization": f"Bearer {token(server.home)}"}
    assert status(f"{address}thaw/live?run={run.id}", right) == 200
    assert status(f"{address}thaw/live?run={run.id}", {**right, "Origin": "https://evil.example"}) == 403
